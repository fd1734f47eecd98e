//! How a fitted step time meets the measured ones: point by point, over packed rows, step by step.

use super::cells::edges;
use super::figure::{Axis, Bins, Datum, FigureSpec, Intervals, Legend, Mark, Panel, Scale, Series, Width};

/// A point that was measured and fitted.
#[derive(Clone, Debug)]
pub struct Timed {
    /// Sort of step, for the legend.
    pub sort: &'static str,
    /// Packed rows.
    pub rows: f64,
    /// Median of the measured times, seconds.
    pub measured_s: f64,
    /// The fit's, seconds.
    pub fitted_s: f64,
}

/// The numbers of the figure.
#[derive(Clone, Debug, Default)]
pub struct Residuals {
    /// Every point.
    pub points: Vec<Timed>,
    /// Single steps over the fit's time.
    pub factors: Vec<f64>,
    /// (packed rows, seconds) of a curve with 95% intervals, where the form has one.
    pub curve: Vec<Datum>,
}

/// Columns of the histogram.
const COLUMNS: usize = 40;
/// Shares of single steps left out of the histogram at either end, so that one stray step does not flatten it.
const CUT: f64 = 0.002;

/// Fitted against measured times, their ratio over packed rows, single steps over the fit, and the curve if there is
/// one.
pub fn residual_figure(of: &Residuals, width: Width) -> FigureSpec {
    let mut panels = vec![against(of), ratio(of), steps(&of.factors)];
    if of.curve.iter().any(|d| d.y > 0.0) {
        panels.push(curve(of));
    }
    let drawn = of.curve.iter().any(|d| d.interval.is_some());
    let n = of.points.len() as u64;
    FigureSpec {
        width,
        columns: if width == Width::OneColumn { 1 } else { 2 },
        panels,
        legend: Legend::Outside,
        intervals: drawn.then(|| Intervals { level: 0.95, n: [n, n], of: "points, by the bootstrap".into() }),
        caption: "Fitted step times against measured ones.".into(),
        notes: vec![format!("{n} points, {} steps. Dashed: perfect.", of.factors.len())],
        ..FigureSpec::default()
    }
}

/// One series of points for each sort of step, in the order of their first appearance.
fn by_sort(of: &Residuals, datum: impl Fn(&Timed) -> Datum) -> Vec<Series> {
    let mut sorts: Vec<&str> = Vec::new();
    for point in &of.points {
        if !sorts.contains(&point.sort) {
            sorts.push(point.sort);
        }
    }
    let series = |sort: &str| {
        let points = of.points.iter().filter(|p| p.sort == sort).map(&datum).collect();
        Series::new(sort, Mark::Points(points))
    };
    sorts.into_iter().map(series).collect()
}

fn ends(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, 0.0], |[lo, hi], v| [lo.min(v), hi.max(v)])
}

fn against(of: &Residuals) -> Panel {
    let times = of.points.iter().flat_map(|p| [p.measured_s, p.fitted_s]).filter(|s| *s > 0.0);
    let diagonal = ends(times).map(|s| Datum::new(s * 1e3, s * 1e3)).to_vec();
    // A form may say 0; that has no place on a log axis.
    let positive = Residuals {
        points: of.points.iter().filter(|p| p.fitted_s > 0.0).cloned().collect(),
        ..Residuals::default()
    };
    let series = by_sort(&positive, |p| Datum::new(p.measured_s * 1e3, p.fitted_s * 1e3));
    Panel {
        x: Axis::log("Measured", "ms"),
        y: Axis::log("Fitted", "ms"),
        series: std::iter::once(Series::new("", Mark::Line(diagonal))).chain(series).collect(),
        ..Panel::default()
    }
}

fn ratio(of: &Residuals) -> Panel {
    let [lo, hi] = ends(of.points.iter().map(|p| p.rows));
    let guide = vec![Datum::new(lo, 0.0), Datum::new(hi, 0.0)];
    let series = by_sort(of, |p| Datum::new(p.rows, 100.0 * (p.fitted_s / p.measured_s - 1.0)));
    Panel {
        x: Axis::log("Packed rows", ""),
        y: Axis::linear("Fitted − measured", "% of measured"),
        series: std::iter::once(Series::new("", Mark::Line(guide))).chain(series).collect(),
        ..Panel::default()
    }
}

fn steps(factors: &[f64]) -> Panel {
    let mut sorted: Vec<f64> = factors.iter().copied().filter(|f| f.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let cut = (sorted.len() as f64 * CUT) as usize;
    let kept = &sorted[cut..sorted.len() - cut];
    let edges = edges(kept.iter().copied(), Scale::Linear, false, COLUMNS);
    let last = edges.len() - 1;
    let below = |i: usize| if i == last { kept.len() } else { kept.partition_point(|f| *f < edges[i]) };
    let height = |i: usize| 100.0 * (below(i + 1) - below(i)) as f64 / sorted.len() as f64;
    let heights = (0..last).map(height).collect();
    Panel {
        x: Axis::linear("One step / fitted", ""),
        y: Axis::linear("Steps", "%").from_zero(),
        series: vec![Series::new("", Mark::Histogram(Bins { edges, heights }))],
        ..Panel::default()
    }
}

/// On log axes, which show a cliff from one row to two; what reaches 0 has no place there.
fn curve(of: &Residuals) -> Panel {
    let ms = |d: &Datum| {
        let interval = d.interval.filter(|[low, _]| *low > 0.0).map(|ends| ends.map(|s| s * 1e3));
        Datum { x: d.x, y: d.y * 1e3, interval }
    };
    let knots = of.curve.iter().filter(|d| d.y > 0.0).map(ms).collect();
    Panel {
        x: Axis::log("Packed rows", ""),
        y: Axis::log("Fitted, without attention", "ms"),
        series: vec![Series::new("curve", Mark::Line(knots))],
        ..Panel::default()
    }
}
