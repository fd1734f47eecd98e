//! Two lengths: fluid limits against measured ratios.

use super::{Study, heads};
use crate::compete::{
    BOUNDS, Estimate, Family, Intervals, Match, Order, Recipe, Tick, a_ell_two_point, a_max_two_point,
};
use crate::error::Result;
use crate::scenario::SchedulerConfig;
use crate::scheduler::Registry;
use rayon::prelude::*;
use std::sync::Arc;

/// Requests of the two-point study.
const TWO_POINT_REQUESTS: u32 = 3000;

/// One cell of the two-point study: scheduler, long requests per short one, order.
pub(super) type Cell = (&'static str, f64, Order);

/// Runs of the two-point study.
pub fn two_point_runs(alphas: &[f64]) -> usize {
    alphas.len() * 5
}

/// Two lengths 1 and u = 1/alpha: fluid limits against measured ratios to h-sf, on the mixes that the limits call worst.
///
/// # Errors
/// Of the runs.
pub fn two_point(registry: &Registry, alphas: &[f64], tick: &Tick<'_>) -> Result<Study> {
    let column = |&alpha: &f64| {
        let ((max_mix, max_limit), (ell_mix, ell_limit)) = (a_max_two_point(alpha), a_ell_two_point(alpha));
        let cells: [Cell; 5] = [
            ("a-max", max_mix, Order::LongFirst),
            ("a-max", max_mix, Order::Random),
            ("a-min", max_mix, Order::Random),
            ("a-ell", ell_mix, Order::Random),
            ("a-ell", ell_mix, Order::LongFirst),
        ];
        let measured: Vec<f64> = cells
            .par_iter()
            .map(|cell| two_point_ratio(registry, alpha, *cell, tick))
            .collect::<Result<_>>()?;
        let at = |i: usize| (BOUNDS[i].at)(alpha);
        let limits = [at(1), at(0), max_limit];
        Ok([&limits[..], &measured[..3], &[ell_limit], &measured[3..], &[at(7)]].concat())
    };
    let columns: Vec<Vec<f64>> = alphas.par_iter().map(column).collect::<Result<_>>()?;
    let labels = [
        "a-max: published lower bound",
        "a-max: published upper bound",
        "a-max: fluid limit, long first",
        "a-max, long first",
        "a-max, random order",
        "a-min, random order",
        "a-ell: fluid limit, random order",
        "a-ell, random order",
        "a-ell, long first",
        "a-ell: 1 + alpha/2",
    ];
    Ok(Study {
        headers: heads("alpha", alphas),
        rows: (0..labels.len()).map(|i| columns.iter().map(|c| Some(c[i])).collect()).collect(),
        labels: labels.map(String::from).to_vec(),
        figure: None,
        notes: vec![
            "lengths 1 and 1/alpha, no prompts, n = 3000, M = 40/alpha, seed 0; a-max and a-min on the mix that is worst \
             for a-max with long ones first, a-ell on the mix that is worst for it in random order."
                .into(),
        ],
    })
}

pub(super) fn two_point_ratio(
    registry: &Registry,
    alpha: f64,
    (name, mix, order): Cell,
    tick: &Tick<'_>,
) -> Result<f64> {
    let upper = (1.0 / alpha + 0.5) as u32;
    let kv_tokens = 40 * u64::from(upper);
    let law = Arc::new(Family::TwoPoint { upper, share: mix / (1.0 + mix) }.law()?);
    let recipe = Recipe { law, requests: TWO_POINT_REQUESTS, prompt: 0, order, intervals: Intervals::Family };
    let schedulers = [SchedulerConfig::plain(name)];
    let game = Match { registry, schedulers: &schedulers, estimate: Estimate::True, kv_tokens, exact: false };
    let (entries, _) = game.play(&recipe.instance(kv_tokens, 0)?, 0, tick)?;
    Ok(entries[0].ratio_hsf.unwrap_or(f64::NAN))
}
