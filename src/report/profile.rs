//! The figure of a latency profile: step times over batch and over prompt length.

use super::figure::{At, Axis, Datum, FigureSpec, Legend, Mark, Panel, Reference, Series, Width};

/// A step time at one position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Time {
    /// Position: rows or tokens.
    pub x: f64,
    /// Step time, ms.
    pub ms: f64,
    /// 10% and 90% quantile of single steps, ms; without noise none.
    pub band_ms: Option<[f64; 2]>,
    /// Whether the profile was made for such steps.
    pub in_domain: bool,
}

/// Step times over one quantity.
#[derive(Clone, Debug)]
pub struct StepTimes {
    /// The quantity.
    pub x: Axis,
    /// The times' axis.
    pub y: Axis,
    /// (name, times in rising x, the domain's first), in legend order.
    pub curves: Vec<(String, Vec<Time>)>,
    /// Largest x of the domain, where it is limited.
    pub limit: Option<f64>,
}

impl StepTimes {
    fn panel(&self, label: String) -> Panel {
        let series = self.curves.iter().flat_map(|(name, times)| series(name, times)).collect();
        let last = self.curves.iter().flat_map(|(_, times)| times).map(|t| t.x).fold(0.0, f64::max);
        let limit = self.limit.filter(|&x| x <= last);
        let reference = |x| Reference { at: At::X(x), label: "domain".to_string() };
        Panel {
            label: Some(label),
            x: self.x.clone(),
            y: self.y.clone(),
            series,
            references: limit.map(reference).into_iter().collect(),
        }
    }
}

/// A band, a line inside of the domain, a guide from where it ends.
fn series(name: &str, times: &[Time]) -> Vec<Series> {
    let inside = times.partition_point(|t| t.in_domain);
    let line = |times: &[Time]| Mark::Line(times.iter().map(|t| Datum::new(t.x, t.ms)).collect());
    let band: Vec<[f64; 3]> =
        times.iter().filter_map(|t| t.band_ms.map(|[low, high]| [t.x, low, high])).collect();
    let mut series = Vec::new();
    if !band.is_empty() {
        series.push(Series::new(name, Mark::Band(band)));
    }
    series.push(Series::new(name, line(&times[..inside])));
    if inside < times.len() {
        series.push(Series::new("", line(&times[inside.saturating_sub(1)..])));
    }
    series
}

/// Panels side by side. `what` is in the caption.
pub fn profile_figure(panels: &[StepTimes], what: &str) -> FigureSpec {
    let times = || panels.iter().flat_map(|p| &p.curves).flat_map(|(_, times)| times);
    let mut notes = Vec::new();
    if times().any(|t| t.band_ms.is_some()) {
        notes.push("Bands: 10% to 90% quantile of single steps.".to_string());
    }
    if times().any(|t| !t.in_domain) {
        notes.push("Thin dashed lines: outside of the profile's domain.".to_string());
    }
    let panel = |(i, p): (usize, &StepTimes)| p.panel(format!("({})", char::from(b'a' + i as u8)));
    FigureSpec {
        width: Width::TwoColumn,
        columns: panels.len(),
        panels: panels.iter().enumerate().map(panel).collect(),
        legend: Legend::Outside,
        caption: format!("Step times of {what}."),
        notes,
        ..FigureSpec::default()
    }
}
