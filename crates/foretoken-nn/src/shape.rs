//! Shapes of models: what a configuration file says, checked, and counted in parameters.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How a token learns where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Position {
    /// Rotary embedding of queries and keys (RoFormer), halves rotated against each other as in Llama.
    Rope {
        /// Base of the wavelengths.
        theta: f64,
    },
    /// A learned vector per position.
    Learned {
        /// Rows of the table that stand before position 0 (2 in BART).
        offset: usize,
    },
    /// A learned bias per head and distance bucket, shared by all layers (T5).
    Relative {
        /// Number of buckets.
        buckets: usize,
        /// Distance from which on all share one bucket.
        max_distance: usize,
    },
}

/// Normalisation of a hidden vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Root mean square, a weight and no bias.
    Rms,
    /// Mean and variance, a weight and a bias.
    Layer,
}

/// Non-linearity of the feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// x sigmoid(x).
    Silu,
    /// Gaussian error linear unit, exact.
    Gelu,
    /// The same, approximated by a tanh (GPT-2).
    GeluTanh,
    /// max(x, 0).
    Relu,
}

/// Under whose tensor names weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// `model.layers.0.self_attn.q_proj.weight`, ...
    Llama,
    /// `h.0.attn.c_attn.weight`, ... stored as (in, out).
    Gpt2,
    /// `encoder.block.0.layer.0.SelfAttention.q.weight`, ...
    T5,
    /// `model.encoder.layers.0.self_attn.q_proj.weight`, ... (BART, BlenderBot).
    Bart,
}

/// A transformer's shape: everything its step time depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelShape {
    /// Its name.
    pub name: String,
    /// Where the numbers come from.
    pub source: String,
    /// Parameters as published, for the check of this file.
    #[serde(default)]
    pub published_parameters: Option<u64>,
    /// Tensor names of its checkpoints.
    pub names: Names,
    /// Rows of the token embedding.
    pub vocab: usize,
    /// Width of a hidden vector.
    pub hidden: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Encoder layers; 0 for a decoder-only model.
    #[serde(default)]
    pub encoder_layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads, a divisor of `heads`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Largest number of positions.
    pub max_positions: usize,
    /// How positions enter.
    pub position: Position,
    /// Which normalisation.
    pub norm: Norm,
    /// Its epsilon.
    pub norm_eps: f64,
    /// Before each sublayer (true) or after its residual sum (false, BART).
    pub norm_first: bool,
    /// A normalisation right after the embedding.
    #[serde(default)]
    pub embedding_norm: bool,
    /// Biases in every projection.
    pub bias: bool,
    /// Which non-linearity.
    pub activation: Activation,
    /// Whether a second projection gates it (SwiGLU).
    #[serde(default)]
    pub gated: bool,
    /// Whether the output projection is the embedding.
    pub tied_head: bool,
    /// Whether attention scores are divided by sqrt(head_dim) (not in T5).
    #[serde(default = "yes")]
    pub scale_attention: bool,
    /// Factor on the embedding (sqrt(hidden) in BlenderBot).
    #[serde(default = "one")]
    pub embedding_factor: f64,
    /// Factor on the last hidden vector before the output projection (hidden^-0.5 in T5).
    #[serde(default = "one")]
    pub head_factor: f64,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

impl ModelShape {
    /// Reads a model description.
    ///
    /// # Errors
    /// [`Error::Shape`] with the file, the line and what is wrong.
    pub fn load(path: &Path) -> Result<ModelShape> {
        let model = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::Shape { model: model.clone(), what: e.to_string() })?;
        ModelShape::parse(&model, &text)
    }

    /// Parses and checks a model description; `model` names it in errors.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn parse(model: &str, text: &str) -> Result<ModelShape> {
        let bad = |what: String| Error::Shape { model: model.to_string(), what };
        let shape: ModelShape = toml::from_str(text).map_err(|e| bad(e.to_string()))?;
        shape.check().map_err(bad)?;
        Ok(shape)
    }

    /// Whether an encoder reads the prompt.
    pub fn is_encoder_decoder(&self) -> bool {
        self.encoder_layers > 0
    }

    fn check(&self) -> std::result::Result<(), String> {
        let sizes = [
            ("vocab", self.vocab),
            ("hidden", self.hidden),
            ("layers", self.layers),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("ffn", self.ffn),
            ("max_positions", self.max_positions),
        ];
        if let Some((key, _)) = sizes.iter().find(|(_, v)| *v == 0) {
            return Err(format!("{key} must be at least 1"));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(format!("kv_heads = {} does not divide heads = {}", self.kv_heads, self.heads));
        }
        if matches!(self.position, Position::Rope { .. }) && !self.head_dim.is_multiple_of(2) {
            return Err(format!("rope needs an even head_dim, not {}", self.head_dim));
        }
        if self.is_encoder_decoder() && matches!(self.position, Position::Rope { .. }) {
            return Err("an encoder-decoder with rotary positions is not modelled".to_string());
        }
        if let Position::Relative { buckets, max_distance } = self.position
            && (buckets < 4 || !buckets.is_multiple_of(4) || max_distance <= buckets / 2)
        {
            return Err("relative positions need buckets in multiples of 4 and max_distance > buckets / 2"
                .to_string());
        }
        Ok(())
    }

    /// Number of trained parameters.
    pub fn parameters(&self) -> u64 {
        let h = self.hidden;
        let norm = h * if self.norm == Norm::Layer { 2 } else { 1 };
        let bias = |n: usize| if self.bias { n } else { 0 };
        let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let attention = h * (q + 2 * kv) + bias(q + 2 * kv) + q * h + bias(h);
        let wide = self.ffn * if self.gated { 2 } else { 1 };
        let ffn = h * wide + bias(wide) + self.ffn * h + bias(h);
        let decoder =
            attention + norm + ffn + norm + if self.is_encoder_decoder() { attention + norm } else { 0 };
        let encoder = attention + ffn + 2 * norm;
        let stacks = if self.is_encoder_decoder() { 2 } else { 1 };
        let positions = match self.position {
            Position::Rope { .. } => 0,
            Position::Learned { offset } => (self.max_positions + offset) * h,
            Position::Relative { buckets, .. } => buckets * self.heads,
        };
        let edges =
            positions + if self.embedding_norm { norm } else { 0 } + if self.norm_first { norm } else { 0 };
        let head = if self.tied_head { 0 } else { self.vocab * h };
        (self.vocab * h + self.layers * decoder + self.encoder_layers * encoder + stacks * edges + head)
            as u64
    }

    /// KV bytes that one token of context takes in the decoder's self-attention.
    pub fn kv_bytes_per_token(&self, bytes_per_element: usize) -> u64 {
        (2 * self.layers * self.kv_heads * self.head_dim * bytes_per_element) as u64
    }
}
