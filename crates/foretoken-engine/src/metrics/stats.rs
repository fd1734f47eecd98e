//! Confidence intervals: over replicates, over batches of one run, and for paired differences.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Fewest values that [`batch_means`] accepts.
pub const MIN_SERIES: usize = 100;

/// A two-sided confidence interval of a mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Point estimate.
    pub mean: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// Confidence level, e.g. 0.95.
    pub level: f64,
    /// Values that were treated as independent: replicates, or batches.
    pub n: u64,
}

/// A difference of means between two systems that saw the same random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Mean of `ours - theirs` with its interval.
    pub difference: Interval,
    /// Mean difference over the standard deviation of the differences (Cohen's d_z); `None` if they are all
    /// equal.
    pub effect_size: Option<f64>,
    /// Share of pairs in which ours is smaller; a tie counts half.
    pub win_fraction: f64,
    /// Pairs.
    pub pairs: u64,
}

/// Student-t interval of the mean of independent replicates; `None` for fewer than two, or a level
/// outside (0, 1).
pub fn t_interval(values: &[f64], level: f64) -> Option<Interval> {
    around(mean(values), values, level)
}

/// Interval of the mean of one autocorrelated series in order of time, by non-overlapping batch means;
/// `None` for fewer than [`MIN_SERIES`] values.
///
/// Rule: floor(sqrt(n)) batches, but 10 at least and 30 at most, of sizes that differ by one at most.
/// More batches buy little precision and cost coverage when their means are still correlated
/// (Schmeiser, Batch size effects in the analysis of simulation output, 1982).
pub fn batch_means(series: &[f64], level: f64) -> Option<Interval> {
    let n = series.len();
    if n < MIN_SERIES {
        return None;
    }
    let batches = n.isqrt().clamp(10, 30);
    let batch = |i: usize| mean(&series[n * i / batches..n * (i + 1) / batches]);
    let means: Vec<f64> = (0..batches).map(batch).collect();
    around(mean(series), &means, level)
}

/// Compares pairs of independent replicates; `None` unless both have the same length, two at least.
pub fn paired_replicates(ours: &[f64], theirs: &[f64], level: f64) -> Option<Paired> {
    paired(ours, theirs, |differences| t_interval(differences, level))
}

/// Compares two series request by request, in order of time, with batch means of the differences.
pub fn paired_series(ours: &[f64], theirs: &[f64], level: f64) -> Option<Paired> {
    paired(ours, theirs, |differences| batch_means(differences, level))
}

fn paired(ours: &[f64], theirs: &[f64], interval: impl Fn(&[f64]) -> Option<Interval>) -> Option<Paired> {
    if ours.len() != theirs.len() {
        return None;
    }
    let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
    let difference = interval(&differences)?;
    let wins = |d: &f64| {
        if *d < 0.0 {
            1.0
        } else if *d == 0.0 {
            0.5
        } else {
            0.0
        }
    };
    let spread = variance(&differences).sqrt();
    Some(Paired {
        difference,
        effect_size: (spread > 0.0).then(|| difference.mean / spread),
        win_fraction: differences.iter().map(wins).sum::<f64>() / differences.len() as f64,
        pairs: differences.len() as u64,
    })
}

/// Two-sided p-value of "the mean is zero", from the t interval that was made of the same values.
pub fn p_value(interval: &Interval) -> f64 {
    let half = (interval.hi - interval.lo) / 2.0;
    if half <= 0.0 {
        return if interval.mean == 0.0 { 1.0 } else { 0.0 };
    }
    let Ok(law) = StudentsT::new(0.0, 1.0, (interval.n - 1) as f64) else { return 1.0 };
    let t = interval.mean.abs() / half * law.inverse_cdf(0.5 + interval.level / 2.0);
    (2.0 * law.cdf(-t)).clamp(0.0, 1.0)
}

/// Holm's step-down adjustment of p-values, in the order given: to call a test significant where its adjusted
/// value is below alpha errs anywhere in the family with a chance of alpha at most, however the tests depend
/// on each other (Holm, A simple sequentially rejective multiple test procedure, 1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut adjusted, mut floor) = (vec![1.0; p.len()], 0.0f64);
    for (rank, &i) in order.iter().enumerate() {
        floor = floor.max((p[i] * (p.len() - rank) as f64).min(1.0));
        adjusted[i] = floor;
    }
    adjusted
}

/// The t interval around `centre` that `values`, taken as independent, give for their mean.
fn around(centre: f64, values: &[f64], level: f64) -> Option<Interval> {
    let n = values.len();
    if n < 2 || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?.inverse_cdf(0.5 + level / 2.0);
    let half = t * (variance(values) / n as f64).sqrt();
    Some(Interval { mean: centre, lo: centre - half, hi: centre + half, level, n: n as u64 })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Unbiased (ddof 1).
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (values.len() - 1) as f64
}
