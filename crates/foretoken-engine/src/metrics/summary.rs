//! [`Summary`]: the contents of `summary.json`.

use serde::{Deserialize, Serialize};

use crate::metrics::distribution::null_is_nan;
use crate::metrics::{Distribution, OutputQuartile, SloReport};
use crate::record::{IntervalCounts, PercentileConvention};

/// One run in numbers (`"schema": 1`). Latencies are over completed requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of this layout.
    pub schema: u32,
    /// Scheduler.
    pub scheduler: String,
    /// Engine preset.
    pub engine: String,
    /// Latency profile.
    pub profile: String,
    /// Predictor, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictor: Option<String>,
    /// Requests by how they ended.
    pub requests: Counts,
    /// From the first request's arrival to the last completion (vLLM bench), seconds.
    pub duration_s: f64,
    /// Steps of all replicas.
    pub steps: u64,
    /// Digest of the event log.
    pub digest: String,
    /// Distributions per request.
    #[serde(flatten)]
    pub latencies: Latencies,
    /// Distributions of its stages.
    #[serde(flatten)]
    pub stages: Stages,
    /// Gaps between tokens, pooled over all requests (vLLM bench); percentiles within 0.1%.
    pub itl_s: Distribution,
    /// Time held back on the client's side, over arrivals; only where some request was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_wait_s: Option<Distribution>,
    /// Rates over `duration_s`.
    pub throughput: Throughput,
    /// Service-level objectives, if any were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<SloReport>,
    /// Times that any request lost its KV.
    pub preemptions: u64,
    /// Tokens whose KV was computed, the wasted ones included.
    pub computed_tokens: u64,
    /// Tokens computed again or thrown away.
    pub wasted_tokens: u64,
    /// Largest values at any time.
    pub peak: Peaks,
    /// Shares of what there was.
    pub utilisation: Utilisation,
    /// Share of steps outside the latency model's domain; null without steps.
    #[serde(deserialize_with = "null_is_nan")]
    pub out_of_domain_share: f64,
    /// Longest time from arrival to first schedule; requests still waiting count up to the end. Seconds.
    pub longest_wait_s: f64,
    /// E2E over isolated E2E (the same request alone on an idle replica).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowdown: Option<Distribution>,
    /// Slowdown by quartile of output length, shortest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slowdown_by_output: Vec<OutputQuartile>,
    /// Jain's index over each request's share of its isolated speed (isolated E2E over E2E).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jain_index: Option<f64>,
    /// A bound that no schedule can beat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_bound: Option<LowerBound>,
    /// The same numbers per class, where there are classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassSummary>,
    /// The run without its ends, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady_state: Option<SteadyState>,
    /// When so many requests were completed, where it was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub time_at: Vec<TimeAt>,
    /// How many were completed by then, where it was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finished_by: Vec<FinishedBy>,
    /// How far beliefs were off, where there were beliefs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction: Option<PredictionError>,
    /// Requests served under an interval of lengths, and those whose output it missed; absent without intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<IntervalCounts>,
    /// The prefix cache, where it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_cache: Option<PrefixCache>,
    /// The prediction server, where predictions took time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction_server: Option<PredictionServer>,
    /// Energy of all steps, J; absent without a power model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_j: Option<f64>,
    /// Energy over output tokens of completed requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub j_per_output_token: Option<f64>,
    /// How percentiles were read.
    pub percentile_convention: PercentileConvention,
}

/// What was found in the prefix cache; tokens, over all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrefixCache {
    /// Tokens of requests that were admitted for the first time.
    pub queried_tokens: u64,
    /// Those of them that were found.
    pub hit_tokens: u64,
    /// Their share, 0 to 1.
    pub hit_rate: f64,
    /// Tokens, outputs included, of requests that came back after they had lost their memory.
    pub requeried_tokens: u64,
    /// Those of them that were found.
    pub rehit_tokens: u64,
    /// Blocks that lost their content because somebody needed memory.
    pub evicted_blocks: u64,
}

/// Requests by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Reached the server.
    pub arrived: u64,
    /// All tokens delivered.
    pub completed: u64,
    /// Refused.
    pub rejected: u64,
    /// Waiting or running when the run stopped.
    pub unfinished: u64,
    /// Arrived, but in no record.
    pub lost: u64,
}

