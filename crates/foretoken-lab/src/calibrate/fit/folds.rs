//! Cross-validation over points: each form is asked for points that it was not fitted to.

use super::form::Form;
use super::law::{Law, Score, errors};
use super::target::Target;
use crate::error::Result;
use crate::rng::Stream;

/// A form on held-out points.
#[derive(Clone, Debug)]
pub struct HeldOut {
    pub form: Form,
    pub score: Score,
    /// Seconds for each target by the law that was fitted without it.
    pub predicted: Vec<f64>,
    /// |predicted / measured - 1| of each target.
    pub errors: Vec<f64>,
}

/// The fold of each of `targets`: points of like size are dealt to different folds, so that none takes all of a
/// size with it.
pub fn deal(targets: &[&Target], folds: usize, seed: u64) -> Vec<usize> {
    let mut draw = Stream::new(seed, 0, "fit.folds", 0);
    let mut order: Vec<(u64, u64, usize)> =
        targets.iter().enumerate().map(|(i, t)| (t.work.rows, draw.bits(), i)).collect();
    order.sort_unstable();
    let first = draw.below(folds as u64) as usize;
    let mut fold = vec![0; targets.len()];
    for (place, (.., target)) in order.into_iter().enumerate() {
        fold[target] = (first + place) % folds;
    }
    fold
}

/// Cross-validates `form`; `fold` is that of each target.
pub fn held_out(form: Form, targets: &[&Target], fold: &[usize], kv_capacity_tokens: u64) -> Result<HeldOut> {
    let mut predicted = vec![0.0; targets.len()];
    let folds = fold.iter().max().map_or(0, |most| most + 1);
    for k in 0..folds {
        let side = |held: bool| targets.iter().zip(fold).filter(move |(_, f)| (**f == k) == held);
        let rest: Vec<&Target> = side(false).map(|(t, _)| *t).collect();
        let held: Vec<&Target> = side(true).map(|(t, _)| *t).collect();
        let seconds = Law::fit(form, &rest, kv_capacity_tokens).predict(&held)?;
        let places = (0..targets.len()).filter(|&i| fold[i] == k);
        places.zip(seconds).for_each(|(i, s)| predicted[i] = s);
    }
    let measured: Vec<f64> = targets.iter().map(|t| t.median_s).collect();
    let errors = errors(&predicted, &measured);
    Ok(HeldOut { form, score: Score::of(&predicted, &measured), predicted, errors })
}

/// The simplest form that is as good as the best: whose mean error exceeds that of the best by no more than the
/// standard error of the difference over points.
pub fn choose(tried: &[HeldOut]) -> Option<&HeldOut> {
    let best = tried.iter().min_by(|a, b| a.score.error_mean.total_cmp(&b.score.error_mean))?;
    let as_good = |other: &&HeldOut| {
        let gaps: Vec<f64> = other.errors.iter().zip(&best.errors).map(|(a, b)| a - b).collect();
        let n = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / n;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        mean <= (variance / n).sqrt() + ROUNDING
    };
    let simplest = tried.iter().filter(as_good).min_by_key(|h| h.form);
    Some(simplest.unwrap_or(best))
}

/// Errors this small are those of whole nanoseconds.
const ROUNDING: f64 = 1e-4;
