//! Predictions against measurements.

use crate::metrics::Summary;
use crate::record::RequestRecord;
use crate::time::Span;
use serde::Serialize;

/// How well step times are predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StepScore {
    /// Steps.
    pub n: usize,
    /// Share of the variance that is explained; 1 is perfect.
    pub r2: f64,
    /// Total predicted over total measured time, less 1.
    pub bias: f64,
}

impl StepScore {
    /// Of (predicted, measured) seconds.
    pub fn of(pairs: &[(f64, f64)]) -> StepScore {
        let n = pairs.len();
        let (predicted, measured) = pairs.iter().fold((0.0, 0.0), |(p, m), pair| (p + pair.0, m + pair.1));
        let mean = measured / n as f64;
        let sum = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(|pair| of(pair) * of(pair)).sum::<f64>();
        let r2 = 1.0 - sum(&|(p, m)| p - m) / sum(&|(_, m)| m - mean);
        StepScore { n, r2, bias: predicted / measured - 1.0 }
    }
}

/// Relative errors of the distribution of a latency: one over another, less 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Errors {
    /// Of the mean.
    pub mean: f64,
    /// Of the median.
    pub p50: f64,
    /// Of the 90th percentile.
    pub p90: f64,
    /// Of the 99th percentile.
    pub p99: f64,
    /// Mean over requests of the absolute relative error of each.
    pub mape: f64,
}

/// Errors of the latencies of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Gaps {
    /// End to end.
    pub e2e: Errors,
    /// Time to first token.
    pub ttft: Errors,
    /// Time per output token after the first.
    pub tpot: Errors,
}

/// What a run of a trace came to.
#[derive(Clone, Debug)]
pub struct Times {
    /// Its requests, in order of ids.
    pub records: Vec<RequestRecord>,
    /// Its summary.
    pub summary: Summary,
}

impl Gaps {
    /// Of `other` against `measured`, two runs of one trace.
    pub fn of(other: &Times, measured: &Times) -> Gaps {
        let (a, b) = (&other.summary.latencies, &measured.summary.latencies);
        let errors =
            |a: &crate::metrics::Distribution, b: &crate::metrics::Distribution, of: Latency| Errors {
                mean: a.mean / b.mean - 1.0,
                p50: a.p50 / b.p50 - 1.0,
                p90: a.p90 / b.p90 - 1.0,
                p99: a.p99 / b.p99 - 1.0,
                mape: mape(&other.records, &measured.records, of),
            };
        Gaps {
            e2e: errors(&a.e2e_s, &b.e2e_s, RequestRecord::e2e),
            ttft: errors(&a.ttft_s, &b.ttft_s, RequestRecord::ttft),
            tpot: errors(&a.tpot_s, &b.tpot_s, RequestRecord::tpot),
        }
    }
}

/// A latency of a request.
type Latency = fn(&RequestRecord) -> Option<Span>;

fn mape(other: &[RequestRecord], measured: &[RequestRecord], of: Latency) -> f64 {
    let pairs = other.iter().zip(measured).filter_map(|(a, b)| Some((of(a)?.as_secs(), of(b)?.as_secs())));
    let errors: Vec<f64> = pairs.filter(|(_, b)| *b > 0.0).map(|(a, b)| (a / b - 1.0).abs()).collect();
    errors.iter().sum::<f64>() / errors.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_scored_as_by_hand() {
        let perfect = StepScore::of(&[(1.0, 1.0), (3.0, 3.0)]);
        assert_eq!((perfect.n, perfect.r2, perfect.bias), (2, 1.0, 0.0));
        // Mean 2, variance sum 2; errors 0.5 and -0.5.
        let score = StepScore::of(&[(1.5, 1.0), (2.5, 3.0)]);
        assert_eq!((score.r2, score.bias), (0.75, 0.0));
        assert_eq!(StepScore::of(&[(1.1, 1.0), (3.3, 3.0)]).bias, 4.4 / 4.0 - 1.0);
    }
}
