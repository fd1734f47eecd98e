//! [`RunTotals`]: what a run adds up as it goes.

use crate::record::LogHistogram;
use crate::time::{SimTime, Span};
use serde::{Deserialize, Serialize};

/// Completed requests whose belief was an interval, and those whose output it missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntervalCounts {
    /// Requests with an interval.
    pub given: u64,
    /// Outputs below theirs.
    pub below: u64,
    /// Outputs above theirs.
    pub above: u64,
}

impl IntervalCounts {
    /// Counts a request of `output` tokens whose interval was `lo..=hi`.
    pub fn count(&mut self, lo: u32, hi: u32, output: u32) {
        self.given += 1;
        self.below += u64::from(output < lo);
        self.above += u64::from(output > hi);
    }

    /// Adds those of another replica.
    pub fn add(&mut self, other: IntervalCounts) {
        self.given += other.given;
        self.below += other.below;
        self.above += other.above;
    }
}

/// Exact sums over a whole run. Integrals and capacities are sums over replicas, so that shares stay
/// right when replicas differ.
#[derive(Clone, Debug, Default)]
pub struct RunTotals {
    /// Requests that reached the server.
    pub arrived: u64,
    /// Steps taken; one that the end of the run cut off is among them, and counts by the part before the end in
    /// every other sum.
    pub steps: u64,
    /// Steps whose shape lay outside the latency model's domain.
    pub out_of_domain_steps: u64,
    /// Sum of step durations.
    pub busy: Span,
    /// Integral of KV blocks in use over time, block ns.
    pub kv_block_ns: u128,
    /// Integral of seats taken over time, request ns.
    pub seat_ns: u128,
    /// Usable KV blocks.
    pub kv_blocks: u64,
    /// Most requests that may run at once.
    pub seats: u64,
    /// Replicas.
    pub replicas: u32,
    /// When the run stopped; requests without an end are cut off here.
    pub horizon: SimTime,
    /// Digest of the event log, 32 hexadecimal digits.
    pub digest: String,
    /// Gaps between deliveries of one request's tokens, ns, pooled over requests.
    pub itl: LogHistogram,
    /// Tokens whose KV was computed, the wasted ones included.
    pub computed_tokens: u64,
    /// Tokens computed again or thrown away.
    pub wasted_tokens: u64,
    /// Interval beliefs against what came.
    pub intervals: IntervalCounts,
    /// Most requests inside at any time, the rejected left out; departures precede arrivals of the same instant.
    pub peak_requests: u64,
    /// Most output tokens delivered in any whole second of the run's clock.
    pub peak_output_tokens: u64,
    /// Time that the steps' arithmetic, and their memory traffic, would take at the device's peaks, seconds;
    /// `None` where the profile does not know them.
    pub at_peak_s: Option<[f64; 2]>,
    /// Energy of all steps, J; `None` without a power model.
    pub energy_j: Option<f64>,
    /// What prefix caching did; `None` where it is off.
    pub cache: Option<CacheTotals>,
    /// What the prediction server did; `None` where predictions take no time.
    pub predictions: Option<PredictionTotals>,
}

/// What was looked for in prefix caches, tokens, and what was found. Requests that come back after they lost their
/// memory are kept apart, as vLLM's metrics do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheTotals {
    /// Tokens of requests admitted for the first time.
    pub queried: u64,
    /// Those of them that were found.
    pub hit: u64,
    /// Tokens, outputs included, of requests that came back.
    pub requeried: u64,
    /// Those of them that were found.
    pub rehit: u64,
    /// Blocks that lost their content because somebody needed memory.
    pub evicted_blocks: u64,
}

impl CacheTotals {
    /// Adds those of another replica.
    pub fn add(&mut self, other: CacheTotals) {
        self.queried += other.queried;
        self.hit += other.hit;
        self.requeried += other.requeried;
        self.rehit += other.rehit;
        self.evicted_blocks += other.evicted_blocks;
    }
}

/// Sums over the predictions of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PredictionTotals {
    /// Batches started.
    pub batches: u64,
    /// Predictions handed out.
    pub prompts: u64,
    /// Time that the server worked, of the batch in flight the part before the end of the run.
    pub busy: Span,
    /// Sum over predictions of the time from asking to the answer, ns.
    pub latency_ns: u128,
}
