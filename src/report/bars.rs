//! Bars by name: ablations, and schedulers side by side.

use super::figure::{Axis, Datum, FigureSpec, Intervals, Legend, Mark, Panel, Series, Width};

/// Bars of one quantity.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What is measured; bars start at zero.
    pub y: Axis,
    /// (name, bars at the positions of the categories); one unnamed group needs no legend.
    pub groups: Vec<(String, Vec<Datum>)>,
}

/// One panel per quantity over the categories of `x`; groups stand side by side at each.
pub fn bars_figure(x: &Axis, panels: &[Bars], intervals: Option<Intervals>, width: Width) -> FigureSpec {
    let most = if width == Width::OneColumn { 1 } else { 3 };
    let panel = |b: &Bars| Panel {
        x: x.clone(),
        y: b.y.clone().from_zero(),
        series: b.groups.iter().map(|(name, bars)| Series::new(name, Mark::Bars(bars.clone()))).collect(),
        ..Panel::default()
    };
    let quantities: Vec<&str> = panels.iter().map(|b| b.y.label.as_str()).collect();
    let columns = panels.len().clamp(1, most);
    let stacked = columns == 1 && panels.len() > 1;
    FigureSpec {
        width,
        columns,
        plot_height_mm: stacked.then_some(30.0),
        panels: panels.iter().map(panel).collect(),
        share_x: stacked,
        legend: Legend::Outside,
        intervals,
        caption: format!("{}.", quantities.join(", ")),
        ..FigureSpec::default()
    }
}
