//! Step time from work and peak rates: each part of a step takes as long as its slower resource.
//!
//! The roofline is that of Williams, Waterman and Patterson (CACM 52(4), 2009), per part of a step.

use super::model::{Kernel, span_ns};
use super::profile::{Flaw, quantity};
use super::{Minorant, StepLimits, StepShape};
use crate::error::Result;
use crate::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Work of one device of the replica, by shape of the step, and its peak rates.
///
/// With P prefill tokens in k chunks, B decode rows, S the sum of decode contexts, C that of chunk contexts,
/// pairs = Σ new·(context + new/2) and n = P + B, a step takes `step_overhead_s` plus the sum of
///
/// | part | FLOPs | bytes |
/// |---|---|---|
/// | linear layers | linear_flops_per_token·n | linear_bytes + kv_bytes_per_token·n |
/// | vocabulary product | head_flops_per_row·(B + k) | head_bytes |
/// | decode attention | decode_flops_per_context_token·S | kv_bytes_per_token·S |
/// | prefill attention | prefill_flops_per_pair·pairs + prefill_flops_per_context_token·C | kv_bytes_per_token·(C + P) |
/// | experts | flops_per_token·n | bytes_per_expert·E·(1 - (1 - k/E)^n) |
///
/// each `max(FLOPs / (peak FLOP/s · compute_efficiency), bytes / (peak bytes/s · bandwidth_efficiency))`,
/// and of the all-reduces. Weights are read once a step. Activations, norms and the embedding look-up are
/// left out. Layers whose attention is [`Limited`] add their attention to both rows, and states
/// state_bytes_per_row·(B + k).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roofline {
    /// Seconds of launches and host work that no step goes without.
    pub step_overhead_s: f64,
    /// Peak FLOP/s of matrix products at the weights' precision.
    pub matmul_flops_per_s: f64,
    /// Peak FLOP/s of attention.
    pub attention_flops_per_s: f64,
    /// Peak memory bandwidth, bytes/s.
    pub memory_bytes_per_s: f64,
    /// Share of the peak FLOP/s that is reached, up to 1.
    pub compute_efficiency: f64,
    /// Share of the peak bandwidth that is reached, up to 1.
    pub bandwidth_efficiency: f64,
    /// FLOPs of the linear layers (routed experts apart) per token.
    pub linear_flops_per_token: f64,
    /// Bytes of those layers' weights.
    pub linear_bytes: f64,
    /// FLOPs of the vocabulary product per row that yields a token.
    pub head_flops_per_row: f64,
    /// Bytes of its weights.
    pub head_bytes: f64,
    /// FLOPs of decode attention per token of context.
    pub decode_flops_per_context_token: f64,
    /// FLOPs of prefill attention per (query, key) pair.
    pub prefill_flops_per_pair: f64,
    /// FLOPs of expanding a cached token for a later chunk (latent attention; else 0).
    pub prefill_flops_per_context_token: f64,
    /// Bytes of KV per token.
    pub kv_bytes_per_token: f64,
    /// Bytes of state that a row reads and writes (a chunk once); absent where no layer keeps a state.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub state_bytes_per_row: f64,
    /// Attention that reaches only so far: windows, chunks, the tokens that an index picks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limited: Vec<Limited>,
    /// Routed experts, over all layers that have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experts: Option<Experts>,
    /// Tensor-parallel communication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_reduce: Option<AllReduce>,
}

/// Attention of the layers in which a query attends to at most `tokens` tokens.
///
/// Decode rows count as if all had the mean context: exact where contexts are alike or on one side of the limit,
/// else a little too much. Chunked attention counts as a window of a whole chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limited {
    /// Most tokens attended to.
    pub tokens: u64,
    /// FLOPs of decode attention per token attended to.
    pub decode_flops_per_context_token: f64,
    /// FLOPs of prefill attention per (query, key) pair.
    pub prefill_flops_per_pair: f64,
    /// Bytes of KV per token.
    pub kv_bytes_per_token: f64,
}

impl Limited {
    /// Tokens that decode rows attend to.
    fn attended(&self, shape: &StepShape<'_>) -> f64 {
        shape.context_sum.min(shape.decodes.saturating_mul(self.tokens)) as f64
    }

    /// (query, key) pairs of the prefill, and tokens of KV read and written for it.
    fn prefill(&self, shape: &StepShape<'_>) -> [f64; 2] {
        let limit = self.tokens as f64;
        shape.prefill.iter().fold([0.0, 0.0], |[pairs, tokens], chunk| {
            let (context, new) = (f64::from(chunk.context), f64::from(chunk.new));
            // Queries that see everything before them come first: the limit is met after so many.
            let free = (limit - context).clamp(0.0, new);
            let seen = free * (context + 0.5 * free) + (new - free) * limit;
            [pairs + seen, tokens + context.min(limit) + new]
        })
    }

