//! How good predictions are: R2, mean absolute error, Kendall's tau, coverage of stated quantiles.

use serde::{Deserialize, Serialize};

/// Quantiles whose coverage is reported.
pub const LEVELS: [f64; 3] = [0.5, 0.8, 0.9];

/// Accuracy on a set of prompts. What a task says nothing about is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Prompts.
    pub prompts: usize,
    /// Lengths observed for them.
    pub lengths: usize,
    /// R2 of ln(length): of the predicted mu, the log of the point, or the log of the expected bin.
    pub r2: Option<f64>,
    /// Mean absolute error of the predicted length, tokens.
    pub mae_tokens: Option<f64>,
    /// The same of one length for all, the median of those seen in training.
    pub mae_tokens_of_median: Option<f64>,
    /// Kendall's tau-b between what orders requests and the length.
    pub tau: Option<f64>,
    /// R2 of the labels' mu, where labels are fits or given.
    pub r2_mu: Option<f64>,
    /// R2 of the labels' ln(1 + sigma), where labels are fits or given.
    pub r2_sigma: Option<f64>,
    /// Share of lengths at or below the stated quantile 0.5, 0.8 and 0.9.
    pub coverage: Option<[f64; 3]>,
}

/// 1 - (squared error) / (squared deviation from the mean of `truth`); `None` where the truth does not vary.
pub fn r2(truth: &[f64], predicted: &[f64]) -> Option<f64> {
    let mean = truth.iter().sum::<f64>() / truth.len() as f64;
    let total: f64 = truth.iter().map(|t| (t - mean) * (t - mean)).sum();
    let error: f64 = truth.iter().zip(predicted).map(|(t, p)| (t - p) * (t - p)).sum();
    (total > 0.0).then(|| 1.0 - error / total)
}

/// Mean absolute difference; `None` of nothing.
pub fn mae(truth: &[f64], predicted: &[f64]) -> Option<f64> {
    let sum: f64 = truth.iter().zip(predicted).map(|(t, p)| (t - p).abs()).sum();
    (!truth.is_empty()).then(|| sum / truth.len() as f64)
}

/// Kendall's tau-b (ties in either are corrected for) in O(n log n): Knight, JASA 61 (1966) 436. `None` where
/// either side does not vary.
pub fn kendall_tau(a: &[f64], b: &[f64]) -> Option<f64> {
    let n = a.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[i].total_cmp(&a[j]).then(b[i].total_cmp(&b[j])));
    let pairs = |n: usize| (n * n.saturating_sub(1) / 2) as i64;
    let tied = |order: &[usize], same: &dyn Fn(usize, usize) -> bool| -> i64 {
        order.chunk_by(|&i, &j| same(i, j)).map(|run| pairs(run.len())).sum()
    };
    let (tied_a, tied_both) =
        (tied(&order, &|i, j| a[i] == a[j]), tied(&order, &|i, j| a[i] == a[j] && b[i] == b[j]));
    let mut values: Vec<f64> = order.iter().map(|&i| b[i]).collect();
    let swaps = inversions(&mut values);
    order.sort_by(|&i, &j| b[i].total_cmp(&b[j]));
    let tied_b = tied(&order, &|i, j| b[i] == b[j]);
    let all = pairs(n);
    let agreement = all - tied_a - tied_b + tied_both - 2 * swaps;
    let scale = libm::sqrt((all - tied_a) as f64) * libm::sqrt((all - tied_b) as f64);
    (scale > 0.0).then(|| agreement as f64 / scale)
}

/// Sorts `values` by merging and counts the pairs that stood in the wrong order.
fn inversions(values: &mut [f64]) -> i64 {
    let n = values.len();
    if n < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(n / 2);
    let mut count = inversions(left) + inversions(right);
    let mut merged = Vec::with_capacity(n);
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        if j == right.len() || (i < left.len() && left[i] <= right[j]) {
            merged.push(left[i]);
            i += 1;
        } else {
            merged.push(right[j]);
            j += 1;
            count += (left.len() - i) as i64;
        }
    }
    values.copy_from_slice(&merged);
    count
}

/// Shares of `pit` (probability integral transforms: stated probability of a length up to the observed one) at or
/// below each level.
pub fn covered(pit: &[f64], levels: &[f64]) -> Vec<f64> {
    let share = |level: &f64| pit.iter().filter(|u| **u <= *level).count() as f64 / pit.len() as f64;
    levels.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition.
    fn naive(a: &[f64], b: &[f64]) -> Option<f64> {
        let (mut sum, mut free_a, mut free_b) = (0.0, 0.0f64, 0.0f64);
        for i in 0..a.len() {
            for j in 0..i {
                let sign = |v: f64| if v == 0.0 { 0.0 } else { v.signum() };
                let (da, db) = (sign(a[i] - a[j]), sign(b[i] - b[j]));
                sum += da * db;
                free_a += da.abs();
                free_b += db.abs();
            }
        }
        (free_a > 0.0 && free_b > 0.0).then(|| sum / (free_a.sqrt() * free_b.sqrt()))
    }

    proptest! {
        #[test]
        fn tau_is_that_of_its_definition(pairs in prop::collection::vec((0..9i32, 0..9i32), 0..60)) {
            let a: Vec<f64> = pairs.iter().map(|p| f64::from(p.0)).collect();
            let b: Vec<f64> = pairs.iter().map(|p| f64::from(p.1)).collect();
            match (kendall_tau(&a, &b), naive(&a, &b)) {
                (Some(fast), Some(slow)) => prop_assert!((fast - slow).abs() < 1e-12, "{fast} {slow}"),
                (fast, slow) => prop_assert_eq!(fast, slow),
            }
        }
    }

    #[test]
    fn r2_and_mae_of_known_numbers() {
        assert_eq!(r2(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), Some(1.0));
        assert_eq!(r2(&[1.0, 2.0, 3.0], &[2.0, 2.0, 2.0]), Some(0.0));
        assert_eq!(r2(&[2.0, 2.0], &[1.0, 2.0]), None);
        assert_eq!(mae(&[1.0, 4.0], &[2.0, 1.0]), Some(2.0));
        assert_eq!(covered(&[0.1, 0.6, 0.95, 1.0], &LEVELS), [0.25, 0.5, 0.5]);
    }
}
