//! Intervals of coefficients by the bootstrap.

use super::law::Law;
use super::quantile;
use super::target::{Target, median};
use crate::rng::Stream;
use rayon::prelude::*;

/// 95% percentile intervals of the stated coefficients of `law`, over `resamples` refits; `None` for fewer than two.
///
/// Each refit weighs points at random (exponential weights: Rubin, The Bayesian bootstrap, 1981), so that no knot
/// loses its only point as it would by drawing points, and aims at medians of repeats drawn with replacement.
pub fn intervals(law: &Law, targets: &[&Target], resamples: usize, seed: u64) -> Option<Vec<[f64; 2]>> {
    if resamples < 2 {
        return None;
    }
    let refit = |i: usize| {
        let mut draw = Stream::new(seed, 0, "fit.bootstrap", i as u64);
        let aims: Vec<(f64, f64)> = targets.iter().map(|t| aim(t, &mut draw)).collect();
        let again = Law::on(law.basis.clone(), targets, &aims, 0);
        law.basis.stated(&again.coefficients)
    };
    let refits: Vec<Vec<f64>> = (0..resamples).into_par_iter().map(refit).collect();
    let interval = |j: usize| {
        let mut values: Vec<f64> = refits.iter().map(|r| r[j]).collect();
        values.sort_by(f64::total_cmp);
        [quantile(&values, 0.025), quantile(&values, 0.975)]
    };
    Some((0..refits[0].len()).map(interval).collect())
}

fn aim(target: &Target, draw: &mut Stream) -> (f64, f64) {
    let n = target.seconds.len();
    let drawn: Vec<f64> = (0..n).map(|_| target.seconds[draw.below(n as u64) as usize]).collect();
    (median(&drawn), draw.exponential())
}
