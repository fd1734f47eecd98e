//! Reads model configurations as published with the weights (`config.json` of Hugging Face).

use super::shape::{Attention, Grouped, Latent, ModelShape, Moe};
use super::shipped;
use crate::error::{Error, Place, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How an architecture spells its feed-forward part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Dense,
    Mixtral,
    QwenMoe,
    Deepseek,
}

/// What tells an architecture from its relatives.
struct Known {
    name: &'static str,
    family: Family,
    /// Query, key and value projections always have a bias.
    qkv_bias: bool,
    /// Queries and keys are normalised per head.
    qk_norm: bool,
    /// The router corrects its scores by a bias per expert.
    router_bias: bool,
}

const fn known(name: &'static str, family: Family) -> Known {
    Known { name, family, qkv_bias: false, qk_norm: false, router_bias: false }
}

const KNOWN: &[Known] = &[
    known("LlamaForCausalLM", Family::Dense),
    known("MistralForCausalLM", Family::Dense),
    Known { qkv_bias: true, ..known("Qwen2ForCausalLM", Family::Dense) },
    Known { qk_norm: true, ..known("Qwen3ForCausalLM", Family::Dense) },
    known("Phi3ForCausalLM", Family::Dense),
    known("MixtralForCausalLM", Family::Mixtral),
    Known { qkv_bias: true, ..known("Qwen2MoeForCausalLM", Family::QwenMoe) },
    Known { qk_norm: true, ..known("Qwen3MoeForCausalLM", Family::QwenMoe) },
    known("DeepseekV2ForCausalLM", Family::Deepseek),
    Known { router_bias: true, ..known("DeepseekV3ForCausalLM", Family::Deepseek) },
];

/// A configuration and the file to name in errors.
struct Config {
    file: PathBuf,
    value: Value,
}

impl ModelShape {
    /// The shape in configuration file `name`, or of the shipped configuration of that name (something with
    /// a slash or ending in `.json` is a file).
    pub fn load(name: &str) -> Result<ModelShape> {
        if shipped::is_path(name) {
            let text = std::fs::read_to_string(name).map_err(|e| Error::io(name, e))?;
            return ModelShape::parse(name, &text);
        }
        match shipped::MODELS.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => ModelShape::parse(format!("profiles/models/{name}.json"), text),
            None => Err(Error::unknown("model configuration", name, shipped::MODELS.iter().map(|(n, _)| *n))),
        }
    }

    /// The shape in the configuration `text` (JSON), which was read from `file`.
    ///
    /// Refuses architectures not known, keys that are missing (naming them), and sliding windows, whose
    /// attention is not modelled.
    pub fn parse(file: impl AsRef<Path>, text: &str) -> Result<ModelShape> {
        let file = file.as_ref().to_path_buf();
        let value = serde_json::from_str(text).map_err(|e| {
            let place = Place::file(&file).line(e.line() as u64);
            Error::input(place, e.to_string(), "give the model's config.json")
        })?;
        Config { file, value }.shape()
    }
}

impl Config {
    fn shape(&self) -> Result<ModelShape> {
        let name = self.value["architectures"][0].as_str();
        let name = name.ok_or_else(|| self.missing("architectures", "a list with the class name"))?;
        let known = KNOWN.iter().find(|k| k.name == name);
        let known =
            known.ok_or_else(|| Error::unknown("architecture", name, KNOWN.iter().map(|k| k.name)))?;
        self.refuse_sliding_window()?;
        if self.flag("mlp_bias") {
            return Err(self.refuse("mlp_bias", "biased feed-forward layers are not modelled"));
        }
        let layers = self.count("num_hidden_layers")?;
        let moe = self.moe(known, layers)?;
        let dense_layers = layers - moe.as_ref().map_or(0, |m| m.layers);
        Ok(ModelShape {
            architecture: name.to_string(),
            layers,
            hidden: self.count("hidden_size")?,
            vocab: self.count("vocab_size")?,
            tied_embeddings: self.flag("tie_word_embeddings"),
            max_context_tokens: self.count("max_position_embeddings")?,
            dense_layers,
            dense_intermediate: if dense_layers > 0 { self.count("intermediate_size")? } else { 0 },
            attention: self.attention(known)?,
            moe,
        })
    }

