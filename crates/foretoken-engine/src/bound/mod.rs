//! Certified lower bounds on the mean end-to-end latency of any schedule. `docs/theory.md` has the proofs.
//!
//! Each output token takes a step of its own, and each step a time that is at least a [`Minorant`] of what it
//! holds. Sharing that time among the requests of the step, by the KV blocks (or seats, or tokens) they take up
//! and the work they cause, turns a request into an amount of work on one machine, where the best order is known.
//!
//! [`Minorant`]: crate::latency::Minorant

mod certificate;
mod charge;
mod check;
mod relax;
mod search;

pub use certificate::{Certificate, Certified, SCHEMA};
pub use search::lower_bound;

use crate::latency::StepLimits;
use serde::{Deserialize, Serialize};

/// A request that some schedule completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// When the server receives it, ns.
    pub arrival_ns: u64,
    /// Prompt length, tokens.
    pub prompt_tokens: u32,
    /// True output length, tokens.
    pub output_tokens: u32,
}

/// What a schedule has to keep within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Replicas, all alike.
    pub replicas: u32,
    /// KV blocks of a replica.
    pub blocks: u64,
    /// Tokens a block holds.
    pub block_tokens: u64,
    /// Slots a running request holds beyond its computed tokens.
    pub lookahead_tokens: u64,
    /// Blocks that every running request holds instead, where memory is reserved.
    pub reserved_blocks: Option<u64>,
    /// Requests and tokens of a step.
    pub step: StepLimits,
    /// Prompt tokens that one step computes of one request, at most.
    pub chunk_tokens: u64,
    /// Host time added to every step, ns.
    pub overhead_ns: u64,
}

/// How the time that a step takes whatever it holds is shared among its requests, in quarters: by KV blocks
/// held, by seats, by tokens computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// By KV blocks.
    pub kv: u8,
    /// By seats.
    pub seats: u8,
    /// By tokens.
    pub tokens: u8,
}

/// How the requests of a group are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Each by its own steps: `isolated`.
    Isolated,
    /// All by the shortest remaining work first on one machine that shares all steps: `srpt`.
    Srpt,
    /// All by mean busy times on that machine, plus the steps that each still needs: `busy`.
    Busy,
}

/// A lower bound with what proves it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Sum of all requests' E2E latencies at least, ns.
    pub sum_ns: u128,
    /// The same by each request's own steps alone, ns.
    pub isolated_ns: u128,
    /// Requests.
    pub requests: usize,
    /// The minorant that work was measured by, as an index into those given.
    pub minorant: usize,
    /// How constant parts were shared.
    pub shares: Shares,
    /// Group of each request, in the order given, and how it is bounded; groups are bounded one by one.
    pub groups: Vec<(u32, Method)>,
}

impl Bound {
    /// What says most: `work` where sharing steps says more than each request's own, else `isolated`.
    pub fn name(&self) -> &'static str {
        if self.sum_ns > self.isolated_ns { "work" } else { "isolated" }
    }

    /// Mean E2E latency at least, seconds.
    pub fn mean_e2e_s(&self) -> f64 {
        self.sum_ns as f64 / self.requests as f64 / 1e9
    }

    /// The same by each request's own steps alone.
    pub fn isolated_mean_e2e_s(&self) -> f64 {
        self.isolated_ns as f64 / self.requests as f64 / 1e9
    }
}

/// Longest request, prompt and output tokens, that is bounded.
const LONGEST: u64 = 1 << 22;
