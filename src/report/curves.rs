//! Curves over one shared axis: responses to load, ratios over a parameter, memory and queues over time.

use super::figure::{Axis, Datum, FigureSpec, Intervals, Legend, Mark, Panel, Reference, Series, Width};

/// One measured quantity.
#[derive(Clone, Debug)]
pub struct Curves {
    /// What is measured.
    pub y: Axis,
    /// (name, points in rising x), in legend order.
    pub curves: Vec<(String, Vec<Datum>)>,
    /// Bounds, capacities, limits.
    pub references: Vec<Reference>,
    /// An unnamed dashed line, as where what comes out equals what comes in; may be empty.
    pub guide: Vec<Datum>,
}

/// Height of a plot area of a stack of panels, mm.
const STACKED_MM: f64 = 30.0;

/// One panel per quantity over `x`: side by side over the page, three a row; stacked in one column.
///
/// `intervals` says what the points' intervals mean.
pub fn curves_figure(x: &Axis, panels: &[Curves], intervals: Option<Intervals>, width: Width) -> FigureSpec {
    let series = |c: &Curves| -> Vec<Series> {
        let one = |(name, points): &(String, Vec<Datum>)| Series::new(name, Mark::Line(points.clone()));
        c.curves.iter().map(one).collect()
    };
    grid(x, panels, &series, width, intervals)
}

/// States over time, stacked over one time axis: each value holds until the next.
pub fn timeline_figure(x: &Axis, panels: &[Curves], width: Width) -> FigureSpec {
    let series = |c: &Curves| -> Vec<Series> {
        let one = |(name, points): &(String, Vec<Datum>)| Series::new(name, Mark::Step(points.clone()));
        c.curves.iter().map(one).collect()
    };
    let spec = grid(x, panels, &series, width, None);
    let height = if width == Width::OneColumn { STACKED_MM } else { 38.0 };
    FigureSpec { columns: 1, share_x: true, plot_height_mm: Some(height), ..spec }
}

fn grid(
    x: &Axis,
    panels: &[Curves],
    series: &dyn Fn(&Curves) -> Vec<Series>,
    width: Width,
    intervals: Option<Intervals>,
) -> FigureSpec {
    let most = if width == Width::OneColumn { 1 } else { 3 };
    let columns = panels.len().clamp(1, most);
    let stacked = columns == 1 && panels.len() > 1;
    let guide = |c: &Curves| (!c.guide.is_empty()).then(|| Series::new("", Mark::Line(c.guide.clone())));
    let panel = |c: &Curves| Panel {
        x: x.clone(),
        y: c.y.clone(),
        series: guide(c).into_iter().chain(series(c)).collect(),
        references: c.references.clone(),
        ..Panel::default()
    };
    let quantities: Vec<&str> = panels.iter().map(|c| c.y.label.as_str()).collect();
    FigureSpec {
        width,
        columns,
        plot_height_mm: stacked.then_some(STACKED_MM),
        panels: panels.iter().map(panel).collect(),
        share_x: stacked,
        legend: if panels.len() > 1 { Legend::Outside } else { Legend::Direct },
        intervals,
        caption: format!("{} over {}.", quantities.join(", "), x.label),
        ..FigureSpec::default()
    }
}
