//! Latency models: how long one step of one replica takes.
//!
//! The engine hands over a [`StepShape`]; the model answers with a [`Span`]. Pure models depend on the
//! shape alone, which is what lets the engine run quiet stretches of decode steps in a tight loop.
//! A [`Profile`] is such a model in a file, with its origin and its limits.

pub mod architecture;
mod estimate;
mod explain;
mod hardware;
mod isolated;
mod linear;
mod minorant;
mod model;
mod noise;
mod piecewise;
mod polynomial;
mod profile;
mod recorded;
mod roofline;
pub mod shipped;
mod source;
mod static_batch;
mod table;

pub use architecture::Architecture;
pub use estimate::{ModelRecord, Origin, Plan, Serving};
pub use explain::Explained;
pub use hardware::{DevicePower, Dtype, Hardware, Link, Memory, Price};
pub use isolated::Isolated;
pub use linear::Linear;
pub use minorant::{Minorant, StepLimits};
pub use noise::Draws;
pub use piecewise::Piecewise;
pub use polynomial::Polynomial;
pub use profile::{Domain, How, Kv, Noise, NoiseKind, Power, Profile, Provenance, Region, SCHEMA, Timing};
pub use recorded::Recorded;
pub use roofline::{AllReduce, Experts, Limited, Roofline};
pub use source::Source;
pub use static_batch::StaticBatch;
pub use static_batch::padded as static_batch_padding;
pub use table::{Outside, Table};

use crate::error::Result;
use crate::ids::RequestId;
use crate::time::{SimTime, Span};

/// A prefill chunk of one request: `new` tokens on top of `context` tokens already in KV.
///
/// After a preemption the tokens to compute again are the prompt and then the outputs delivered before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Tokens of this request in KV before the step.
    pub context: u32,
    /// Tokens computed in the step.
    pub new: u32,
    /// How many of them are prompt; the rest are outputs computed again.
    pub prompt_new: u32,
    /// Whether the step ends a recomputation and so emits a token that is not the request's first.
    pub resumes: bool,
}

impl Chunk {
    /// A chunk of a prompt.
    pub fn of_prompt(context: u32, new: u32) -> Chunk {
        Chunk { context, new, prompt_new: new, resumes: false }
    }
}

/// What a step does for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Computes tokens whose values are known: prompt, or outputs again after a preemption.
    Prefill,
    /// Computes its latest output token.
    Decode,
    /// Nothing: it is done, and keeps its seat until the whole lock-step batch is.
    Padding,
}

/// One request's part in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Whose.
    pub request: RequestId,
    /// What is done.
    pub work: Work,
    /// Length of its prompt, tokens.
    pub prompt_tokens: u32,
    /// Its tokens in KV before the step.
    pub context: u32,
    /// Tokens computed in the step.
    pub new: u32,
    /// Whether the step yields an output token of it.
    pub emits: bool,
}

/// What one step computes. Contexts of decodes count every token attended to, the new one included
/// (prompt + generated so far); all sums are exact.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepShape<'a> {
    /// 0-based step number on this replica.
    pub step: u64,
    /// Prefill chunks, in batch order.
    pub prefill: &'a [Chunk],
    /// Number of decode rows (one token each).
    pub decodes: u64,
    /// Sum of the decode rows' contexts, tokens.
    pub context_sum: u64,
    /// Largest decode context; 0 unless the model's [`Needs::max`] asks for it.
    pub context_max: u64,
    /// Sum of squared decode contexts; 0 unless [`Needs::squares`] asks for it.
    pub context_squares: u128,
    /// When the step begins; 0 unless [`Needs::rows`] asks for it.
    pub start: SimTime,
    /// The step request by request, in order of seats; empty unless [`Needs::rows`] asks for it.
    pub by_request: &'a [Row],
}

impl StepShape<'_> {
    /// Prefill tokens of the step.
    pub fn prefill_tokens(&self) -> u64 {
        self.prefill.iter().map(|c| u64::from(c.new)).sum()
    }

    /// Packed rows: prefill tokens and decode rows.
    pub fn rows(&self) -> u64 {
        self.prefill_tokens() + self.decodes
    }

    /// (query, key) pairs of the prefill's causal attention: Σ new·(context + new/2).
    pub fn prefill_pairs(&self) -> f64 {
        self.prefill.iter().map(|c| f64::from(c.new) * (f64::from(c.context) + 0.5 * f64::from(c.new))).sum()
    }
}

/// What a model wants besides being asked for durations; each costs a little in every step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// `context_max`.
    pub max: bool,
    /// `context_squares`.
    pub squares: bool,
    /// `start` and `by_request`, and [`LatencyModel::released`] is to be told. Switches quiet stretches off.
    pub rows: bool,
    /// [`LatencyModel::in_domain`] is to be asked: it may say no.
    pub domain: bool,
    /// [`LatencyModel::energy_j`] and [`LatencyModel::at_peak_s`] are to be asked: the device is known.
    pub device: bool,
}

/// A model of step durations. The engine asks one once for each step of its replica, in order of step numbers;
/// nobody looks ahead.
pub trait LatencyModel: Send {
    /// Duration of a step of this shape. Errors (NaN, negative, overflow; outside of a table) are an
    /// [`Error::Usage`](crate::error::Error::Usage) that says which quantity is wrong; the engine turns its
    /// text into [`Error::Latency`](crate::error::Error::Latency) with profile, replica and step.
    fn step(&mut self, shape: &StepShape<'_>) -> Result<Span>;

    /// Extra aggregates the model reads.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// Whether a step's duration depends on its shape alone, the step number being part of it. A model that
    /// measures a device says no and is asked for every step one by one.
    fn is_pure(&self) -> bool {
        true
    }

    /// `request` holds no KV any more: it is done, or lost its memory and may come back, or the run is over.
    /// Told where [`Needs::rows`] asks for it, also of requests that no step has computed.
    fn released(&mut self, request: RequestId) {
        let _ = request;
    }

    /// Affine functions that no step within `limits` is shorter than; none if there is none that is known.
    fn minorants(&self, limits: &StepLimits) -> Vec<Minorant> {
        let _ = limits;
        Vec::new()
    }

    /// Seconds that the arithmetic, and the memory traffic, of this shape would take at the device's peak
    /// rates (numerators of MFU and MBU); `None` where the model does not know them.
    fn at_peak_s(&self, shape: &StepShape<'_>) -> Option<[f64; 2]> {
        let _ = shape;
        None
    }

    /// Energy of a step of this shape that took `took`, joules; `None` without a power model.
    fn energy_j(&self, shape: &StepShape<'_>, took: Span) -> Option<f64> {
        let _ = (shape, took);
        None
    }

    /// Whether this shape lies in the domain the model was made for.
    fn in_domain(&self, shape: &StepShape<'_>) -> bool {
        let _ = shape;
        true
    }
}
