//! Transformer shapes: how many parameters sit where, from a published model configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shape of a decoder-only transformer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelShape {
    /// Class name in the model's configuration.
    pub architecture: String,
    /// Layers.
    pub layers: u64,
    /// Width of the residual stream.
    pub hidden: u64,
    /// Vocabulary entries.
    pub vocab: u64,
    /// Whether embedding and vocabulary product share weights.
    pub tied_embeddings: bool,
    /// Longest context the model takes, tokens.
    pub max_context_tokens: u64,
    /// Layers with a dense feed-forward part.
    pub dense_layers: u64,
    /// Width of that part; 0 where there is none.
    pub dense_intermediate: u64,
    /// Attention of every layer.
    pub attention: Attention,
    /// Mixture of experts in the other layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moe: Option<Moe>,
}

/// Attention of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Attention {
    /// Multi-head, grouped-query or multi-query.
    Grouped(Grouped),
    /// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434).
    Latent(Latent),
}

/// Shape of multi-head, grouped-query or multi-query attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grouped {
    /// Query heads.
    pub heads: u64,
    /// Key and value heads.
    pub kv_heads: u64,
    /// Width of a head.
    pub head_dim: u64,
    /// Whether query, key and value projections have a bias.
    pub qkv_bias: bool,
    /// Whether the output projection has a bias.
    pub output_bias: bool,
    /// Whether queries and keys are normalised per head.
    pub qk_norm: bool,
}

/// Shape of multi-head latent attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    /// Heads.
    pub heads: u64,
    /// Rank of the queries' compression; 0 without.
    pub q_rank: u64,
    /// Rank of the KV compression: what is cached per token and layer.
    pub kv_rank: u64,
    /// Width per head without position.
    pub nope_dim: u64,
    /// Width with rotary position; its key is shared by all heads and cached too.
    pub rope_dim: u64,
    /// Width of a value head.
    pub value_dim: u64,
}

/// Mixture of experts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Moe {
    /// Layers that have it.
    pub layers: u64,
    /// Routed experts in a layer.
    pub experts: u64,
    /// Routed experts a token is sent to.
    pub active: u64,
    /// Width of one routed expert.
    pub intermediate: u64,
    /// Width of the shared experts together; 0 without.
    pub shared_intermediate: u64,
    /// Whether the shared experts have a gate.
    pub shared_gate: bool,
    /// Whether the router has a bias per expert.
    pub router_bias: bool,
}

impl Attention {
    /// Heads that tensor parallelism divides.
    pub fn heads(&self) -> u64 {
        match self {
            Attention::Grouped(a) => a.heads,
            Attention::Latent(a) => a.heads,
        }
    }

    /// Numbers cached per token and layer by each of `tp` devices.
    pub fn cached_per_device(&self, tp: u64) -> u64 {
        match self {
            Attention::Grouped(a) => 2 * a.kv_heads_per_device(tp) * a.head_dim,
            Attention::Latent(a) => a.kv_rank + a.rope_dim,
        }
    }

    /// Weights of one layer's projections on each of `tp` devices.
    pub fn weights_per_device(&self, hidden: u64, tp: u64) -> u64 {
        match self {
            Attention::Grouped(a) => {
                2 * hidden * a.heads / tp * a.head_dim + 2 * hidden * a.kv_heads_per_device(tp) * a.head_dim
            }
            Attention::Latent(a) => {
                let query = match a.q_rank {
                    0 => hidden * a.heads / tp * (a.nope_dim + a.rope_dim),
                    rank => hidden * rank + rank * a.heads / tp * (a.nope_dim + a.rope_dim),
                };
                let down = hidden * (a.kv_rank + a.rope_dim);
                let up = a.kv_rank * a.heads / tp * (a.nope_dim + a.value_dim);
                query + down + up + a.heads / tp * a.value_dim * hidden
            }
        }
    }

