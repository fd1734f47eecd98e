//! How good predictions were: mean observed against predicted, coverage of factors, residuals.

use super::figure::{Axis, Datum, FigureSpec, Intervals, Legend, Mark, Panel, Series, Width};

/// Predictions under one name.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// Who predicted.
    pub name: String,
    /// (predicted, observed), both above zero.
    pub pairs: Vec<(f64, f64)>,
}

/// Pairs of neighbouring predictions.
type Group = Vec<(f64, f64)>;

/// Groups of equal size by predicted value.
const GROUPS: usize = 10;
/// Fewest pairs of a group: below it the normal interval of its mean cannot be trusted.
const FEWEST: usize = 30;
/// Largest factor of the coverage panel, and its points.
const FACTORS: (f64, usize) = (8.0, 49);
/// Normal quantile of 0.975.
const Z95: f64 = 1.959_963_984_540_054;

/// Three panels: mean observed value of equally large groups of predictions with 95% intervals; share of
/// observations within a factor of their prediction; 10%, 50% and 90% quantile of observed over predicted.
///
/// `what` is predicted ("output length"), in `unit`; `of` is counted ("requests").
pub fn calibration_figure(all: &[Predictions], what: &str, unit: &str, of: &str, width: Width) -> FigureSpec {
    let grouped: Vec<(&str, Vec<Group>)> = all.iter().map(|p| (p.name.as_str(), groups(&p.pairs))).collect();
    let sizes = || grouped.iter().flat_map(|(_, g)| g).map(|g| g.len() as u64);
    let n = [sizes().min().unwrap_or(0), sizes().max().unwrap_or(0)];
    let place = if width == Width::OneColumn { "Lowest" } else { "Right" };
    let note = format!(
        "Predictions of {what}, in groups of equal size. Dashed: perfect. {place} panel: median, 10% and 90% quantile."
    );
    FigureSpec {
        width,
        columns: if width == Width::OneColumn { 1 } else { 3 },
        plot_height_mm: (width == Width::OneColumn).then_some(34.0),
        panels: vec![reliability(&grouped, unit), coverage(all, of), residual(&grouped, unit)],
        legend: Legend::Outside,
        intervals: Some(Intervals { level: 0.95, n, of: format!("{of} per point") }),
        caption: format!("Predicted against observed {what}, coverage of factors, and residuals."),
        notes: vec![note],
        ..FigureSpec::default()
    }
}

/// Equally large groups in rising order of prediction; equal predictions are not parted, so that there may be fewer.
fn groups(pairs: &[(f64, f64)]) -> Vec<Group> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let size = sorted.len().div_ceil(GROUPS).max(FEWEST);
    let mut groups: Vec<Group> = Vec::new();
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        match groups.last_mut().filter(|g| g.len() < size) {
            Some(group) => group.extend(equal),
            None => groups.push(equal.to_vec()),
        }
    }
    if groups.len() > 1 && groups.last().is_some_and(|g| g.len() < FEWEST) {
        let rest = groups.pop().unwrap_or_default();
        groups.last_mut().into_iter().for_each(|g| g.extend(&rest));
    }
    groups
}

type Grouped<'a> = [(&'a str, Vec<Group>)];

fn mean(values: impl Iterator<Item = f64>, n: usize) -> f64 {
    values.sum::<f64>() / n as f64
}

fn reliability(grouped: &Grouped<'_>, unit: &str) -> Panel {
    let point = |g: &Group| {
        let n = g.len();
        let (x, y) = (mean(g.iter().map(|p| p.0), n), mean(g.iter().map(|p| p.1), n));
        let spread = mean(g.iter().map(|p| (p.1 - y) * (p.1 - y)), n) * n as f64 / (n as f64 - 1.0);
        let half = Z95 * (spread / n as f64).sqrt();
        // An interval that reaches zero has no place on a log axis.
        let drawn = n >= FEWEST && half < y;
        Datum { x, y, interval: drawn.then_some([y - half, y + half]) }
    };
    let named: Vec<Series> = grouped
        .iter()
        .map(|(name, groups)| Series::new(*name, Mark::Points(groups.iter().map(point).collect())))
        .collect();
    let data = || grouped.iter().flat_map(|(_, g)| g).map(point);
    let ends = |pick: fn(f64, f64) -> f64, start: f64| data().map(|d| pick(d.x, d.y)).fold(start, pick);
    let diagonal = [ends(f64::min, f64::INFINITY), ends(f64::max, 0.0)].map(|v| Datum::new(v, v));
    let guide = Series::new("", Mark::Line(diagonal.to_vec()));
    Panel {
        x: Axis::log("Predicted", unit),
        y: Axis::log("Mean observed", unit),
        series: std::iter::once(guide).chain(named).collect(),
        ..Panel::default()
    }
}

fn coverage(all: &[Predictions], of: &str) -> Panel {
    let curve = |p: &Predictions| {
        let mut errors: Vec<f64> = p.pairs.iter().map(|(x, y)| (y / x).max(x / y)).collect();
        errors.sort_by(f64::total_cmp);
        let point = |i: usize| {
            let factor = libm::pow(FACTORS.0, i as f64 / (FACTORS.1 - 1) as f64);
            // A hair more, so that rounding does not put an exact factor outside itself.
            let within = errors.partition_point(|&e| e <= factor * (1.0 + 1e-12));
            Datum::new(factor, within as f64 / errors.len().max(1) as f64)
        };
        Series::new(&p.name, Mark::Line((0..FACTORS.1).map(point).collect()))
    };
    Panel {
        x: Axis::log("Within this factor of predicted", "").range(1.0, FACTORS.0),
        y: Axis::linear(&format!("Fraction of {of}"), "").range(0.0, 1.0),
        series: all.iter().map(curve).collect(),
        ..Panel::default()
    }
}

fn residual(grouped: &Grouped<'_>, unit: &str) -> Panel {
    let quantile = |g: &[(f64, f64)], share: f64| {
        let mut ratios: Vec<f64> = g.iter().map(|(x, y)| y / x).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[((ratios.len() - 1) as f64 * share).round() as usize]
    };
    let curve = |name: &str, groups: &[Group], share: f64| {
        let point = |g: &Group| Datum::new(mean(g.iter().map(|p| p.0), g.len()), quantile(g, share));
        Series::new(name, Mark::Line(groups.iter().map(point).collect()))
    };
    let named = grouped.iter().flat_map(|(name, g)| [0.1, 0.5, 0.9].map(|share| curve(name, g, share)));
    let x = || grouped.iter().flat_map(|(_, g)| g).map(|g| mean(g.iter().map(|p| p.0), g.len()));
    let (lo, hi) = x().fold((f64::INFINITY, 0.0f64), |(a, b), v| (a.min(v), b.max(v)));
    let guide = Series::new("", Mark::Line(vec![Datum::new(lo, 1.0), Datum::new(hi, 1.0)]));
    Panel {
        x: Axis::log("Predicted", unit),
        y: Axis::log("Observed / predicted", ""),
        series: std::iter::once(guide).chain(named).collect(),
        ..Panel::default()
    }
}
