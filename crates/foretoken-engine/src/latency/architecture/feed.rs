//! Feed-forward parts: dense, or experts shared and routed.

use super::families::Pattern;
use super::quant;
use super::translate::{Draft, Kind, Reader};
use super::{Part, Routed, Split};
use crate::error::Result;
use serde_json::Value;

/// Synonyms of the number of experts.
const EXPERTS: [&str; 4] = ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];
/// Synonyms of the number of experts a token is sent to.
const ACTIVE: [&str; 6] = [
    "num_experts_per_tok",
    "experts_per_token",
    "top_k_experts",
    "num_experts_per_token",
    "moe_topk",
    "moe_k",
];
/// Synonyms of the width of an expert.
const EXPERT_WIDTH: [&str; 2] = ["moe_intermediate_size", "intermediate_size"];
/// Synonyms of the width of a dense part where layers with experts differ.
const DENSE_WIDTH: [&str; 3] = ["dense_intermediate_size", "intermediate_size_mlp", "intermediate_size"];
/// Synonyms of the width of all shared experts together.
const SHARED_WIDTH: [&str; 4] = [
    "shared_expert_intermediate_size",
    "moe_shared_expert_intermediate_size",
    "share_expert_dim",
    "shared_intermediate_size",
];

/// Synonyms of the number of shared experts.
const SHARED: [&str; 4] =
    ["n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts"];

/// What a layer feeds forward through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Feed {
    Nothing,
    Dense,
    Experts,
}

impl Reader {
    /// The feed-forward part of `layer`, which mixes as `kind` says.
    pub fn feed(&self, layer: u64, depth: u64, kind: Kind) -> Result<Feed> {
        match self.family.pattern {
            Pattern::Blocks if kind != Kind::Nothing => Ok(Feed::Nothing),
            Pattern::Blocks => Ok(match self.block_names()?[layer as usize].as_str() {
                "E" | "moe" => Feed::Experts,
                _ => Feed::Dense,
            }),
            Pattern::PerLayer => {
                let feed = &self.block(layer)?["ffn"];
                if feed["replace_with_linear"] == true {
                    return Err(self.config.refuse("block_configs", "replace_with_linear is not modelled"));
                }
                Ok(if feed["no_op"] == true { Feed::Nothing } else { Feed::Dense })
            }
            _ if self.family.experts && self.has_experts(layer, depth)? => Ok(Feed::Experts),
            _ => Ok(Feed::Dense),
        }
    }

    /// Whether `layer` has experts, by whichever of the usual keys say so.
    fn has_experts(&self, layer: u64, depth: u64) -> Result<bool> {
        let config = &self.config;
        if self.family.beside && !config.flag("enable_moe_block") {
            return Ok(false);
        }
        let at = |key: &str| config.list(key).and_then(|l| l.get(layer as usize));
        if let Some(kind) = at("mlp_layer_types").and_then(Value::as_str) {
            return Ok(kind == "sparse");
        }
        if let Some(mark) = at("moe_layer_freq").and_then(Value::as_u64) {
            return Ok(mark == 1);
        }
        let named = |list: &Vec<Value>| list.iter().any(|v| v.as_u64() == Some(layer));
        if let Some(layers) = config.list("moe_layers").filter(|l| !l.is_empty()) {
            return Ok(named(layers));
        }
        let every = |key: &str| -> Result<u64> { Ok(config.number(key)?.unwrap_or(1).max(1)) };
        let dense_first = config.number("first_k_dense_replace")?.unwrap_or(0);
        if dense_first >= depth {
            return Err(config.refuse("first_k_dense_replace", "no layer has experts"));
        }
        let frequency = if config.list("moe_layer_freq").is_some() { 1 } else { every("moe_layer_freq")? };
        Ok(layer >= dense_first
            && layer.is_multiple_of(frequency)
            && (layer + 1).is_multiple_of(every("decoder_sparse_step")?)
            && (layer + 1).is_multiple_of(every("interleave_moe_layer_step")?)
            && !config.list("mlp_only_layers").is_some_and(named))
    }
}

