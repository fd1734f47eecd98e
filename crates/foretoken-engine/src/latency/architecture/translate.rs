//! From a configuration to the grammar.

use super::super::hardware::Dtype;
use super::super::shipped;
use super::families::{FAMILIES, Family, Pattern, QkNorm, REFUSED};
use super::feed::Feed;
use super::keys::Config;
use super::quant::{self, Quant};
use super::{Architecture, Format, Layer, Matrix, Mixer, Part, Split};
use crate::error::{Error, Place, Result};
use serde_json::Value;
use std::path::Path;

/// What one layer is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Full,
    Window,
    Chunk,
    State,
    /// No mixer.
    Nothing,
}

/// A configuration with its family and quantisation.
pub(super) struct Reader {
    pub config: Config,
    pub family: &'static Family,
    pub quant: Quant,
    pub hidden: u64,
}

/// A layer while it is put together.
pub(super) struct Draft<'r> {
    reader: &'r Reader,
    index: u64,
    pub layer: Layer,
}

impl Architecture {
    /// The model in configuration file `name`, or in the shipped configuration of that name (something with a
    /// slash or ending in `.json` is a file). With `dtype`, linear layers are stored so, whatever the checkpoint
    /// says; without, as it says there or in the file `hf_quant_config.json` beside it.
    pub fn load(name: &str, dtype: Option<Dtype>) -> Result<Architecture> {
        if !shipped::is_path(name) {
            return match shipped::MODELS.iter().find(|(known, _)| *known == name) {
                Some((_, text)) => {
                    Architecture::parse(format!("profiles/models/{name}.json"), text, None, dtype)
                }
                None => {
                    Err(Error::unknown("model configuration", name, shipped::MODELS.iter().map(|(n, _)| *n)))
                }
            };
        }
        let text = std::fs::read_to_string(name).map_err(|e| Error::io(name, e))?;
        let beside = name.strip_suffix("config.json").map(|stem| format!("{stem}hf_quant_config.json"));
        let sidecar = beside.filter(|path| Path::new(path).is_file());
        let sidecar = match &sidecar {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?),
            None => None,
        };
        Architecture::parse(name, &text, sidecar.as_deref(), dtype)
    }

    /// The model in the configuration `text` (JSON), which was read from `file`, with `sidecar` the text of
    /// `hf_quant_config.json`.
    ///
    /// Refuses classes not known, features that the grammar has no words for, and keys that are missing, by name.
    pub fn parse(
        file: impl AsRef<Path>,
        text: &str,
        sidecar: Option<&str>,
        dtype: Option<Dtype>,
    ) -> Result<Architecture> {
        let mut config = Config::parse(file.as_ref(), text)?;
        let family = family(&config)?;
        (config.defaults, config.names) = (family.defaults, family.names);
        let sidecar: Option<Value> = match sidecar {
            Some(text) => Some(serde_json::from_str(text).map_err(|e| {
                let place = Place::file(file.as_ref().with_file_name("hf_quant_config.json"));
                Error::input(place.line(e.line() as u64), e.to_string(), "correct the file, or take it away")
            })?),
            None => None,
        };
        let quant = match dtype {
            None => Quant::read(&config, sidecar.as_ref())?,
            Some(_) => Quant::default(),
        };
        let hidden = config.count("hidden_size")?;
        let architecture = Reader { config, family, quant, hidden }.architecture()?;
        Ok(match dtype {
            Some(dtype) => architecture.stored_as(Format::from(dtype)),
            None => architecture,
        })
    }
}

fn family(config: &Config) -> Result<&'static Family> {
    let class = config.class()?;
    if let Some(found) = FAMILIES.iter().find(|f| f.classes.contains(&class)) {
        return Ok(found);
    }
    let feature = REFUSED.iter().find(|(name, _)| *name == class).map(|(_, feature)| *feature);
    let what = match feature {
        Some(feature) => format!("`{class}` has {feature}, which nobody here can count yet"),
        None => format!("the class `{class}` is not known: how its layers attend and feed forward"),
    };
    let help = "measure a profile of it (`foretoken calibrate` or `foretoken profile fit`); another class's name in \
                its place would count another model";
    Err(Error::input(config.place("architectures"), what, help))
}

