//! Reliability of stated laws: the share of observations at or below each stated quantile.

use super::figure::{Axis, Datum, FigureSpec, Legend, Mark, Panel, Series};

/// Points of the curve.
const POINTS: u32 = 50;

/// The reliability curve of `pit`, the stated probabilities of values up to the observed ones (at least one of them).
/// On the diagonal a stated probability is what happens.
pub fn quantile_figure(name: &str, pit: &[f64], of: &str) -> FigureSpec {
    let mut sorted = pit.to_vec();
    sorted.sort_by(f64::total_cmp);
    let share = |level: f64| sorted.partition_point(|&u| u <= level) as f64 / sorted.len() as f64;
    let levels = (0..=POINTS).map(|i| f64::from(i) / f64::from(POINTS));
    let curve = levels.map(|level| Datum::new(level, share(level))).collect();
    let diagonal = [0.0, 1.0].map(|v| Datum::new(v, v)).to_vec();
    let panel = Panel {
        x: Axis::linear("Stated probability", "").range(0.0, 1.0),
        y: Axis::linear(&format!("Share of {of}"), "").range(0.0, 1.0),
        series: vec![Series::new("", Mark::Line(diagonal)), Series::new(name, Mark::Line(curve))],
        ..Panel::default()
    };
    FigureSpec {
        panels: vec![panel],
        legend: Legend::Outside,
        caption: "Share of observed lengths at or below each stated quantile.".to_string(),
        notes: vec![format!("n = {} {of}, held out. Dashed: perfect.", pit.len())],
        ..FigureSpec::default()
    }
}
