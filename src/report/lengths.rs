//! The figure of observed output lengths with the densities of fitted laws.

use super::figure::{Axis, Datum, FigureSpec, Legend, Mark, Panel, Series};

/// Bars of the histogram, at most.
const BARS: usize = 40;
/// Points of a drawn density.
const POINTS: usize = 240;
/// Share of the lengths that the axis reaches to; the few longest would squeeze the rest.
const SHOWN: f64 = 0.99;

/// A law's name and density, per token.
pub type Density<'a> = (String, &'a dyn Fn(f64) -> f64);

/// A histogram of `lengths` (tokens, at least one of them) and the laws' densities over it.
///
/// `cut` further outputs reached the cap: they count in the scale of the histogram, which has no bar for them.
pub fn length_figure(lengths: &[u32], cut: u64, laws: &[Density<'_>]) -> FigureSpec {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let last = sorted[(SHOWN * (sorted.len() - 1) as f64) as usize];
    let first = sorted[0];
    let width = (last - first + 1).div_ceil(BARS as u32);
    let n = (sorted.len() as u64 + cut) as f64;
    let bars = (last - first) / width + 1;
    // A length of k tokens stands for k - 1/2 to k + 1/2.
    let edge = |i: u32| f64::from(first + i * width) - 0.5;
    let height = |i: u32| {
        let below = |edge: f64| sorted.partition_point(|&l| f64::from(l) < edge);
        (below(edge(i + 1)) - below(edge(i))) as f64 / (n * f64::from(width))
    };
    let mut outline = vec![Datum::new(edge(0), 0.0)];
    outline.extend((0..bars).map(|i| Datum::new(edge(i), height(i))));
    outline.push(Datum::new(edge(bars), 0.0));
    let top = 1.25 * outline.iter().map(|d| d.y).fold(0.0, f64::max);
    let (from, to) = (edge(0), edge(bars));
    let curve = |density: &dyn Fn(f64) -> f64| {
        let x = |i: usize| from + (to - from) * (i as f64 + 0.5) / POINTS as f64;
        (0..POINTS).map(|i| Datum::new(x(i), density(x(i)).min(top))).collect()
    };
    let mut series = vec![Series::new("observed", Mark::Step(outline))];
    series.extend(laws.iter().map(|(name, density)| Series::new(name, Mark::Line(curve(density)))));
    let beyond = sorted.len() - sorted.partition_point(|&l| f64::from(l) < to);
    let mut notes = vec![format!("n = {n} outputs; {beyond} longer than shown")];
    if cut > 0 {
        notes.push(format!("{cut} reached the cap"));
    }
    let panel = Panel {
        x: Axis::linear("Output length", "tokens"),
        y: Axis::linear("Density", "1/token").range(0.0, top),
        series,
        ..Panel::default()
    };
    FigureSpec {
        panels: vec![panel],
        legend: Legend::Outside,
        caption: "Histogram of output lengths with fitted densities.".to_string(),
        notes,
        ..FigureSpec::default()
    }
}