    /// Norm and bias parameters of one layer, counted whole on each device.
    pub fn small(&self, hidden: u64) -> u64 {
        match self {
            Attention::Grouped(a) => {
                let qkv = u64::from(a.qkv_bias) * (a.heads + 2 * a.kv_heads) * a.head_dim;
                qkv + u64::from(a.output_bias) * hidden + u64::from(a.qk_norm) * 2 * a.head_dim
            }
            Attention::Latent(a) => a.q_rank + a.kv_rank,
        }
    }

    /// FLOPs of one layer per (query, key) pair on each of `tp` devices: in prefill, and in decode.
    /// Latent attention expands keys and values for prefill and absorbs the expansion into the queries for decode.
    pub fn flops_per_pair(&self, tp: u64) -> (f64, f64) {
        let per_head = match self {
            Attention::Grouped(a) => (4 * a.head_dim, 4 * a.head_dim),
            Attention::Latent(a) => {
                (2 * (a.nope_dim + a.rope_dim + a.value_dim), 2 * (2 * a.kv_rank + a.rope_dim))
            }
        };
        let heads = self.heads() / tp;
        ((heads * per_head.0) as f64, (heads * per_head.1) as f64)
    }

    /// FLOPs of one layer to expand a cached token for a later chunk, on each of `tp` devices.
    pub fn expansion_flops(&self, tp: u64) -> f64 {
        match self {
            Attention::Grouped(_) => 0.0,
            Attention::Latent(a) => (2 * a.kv_rank * a.heads / tp * (a.nope_dim + a.value_dim)) as f64,
        }
    }
}

impl Grouped {
    /// Key and value heads on each of `tp` devices: copied where there are fewer heads than devices.
    pub fn kv_heads_per_device(&self, tp: u64) -> u64 {
        (self.kv_heads / tp).max(1)
    }
}

impl Moe {
    /// Weights of one routed expert, over all layers (three matrices each).
    pub fn expert_weights(&self, hidden: u64) -> u64 {
        self.layers * 3 * hidden * self.intermediate
    }

    /// Weights of the shared experts, over all layers.
    pub fn shared_weights(&self, hidden: u64) -> u64 {
        self.layers * 3 * hidden * self.shared_intermediate
    }

    /// Router parameters (16 bits) over all layers.
    pub fn router(&self, hidden: u64) -> u64 {
        let gate = u64::from(self.shared_gate) * hidden;
        self.layers * (self.experts * hidden + gate + u64::from(self.router_bias) * self.experts)
    }
}

impl ModelShape {
    /// Weights of all linear layers but the routed experts on each of `tp` devices.
    pub fn linear_weights(&self, tp: u64) -> u64 {
        let shared = self.moe.as_ref().map_or(0, |m| m.shared_weights(self.hidden));
        self.layers * self.attention.weights_per_device(self.hidden, tp)
            + self.dense_layers * 3 * self.hidden * self.dense_intermediate / tp
            + shared / tp
    }

    /// Weights of all routed experts on each of `tp` devices.
    pub fn expert_weights(&self, tp: u64) -> u64 {
        self.moe.as_ref().map_or(0, |m| m.experts * m.expert_weights(self.hidden) / tp)
    }

    /// Weights of the vocabulary product (or of the embedding) on each of `tp` devices; rows are padded.
    pub fn head_weights(&self, tp: u64) -> u64 {
        self.vocab.div_ceil(tp) * self.hidden
    }

    /// Norms, biases and routers, whole on each device.
    pub fn small_weights(&self) -> u64 {
        self.layers * (2 * self.hidden + self.attention.small(self.hidden))
            + self.hidden
            + self.moe.as_ref().map_or(0, |m| m.router(self.hidden))
    }

    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        let tables = if self.tied_embeddings { 1 } else { 2 };
        self.linear_weights(1) + self.expert_weights(1) + tables * self.head_weights(1) + self.small_weights()
    }
}
