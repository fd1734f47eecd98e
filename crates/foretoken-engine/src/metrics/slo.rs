//! Service-level objectives: limits, attainment, goodput.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Place, Result};
use crate::metrics::distribution::null_is_nan;
use crate::record::{RequestRecord, Status};
use crate::time::{SimTime, Span};

/// Limits that a request must keep, seconds; a limit that is absent always holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Largest time to first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_s: Option<f64>,
    /// Largest time per output token after the first; a single token always keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpot_s: Option<f64>,
    /// Largest end-to-end latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_s: Option<f64>,
}

/// MLPerf Inference server limits by model: name, TTFT and TPOT in milliseconds (LoadGen's table).
pub const SLO_PRESETS: [(&str, u32, u32); 11] = [
    ("llama2-70b", 2000, 200),
    ("llama2-70b-interactive", 450, 40),
    ("llama3.1-8b", 2000, 100),
    ("llama3.1-8b-interactive", 500, 30),
    ("llama3.1-405b", 6000, 175),
    ("llama3.1-405b-interactive", 4500, 80),
    ("mixtral-8x7b", 2000, 200),
    ("deepseek-r1", 2000, 80),
    ("deepseek-r1-interactive", 1500, 15),
    ("gpt-oss-120b", 3000, 80),
    ("gpt-oss-120b-interactive", 2000, 15),
];

/// What a set of limits came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SloReport {
    /// The limits.
    #[serde(flatten)]
    pub limits: Slo,
    /// Requests that kept every limit.
    pub met: u64,
    /// Requests that broke one: rejected, too slow, or unfinished and already too old.
    pub missed: u64,
    /// Unfinished requests that could still have kept every limit when the run stopped.
    pub censored: u64,
    /// `met` over arrivals, the censored left out; null without arrivals.
    #[serde(deserialize_with = "null_is_nan")]
    pub attainment: f64,
    /// MLPerf's verdict: whether the 99th percentiles of TTFT and TPOT of completed requests (convention
    /// `mlperf`) keep their limits.
    pub p99_within_limits: bool,
    /// `met` per second of the run's duration; null without a duration.
    #[serde(deserialize_with = "null_is_nan")]
    pub goodput_rps: f64,
}

/// What became of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    Censored,
}

/// Limits in whole nanoseconds; none is the largest span.
struct Limits {
    ttft: Span,
    tpot: Span,
    e2e: Span,
}

impl Slo {
    /// The MLPerf limits of a model.
    ///
    /// # Errors
    /// A name that is not in [`SLO_PRESETS`].
    pub fn preset(name: &str) -> Result<Slo> {
        let found = SLO_PRESETS.iter().find(|(n, ..)| *n == name);
        let &(_, ttft_ms, tpot_ms) =
            found.ok_or_else(|| Error::unknown("SLO preset", name, SLO_PRESETS.map(|(n, ..)| n)))?;
        let secs = |ms: u32| Some(f64::from(ms) / 1000.0);
        Ok(Slo { ttft_s: secs(ttft_ms), tpot_s: secs(tpot_ms), e2e_s: None })
    }

    /// Judges every request of a run that stopped at `horizon` and lasted `duration_s` seconds.
    ///
    /// # Errors
    /// A limit that is not a positive number of seconds.
    pub fn judge(&self, requests: &[RequestRecord], horizon: SimTime, duration_s: f64) -> Result<SloReport> {
        let limits = self.limits()?;
        let count =
            |verdict| requests.iter().filter(|r| limits.verdict(r, horizon) == verdict).count() as u64;
        let (met, missed, censored) = (count(Verdict::Met), count(Verdict::Missed), count(Verdict::Censored));
        Ok(SloReport {
            limits: *self,
            met,
            missed,
            censored,
            p99_within_limits: limits.p99_within(requests),
            attainment: met as f64 / (met + missed) as f64,
            goodput_rps: if duration_s > 0.0 { met as f64 / duration_s } else { f64::NAN },
        })
    }

    fn limits(&self) -> Result<Limits> {
        let span = |key: &str, limit: Option<f64>| match limit.map(Span::from_secs) {
            None => Ok(Span(u64::MAX)),
            Some(Some(span)) if span > Span::ZERO => Ok(span),
            Some(_) => {
                let what = format!("{} is no limit", limit.unwrap_or(f64::NAN));
                Err(Error::input(Place::key(format!("slo.{key}")), what, "give seconds above 0"))
            }
        };
        Ok(Limits {
            ttft: span("ttft_s", self.ttft_s)?,
            tpot: span("tpot_s", self.tpot_s)?,
            e2e: span("e2e_s", self.e2e_s)?,
        })
    }
}

impl Limits {
    fn p99_within(&self, requests: &[RequestRecord]) -> bool {
        let p99 = |metric: fn(&RequestRecord) -> Option<Span>| {
            let completed = requests.iter().filter(|r| r.status == Status::Completed);
            let mut values: Vec<u64> = completed.filter_map(metric).map(|span| span.0).collect();
            let rank = (!values.is_empty()).then(|| (values.len() * 99 / 100).min(values.len() - 1));
            rank.map_or(Span::ZERO, |k| Span(*values.select_nth_unstable(k).1))
        };
        p99(RequestRecord::ttft) <= self.ttft && p99(RequestRecord::tpot) <= self.tpot
    }

    /// An unfinished request is judged by the least that its metrics can still become, as if all that it
    /// lacks were delivered at `horizon`.
    fn verdict(&self, r: &RequestRecord, horizon: SimTime) -> Verdict {
        let finish = r.finish.get().unwrap_or(horizon);
        let first = r.first_token.get().unwrap_or(finish);
        let gaps = u128::from(r.output_tokens.saturating_sub(1));
        // As a product, so that nothing is rounded; a single token has no gap to be late in: 0 <= 0.
        let decode_fits = u128::from(finish.since(first).0) <= u128::from(self.tpot.0) * gaps;
        let in_time = first.since(r.arrival) <= self.ttft && finish.since(r.arrival) <= self.e2e;
        match r.status {
            Status::Rejected => Verdict::Missed,
            _ if !(in_time && decode_fits) => Verdict::Missed,
            Status::Completed => Verdict::Met,
            Status::Unfinished => Verdict::Censored,
        }
    }
}
