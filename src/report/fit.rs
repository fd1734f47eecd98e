//! Histograms with fitted densities drawn over them.

use super::cells::edges;
use super::figure::{Axis, Bins, Datum, FigureSpec, Legend, Mark, Panel, Scale, Series, Width};

/// A fitted law.
pub struct Fit {
    /// Its name in the legend.
    pub name: String,
    /// Its density at a value of the sample, per unit of the value.
    pub density: Box<dyn Fn(f64) -> f64>,
}

/// A sample with the laws fitted to it.
pub struct Fitted {
    /// Facet label; `None` where there is one panel.
    pub label: Option<String>,
    /// Numbers about the sample and its laws, for the data file.
    pub numbers: Vec<(String, f64)>,
    /// Observations, all above zero on a log axis.
    pub sample: Vec<f64>,
    /// Laws to draw over the histogram, in legend order; equal names look alike in every panel.
    pub fits: Vec<Fit>,
}

/// Columns of a histogram, at most.
const COLUMNS: usize = 40;
/// Points of a drawn density.
const POINTS: usize = 240;

/// Histograms of `panels` with their fitted densities on the axis `x`.
///
/// On a log axis heights are densities of the logarithm, so that areas seen are shares. `whole`: observations are
/// whole numbers, and no edge falls on one. The name of the sample in the legend is `observed`.
pub fn fit_figure(x: &Axis, panels: &[Fitted], whole: bool, observed: &str, width: Width) -> FigureSpec {
    let log = x.scale == Scale::Log;
    let label = match log {
        true => format!("Density of ln({})", x.label.to_lowercase()),
        false => "Density".to_owned(),
    };
    let panel = |f: &Fitted| Panel {
        label: f.label.clone(),
        x: x.clone(),
        y: Axis::linear(&label, "").from_zero(),
        series: series(f, log, whole, observed),
        numbers: f.numbers.clone(),
        ..Panel::default()
    };
    let most = if width == Width::OneColumn { 1 } else { 3 };
    FigureSpec {
        width,
        columns: panels.len().clamp(1, most),
        panels: panels.iter().map(panel).collect(),
        legend: Legend::Outside,
        caption: format!("{}: histogram and fitted densities.", x.label),
        ..FigureSpec::default()
    }
}

fn series(fitted: &Fitted, log: bool, whole: bool, observed: &str) -> Vec<Series> {
    let bins = histogram(&fitted.sample, log, whole);
    let (Some(&lo), Some(&hi)) = (bins.edges.first(), bins.edges.last()) else { return Vec::new() };
    let at = |i: usize| {
        let share = i as f64 / (POINTS - 1) as f64;
        if log { lo * libm::pow(hi / lo, share) } else { lo + (hi - lo) * share }
    };
    let point = |fit: &Fit, x: f64| Datum::new(x, (fit.density)(x) * if log { x } else { 1.0 });
    let curve = |fit: &Fit| {
        let points = (0..POINTS).map(|i| point(fit, at(i))).filter(|d| d.y.is_finite());
        Series::new(&fit.name, Mark::Line(points.collect()))
    };
    let bars = Series::new(observed, Mark::Histogram(bins));
    std::iter::once(bars).chain(fitted.fits.iter().map(curve)).collect()
}

/// How many columns suit a rising sample: as wide as Freedman and Diaconis have them (twice the middle half over
/// n^(1/3)), but no fewer than 2 n^(1/3), and at most [`COLUMNS`].
fn columns(sorted: &[f64], log: bool) -> usize {
    let root = libm::cbrt(sorted.len() as f64);
    let at = |share: f64| {
        let v = sorted[(share * (sorted.len() - 1) as f64) as usize];
        if log { libm::log(v) } else { v }
    };
    let wide = (at(1.0) - at(0.0)) * root / (2.0 * (at(0.75) - at(0.25)));
    let least = (2.0 * root).min(COLUMNS as f64);
    // All in the middle half being equal gives no width: as many columns as there may be.
    let suits = if wide.is_finite() { wide } else { COLUMNS as f64 };
    libm::ceil(suits.clamp(least, COLUMNS as f64)) as usize
}

/// Densities of a sample between equal steps of the value, or of its logarithm.
fn histogram(sample: &[f64], log: bool, whole: bool) -> Bins {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return Bins { edges: Vec::new(), heights: Vec::new() };
    }
    let scale = if log { Scale::Log } else { Scale::Linear };
    let edges = edges(sorted.iter().copied(), scale, whole, columns(&sorted, log));
    let hi = edges[edges.len() - 1];
    let below = |edge: f64| sorted.partition_point(|&v| v < edge);
    let height = |w: &[f64]| {
        let count = if w[1] >= hi { sorted.len() } else { below(w[1]) } - below(w[0]);
        let width = if log { libm::log(w[1] / w[0]) } else { w[1] - w[0] };
        count as f64 / sorted.len() as f64 / width
    };
    let heights = edges.windows(2).map(height).collect();
    Bins { edges, heights }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Areas add up to one, on either axis.
        #[test]
        fn a_histogram_loses_nothing(sample in prop::collection::vec(1..5000u32, 1..300), log: bool, whole: bool) {
            let sample: Vec<f64> = sample.into_iter().map(f64::from).collect();
            let bins = histogram(&sample, log, whole);
            let area = |([a, b], h): ([f64; 2], f64)| h * if log { libm::log(b / a) } else { b - a };
            let sum: f64 = bins.edges.windows(2).zip(&bins.heights).map(|(w, &h)| area(([w[0], w[1]], h))).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }
}
