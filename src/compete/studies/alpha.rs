//! Measured ratios against alpha, with the bounds drawn.

use super::growth::worst_growth;
use super::two_point::two_point_ratio;
use super::{Study, heads};
use crate::compete::{BOUNDS, Order, Tick, a_ell_two_point, a_max_two_point};
use crate::error::Result;
use crate::report::figure::{Axis, Datum, FigureSpec, Legend, Mark, Panel, Series, Width};
use crate::scenario::SchedulerConfig;
use crate::scheduler::Registry;
use rayon::prelude::*;

/// Runs of the alpha study.
pub fn alpha_runs(inverse_alphas: &[u32]) -> usize {
    inverse_alphas.len() * (6 * 2 + 3)
}

/// Measured ratios against alpha, with the bounds drawn.
///
/// a-min is measured on the growth instances, a-max and a-ell on two lengths, longest first.
///
/// # Errors
/// Of the runs.
pub fn alpha(registry: &Registry, inverse_alphas: &[u32], tick: &Tick<'_>) -> Result<Study> {
    let pair = [SchedulerConfig::plain("a-min"), SchedulerConfig::plain("a-max")];
    let column = |&u: &u32| {
        let alpha = 1.0 / f64::from(u);
        let grown = worst_growth(registry, &pair, u, Order::LongFirst, tick)?;
        let max =
            two_point_ratio(registry, alpha, ("a-max", a_max_two_point(alpha).0, Order::LongFirst), tick)?;
        let ell =
            two_point_ratio(registry, alpha, ("a-ell", a_ell_two_point(alpha).0, Order::LongFirst), tick)?;
        let ell_random =
            two_point_ratio(registry, alpha, ("a-ell", a_ell_two_point(alpha).0, Order::Random), tick)?;
        Ok(vec![grown[0], grown[1].max(max), ell, ell_random])
    };
    let columns: Vec<Vec<f64>> = inverse_alphas.par_iter().map(column).collect::<Result<_>>()?;
    let labels = ["a-min measured", "a-max measured", "a-ell measured", "a-ell measured, random order"];
    let row = |i: usize| columns.iter().map(|c| Some(c[i])).collect();
    let study = Study {
        headers: heads("1/alpha", inverse_alphas),
        rows: (0..labels.len()).map(row).collect(),
        labels: labels.map(String::from).to_vec(),
        figure: None,
        notes: vec![
            "a-min: worst of the growth instances; a-max: worst of those and of two lengths, longest first; a-ell: two \
             lengths."
                .into(),
        ],
    };
    Ok(Study { figure: Some(alpha_figure(inverse_alphas, &study)), ..study })
}

/// Bounds drawn over alpha: place in [`BOUNDS`], panel, name.
const DRAWN: [(usize, usize, &str); 6] = [
    (0, 0, "upper bound (stated)"),
    (1, 0, "lower bound (stated)"),
    (2, 0, "fluid limit (derived)"),
    (3, 1, "2 + ln(1/α) (derived)"),
    (7, 2, "1 + α/2 (recalled)"),
    (6, 2, "fluid limit (derived)"),
];

fn alpha_figure(inverse_alphas: &[u32], study: &Study) -> FigureSpec {
    let last = f64::from(inverse_alphas.iter().copied().max().unwrap_or(2));
    let curve = |place: usize| {
        let point = |i: u32| {
            let inverse = libm::exp(libm::log(last) * f64::from(i) / 60.0);
            Datum::new(inverse, (BOUNDS[place].at)(1.0 / inverse))
        };
        Mark::Line((0..=60).map(point).collect())
    };
    let over: Vec<f64> = inverse_alphas.iter().map(|&u| f64::from(u)).collect();
    let panel = |at: usize, name: &str, rows: &[(usize, &str)]| {
        let bounds = DRAWN.iter().filter(|(_, panel, _)| *panel == at);
        let bounds = bounds.map(|(place, _, name)| Series::new(*name, curve(*place)));
        let points = rows.iter().map(|(row, name)| Series::new(*name, study.points(*row, &over)));
        let label = Some(format!("({}) {name}", ["a", "b", "c"][at]));
        let y = if at == 0 { Axis::log("Ratio to h-sf", "") } else { Axis::linear("Ratio to h-sf", "") };
        Panel {
            label,
            x: Axis::log("1/α", ""),
            y,
            series: bounds.chain(points).collect(),
            ..Panel::default()
        }
    };
    FigureSpec {
        width: Width::TwoColumn,
        panels: vec![
            panel(0, "a-max", &[(1, "measured")]),
            panel(1, "a-min", &[(0, "measured")]),
            panel(2, "a-ell", &[(2, "measured"), (3, "measured, random order")]),
        ],
        legend: Legend::Outside,
        caption: "Measured ratios to h-sf over 1/alpha, with published and derived bounds.".into(),
        ..FigureSpec::default()
    }
}
