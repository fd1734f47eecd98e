//! Percentile conventions: which order statistics a quantile reads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MILLION: u128 = 1_000_000;

/// How a quantile q of n sorted values is read. Ranks are computed in integers, with q taken to the
/// nearest millionth, so that 0.07 of 100 values is 7 and not 7.000000000000001.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PercentileConvention {
    /// Rank (n-1)q, interpolated linearly: numpy, vLLM bench, AIPerf.
    #[default]
    Linear,
    /// sorted[floor(nq)]: MLPerf LoadGen.
    Mlperf,
    /// sorted[ceil(nq) - 1]: the nearest-rank definition.
    Nearest,
}

/// A position in a sorted list: the value at `index`, moved by `weight` towards the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank {
    /// 0-based index of the lower neighbour.
    pub index: u64,
    /// Share of the upper neighbour, in [0, 1).
    pub weight: f64,
}

impl PercentileConvention {
    /// The name written to reports.
    pub fn as_str(self) -> &'static str {
        match self {
            PercentileConvention::Linear => "linear",
            PercentileConvention::Mlperf => "mlperf",
            PercentileConvention::Nearest => "nearest",
        }
    }

    /// Where quantile `q` (clamped to [0, 1]) of `n` > 0 sorted values lies.
    pub fn rank(self, n: u64, q: f64) -> Rank {
        assert!(n > 0, "quantile of nothing");
        let millionths = (q.clamp(0.0, 1.0) * MILLION as f64).round() as u128;
        let at = |index: u128| Rank { index: (index as u64).min(n - 1), weight: 0.0 };
        match self {
            PercentileConvention::Linear => {
                let scaled = u128::from(n - 1) * millionths;
                let weight = (scaled % MILLION) as f64 / MILLION as f64;
                Rank { index: (scaled / MILLION) as u64, weight }
            }
            PercentileConvention::Mlperf => at(u128::from(n) * millionths / MILLION),
            PercentileConvention::Nearest => {
                at((u128::from(n) * millionths).div_ceil(MILLION).saturating_sub(1))
            }
        }
    }
}

impl Rank {
    /// The value at this rank, given the order statistics.
    pub fn read(self, mut order_statistic: impl FnMut(u64) -> f64) -> f64 {
        let low = order_statistic(self.index);
        if self.weight == 0.0 {
            return low;
        }
        low + (order_statistic(self.index + 1) - low) * self.weight
    }
}