impl Reader {
    fn architecture(self) -> Result<Architecture> {
        let config = &self.config;
        let kinds = self.kinds()?;
        let depth = kinds.len() as u64;
        let mut layers: Vec<Layer> = Vec::new();
        for (index, kind) in kinds.iter().enumerate() {
            let mut draft = Draft::new(&self, index as u64);
            let feed = self.feed(index as u64, depth, *kind)?;
            draft.mixer(*kind, depth)?;
            draft.feed(feed)?;
            draft.per_layer_input()?;
            let parts = u64::from(draft.layer.mixer != Mixer::None) + u64::from(feed != Feed::Nothing);
            draft.layer.reductions = parts;
            draft.layer.small += self.norms(parts) * self.hidden;
            match layers.iter_mut().find(|l| Layer { count: 1, ..(*l).clone() } == draft.layer) {
                Some(same) => same.count += 1,
                None => layers.push(draft.layer),
            }
        }
        let per_layer = config.number("hidden_size_per_layer_input")?.unwrap_or(0);
        let looked_up = match per_layer {
            0 => 0,
            width => config.count("vocab_size_per_layer_input")? * depth * width,
        };
        let vocab = config.count("vocab_size")?;
        let tied_embeddings = config.flag("tie_word_embeddings");
        let max_context_tokens = config.value("max_position_embeddings").as_u64();
        let remarks = self.quant.remark.iter().cloned().chain(config.remark()).collect();
        Ok(Architecture {
            class: config.class()?.to_string(),
            hidden: self.hidden,
            vocab,
            tied_embeddings,
            max_context_tokens,
            layers,
            head: if tied_embeddings { Format::WIDE } else { self.quant.head() },
            looked_up,
            small: self.family.final_norms * self.hidden + per_layer,
            kv_dtype: self.quant.kv,
            remarks,
        })
    }

    /// Norms of a layer of so many parts, in widths: a layer that was cut down to one part keeps that part's.
    fn norms(&self, parts: u64) -> u64 {
        match self.family.pattern {
            Pattern::PerLayer => parts,
            _ => self.family.norms,
        }
    }

    /// The kind of each layer.
    fn kinds(&self) -> Result<Vec<Kind>> {
        if self.family.pattern == Pattern::Blocks {
            return self.blocks();
        }
        let depth = self.config.count("num_hidden_layers")?;
        (0..depth).map(|layer| self.kind(layer, depth)).collect()
    }

    fn blocks(&self) -> Result<Vec<Kind>> {
        let config = &self.config;
        let kind = |key: &str, name: &str| match name {
            "M" | "mamba" => Ok(Kind::State),
            "*" | "attention" => Ok(Kind::Full),
            "-" | "E" | "mlp" | "moe" => Ok(Kind::Nothing),
            other => Err(config.refuse(key, &format!("layers of kind `{other}` are not known"))),
        };
        let names = self.block_names()?;
        names.iter().map(|name| kind(self.block_key(), name)).collect()
    }

