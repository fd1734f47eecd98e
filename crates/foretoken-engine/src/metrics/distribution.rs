//! [`Distribution`]: the nine numbers that stand for a sample.

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize};

use crate::record::{LogHistogram, PercentileConvention};

const NS_PER_S: f64 = 1e9;
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Moments and percentiles of a sample. Without values every number but `n` is NaN (null in JSON).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Arithmetic mean.
    #[serde(deserialize_with = "null_is_nan")]
    pub mean: f64,
    /// Standard deviation of the sample itself (ddof 0).
    #[serde(deserialize_with = "null_is_nan")]
    pub std: f64,
    /// Smallest value.
    #[serde(deserialize_with = "null_is_nan")]
    pub min: f64,
    /// Median.
    #[serde(deserialize_with = "null_is_nan")]
    pub p50: f64,
    /// 90th percentile.
    #[serde(deserialize_with = "null_is_nan")]
    pub p90: f64,
    /// 95th percentile.
    #[serde(deserialize_with = "null_is_nan")]
    pub p95: f64,
    /// 99th percentile.
    #[serde(deserialize_with = "null_is_nan")]
    pub p99: f64,
    /// Largest value.
    #[serde(deserialize_with = "null_is_nan")]
    pub max: f64,
    /// Number of values.
    pub n: u64,
}

/// JSON has no NaN: it is written as null and read back here.
pub(super) fn null_is_nan<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or(f64::NAN))
}

impl Distribution {
    /// The distribution of nothing.
    pub const EMPTY: Distribution = {
        let nan = f64::NAN;
        Distribution { mean: nan, std: nan, min: nan, p50: nan, p90: nan, p95: nan, p99: nan, max: nan, n: 0 }
    };

    /// Of nanoseconds, in seconds. Sums are exact integers; percentiles are selected in place, which
    /// reorders `values`.
    pub fn from_ns(values: &mut [u64], convention: PercentileConvention) -> Distribution {
        let (Some(&min), Some(&max)) = (values.iter().min(), values.iter().max()) else {
            return Distribution::EMPTY;
        };
        let n = values.len() as u64;
        let sum = values.iter().map(|&v| u128::from(v)).sum();
        let squares = values.iter().map(|&v| u128::from(v) * u128::from(v)).sum();
        let mut sorted = Selection::new(values, u64::cmp);
        let quantile = |q| convention.rank(n, q).read(|k| sorted.get(k) as f64);
        Distribution::of_ns(n, (sum, squares), (min, max), quantile)
    }

    /// Of a histogram of nanoseconds, in seconds: exact but for percentiles, which are within 0.1%.
    pub fn from_histogram(histogram: &LogHistogram, convention: PercentileConvention) -> Distribution {
        let (Some(min), Some(max)) = (histogram.min(), histogram.max()) else {
            return Distribution::EMPTY;
        };
        let sums = (histogram.sum(), histogram.sum_of_squares());
        let quantile = |q| histogram.quantile(q, convention).unwrap_or(f64::NAN);
        Distribution::of_ns(histogram.n(), sums, (min, max), quantile)
    }

    /// Of plain numbers, which are reordered.
    pub fn from_values(values: &mut [f64], convention: PercentileConvention) -> Distribution {
        if values.is_empty() {
            return Distribution::EMPTY;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let count = values.len() as u64;
        let mut sorted = Selection::new(values, f64::total_cmp);
        let [p50, p90, p95, p99] = QUANTILES.map(|q| convention.rank(count, q).read(|k| sorted.get(k)));
        Distribution { mean, std: variance.sqrt(), min, p50, p90, p95, p99, max, n: count }
    }

    fn of_ns(
        n: u64,
        (sum, squares): (u128, u128),
        (min, max): (u64, u64),
        mut quantile: impl FnMut(f64) -> f64,
    ) -> Distribution {
        let (mean, std) = moments(n, sum, squares);
        let [p50, p90, p95, p99] = QUANTILES.map(|q| quantile(q) / NS_PER_S);
        Distribution {
            mean: mean / NS_PER_S,
            std: std / NS_PER_S,
            min: min as f64 / NS_PER_S,
            p50,
            p90,
            p95,
            p99,
            max: max as f64 / NS_PER_S,
            n,
        }
    }
}

/// Mean and standard deviation of n > 0 integers from their exact sums. The squares are centred on the
/// whole part of the mean while still integers, so nothing cancels.
fn moments(n: u64, sum: u128, squares: u128) -> (f64, f64) {
    let (whole, rest) = (sum / u128::from(n), sum % u128::from(n));
    let part = rest as f64 / n as f64;
    let centred = squares - whole * sum - whole * rest;
    let variance = centred as f64 / n as f64 - part * part;
    (whole as f64 + part, variance.max(0.0).sqrt())
}

/// Order statistics found one after another, in rising order, by partial sorting.
struct Selection<'a, T, F> {
    values: &'a mut [T],
    compare: F,
    /// `values[..done]` holds the smallest ones, with every position asked for in place.
    done: usize,
}

impl<'a, T: Copy, F: Fn(&T, &T) -> Ordering> Selection<'a, T, F> {
    fn new(values: &'a mut [T], compare: F) -> Selection<'a, T, F> {
        Selection { values, compare, done: 0 }
    }

    /// The `k`-th smallest value (0-based). `k` must be new and larger than all asked before, or one of
    /// those asked before.
    fn get(&mut self, k: u64) -> T {
        let k = k as usize;
        if k >= self.done {
            self.values[self.done..].select_nth_unstable_by(k - self.done, &self.compare);
            self.done = k + 1;
        }
        self.values[k]
    }
}
