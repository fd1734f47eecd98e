//! What a model takes: parameters, bytes of weights, KV and state, blocks that fit.

use super::architecture::{Architecture, Layer, Mixer, Part, Span};
use super::estimate::{ModelRecord, Plan};
use crate::error::Result;
use serde::Serialize;

/// Share of a device's memory that vLLM 0.32 uses unless told otherwise.
const VLLM_MEMORY: f64 = 0.92;
/// Tokens of a block, vLLM's default.
const BLOCK_TOKENS: u64 = 16;
/// Tokens of a step and requests that vLLM sizes activations for: on devices of 70 GiB and more, on others.
const PROFILED: [(u64, u64); 2] = [(8_192, 1_024), (2_048, 256)];
/// Memory from which the first of those holds, bytes.
const LARGE_DEVICE: u64 = 70 << 30;
/// Bytes taken by CUDA graphs, context and communication buffers (assumption).
const GRAPHS: f64 = 1.0 * (1u64 << 30) as f64;
/// Lengths at which KV is shown, tokens.
const LENGTHS: [u64; 3] = [1_024, 8_192, 131_072];

/// What a model takes on a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// The model in words and counts.
    pub model: ModelRecord,
    /// Devices of a replica.
    pub tp: u64,
    /// Format of the KV cache.
    pub kv_dtype: String,
    /// Bytes of weights as stored, all of them once.
    pub weight_bytes: f64,
    /// Bytes of weights on each device.
    pub weight_bytes_per_device: f64,
    /// Bytes of KV of one request on one device that holds it all, by length in tokens; without states.
    pub kv_bytes: Vec<(u64, f64)>,
    /// Bytes of KV that each further token of a long request takes, on one device.
    pub kv_bytes_per_token: f64,
    /// Bytes of index keys in `kv_bytes_per_token`.
    pub index_bytes_per_token: f64,
    /// Bytes of state of a request, on one device.
    pub state_bytes: f64,
    /// Format of the state's numbers; absent without states.
    pub state_dtype: Option<&'static str>,
    /// Share of memory used, for the blocks.
    pub memory_utilization: f64,
    /// Bytes of each device kept for activations and graphs, for the blocks.
    pub reserve_bytes: f64,
    /// Tokens of a block.
    pub block_tokens: u64,
    /// Blocks that fit.
    pub blocks: u64,
}

impl Plan {
    /// What the model takes here. `utilization` is the share of memory used, vLLM's default if absent; activations
    /// are reserved as vLLM does it, for its largest step.
    pub fn explain(&self, utilization: Option<f64>) -> Result<Explained> {
        self.check()?;
        let (model, tp, kv) = (&self.model, self.serving.tp, self.kv_dtype());
        let memory_utilization = utilization.unwrap_or(VLLM_MEMORY);
        let reserve_bytes = self.reserve_bytes();
        let memory = self.hardware.memory.bytes as f64 * memory_utilization;
        let free = (memory - self.weight_bytes(tp) - reserve_bytes).max(0.0);
        Ok(Explained {
            model: record(model),
            tp,
            kv_dtype: kv.to_string(),
            weight_bytes: model.weight_bytes(1),
            weight_bytes_per_device: model.weight_bytes(tp),
            kv_bytes: LENGTHS.map(|n| (n, model.kv_bytes(n, 1, kv))).to_vec(),
            kv_bytes_per_token: model.growing_bytes(1, kv),
            index_bytes_per_token: model.index_bytes(kv),
            state_bytes: model.state_bytes(1),
            state_dtype: model.layers.iter().find_map(|l| match l.mixer {
                Mixer::State { element_bytes: 4, .. } => Some("fp32"),
                Mixer::State { .. } => Some("bf16"),
                _ => None,
            }),
            memory_utilization,
            reserve_bytes,
            block_tokens: BLOCK_TOKENS,
            blocks: (free / self.block_bytes()) as u64,
        })
    }

    /// Bytes of a block on each device. vLLM keeps kinds of layers apart in groups of equal size, that of the
    /// rarest kind, whose blocks come from one pool; a kind that is no multiple fills up with idle layers. Layers
    /// that keep a state set the size of a block there, not here: they are left out.
    fn block_bytes(&self) -> f64 {
        let mut kinds: Vec<(Span, f64, u64)> = Vec::new();
        for layer in &self.model.layers {
            let bytes = layer.mixer.kv_bytes(1, self.serving.tp, self.kv_dtype());
            let span = layer.mixer.kept();
            match kinds.iter_mut().find(|(s, b, _)| *s == span && *b == bytes) {
                Some((_, _, count)) => *count += layer.count,
                None if bytes > 0.0 => kinds.push((span, bytes, layer.count)),
                None => {}
            }
        }
        let full = |kinds: &[(Span, f64, u64)]| kinds.iter().all(|(s, _, _)| *s == Span::Full);
        let whole = kinds.iter().map(|(_, b, n)| b * *n as f64).sum::<f64>();
        let rarest = kinds.iter().map(|(_, _, n)| *n).min().unwrap_or(1) as f64;
        let widest = kinds.iter().map(|(_, b, _)| *b).fold(0.0, f64::max);
        BLOCK_TOKENS as f64 * if full(&kinds) { whole } else { rarest * widest }
    }

