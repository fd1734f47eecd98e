//! How ratios grow with the width of the intervals, on inputs made to hurt a-min.

use super::{Study, heads};
use crate::compete::{Estimate, Family, Intervals, Law, Match, Order, Recipe, Tick};
use crate::error::Result;
use crate::report::figure::{Axis, FigureSpec, Legend, Panel, Width};
use crate::scenario::SchedulerConfig;
use crate::scheduler::Registry;
use rayon::prelude::*;
use std::sync::Arc;

/// `a-min` with parameters of one word each.
fn a_min(params: &[(&str, &str)]) -> SchedulerConfig {
    let mut config = SchedulerConfig::plain("a-min");
    config.params.extend(params.iter().map(|(key, value)| (key.to_string(), (*value).into())));
    config
}

/// Requests of a growth instance for longest output `u`.
fn growth_requests(u: u32) -> u32 {
    (60 * u).clamp(1500, 4000)
}

/// The length laws of the growth study: two lengths, and power laws.
fn growth_laws(u: u32) -> Result<Vec<Law>> {
    let two = [0.05, 0.2, 0.4].map(|share| Family::TwoPoint { upper: u, share });
    let heavy = [1.6, 2.0, 2.4].map(|p| Family::HeavyTailed { p, upper: u });
    two.iter().chain(&heavy).map(Family::law).collect()
}

/// The largest ratio to h-sf of each of `schedulers` over the growth instances of `u`: no prompts, all at 0, longest
/// first, M = 8u, seed 0.
pub(super) fn worst_growth(
    registry: &Registry,
    schedulers: &[SchedulerConfig],
    u: u32,
    order: Order,
    tick: &Tick<'_>,
) -> Result<Vec<f64>> {
    let kv_tokens = 8 * u64::from(u);
    let game = Match { registry, schedulers, estimate: Estimate::True, kv_tokens, exact: false };
    let ratios = |law: Law| {
        let recipe = Recipe {
            law: Arc::new(law),
            requests: growth_requests(u),
            prompt: 0,
            order,
            intervals: Intervals::Family,
        };
        let (entries, _) = game.play(&recipe.instance(kv_tokens, 0)?, 0, tick)?;
        Ok(entries.iter().map(|e| e.ratio_hsf.unwrap_or(f64::NAN)).collect())
    };
    let all: Vec<Vec<f64>> = growth_laws(u)?.into_par_iter().map(ratios).collect::<Result<_>>()?;
    let worst = |i| all.iter().map(|ratios| ratios[i]).fold(0.0, f64::max);
    Ok((0..schedulers.len()).map(worst).collect())
}

/// How many runs a growth study over `inverse_alphas` takes.
pub fn growth_runs(inverse_alphas: &[u32]) -> usize {
    inverse_alphas.len() * 6 * 5
}

/// The variants of the growth study.
fn growth_variants() -> [SchedulerConfig; 5] {
    [
        a_min(&[]),
        a_min(&[("tie", "index")]),
        a_min(&[("bound", "running"), ("tie", "index")]),
        a_min(&[("bound", "running")]),
        SchedulerConfig::plain("a-max"),
    ]
}

/// How the ratio to h-sf grows with 1/alpha, by variant of a-min, and for a-max: the worst over the growth instances.
///
/// # Errors
/// Of the runs.
pub fn growth(registry: &Registry, inverse_alphas: &[u32], tick: &Tick<'_>) -> Result<Study> {
    let variants = growth_variants();
    let each = |u: &u32| worst_growth(registry, &variants, *u, Order::LongFirst, tick);
    let columns: Vec<Vec<f64>> = inverse_alphas.par_iter().map(each).collect::<Result<_>>()?;
    let row = |i: usize| columns.iter().map(|c| Some(c[i])).collect();
    let mut study = Study {
        headers: heads("1/alpha", inverse_alphas),
        labels: variants.iter().map(SchedulerConfig::label).collect(),
        rows: (0..variants.len()).map(row).collect(),
        figure: None,
        notes: vec![
            "worst ratio to h-sf over two-point (long shares 0.05, 0.2, 0.4) and power laws (1.6, 2.0, 2.4); no prompts, \
             longest first, M = 8u, n = 1500 to 4000, seed 0."
                .into(),
        ],
    };
    study.labels.push("2 + 1.1 ln(1/alpha)".into());
    study.rows.push(inverse_alphas.iter().map(|&u| Some(2.0 + 1.1 * libm::log(f64::from(u)))).collect());
    study.figure = Some(growth_figure(inverse_alphas, &study));
    Ok(study)
}

fn growth_figure(inverse_alphas: &[u32], study: &Study) -> FigureSpec {
    let over: Vec<f64> = inverse_alphas.iter().map(|&u| f64::from(u)).collect();
    let panel = Panel {
        x: Axis::log("1/α", ""),
        y: Axis::log("Worst ratio to h-sf", ""),
        series: study.lines(&over),
        ..Panel::default()
    };
    FigureSpec {
        width: Width::TwoColumn,
        panels: vec![panel],
        legend: Legend::Outside,
        caption: "Growth of the ratio to h-sf with the width of the intervals, by variant of a-min.".into(),
        ..FigureSpec::default()
    }
}
