//! How a layer mixes tokens: what it keeps of them, and what attending costs.

use super::super::hardware::Dtype;

/// Tokens that a query attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// All before it.
    Full,
    /// The last so many.
    Window(u64),
    /// Those of its chunk of so many.
    Chunk(u64),
}

impl Span {
    /// Tokens kept of a request of `tokens` tokens.
    pub fn of(self, tokens: u64) -> u64 {
        match self {
            Span::Full => tokens,
            Span::Window(most) | Span::Chunk(most) => tokens.min(most),
        }
    }

    /// The most tokens attended to, if there is a limit.
    pub fn limit(self) -> Option<u64> {
        match self {
            Span::Full => None,
            Span::Window(most) | Span::Chunk(most) => Some(most),
        }
    }
}

/// An index that picks the tokens attended to (DeepSeek sparse attention and relatives).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// Heads that score.
    pub heads: u64,
    /// Width of a key.
    pub dim: u64,
    /// Tokens picked.
    pub top: u64,
    /// Whether keys are kept in 8 bits with a scale of 4 bytes for each 128; else as KV is.
    pub quantised: bool,
    /// Whether the layer keeps index keys of its own; else it takes the choice of an earlier one.
    pub owned: bool,
}

/// How a layer mixes tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mixer {
    /// Not at all: a feed-forward layer, or one that was cut out.
    None,
    /// Multi-head, grouped-query or multi-query attention.
    Grouped {
        /// Query heads.
        heads: u64,
        /// Key and value heads.
        kv_heads: u64,
        /// Width of a key.
        key_dim: u64,
        /// Width of a value.
        value_dim: u64,
        /// What is attended to.
        span: Span,
        /// Whether keys and values are the layer's own; else those of an earlier layer are read.
        stores: bool,
        /// What picks among the tokens, if anything does.
        index: Option<Index>,
    },
    /// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): one compression for all heads.
    Latent {
        /// Heads.
        heads: u64,
        /// Rank of the compression, which is what is kept of a token.
        rank: u64,
        /// Width per head without position.
        nope_dim: u64,
        /// Width with rotary position; its key is shared by all heads and kept too.
        rope_dim: u64,
        /// Width of a value head.
        value_dim: u64,
        /// What picks among the tokens, if anything does.
        index: Option<Index>,
    },
    /// A state of fixed size (linear attention, delta rules, state spaces).
    State {
        /// Heads, which devices share.
        heads: u64,
        /// Numbers of the recurrent state.
        elements: u64,
        /// Bytes of each.
        element_bytes: u64,
        /// Numbers of the convolution's state, 2 bytes each.
        convolution: u64,
    },
}

impl Mixer {
    /// Heads that tensor parallelism divides.
    pub fn heads(&self) -> Option<u64> {
        match *self {
            Mixer::None => None,
            Mixer::Grouped { heads, .. } | Mixer::Latent { heads, .. } | Mixer::State { heads, .. } => {
                Some(heads)
            }
        }
    }

    fn index(&self) -> Option<Index> {
        match *self {
            Mixer::Grouped { index, .. } | Mixer::Latent { index, .. } => index,
            Mixer::None | Mixer::State { .. } => None,
        }
    }

    /// Which tokens' keys and values are kept.
    pub fn kept(&self) -> Span {
        match *self {
            Mixer::Grouped { span, .. } => span,
            _ => Span::Full,
        }
    }

    /// The most tokens that a query attends to, if there is a limit.
    pub fn attended(&self) -> Option<u64> {
        self.index().map(|i| i.top).or(self.kept().limit())
    }

    /// Bytes of keys and values of a token that attention reads, on each of `tp` devices, index keys apart.
    pub fn read_bytes(&self, tp: u64, dtype: Dtype) -> f64 {
        let numbers = match *self {
            Mixer::Grouped { kv_heads, key_dim, value_dim, .. } => {
                (kv_heads / tp).max(1) * (key_dim + value_dim)
            }
            Mixer::Latent { rank, rope_dim, .. } => rank + rope_dim,
            Mixer::None | Mixer::State { .. } => 0,
        };
        numbers as f64 * dtype.bytes()
    }

    /// Bytes of index keys of a token.
    pub fn index_bytes(&self, dtype: Dtype) -> f64 {
        match self.index().filter(|i| i.owned) {
            Some(i) if i.quantised => (i.dim + 4 * i.dim.div_ceil(128)) as f64,
            Some(i) => i.dim as f64 * dtype.bytes(),
            None => 0.0,
        }
    }

    /// Bytes that `tokens` tokens of a request take on each of `tp` devices.
    pub fn kv_bytes(&self, tokens: u64, tp: u64, dtype: Dtype) -> f64 {
        let own = match *self {
            Mixer::Grouped { stores: false, .. } => 0.0,
            _ => self.read_bytes(tp, dtype),
        };
        self.kept().of(tokens) as f64 * own + tokens as f64 * self.index_bytes(dtype)
    }

    /// Bytes of state of a request on each of `tp` devices.
    pub fn state_bytes(&self, tp: u64) -> f64 {
        match *self {
            Mixer::State { elements, element_bytes, convolution, .. } => {
                (elements * element_bytes + 2 * convolution) as f64 / tp as f64
            }
            _ => 0.0,
        }
    }

    /// FLOPs a token of recurrence on each of `tp` devices: decay, update and read-out of each number of the state.
    pub fn state_flops(&self, tp: u64) -> f64 {
        match *self {
            Mixer::State { elements, .. } => 6.0 * (elements / tp) as f64,
            _ => 0.0,
        }
    }

    /// FLOPs per (query, key) pair on each of `tp` devices: in prefill, and in decode. Latent attention expands
    /// keys and values for prefill and absorbs the expansion into the queries for decode.
    pub fn flops_per_pair(&self, tp: u64) -> (f64, f64) {
        let (heads, prefill, decode) = match *self {
            Mixer::Grouped { heads, key_dim, value_dim, .. } => {
                (heads, 2 * (key_dim + value_dim), 2 * (key_dim + value_dim))
            }
            Mixer::Latent { heads, rank, nope_dim, rope_dim, value_dim, .. } => {
                (heads, 2 * (nope_dim + rope_dim + value_dim), 2 * (2 * rank + rope_dim))
            }
            Mixer::None | Mixer::State { .. } => (0, 0, 0),
        };
        ((heads / tp * prefill) as f64, (heads / tp * decode) as f64)
    }

    /// FLOPs per (query, key) pair of scoring by the index, which no device shares.
    pub fn index_flops_per_pair(&self) -> f64 {
        self.index().filter(|i| i.owned).map_or(0.0, |i| (2 * i.heads * i.dim) as f64)
    }

    /// FLOPs to expand a cached token for a later chunk, on each of `tp` devices.
    pub fn expansion_flops(&self, tp: u64) -> f64 {
        match *self {
            Mixer::Latent { heads, rank, nope_dim, value_dim, .. } => {
                (2 * rank * heads / tp * (nope_dim + value_dim)) as f64
            }
            _ => 0.0,
        }
    }
}
