//! [`Metric`]: the numbers that runs are compared by, each with the direction that is better.

use crate::error::{Error, Result};
use crate::metrics::Summary;
use crate::record::RequestRecord;
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Times, ratios, preemptions.
    Lower,
    /// Rates and shares served.
    Higher,
}

/// The value that a request adds to a mean.
pub type Series = fn(&RequestRecord) -> Option<Span>;

/// A number of a summary, and the request series whose mean it is, if it is one.
pub struct Metric {
    /// Name, with its unit.
    pub name: &'static str,
    /// Which way is better.
    pub better: Better,
    /// The number; `None` where it is not defined, e.g. goodput without service levels.
    pub of: fn(&Summary) -> Option<f64>,
    /// What each request adds, if the number is a mean over requests.
    pub series: Option<Series>,
}

const fn plain(name: &'static str, better: Better, of: fn(&Summary) -> Option<f64>) -> Metric {
    Metric { name, better, of, series: None }
}

const fn mean(name: &'static str, of: fn(&Summary) -> Option<f64>, series: Series) -> Metric {
    Metric { name, better: Better::Lower, of, series: Some(series) }
}

/// Every metric that a summary holds, in reading order.
pub const METRICS: [Metric; 19] = [
    mean("e2e_mean_s", |s| Some(s.latencies.e2e_s.mean), RequestRecord::e2e),
    plain("e2e_p50_s", Better::Lower, |s| Some(s.latencies.e2e_s.p50)),
    plain("e2e_p99_s", Better::Lower, |s| Some(s.latencies.e2e_s.p99)),
    mean("ttft_mean_s", |s| Some(s.latencies.ttft_s.mean), RequestRecord::ttft),
    plain("ttft_p50_s", Better::Lower, |s| Some(s.latencies.ttft_s.p50)),
    plain("ttft_p90_s", Better::Lower, |s| Some(s.latencies.ttft_s.p90)),
    plain("ttft_p99_s", Better::Lower, |s| Some(s.latencies.ttft_s.p99)),
    mean("tpot_mean_s", |s| Some(s.latencies.tpot_s.mean), RequestRecord::tpot),
    mean("per_token_mean_s", |s| Some(s.latencies.per_token_s.mean), RequestRecord::per_token),
    plain("per_token_p90_s", Better::Lower, |s| Some(s.latencies.per_token_s.p90)),
    plain("time_at_s", Better::Lower, |s| s.time_at.first()?.time_s),
    plain("finished_by", Better::Higher, |s| Some(s.finished_by.first()?.requests as f64)),
    plain("requests_per_s", Better::Higher, |s| Some(s.throughput.requests_per_s)),
    plain("output_tokens_per_s", Better::Higher, |s| Some(s.throughput.output_tokens_per_s)),
    plain("goodput_rps", Better::Higher, |s| s.slo.map(|slo| slo.goodput_rps)),
    plain("attainment", Better::Higher, |s| s.slo.map(|slo| slo.attainment)),
    plain("slowdown_mean", Better::Lower, |s| s.slowdown.map(|d| d.mean)),
    plain("slowdown_p99", Better::Lower, |s| s.slowdown.map(|d| d.p99)),
    plain("preemptions", Better::Lower, |s| Some(s.preemptions as f64)),
];

impl Metric {
    /// The metric called `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<&'static Metric> {
        let unknown = || Error::unknown("metric", name, METRICS.iter().map(|m| m.name));
        METRICS.iter().find(|m| m.name == name).ok_or_else(unknown)
    }
}
