//! Transformer architectures: a small closed grammar of layers, to which a model's published configuration is
//! translated. Every count of parameters, bytes and FLOPs is a sum over it.
//!
//! A layer mixes tokens in one way ([`Mixer`]) and multiplies by a list of matrices ([`Matrix`]), each stored in a
//! format of its own. What a family of models calls its keys is a row of a table (`families`).

mod attend;
mod families;
mod feed;
mod format;
mod keys;
mod mixer;
mod quant;
mod translate;

pub use format::Format;
pub use mixer::{Index, Mixer, Span};

use super::hardware::Dtype;

/// A decoder-only model.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Class name in the model's configuration.
    pub class: String,
    /// Width of the residual stream.
    pub hidden: u64,
    /// Vocabulary entries.
    pub vocab: u64,
    /// Whether embedding and vocabulary product share weights.
    pub tied_embeddings: bool,
    /// Longest context the model takes, tokens, where it is stated.
    pub max_context_tokens: Option<u64>,
    /// Layers, equal ones together, in order of first appearance.
    pub layers: Vec<Layer>,
    /// Format of the vocabulary product.
    pub head: Format,
    /// Parameters of tables beside the embedding that are looked up by token, never multiplied.
    pub looked_up: u64,
    /// Norms outside of layers.
    pub small: u64,
    /// Format of KV entries that the checkpoint asks for.
    pub kv_dtype: Option<Dtype>,
    /// What was not in the configuration or is worth knowing: defaults filled in, quantisation.
    pub remarks: Vec<String>,
}

/// Layers that are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// How many.
    pub count: u64,
    /// How it mixes tokens.
    pub mixer: Mixer,
    /// What it multiplies by.
    pub matrices: Vec<Matrix>,
    /// Norms, biases and scalars (16 bits, whole on each device).
    pub small: u64,
    /// Routed experts, if any.
    pub routed: Option<Routed>,
    /// Sums over the devices of a replica in one pass: after the mixer, after the feed-forward part.
    pub reductions: u64,
}

/// Routed experts of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routed {
    /// How many there are.
    pub count: u64,
    /// How many a token is sent to.
    pub active: u64,
}

/// What a matrix belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Projections of attention or of a state.
    Mixer,
    /// Dense feed-forward part.
    Dense,
    /// Experts that every token passes.
    Shared,
    /// Experts that a token is sent to.
    Routed,
    /// Router; always in 16 bits.
    Router,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Part::Mixer => "attention and state",
            Part::Dense => "dense feed-forward",
            Part::Shared => "shared experts",
            Part::Routed => "routed experts",
            Part::Router => "routers",
        })
    }
}

/// How tensor parallelism shares a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Evenly.
    Even,
    /// By this many KV heads: copied where there are fewer than devices.
    Heads(u64),
    /// Whole on each device.
    Whole,
}

/// A matrix, or one of each expert.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Module within the layer, as checkpoints name it.
    pub name: String,
    /// What it belongs to.
    pub part: Part,
    /// Rows.
    pub inputs: u64,
    /// Columns.
    pub outputs: u64,
    /// How many there are of it: routed experts.
    pub copies: u64,
    /// How devices share it.
    pub split: Split,
    /// How it is stored.
    pub format: Format,
}

impl Matrix {
    /// Weights, all copies.
    pub fn parameters(&self) -> u64 {
        self.inputs * self.outputs * self.copies
    }

    /// Weights on each of `tp` devices.
    pub fn per_device(&self, tp: u64) -> u64 {
        match self.split {
            Split::Even => self.parameters() / tp,
            Split::Heads(heads) => self.parameters() / tp.min(heads),
            Split::Whole => self.parameters(),
        }
    }

    /// Bytes on each of `tp` devices.
    pub fn bytes(&self, tp: u64) -> f64 {
        self.per_device(tp) as f64 * self.format.bytes()
    }
}

impl Layer {
    /// Weights that one token is multiplied by, on each of `tp` devices: of routed experts the active ones.
    fn active(&self, matrix: &Matrix, tp: u64) -> u64 {
        match (&self.routed, matrix.part) {
            (Some(r), Part::Routed) => matrix.per_device(tp) / r.count * r.active,
            _ => matrix.per_device(tp),
        }
    }
}

impl Architecture {
    /// Layers of the model.
    pub fn depth(&self) -> u64 {
        self.layers.iter().map(|l| l.count).sum()
    }

    /// Number of parameters.
    pub fn parameters(&self) -> u64 {
        let layer = |l: &Layer| l.matrices.iter().map(Matrix::parameters).sum::<u64>() + l.small;
        self.sum(layer) + self.tables() * self.vocab * self.hidden + self.looked_up + self.small
    }