/// Latencies of completed requests, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latencies {
    /// Time to first token.
    pub ttft_s: Distribution,
    /// Time per output token after the first, requests of more than one token.
    pub tpot_s: Distribution,
    /// End to end.
    pub e2e_s: Distribution,
    /// End to end over output tokens (normalised latency).
    pub per_token_s: Distribution,
    /// Arrival to first schedule.
    pub queue_s: Distribution,
}

/// Stages of completed requests, seconds; percentiles within 0.1%, the rest exact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stages {
    /// First token to second token (AIPerf's TTST), requests of more than one token.
    pub ttst_s: Distribution,
    /// First schedule to first token.
    pub prefill_s: Distribution,
    /// First token to last token.
    pub decode_s: Distribution,
    /// First schedule to last token.
    pub inference_s: Distribution,
}

/// Largest values at any time of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peaks {
    /// Output tokens delivered in one whole second of the run's clock.
    pub output_tokens_per_s: u64,
    /// Requests between arrival and last token; a departure precedes an arrival at the same instant.
    pub concurrent_requests: u64,
}

/// Rates of completed work; null without a duration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Requests.
    #[serde(deserialize_with = "null_is_nan")]
    pub requests_per_s: f64,
    /// Output tokens.
    #[serde(deserialize_with = "null_is_nan")]
    pub output_tokens_per_s: f64,
    /// Prompt and output tokens.
    #[serde(deserialize_with = "null_is_nan")]
    pub total_tokens_per_s: f64,
}

/// Shares, in 0..=1, averaged over replicas and the time up to the horizon; null if that is zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Utilisation {
    /// Time spent in steps.
    #[serde(deserialize_with = "null_is_nan")]
    pub busy: f64,
    /// KV blocks in use.
    #[serde(deserialize_with = "null_is_nan")]
    pub kv: f64,
    /// Seats taken.
    #[serde(deserialize_with = "null_is_nan")]
    pub seats: f64,
    /// Model FLOPs over the device's peak (MFU); only where the profile knows both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfu: Option<f64>,
    /// Memory traffic over the device's peak (MBU), likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mbu: Option<f64>,
}

/// One class of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassSummary {
    /// Its name.
    pub class: String,
    /// Requests by how they ended.
    pub requests: Counts,
    /// Latencies of the completed.
    #[serde(flatten)]
    pub latencies: Latencies,
    /// E2E over isolated E2E.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowdown: Option<Distribution>,
}

/// The middle of a run: latencies of requests that arrived in it, rates of work completed in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteadyState {
    /// Start, seconds from run start.
    pub from_s: f64,
    /// End (excluded).
    pub to_s: f64,
    /// Latencies.
    #[serde(flatten)]
    pub latencies: Latencies,
    /// Rates.
    pub throughput: Throughput,
}

/// A certified lower bound on the mean E2E latency over the completed requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LowerBound {
    /// What it rests on: `work` that shares steps, or `isolated` requests.
    pub name: String,
    /// The bound, seconds.
    pub mean_e2e_s: f64,
    /// What each request's own steps alone say of it, seconds.
    pub isolated_mean_e2e_s: f64,
    /// Mean E2E over the bound, at least 1.
    pub ratio: f64,
}

/// Errors of predicted output lengths over all requests that had a belief, tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictionError {
    /// Requests with a belief.
    pub n: u64,
    /// Mean absolute error.
    pub mae_tokens: f64,
    /// Root mean squared error.
    pub rmse_tokens: f64,
    /// Mean of predicted minus true.
    pub bias_tokens: f64,
    /// Mean absolute error relative to the true length.
    pub relative: f64,
}

/// What the prediction server did; null where there was nothing to divide by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictionServer {
    /// Predictions handed out.
    pub predictions: u64,
    /// Prompts in a batch, on average.
    #[serde(deserialize_with = "null_is_nan")]
    pub batch_mean: f64,
    /// From asking to the answer, on average, seconds.
    #[serde(deserialize_with = "null_is_nan")]
    pub latency_mean_s: f64,
    /// Share of the run that it worked.
    #[serde(deserialize_with = "null_is_nan")]
    pub busy: f64,
}

/// When a number of requests was completed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeAt {
    /// Completed requests.
    pub requests: u64,
    /// Seconds from the first arrival; null if so many never were.
    pub time_s: Option<f64>,
}

/// How many requests were completed by a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinishedBy {
    /// Seconds from the first arrival.
    pub time_s: f64,
    /// Completed requests.
    pub requests: u64,
}
