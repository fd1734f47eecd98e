//! Builders of the figures that commands write, from plain numbers.

use super::figure::{Axis, Datum, FigureSpec, Intervals, Legend, Mark, Panel, Series, Width};

/// Steps kept of a long ECDF: a third of the dots in the height of a printed panel would do.
const MOST_STEPS: usize = 1500;

/// One distribution per name, on one horizontal axis.
#[derive(Clone, Debug)]
pub struct Distributions {
    /// What is distributed ("TTFT", "s"), usually on a log axis.
    pub x: Axis,
    /// (name, observations in any order), in legend order.
    pub samples: Vec<(String, Vec<f64>)>,
}

/// Empirical distribution functions, one panel per measured quantity, with one legend for all.
///
/// `share_of` names what is counted ("requests"). Beyond 1,500 observations a curve keeps steps at evenly spaced
/// ranks and both ends, which moves it by less than 1/1,500 of its height. NaN is refused when it is drawn.
pub fn ecdf_figure(panels: &[Distributions], share_of: &str) -> FigureSpec {
    let y = Axis::linear(&format!("Fraction of {share_of}"), "").range(0.0, 1.0);
    let panel = |d: &Distributions| {
        let series = d.samples.iter().map(|(name, values)| Series::new(name, Mark::Step(ecdf(values))));
        Panel { x: d.x.clone(), y: y.clone(), series: series.collect(), ..Panel::default() }
    };
    let quantities: Vec<&str> = panels.iter().map(|d| d.x.label.as_str()).collect();
    FigureSpec {
        width: if panels.len() > 1 { Width::TwoColumn } else { Width::OneColumn },
        panels: panels.iter().map(panel).collect(),
        share_y: true,
        legend: Legend::Outside,
        caption: format!("Empirical distribution functions of {} over {share_of}.", quantities.join(" and ")),
        ..FigureSpec::default()
    }
}

/// Steps of the ECDF of `values`: from zero at the smallest to one at the largest.
fn ecdf(values: &[f64]) -> Vec<Datum> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let Some(&least) = sorted.first() else { return Vec::new() };
    let stride = n.div_ceil(MOST_STEPS);
    let ranks = (1..=n).filter(|rank| rank % stride == 0 || *rank == n);
    // The height at a value counts all of its equals.
    let step = |rank: usize| {
        let value = sorted[rank - 1];
        Datum::new(value, sorted.partition_point(|v| *v <= value) as f64 / n as f64)
    };
    let mut steps: Vec<Datum> = std::iter::once(Datum::new(least, 0.0)).chain(ranks.map(step)).collect();
    steps.dedup();
    steps
}

/// Means per name over a swept load, each with its confidence interval as a band.
///
/// `curves` holds (name, points in rising load); `intervals` says what the bands mean. Names stand at the line
/// ends where they fit.
pub fn response_over_load(
    load: Axis,
    response: Axis,
    curves: &[(String, Vec<Datum>)],
    intervals: Intervals,
) -> FigureSpec {
    let caption = format!("{} over {}.", response.label, load.label);
    let series = curves.iter().map(|(name, points)| Series::new(name, Mark::Line(points.clone()))).collect();
    let panel = Panel { x: load, y: response, series, ..Panel::default() };
    FigureSpec { panels: vec![panel], intervals: Some(intervals), caption, ..FigureSpec::default() }
}
