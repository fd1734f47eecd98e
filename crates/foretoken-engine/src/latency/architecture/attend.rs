//! Mixers from keys: attention of all kinds, and states.

use super::families::{Bias, Gate, Pattern, QkNorm, Sinks, StateKind};
use super::mixer::{Index, Mixer, Span};
use super::quant;
use super::translate::{Draft, Kind};
use super::{Part, Split};
use crate::error::Result;
use serde_json::Value;

impl Draft<'_> {
    /// Adds the mixer of `kind`.
    pub fn mixer(&mut self, kind: Kind, depth: u64) -> Result<()> {
        let family = self.reader().family;
        match kind {
            Kind::Nothing => Ok(()),
            Kind::State => match family.state {
                StateKind::GatedDelta { together } => self.gated_delta(together),
                StateKind::Mamba2 => self.mamba2(),
                StateKind::Kimi => self.kimi_delta(),
                StateKind::None => Err(self.reader().config.refuse(
                    "layer_types",
                    &format!("layer {} of {depth} keeps a state, which this class has none of", self.index()),
                )),
            },
            _ if family.latent => self.latent(),
            _ => self.grouped(kind),
        }
    }

    /// The number at the first of `keys`; before them at `window` or `full`, the names for this kind of layer.
    fn variant(&self, kind: Kind, window: &str, full: &str, keys: &[&str]) -> Result<Option<u64>> {
        let config = &self.reader().config;
        let special = match kind {
            Kind::Window => config.first(&[window])?,
            Kind::Full => config.first(&[full])?,
            _ => None,
        };
        special.map_or_else(|| config.first(keys), |n| Ok(Some(n)))
    }

    /// Whether this layer reads an earlier layer's keys and values.
    pub fn shares_kv(&self) -> Result<bool> {
        let config = &self.reader().config;
        let shared = config.number("num_kv_shared_layers")?.unwrap_or(0);
        Ok(shared > 0 && self.index() + shared >= config.count("num_hidden_layers")?)
    }

    fn span(&self, kind: Kind) -> Result<Span> {
        let config = &self.reader().config;
        let within = |n: u64| config.value("max_position_embeddings").as_u64().is_none_or(|max| n < max);
        Ok(match kind {
            Kind::Window => {
                let window = config.count("sliding_window")?;
                if within(window) { Span::Window(window) } else { Span::Full }
            }
            Kind::Chunk => match config.first(&["attention_chunk_size"])? {
                Some(chunk) if within(chunk) => Span::Chunk(chunk),
                _ => Span::Full,
            },
            _ => Span::Full,
        })
    }

    fn heads(&self, kind: Kind) -> Result<Option<[u64; 2]>> {
        let config = &self.reader().config;
        let heads = self.variant(kind, "swa_num_attention_heads", "", &["num_attention_heads"])?;
        let heads = heads.map_or_else(|| config.count("num_attention_heads"), Ok)?;
        if self.reader().family.pattern == Pattern::PerLayer {
            let block = &self.reader().block(self.index())?["attention"];
            if block["no_op"] == true {
                return Ok(None);
            }
            let odd = ["replace_with_linear", "sparsify", "window_length"].into_iter();
            if let Some(key) =
                odd.into_iter().find(|k| !matches!(block[*k], Value::Null | Value::Bool(false)))
            {
                return Err(config.refuse("block_configs", &format!("{key} is not modelled")));
            }
            let group = block["n_heads_in_group"].as_u64().filter(|&g| g > 0 && heads.is_multiple_of(g));
            let group = group.ok_or_else(|| {
                config.missing("block_configs.attention.n_heads_in_group", "a divisor of the heads")
            })?;
            return Ok(Some([heads, heads / group]));
        }
        let full = if config.flag("attention_k_eq_v") { "num_global_key_value_heads" } else { "" };
        let kv_heads =
            self.variant(kind, "swa_num_key_value_heads", full, &["num_key_value_heads"])?.unwrap_or(heads);
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(config.refuse("num_key_value_heads", "it does not divide num_attention_heads"));
        }
        Ok(Some([heads, kv_heads]))
    }

    fn grouped(&mut self, kind: Kind) -> Result<()> {
        let (reader, hidden) = (self.reader(), self.reader().hidden);
        let (config, family) = (&reader.config, reader.family);
        let Some([heads, kv_heads]) = self.heads(kind)? else { return Ok(()) };
        let key_dim = match self.variant(
            kind,
            "swa_head_dim",
            "global_head_dim",
            &["head_dim", "attention_head_dim"],
        )? {
            Some(dim) => dim,
            None if hidden.is_multiple_of(heads) => hidden / heads,
            None => {
                return Err(config.missing("head_dim", "hidden_size is no multiple of num_attention_heads"));
            }
        };
        let value_dim = self.variant(kind, "swa_v_head_dim", "", &["v_head_dim"])?.unwrap_or(key_dim);
        let (span, stores) = (self.span(kind)?, !self.shares_kv()?);
        let index = self.block_index()?;
        self.layer.mixer = Mixer::Grouped { heads, kv_heads, key_dim, value_dim, span, stores, index };
        let queries = match family.gate {
            Gate::Whole => 2 * heads * key_dim,
            Gate::None | Gate::PerHead => heads * key_dim,
        };
        let same = config.flag("attention_k_eq_v") && kind == Kind::Full;
        let mut matrices = vec![("q_proj", [hidden, queries], Split::Even)];
        if stores {
            matrices.push(("k_proj", [hidden, kv_heads * key_dim], Split::Heads(kv_heads)));
        }
        if stores && !same {
            matrices.push(("v_proj", [hidden, kv_heads * value_dim], Split::Heads(kv_heads)));
        }
        matrices.push(("o_proj", [heads * value_dim, hidden], Split::Even));
        if family.gate == Gate::PerHead {
            matrices.push(("g_proj", [hidden, heads], Split::Even));
        }
        for (leaf, shape, split) in matrices {
            self.add(Part::Mixer, quant::of(family, 0, leaf), shape, split);
        }
        let asked = |bias: Bias| bias == Bias::Always || bias == Bias::Asked && config.flag("attention_bias");
        self.layer.small += u64::from(asked(family.qkv_bias)) * (queries + kv_heads * (key_dim + value_dim))
            + u64::from(asked(family.output_bias)) * hidden
            + match reader.qk_norm() {
                QkNorm::PerHead if stores => 2 * key_dim,
                QkNorm::PerHead => key_dim,
                QkNorm::Whole => (heads + kv_heads) * key_dim,
                QkNorm::None | QkNorm::Asked => 0,
            };
        if family.sinks == Sinks::All || family.sinks == Sinks::Windows && kind == Kind::Window {
            self.layer.small += heads;
        }
        Ok(())
    }

    /// An index over blocks of tokens (MiniMax-M3), with its projections.
    fn block_index(&mut self) -> Result<Option<Index>> {
        let (reader, hidden) = (self.reader(), self.reader().hidden);
        let sparse = reader.config.value("sparse_attention_config");
        let mark = sparse["sparse_attention_freq"].get(self.index() as usize).and_then(Value::as_u64);
        if sparse["use_sparse_attention"] != true || mark == Some(0) {
            return Ok(None);
        }
        let number = |key: &str| {
            let found = sparse[key].as_u64().filter(|n| (1..1 << 16).contains(n));
            found.ok_or_else(|| {
                reader.config.missing(&format!("sparse_attention_config.{key}"), "a whole number")
            })
        };
        let (heads, dim) = (number("sparse_num_index_heads")?, number("sparse_index_dim")?);
        let top = number("sparse_topk_blocks")? * number("sparse_block_size")?;
        for (leaf, width) in [("index_q_proj", heads * dim), ("index_k_proj", dim)] {
            self.add(Part::Mixer, quant::of(reader.family, 0, leaf), [hidden, width], Split::Whole);
        }
        self.layer.small += 2 * dim;
        Ok(Some(Index { heads, dim, top, quantised: false, owned: true }))
    }

    fn latent(&mut self) -> Result<()> {
        let (reader, hidden) = (self.reader(), self.reader().hidden);
        let (config, family) = (&reader.config, reader.family);
        let heads = config.count("num_attention_heads")?;
        let q_rank = config.number("q_lora_rank")?.unwrap_or(0);
        let rank = config.count("kv_lora_rank")?;
        let [nope_dim, rope_dim, value_dim] =
            ["qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"].map(|key| config.count(key));
        let (nope_dim, rope_dim, value_dim) = (nope_dim?, rope_dim?, value_dim?);
        let index = self.token_index(q_rank)?;
        self.layer.mixer = Mixer::Latent { heads, rank, nope_dim, rope_dim, value_dim, index };
        let queries = heads * (nope_dim + rope_dim);
        let mut matrices = match q_rank {
            0 => vec![("q_proj", [hidden, queries], Split::Even)],
            _ => vec![
                ("q_a_proj", [hidden, q_rank], Split::Whole),
                ("q_b_proj", [q_rank, queries], Split::Even),
            ],
        };
        matrices.extend([
            ("kv_a_proj_with_mqa", [hidden, rank + rope_dim], Split::Whole),
            ("kv_b_proj", [rank, heads * (nope_dim + value_dim)], Split::Even),
            ("o_proj", [heads * value_dim, hidden], Split::Even),
        ]);
        for (leaf, shape, split) in matrices {
            self.add(Part::Mixer, quant::of(family, 0, leaf), shape, split);
        }
        let biases = if config.flag("attention_bias") { q_rank + rank + rope_dim + hidden } else { 0 };
        self.layer.small += q_rank + rank + biases;
        Ok(())
    }

    /// An index over tokens (DeepSeek-V3.2), with its projections where the layer has its own.
    fn token_index(&mut self, q_rank: u64) -> Result<Option<Index>> {
        let (reader, hidden) = (self.reader(), self.reader().hidden);
        let config = &reader.config;
        let Some(top) = config.first(&["index_topk"])? else { return Ok(None) };
        let (heads, dim) = (config.count("index_n_heads")?, config.count("index_head_dim")?);
        let kind = config.list("indexer_types").and_then(|l| l.get(self.index() as usize));
        let owned = match kind.and_then(Value::as_str) {
            None | Some("full") => true,
            Some("shared") => false,
            Some(other) => {
                return Err(
                    config.refuse("indexer_types", &format!("indexers of kind `{other}` are not known"))
                );
            }
        };
        if owned {
            for (leaf, shape) in
                [("wq_b", [q_rank, heads * dim]), ("wk", [hidden, dim]), ("weights_proj", [hidden, heads])]
            {
                let name = quant::of(reader.family, 0, &format!("indexer.{leaf}"));
                self.add(Part::Mixer, name, shape, Split::Whole);
            }
            self.layer.small += 2 * dim;
        }
        Ok(Some(Index { heads, dim, top, quantised: true, owned }))
    }

    /// Bytes of a number of the state: bf16 unless the configuration says fp32.
    fn state_bytes(&self) -> Result<u64> {
        let config = &self.reader().config;
        let keys = ["mamba_ssm_dtype", "mamba_ssm_cache_dtype"];
        match keys.iter().find_map(|k| config.value(k).as_str()) {
            Some("float32") => Ok(4),
            None | Some("bfloat16" | "float16" | "auto") => Ok(2),
            Some(other) => Err(config.refuse(keys[0], &format!("a state in `{other}` is not known"))),
        }
    }

    fn gated_delta(&mut self, together: bool) -> Result<()> {
        let (reader, hidden) = (self.reader(), self.reader().hidden);
        let config = &reader.config;
        let (key_heads, heads) =
            (config.count("linear_num_key_heads")?, config.count("linear_num_value_heads")?);
        let (key_dim, value_dim) =
            (config.count("linear_key_head_dim")?, config.count("linear_value_head_dim")?);
        let kernel = config.count("linear_conv_kernel_dim")?;
        let (keys, values) = (key_heads * key_dim, heads * value_dim);
        let channels = 2 * keys + values;
        let projections: &[(&str, u64)] = match together {
            true => &[("in_proj_qkvz", channels + values), ("in_proj_ba", 2 * heads)],
            false => &[
                ("in_proj_qkv", channels),
                ("in_proj_z", values),
                ("in_proj_b", heads),
                ("in_proj_a", heads),
            ],
        };
        for (leaf, width) in projections {
            self.add(Part::Mixer, quant::of(reader.family, 1, leaf), [hidden, *width], Split::Even);
        }
        self.add(Part::Mixer, quant::of(reader.family, 1, "out_proj"), [values, hidden], Split::Even);
        self.layer.small += channels * kernel + 2 * heads + value_dim;
        self.layer.mixer = Mixer::State {
            heads,
            elements: heads * key_dim * value_dim,
            element_bytes: self.state_bytes()?,
            convolution: channels * (kernel - 1),
        };
        Ok(())
    }

    /// Kimi delta attention (arXiv 2510.26692): a gate a channel, from a low rank; the state is kept in fp32.
    fn kimi_delta(&mut self) -> Result<()> {
        let (reader, hidden) = (self.reader(), self.reader().hidden);
        let table = reader.config.value("linear_attn_config");
        let number = |key: &str| {
            let found = table[key].as_u64().filter(|n| (1..1 << 16).contains(n));
            found.ok_or_else(|| reader.config.missing(&format!("linear_attn_config.{key}"), "a whole number"))
        };
        let (heads, dim, kernel) =
            (number("num_heads")?, number("head_dim")?, number("short_conv_kernel_size")?);
        let inner = heads * dim;
        let matrices = [
            ("q_proj", [hidden, inner], Split::Even),
            ("k_proj", [hidden, inner], Split::Even),
            ("v_proj", [hidden, inner], Split::Even),
            ("b_proj", [hidden, heads], Split::Even),
            ("f_a_proj", [hidden, dim], Split::Whole),
            ("f_b_proj", [dim, inner], Split::Even),
            ("g_a_proj", [hidden, dim], Split::Whole),
            ("g_b_proj", [dim, inner], Split::Even),
            ("o_proj", [inner, hidden], Split::Even),
        ];
        for (leaf, shape, split) in matrices {
            self.add(Part::Mixer, quant::of(reader.family, 1, leaf), shape, split);
        }
        self.layer.small += 3 * inner * kernel + inner + heads + dim;
        self.layer.mixer = Mixer::State {
            heads,
            elements: inner * dim,
            element_bytes: 4,
            convolution: 3 * inner * (kernel - 1),
        };
        Ok(())
    }

    fn mamba2(&mut self) -> Result<()> {
        let (reader, hidden) = (self.reader(), self.reader().hidden);
        let config = &reader.config;
        let (heads, head_dim) = (config.count("mamba_num_heads")?, config.count("mamba_head_dim")?);
        let (state, groups) = (config.count("ssm_state_size")?, config.count("n_groups")?);
        let kernel = config.count("conv_kernel")?;
        let inner = heads * head_dim;
        let channels = inner + 2 * groups * state;
        let widths = [("in_proj", [hidden, inner + channels + heads]), ("out_proj", [inner, hidden])];
        for (leaf, shape) in widths {
            self.add(Part::Mixer, quant::of(reader.family, 1, leaf), shape, Split::Even);
        }
        let bias = u64::from(config.value("use_conv_bias") != false);
        self.layer.small += channels * (kernel + bias) + 3 * heads + inner;
        self.layer.mixer = Mixer::State {
            heads,
            elements: heads * head_dim * state,
            element_bytes: self.state_bytes()?,
            convolution: channels * (kernel - 1),
        };
        Ok(())
    }
}