    fn check(&self, at: usize) -> std::result::Result<(), Flaw> {
        let table = format!("timing.roofline.limited[{at}]");
        if self.tokens == 0 {
            return Err(Flaw::new(format!("{table}.tokens"), "it is 0", "give the width of the window"));
        }
        quantity(&table, "decode_flops_per_context_token", self.decode_flops_per_context_token)?;
        quantity(&table, "prefill_flops_per_pair", self.prefill_flops_per_pair)?;
        quantity(&table, "kv_bytes_per_token", self.kv_bytes_per_token)
    }
}

/// Routed experts of a mixture.
///
/// A step of n tokens, each choosing `active` of `count` experts at random, touches
/// `count·(1 - (1 - active/count)^n)` of them on average; only their weights are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experts {
    /// Experts in a layer.
    pub count: u64,
    /// Experts a token is sent to.
    pub active: u64,
    /// FLOPs per token, in its active experts of all layers.
    pub flops_per_token: f64,
    /// Bytes of one expert's weights, over all layers.
    pub bytes_per_expert: f64,
}

impl Experts {
    /// Expected number of distinct experts that `tokens` tokens touch in a layer.
    pub fn touched(&self, tokens: u64) -> f64 {
        let count = self.count as f64;
        count * (1.0 - libm::pow(1.0 - self.active as f64 / count, tokens as f64))
    }

    fn bytes(&self, tokens: u64) -> f64 {
        self.bytes_per_expert * self.touched(tokens)
    }
}

/// All-reduces of a tensor-parallel step: `step_latency_s + bytes_per_token·n / link_bytes_per_s`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllReduce {
    /// Seconds of latency of all of a step's all-reduces.
    pub step_latency_s: f64,
    /// Bytes each device sends per token.
    pub bytes_per_token: f64,
    /// Bytes/s of the link, one direction.
    pub link_bytes_per_s: f64,
}

impl Roofline {
    pub(super) fn check(&self) -> std::result::Result<(), Flaw> {
        let table = "timing.roofline";
        for (key, value) in [
            ("step_overhead_s", self.step_overhead_s),
            ("linear_flops_per_token", self.linear_flops_per_token),
            ("linear_bytes", self.linear_bytes),
            ("head_flops_per_row", self.head_flops_per_row),
            ("head_bytes", self.head_bytes),
            ("decode_flops_per_context_token", self.decode_flops_per_context_token),
            ("prefill_flops_per_pair", self.prefill_flops_per_pair),
            ("prefill_flops_per_context_token", self.prefill_flops_per_context_token),
            ("kv_bytes_per_token", self.kv_bytes_per_token),
            ("state_bytes_per_row", self.state_bytes_per_row),
        ] {
            quantity(table, key, value)?;
        }
        self.limited.iter().enumerate().try_for_each(|(at, l)| l.check(at))?;
        rate(table, "matmul_flops_per_s", self.matmul_flops_per_s)?;
        rate(table, "attention_flops_per_s", self.attention_flops_per_s)?;
        rate(table, "memory_bytes_per_s", self.memory_bytes_per_s)?;
        share(table, "compute_efficiency", self.compute_efficiency)?;
        share(table, "bandwidth_efficiency", self.bandwidth_efficiency)?;
        self.experts.as_ref().map_or(Ok(()), Experts::check)?;
        self.all_reduce.as_ref().map_or(Ok(()), AllReduce::check)
    }
}

impl Experts {
    fn check(&self) -> std::result::Result<(), Flaw> {
        let table = "timing.roofline.experts";
        if self.active == 0 || self.active > self.count {
            let what = format!("{} active of {} experts", self.active, self.count);
            return Err(Flaw::new(format!("{table}.active"), what, "choose from 1 to `count`"));
        }
        quantity(table, "flops_per_token", self.flops_per_token)?;
        quantity(table, "bytes_per_expert", self.bytes_per_expert)
    }
}

impl AllReduce {
    fn check(&self) -> std::result::Result<(), Flaw> {
        let table = "timing.roofline.all_reduce";
        quantity(table, "step_latency_s", self.step_latency_s)?;
        quantity(table, "bytes_per_token", self.bytes_per_token)?;
        rate(table, "link_bytes_per_s", self.link_bytes_per_s)
    }
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Checks that `table.key` is a finite number above zero.
pub(super) fn rate(table: &str, key: &str, value: f64) -> std::result::Result<(), Flaw> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Flaw::new(
        format!("{table}.{key}"),
        format!("{value} is not a finite number > 0"),
        "correct the value",
    ))
}