    fn attention(&self, known: &Known) -> Result<Attention> {
        let heads = self.count("num_attention_heads")?;
        if known.family == Family::Deepseek {
            return Ok(Attention::Latent(Latent {
                heads,
                q_rank: self.optional("q_lora_rank")?.unwrap_or(0),
                kv_rank: self.count("kv_lora_rank")?,
                nope_dim: self.count("qk_nope_head_dim")?,
                rope_dim: self.count("qk_rope_head_dim")?,
                value_dim: self.count("v_head_dim")?,
            }));
        }
        let hidden = self.count("hidden_size")?;
        let head_dim = match self.optional("head_dim")? {
            Some(dim) => dim,
            None if hidden.is_multiple_of(heads) => hidden / heads,
            None => return Err(self.missing("head_dim", "hidden_size is no multiple of num_attention_heads")),
        };
        let kv_heads = self.optional("num_key_value_heads")?.unwrap_or(heads);
        if !heads.is_multiple_of(kv_heads) {
            return Err(self.refuse("num_key_value_heads", "it does not divide num_attention_heads"));
        }
        let bias = self.flag("attention_bias");
        let qkv_bias = known.qkv_bias || bias;
        Ok(Attention::Grouped(Grouped {
            heads,
            kv_heads,
            head_dim,
            qkv_bias,
            output_bias: bias,
            qk_norm: known.qk_norm,
        }))
    }

    fn moe(&self, known: &Known, layers: u64) -> Result<Option<Moe>> {
        let (experts, width) = match known.family {
            Family::Dense => return Ok(None),
            Family::Mixtral => ("num_local_experts", "intermediate_size"),
            Family::QwenMoe => ("num_experts", "moe_intermediate_size"),
            Family::Deepseek => ("n_routed_experts", "moe_intermediate_size"),
        };
        let every_layer = self.optional("decoder_sparse_step")?.unwrap_or(1) == 1
            && self.optional("moe_layer_freq")?.unwrap_or(1) == 1
            && self.value["mlp_only_layers"].as_array().is_none_or(Vec::is_empty);
        if !every_layer {
            let what = "experts in a pattern of layers (decoder_sparse_step, moe_layer_freq, mlp_only_layers) \
                        are not modelled";
            return Err(self.refuse("architectures", what));
        }
        let intermediate = self.count(width)?;
        let shared_intermediate = match known.family {
            Family::QwenMoe => self.optional("shared_expert_intermediate_size")?.unwrap_or(0),
            Family::Deepseek => self.optional("n_shared_experts")?.unwrap_or(0) * intermediate,
            Family::Dense | Family::Mixtral => 0,
        };
        let dense = self.optional("first_k_dense_replace")?.unwrap_or(0);
        let active = self.count("num_experts_per_tok")?;
        let experts_count = self.count(experts)?;
        if active > experts_count || dense >= layers {
            return Err(self.refuse(experts, "more active experts than experts, or no layer that has them"));
        }
        Ok(Some(Moe {
            layers: layers - dense,
            experts: experts_count,
            active,
            intermediate,
            shared_intermediate,
            shared_gate: known.family == Family::QwenMoe && shared_intermediate > 0,
            router_bias: known.router_bias,
        }))
    }

    /// A window at least as long as the longest context changes nothing; a shorter one does.
    fn refuse_sliding_window(&self) -> Result<()> {
        let off = self.value["use_sliding_window"] == Value::Bool(false);
        match self.optional("sliding_window")? {
            Some(window) if !off && window < self.count("max_position_embeddings")? => {
                Err(self.refuse("sliding_window", "attention over a sliding window is not modelled"))
            }
            _ => Ok(()),
        }
    }

    fn flag(&self, key: &str) -> bool {
        self.value[key] == Value::Bool(true)
    }

    /// A whole number above zero.
    fn count(&self, key: &str) -> Result<u64> {
        match self.optional(key)? {
            Some(n) if n > 0 => Ok(n),
            Some(_) => Err(self.refuse(key, "it is 0")),
            None => Err(self.missing(key, "a whole number")),
        }
    }

    /// A whole number, unless the key is absent or null.
    fn optional(&self, key: &str) -> Result<Option<u64>> {
        match &self.value[key] {
            Value::Null => Ok(None),
            // Bounded so that products of a few of them stay exact.
            found => match found.as_u64().filter(|&n| n < 1 << 24) {
                Some(n) => Ok(Some(n)),
                None => Err(self.refuse(key, &format!("{found} is not a whole number below 2^24"))),
            },
        }
    }

    fn place(&self, key: &str) -> Place {
        Place { key: Some(key.to_string()), ..Place::file(&self.file) }
    }

    fn missing(&self, key: &str, wanted: &str) -> Error {
        Error::input(self.place(key), "the key is missing", format!("add it: {wanted}"))
    }

    fn refuse(&self, key: &str, what: &str) -> Error {
        Error::input(self.place(key), what, "use another model, or measure a profile of this one")
    }
}