impl Draft<'_> {
    /// Adds the feed-forward part.
    pub fn feed(&mut self, feed: Feed) -> Result<()> {
        let config = &self.reader().config;
        match feed {
            Feed::Nothing => Ok(()),
            Feed::Dense => {
                let width = self.dense_width()?;
                if config.flag("mlp_bias") {
                    self.layer.small += self.biases(width);
                }
                self.triple(Part::Dense, 2, "", width, self.reader().hidden, 1);
                Ok(())
            }
            Feed::Experts => self.experts(),
        }
    }

    fn biases(&self, width: u64) -> u64 {
        let wide = if self.reader().family.gated { 2 } else { 1 };
        wide * width + self.reader().hidden
    }

    fn dense_width(&self) -> Result<u64> {
        let config = &self.reader().config;
        if self.reader().family.pattern == Pattern::PerLayer {
            let factor = self.reader().block(self.index())?["ffn"]["ffn_mult"].as_f64();
            let factor = factor.ok_or_else(|| config.missing("block_configs.ffn.ffn_mult", "a number"))?;
            // Two thirds of the width, rounded up to a multiple of 256, as the class does it.
            return Ok(((2.0 * factor * self.reader().hidden as f64 / 3.0) as u64).next_multiple_of(256));
        }
        let width = config.count_of(&DENSE_WIDTH)?;
        let shares = self.shares_kv()? && config.flag("use_double_wide_mlp");
        Ok(if shares { 2 * width } else { width })
    }

    /// Gate (if the family has one), up and down projection of `width`, `copies` times.
    fn triple(&mut self, part: Part, module: usize, within: &str, width: u64, input: u64, copies: u64) {
        let family = self.reader().family;
        let up = if family.gated { &["gate_proj", "up_proj"][..] } else { &["up_proj"] };
        for leaf in up {
            let name = quant::of(family, module, &format!("{within}{leaf}"));
            self.add_copies(part, name, [input, width], copies, Split::Even);
        }
        let name = quant::of(family, module, &format!("{within}down_proj"));
        self.add_copies(part, name, [width, input], copies, Split::Even);
    }

    fn experts(&mut self) -> Result<()> {
        let (reader, hidden) = (self.reader(), self.reader().hidden);
        let (config, family) = (&reader.config, reader.family);
        let (count, active) = (config.count_of(&EXPERTS)?, config.count_of(&ACTIVE)?);
        if active > count {
            return Err(config.refuse(EXPERTS[0], "more active experts than experts"));
        }
        let width = config.count_of(&EXPERT_WIDTH)?;
        let input = config.first(&["moe_latent_size"])?.unwrap_or(hidden);
        self.layer.routed = Some(Routed { count, active });
        self.triple(Part::Routed, 3, "experts.0.", width, input, count);
        if family.expert_bias {
            let wide = if family.gated { 2 } else { 1 };
            let name = quant::of(family, 3, "experts.bias");
            self.add_copies(Part::Routed, name, [1, wide * width + hidden], count, Split::Even);
            let biases = self.layer.matrices.last_mut().expect("just added");
            biases.format = super::Format::WIDE;
        }
        if input != hidden {
            for (leaf, shape) in [("fc1_latent_proj", [hidden, input]), ("fc2_latent_proj", [input, hidden])]
            {
                self.add(Part::Shared, quant::of(family, 3, leaf), shape, Split::Even);
            }
        }
        self.shared(width)?;
        self.add(Part::Router, quant::of(family, 3, "gate"), [hidden, count], Split::Whole);
        self.layer.small += u64::from(family.router_bias) * count;
        Ok(())
    }

    /// What every token passes beside the routed experts.
    fn shared(&mut self, expert_width: u64) -> Result<()> {
        let (config, family, hidden) = (&self.reader().config, self.reader().family, self.reader().hidden);
        if family.beside {
            let width = config.count("intermediate_size")?;
            self.triple(Part::Dense, 2, "", width, hidden, 1);
            let count = self.layer.routed.map_or(0, |r| r.count);
            self.layer.small += 3 * hidden + hidden + count;
            return Ok(());
        }
        let width = match config.first(&SHARED_WIDTH)? {
            Some(width) => width,
            None => config.first(&SHARED)?.unwrap_or(0) * expert_width,
        };
        if width > 0 {
            let within = if family.shared_gate { "shared_expert." } else { "shared_experts." };
            self.triple(Part::Shared, 3, within, width, hidden, 1);
            if family.shared_gate {
                self.add(Part::Router, quant::of(family, 3, "shared_expert_gate"), [hidden, 1], Split::Whole);
            }
        }
        Ok(())
    }
}