/// Checks that `table.key` is above 0 and at most 1.
pub(super) fn share(table: &str, key: &str, value: f64) -> std::result::Result<(), Flaw> {
    if value > 0.0 && value <= 1.0 {
        return Ok(());
    }
    Err(Flaw::new(format!("{table}.{key}"), format!("{value} is not in (0, 1]"), "give a share of the peak"))
}

/// Work of one part of a step.
#[derive(Clone, Copy)]
struct Work {
    flops: f64,
    bytes: f64,
}

/// The roofline with its attainable rates worked out.
pub(super) struct Timed {
    law: Roofline,
    matmul_flops_per_s: f64,
    attention_flops_per_s: f64,
    bytes_per_s: f64,
    /// Decode attention is linear in context on both sides of the roof, so its slope is known.
    decode_context_s: f64,
    /// The same for each kind of limited attention.
    limited_context_s: Vec<f64>,
    /// Whether there is limited attention or a state.
    bounded: bool,
    /// Bytes of KV that a token writes.
    written_bytes: f64,
    /// Bytes of the experts that 0, 1, 2... tokens touch: a power is the dearest term of a decode step.
    expert_bytes: Vec<f64>,
}

/// Tokens up to which the experts' bytes are worked out beforehand: any usual batch of decodes.
const TABULATED_TOKENS: u64 = 1_024;

impl Timed {
    pub fn new(law: &Roofline) -> Timed {
        let attention_flops_per_s = law.attention_flops_per_s * law.compute_efficiency;
        let bytes_per_s = law.memory_bytes_per_s * law.bandwidth_efficiency;
        let compute_s = law.decode_flops_per_context_token / attention_flops_per_s;
        let limited = |l: &Limited| {
            (l.decode_flops_per_context_token / attention_flops_per_s).max(l.kv_bytes_per_token / bytes_per_s)
        };
        let tabulated = |e: &Experts| (0..=TABULATED_TOKENS).map(|tokens| e.bytes(tokens)).collect();
        Timed {
            expert_bytes: law.experts.as_ref().map_or(Vec::new(), tabulated),
            matmul_flops_per_s: law.matmul_flops_per_s * law.compute_efficiency,
            attention_flops_per_s,
            bytes_per_s,
            limited_context_s: law.limited.iter().map(limited).collect(),
            bounded: !law.limited.is_empty() || law.state_bytes_per_row > 0.0,
            written_bytes: law.kv_bytes_per_token
                + law.limited.iter().map(|l| l.kv_bytes_per_token).sum::<f64>(),
            decode_context_s: compute_s.max(law.kv_bytes_per_token / bytes_per_s),
            law: law.clone(),
        }
    }

    #[inline]
    fn roof(&self, work: Work, flops_per_s: f64) -> f64 {
        (work.flops / flops_per_s).max(work.bytes / self.bytes_per_s)
    }

    #[inline]
    fn linear(&self, tokens: f64) -> Work {
        Work {
            flops: self.law.linear_flops_per_token * tokens,
            bytes: self.law.linear_bytes + self.written_bytes * tokens,
        }
    }

    #[inline]
    fn head(&self, shape: &StepShape<'_>) -> Work {
        let rows = (shape.decodes + shape.prefill.len() as u64) as f64;
        Work { flops: self.law.head_flops_per_row * rows, bytes: self.law.head_bytes }
    }

    fn prefill(&self, shape: &StepShape<'_>) -> Work {
        let context: u64 = shape.prefill.iter().map(|c| u64::from(c.context)).sum();
        let whole = Work {
            flops: self.law.prefill_flops_per_pair * shape.prefill_pairs()
                + self.law.prefill_flops_per_context_token * context as f64,
            bytes: self.law.kv_bytes_per_token * (context + shape.prefill_tokens()) as f64,
        };
        self.law.limited.iter().fold(whole, |sum, limited| {
            let [pairs, tokens] = limited.prefill(shape);
            Work {
                flops: sum.flops + limited.prefill_flops_per_pair * pairs,
                bytes: sum.bytes + limited.kv_bytes_per_token * tokens,
            }
        })
    }

    /// Seconds of decode attention that reaches only so far, and of states.
    #[inline]
    fn bounded_s(&self, shape: &StepShape<'_>) -> f64 {
        let limited = self.law.limited.iter().zip(&self.limited_context_s);
        let limited: f64 = limited.map(|(l, slope)| slope * l.attended(shape)).sum();
        limited + self.state_bytes(shape) / self.bytes_per_s
    }

    #[inline]
    fn state_bytes(&self, shape: &StepShape<'_>) -> f64 {
        self.law.state_bytes_per_row * (shape.decodes + shape.prefill.len() as u64) as f64
    }

    #[inline]
    fn experts(&self, tokens: u64) -> Work {
        self.law.experts.as_ref().map_or(Work { flops: 0.0, bytes: 0.0 }, |e| Work {
            flops: e.flops_per_token * tokens as f64,
            bytes: self.expert_bytes.get(tokens as usize).copied().unwrap_or_else(|| e.bytes(tokens)),
        })
    }
}