    /// Bytes kept on each device for the largest step and for graphs: residual stream, its copy, and the widest
    /// layer's inner activations in 16 bits; logits twice in 32.
    fn reserve_bytes(&self) -> f64 {
        let large = usize::from(self.hardware.memory.bytes < LARGE_DEVICE);
        let (tokens, requests) = PROFILED[large];
        let tp = self.serving.tp;
        let inner = |l: &Layer| {
            let active = l.routed.map_or(1, |r| r.active);
            let of = |part: Part| {
                let wide = |m: &&super::architecture::Matrix| m.part == part && m.inputs > 1;
                l.matrices.iter().filter(wide).map(|m| m.outputs).sum::<u64>()
            };
            let experts = active * of(Part::Routed);
            (of(Part::Mixer) / tp).max((of(Part::Dense) + of(Part::Shared) + experts) / tp)
        };
        let widest = self.model.layers.iter().map(inner).max().unwrap_or(0);
        let stream = 2 * tokens * (3 * self.model.hidden + widest);
        let logits = 8 * requests * self.model.vocab.div_ceil(tp);
        (stream + logits) as f64 + GRAPHS
    }
}

/// Formats of the matrices of layers, with their weights, most first.
pub(super) fn formats(model: &Architecture) -> Vec<(&'static str, u64)> {
    let mut sums: Vec<(&'static str, u64)> = Vec::new();
    for (layer, matrix) in model.layers.iter().flat_map(|l| l.matrices.iter().map(move |m| (l, m))) {
        let weights = layer.count * matrix.parameters();
        match sums.iter_mut().find(|(name, _)| *name == matrix.format.name) {
            Some((_, sum)) => *sum += weights,
            None => sums.push((matrix.format.name, weights)),
        }
    }
    sums.sort_by_key(|&(_, weights)| std::cmp::Reverse(weights));
    sums
}

/// A model in words and counts.
pub(super) fn record(model: &Architecture) -> ModelRecord {
    let parts = [Part::Mixer, Part::Dense, Part::Shared, Part::Routed, Part::Router];
    let formats = parts.into_iter().flat_map(|part| by_format(model, part)).collect();
    ModelRecord {
        architecture: model.class.clone(),
        parameters: model.parameters(),
        active_parameters: model.active_parameters(),
        max_context_tokens: model.max_context_tokens,
        layers: model.layers.iter().map(words).collect(),
        formats,
        remarks: model.remarks.clone(),
    }
}

fn by_format(model: &Architecture, part: Part) -> Vec<String> {
    let mut only = model.clone();
    only.layers.iter_mut().for_each(|l| l.matrices.retain(|m| m.part == part));
    formats(&only).into_iter().map(|(name, weights)| format!("{part}: {weights} weights in {name}")).collect()
}

/// A layer in words.
fn words(layer: &Layer) -> String {
    let span = |s: Span| match s {
        Span::Full => "full".to_string(),
        Span::Window(n) => format!("window {n}"),
        Span::Chunk(n) => format!("chunk {n}"),
    };
    let mixer = match layer.mixer {
        Mixer::None => "no mixer".to_string(),
        Mixer::Grouped { heads, kv_heads, key_dim, value_dim, span: s, stores, .. } => {
            let own = if stores { "" } else { ", KV of an earlier layer" };
            let width =
                if key_dim == value_dim { key_dim.to_string() } else { format!("{key_dim} and {value_dim}") };
            format!("{} attention, {heads} heads on {kv_heads} of {width}{own}", span(s))
        }
        Mixer::Latent { heads, rank, rope_dim, .. } => {
            format!("latent attention, {heads} heads on {rank} + {rope_dim}")
        }
        Mixer::State { heads, elements, convolution, .. } => {
            format!("state of {elements} + {convolution} numbers, {heads} heads")
        }
    };
    let picks = layer.mixer.attended().filter(|_| layer.mixer.kept() == Span::Full);
    let picks = picks.map_or(String::new(), |n| format!(", an index picks {n}"));
    let feed = match layer.routed {
        Some(r) => format!(", {} of {} experts", r.active, r.count),
        None if layer.matrices.iter().any(|m| m.part == Part::Dense) => ", dense".to_string(),
        None => String::new(),
    };
    format!("{} x {mixer}{picks}{feed}", layer.count)
}