    /// Parameters without the routed experts that a token is not sent to.
    pub fn active_parameters(&self) -> u64 {
        let idle = |l: &Layer| l.matrices.iter().map(|m| m.parameters() - l.active(m, 1)).sum::<u64>();
        self.parameters() - self.sum(idle)
    }

    /// Parameters of one part, all layers.
    pub fn parameters_of(&self, part: Part) -> u64 {
        self.sum(|l| l.matrices.iter().filter(|m| m.part == part).map(Matrix::parameters).sum())
    }

    /// Tables of vocabulary x width: embedding and, unless tied, vocabulary product.
    fn tables(&self) -> u64 {
        if self.tied_embeddings { 1 } else { 2 }
    }

    /// Weights of the vocabulary product (or of the embedding) on each of `tp` devices; rows are padded.
    pub fn head_weights(&self, tp: u64) -> u64 {
        self.vocab.div_ceil(tp) * self.hidden
    }

    /// Norms, biases and scalars, whole on each device.
    pub fn small_weights(&self) -> u64 {
        self.sum(|l| l.small) + self.small
    }

    /// Bytes of weights on each of `tp` devices: matrices as stored, the rest in 16 bits.
    pub fn weight_bytes(&self, tp: u64) -> f64 {
        let head = self.head_weights(tp) as f64;
        let tables = match self.tied_embeddings {
            true => 2.0 * head,
            false => (2.0 + self.head.bytes()) * head,
        };
        let looked_up = 2.0 * (self.looked_up / tp) as f64;
        self.bytes(tp, |_| true) + tables + looked_up + 2.0 * self.small_weights() as f64
    }

    /// Bytes of the matrices of layers that `which` picks, on each of `tp` devices.
    pub fn bytes(&self, tp: u64, which: impl Fn(&Matrix) -> bool) -> f64 {
        let layer = |l: &Layer| l.matrices.iter().filter(|m| which(m)).map(|m| m.bytes(tp)).sum::<f64>();
        self.layers.iter().map(|l| l.count as f64 * layer(l)).sum()
    }

    /// Weights that one token is multiplied by in the matrices that `which` picks, by the format in which the
    /// product runs, on each of `tp` devices.
    pub fn multiplied(&self, tp: u64, which: impl Fn(&Matrix) -> bool) -> Vec<(Dtype, u64)> {
        let mut sums: Vec<(Dtype, u64)> = Vec::new();
        for (layer, matrix) in self.layers.iter().flat_map(|l| l.matrices.iter().map(move |m| (l, m))) {
            if which(matrix) {
                let weights = layer.count * layer.active(matrix, tp);
                match sums.iter_mut().find(|(d, _)| *d == matrix.format.compute) {
                    Some((_, sum)) => *sum += weights,
                    None => sums.push((matrix.format.compute, weights)),
                }
            }
        }
        sums
    }

    /// The routed experts, which are alike in all layers that have them.
    pub fn routed(&self) -> Option<Routed> {
        self.layers.iter().find_map(|l| l.routed)
    }

    /// Bytes of KV that `tokens` tokens of one request take on each of `tp` devices, without states.
    pub fn kv_bytes(&self, tokens: u64, tp: u64, dtype: Dtype) -> f64 {
        self.layers.iter().map(|l| l.count as f64 * l.mixer.kv_bytes(tokens, tp, dtype)).sum()
    }

    /// Bytes of KV that each further token of a long request takes on each of `tp` devices.
    pub fn growing_bytes(&self, tp: u64, dtype: Dtype) -> f64 {
        let grows = |l: &&Layer| l.mixer.kept() == Span::Full;
        self.layers.iter().filter(grows).map(|l| l.count as f64 * l.mixer.kv_bytes(1, tp, dtype)).sum()
    }

    /// Bytes of index keys in [`Architecture::growing_bytes`].
    pub fn index_bytes(&self, dtype: Dtype) -> f64 {
        self.layers.iter().map(|l| l.count as f64 * l.mixer.index_bytes(dtype)).sum()
    }

    /// Bytes of state that a request takes for its life, on each of `tp` devices.
    pub fn state_bytes(&self, tp: u64) -> f64 {
        self.layers.iter().map(|l| l.count as f64 * l.mixer.state_bytes(tp)).sum()
    }

    /// All linear layers in `format`, whatever the checkpoint says; routers stay in 16 bits.
    pub fn stored_as(mut self, format: Format) -> Architecture {
        let matrices = self.layers.iter_mut().flat_map(|l| &mut l.matrices);
        matrices.filter(|m| m.part != Part::Router && m.inputs > 1).for_each(|m| m.format = format);
        self.head = Format::WIDE;
        self
    }

    fn sum(&self, of: impl Fn(&Layer) -> u64) -> u64 {
        self.layers.iter().map(|l| l.count * of(l)).sum()
    }
}
