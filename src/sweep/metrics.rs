//! The numbers of a run that `points.csv` holds.

use crate::metrics::{Distribution, Summary};

/// A number of a summary under its column's name.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Name, with its unit.
    pub name: &'static str,
    /// The number; none where the run has no such thing.
    pub of: fn(&Summary) -> Option<f64>,
}

const fn metric(name: &'static str, of: fn(&Summary) -> Option<f64>) -> Metric {
    Metric { name, of }
}

fn slowdown(s: &Summary, of: fn(&Distribution) -> f64) -> Option<f64> {
    s.slowdown.as_ref().map(of)
}

/// The columns, in order.
pub const METRICS: &[Metric] = &[
    metric("e2e_mean_s", |s| Some(s.latencies.e2e_s.mean)),
    metric("e2e_p50_s", |s| Some(s.latencies.e2e_s.p50)),
    metric("e2e_p90_s", |s| Some(s.latencies.e2e_s.p90)),
    metric("e2e_p99_s", |s| Some(s.latencies.e2e_s.p99)),
    metric("ttft_mean_s", |s| Some(s.latencies.ttft_s.mean)),
    metric("ttft_p50_s", |s| Some(s.latencies.ttft_s.p50)),
    metric("ttft_p90_s", |s| Some(s.latencies.ttft_s.p90)),
    metric("ttft_p99_s", |s| Some(s.latencies.ttft_s.p99)),
    metric("tpot_mean_s", |s| Some(s.latencies.tpot_s.mean)),
    metric("tpot_p99_s", |s| Some(s.latencies.tpot_s.p99)),
    metric("itl_mean_s", |s| Some(s.itl_s.mean)),
    metric("itl_p99_s", |s| Some(s.itl_s.p99)),
    metric("per_token_mean_s", |s| Some(s.latencies.per_token_s.mean)),
    metric("per_token_p50_s", |s| Some(s.latencies.per_token_s.p50)),
    metric("per_token_p90_s", |s| Some(s.latencies.per_token_s.p90)),
    metric("per_token_p99_s", |s| Some(s.latencies.per_token_s.p99)),
    metric("queue_mean_s", |s| Some(s.latencies.queue_s.mean)),
    metric("queue_p99_s", |s| Some(s.latencies.queue_s.p99)),
    metric("longest_wait_s", |s| Some(s.longest_wait_s)),
    metric("requests_per_s", |s| Some(s.throughput.requests_per_s)),
    metric("output_tokens_per_s", |s| Some(s.throughput.output_tokens_per_s)),
    metric("total_tokens_per_s", |s| Some(s.throughput.total_tokens_per_s)),
    metric("goodput_rps", |s| s.slo.map(|slo| slo.goodput_rps)),
    metric("attainment", |s| s.slo.map(|slo| slo.attainment)),
    metric("slowdown_mean", |s| slowdown(s, |d| d.mean)),
    metric("slowdown_p99", |s| slowdown(s, |d| d.p99)),
    metric("jain_index", |s| s.jain_index),
    metric("ratio_lower_bound", |s| s.lower_bound.as_ref().map(|b| b.ratio)),
    metric("preemptions", |s| Some(s.preemptions as f64)),
    metric("wasted_tokens", |s| Some(s.wasted_tokens as f64)),
    metric("busy", |s| Some(s.utilisation.busy)),
    metric("kv_utilisation", |s| Some(s.utilisation.kv)),
    metric("seats_utilisation", |s| Some(s.utilisation.seats)),
    metric("mfu", |s| s.utilisation.mfu),
    metric("mbu", |s| s.utilisation.mbu),
    metric("energy_j", |s| s.energy_j),
    metric("j_per_output_token", |s| s.j_per_output_token),
    metric("arrived", |s| Some(s.requests.arrived as f64)),
    metric("completed", |s| Some(s.requests.completed as f64)),
    metric("rejected", |s| Some(s.requests.rejected as f64)),
    metric("unfinished", |s| Some(s.requests.unfinished as f64)),
    metric("duration_s", |s| Some(s.duration_s)),
    metric("steps", |s| Some(s.steps as f64)),
];