impl Timed {
    /// The step time with each maximum replaced by a mixture of its sides: `compute` is the weight of the FLOPs
    /// of linear layers and experts, `prefill` that of prefill attention. The vocabulary product counts by its
    /// bytes, attention of chunks without their contexts. The experts touched are a concave function of tokens,
    /// at least that of the decode rows alone: its chord from one row to the most there can be.
    fn minorant(&self, compute: f64, prefill: f64, limits: &StepLimits) -> Minorant {
        let (law, bytes_per_s) = (&self.law, self.bytes_per_s);
        let kv_token_s = law.kv_bytes_per_token / bytes_per_s;
        let mut constant = law.step_overhead_s
            + law.head_bytes / bytes_per_s
            + (1.0 - compute) * law.linear_bytes / bytes_per_s;
        let mut token =
            compute * law.linear_flops_per_token / self.matmul_flops_per_s + (1.0 - compute) * kv_token_s;
        let mut row = 0.0;
        if let Some(e) = &law.experts {
            let rows = limits.rows.max(2);
            let slope = (e.bytes(rows) - e.bytes(1)) / (rows - 1) as f64;
            constant += (1.0 - compute) * (e.bytes(1) - slope) / bytes_per_s;
            row = (1.0 - compute) * slope / bytes_per_s;
            token += compute * e.flops_per_token / self.matmul_flops_per_s;
        }
        if let Some(reduce) = &law.all_reduce {
            constant += reduce.step_latency_s;
            token += reduce.bytes_per_token / reduce.link_bytes_per_s;
        }
        Minorant {
            prompt_step_s: constant,
            decode_step_s: constant,
            prefill_token_s: token + (1.0 - prefill) * kv_token_s,
            prefill_pair_s: prefill * law.prefill_flops_per_pair / self.attention_flops_per_s,
            decode_s: token + row,
            context_token_s: self.decode_context_s,
            resumes: false,
        }
    }
}

/// Weights of the FLOPs in a mixture of both sides of a roof.
const COMPUTE: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

impl Kernel for Timed {
    fn minorants(&self, limits: &StepLimits) -> Vec<Minorant> {
        let of = |compute| [0.0, 1.0].map(|prefill| self.minorant(compute, prefill, limits));
        COMPUTE.into_iter().flat_map(of).collect()
    }

    #[inline]
    fn step(&self, shape: &StepShape<'_>) -> Result<Span> {
        let tokens = shape.decodes + shape.prefill_tokens();
        let mut seconds = self.law.step_overhead_s
            + self.roof(self.linear(tokens as f64), self.matmul_flops_per_s)
            + self.roof(self.head(shape), self.matmul_flops_per_s)
            + self.decode_context_s * shape.context_sum as f64;
        if self.bounded {
            seconds += self.bounded_s(shape);
        }
        if !shape.prefill.is_empty() {
            seconds += self.roof(self.prefill(shape), self.attention_flops_per_s);
        }
        if self.law.experts.is_some() {
            seconds += self.roof(self.experts(tokens), self.matmul_flops_per_s);
        }
        if let Some(reduce) = &self.law.all_reduce {
            seconds +=
                reduce.step_latency_s + reduce.bytes_per_token * tokens as f64 / reduce.link_bytes_per_s;
        }
        span_ns("the roofline's sum", seconds * 1e9)
    }

    /// At peak FLOP/s, matrix products and attention each at its own, and at peak bandwidth.
    fn at_peak_s(&self, shape: &StepShape<'_>) -> Option<[f64; 2]> {
        let tokens = shape.decodes + shape.prefill_tokens();
        let context = shape.context_sum as f64;
        let whole = Work {
            flops: self.law.decode_flops_per_context_token * context,
            bytes: self.law.kv_bytes_per_token * context + self.state_bytes(shape),
        };
        let decode = self.law.limited.iter().fold(whole, |sum, l| Work {
            flops: sum.flops + l.decode_flops_per_context_token * l.attended(shape),
            bytes: sum.bytes + l.kv_bytes_per_token * l.attended(shape),
        });
        let products = [self.linear(tokens as f64), self.head(shape), self.experts(tokens)];
        let attention = [self.prefill(shape), decode];
        let flops = |parts: &[Work]| parts.iter().map(|w| w.flops).sum::<f64>();
        let bytes: f64 = products.iter().chain(&attention).map(|w| w.bytes).sum();
        let compute_s = flops(&products) / self.law.matmul_flops_per_s
            + flops(&attention) / self.law.attention_flops_per_s;
        Some([compute_s, bytes / self.law.memory_bytes_per_s])
    }
}