    fn block_key(&self) -> &'static str {
        match self.config.list("layers_block_type") {
            Some(_) => "layers_block_type",
            None => "hybrid_override_pattern",
        }
    }

    /// Names of the layers' kinds, one a layer.
    pub fn block_names(&self) -> Result<Vec<String>> {
        if let Some(list) = self.config.list("layers_block_type") {
            return Ok(list.iter().map(|v| v.as_str().unwrap_or_default().to_string()).collect());
        }
        match self.config.value("hybrid_override_pattern").as_str() {
            Some(pattern) => Ok(pattern.chars().map(String::from).collect()),
            None => Err(self.config.missing("hybrid_override_pattern", "a letter a layer: M, *, - or E")),
        }
    }

    fn kind(&self, layer: u64, depth: u64) -> Result<Kind> {
        let config = &self.config;
        if let Some(types) = config.list("layer_types").filter(|_| self.family.pattern != Pattern::Full) {
            let Some(name) = types.get(layer as usize).and_then(Value::as_str) else {
                let what = format!("it names {} kinds of layers for {depth} layers", types.len());
                return Err(config.refuse("layer_types", &what));
            };
            return match name {
                "full_attention" => Ok(Kind::Full),
                "sliding_attention" => Ok(Kind::Window),
                "chunked_attention" => Ok(Kind::Chunk),
                "linear_attention" => Ok(Kind::State),
                other => {
                    let what = format!("layer {layer} of {depth} is of kind `{other}`, which is not known");
                    Err(config.refuse("layer_types", &what))
                }
            };
        }
        let every = |usual: u64, other: Kind| -> Result<Kind> {
            let keys = [
                "sliding_window_pattern",
                "_sliding_window_pattern",
                "full_attention_interval",
                "no_rope_layer_interval",
            ];
            let every = config.first(&keys)?.unwrap_or(usual).max(1);
            Ok(if (layer + 1).is_multiple_of(every) { Kind::Full } else { other })
        };
        match self.family.pattern {
            Pattern::Full | Pattern::PerLayer | Pattern::Blocks => Ok(Kind::Full),
            Pattern::Window => {
                Ok(if config.first(&["sliding_window"])?.is_some() { Kind::Window } else { Kind::Full })
            }
            Pattern::Flagged => {
                let on = config.flag("use_sliding_window") && config.number("sliding_window")?.is_some();
                let within = on && layer >= config.number("max_window_layers")?.unwrap_or(0);
                Ok(if within { Kind::Window } else { Kind::Full })
            }
            Pattern::Windows(usual) => every(usual, Kind::Window),
            Pattern::States(usual) => every(usual, Kind::State),
            Pattern::Chunks(usual) => match config.list("no_rope_layers").filter(|l| !l.is_empty()) {
                Some(marks) => Ok(if marks.get(layer as usize) == Some(&Value::from(0)) {
                    Kind::Full
                } else {
                    Kind::Chunk
                }),
                None => every(usual, Kind::Chunk),
            },
            Pattern::Listed => {
                let Some(full) = config.value("linear_attn_config")["full_attn_layers"].as_array() else {
                    return Err(
                        config.missing("linear_attn_config.full_attn_layers", "a list of layers, from 1")
                    );
                };
                let listed = full.iter().any(|v| v.as_u64() == Some(layer + 1));
                Ok(if listed { Kind::Full } else { Kind::State })
            }
            Pattern::Marked => {
                let Some(marks) = config.list("hybrid_layer_pattern") else {
                    return Err(
                        config.missing("hybrid_layer_pattern", "a list: 1 for layers within the window")
                    );
                };
                Ok(if marks.get(layer as usize) == Some(&Value::from(1)) { Kind::Window } else { Kind::Full })
            }
        }
    }

    /// The entry of `block_configs` for `layer`.
    pub fn block(&self, layer: u64) -> Result<&Value> {
        let list = self.config.list("block_configs");
        let found = list.and_then(|l| l.get(layer as usize));
        found.ok_or_else(|| self.config.missing("block_configs", "an entry for each layer"))
    }

    /// Whether queries and keys are normalised, and how.
    pub fn qk_norm(&self) -> QkNorm {
        match self.family.qk_norm {
            QkNorm::Asked if self.config.flag("use_qk_norm") => QkNorm::PerHead,
            QkNorm::Asked => QkNorm::None,
            other => other,
        }
    }
}

impl<'r> Draft<'r> {
    fn new(reader: &'r Reader, index: u64) -> Draft<'r> {
        let layer = Layer {
            count: 1,
            mixer: Mixer::None,
            matrices: Vec::new(),
            small: 0,
            routed: None,
            reductions: 0,
        };
        Draft { reader, index, layer }
    }

    pub fn reader(&self) -> &'r Reader {
        self.reader
    }

    /// 0-based number of the layer.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Adds a matrix, in the format that the checkpoint has it in.
    pub fn add(&mut self, part: Part, module: String, [inputs, outputs]: [u64; 2], split: Split) {
        self.add_copies(part, module, [inputs, outputs], 1, split);
    }

    /// Adds `copies` equal matrices, one of each expert.
    pub fn add_copies(
        &mut self,
        part: Part,
        name: String,
        [inputs, outputs]: [u64; 2],
        copies: u64,
        split: Split,
    ) {
        let format = self.reader.quant.format(&quant::module(self.index, &name), part);
        self.layer.matrices.push(Matrix { name, part, inputs, outputs, copies, split, format });
    }

    /// Gate and projection of an input of this layer's own (Gemma 3n and 4).
    fn per_layer_input(&mut self) -> Result<()> {
        let hidden = self.reader.hidden;
        if let Some(width) = self.reader.config.number("hidden_size_per_layer_input")?.filter(|&w| w > 0) {
            for name in ["per_layer_input_gate", "per_layer_projection", "per_layer_model_projection"] {
                self.add(Part::Dense, name.to_string(), [hidden, width], Split::Even);
            }
            self.layer.small += hidden;
        }
        Ok(())
    }
}
