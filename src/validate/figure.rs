//! Predicted against measured.

use crate::report::figure::{Axis, Datum, FigureSpec, Legend, Mark, Panel, Series, Width};

/// Two panels: E2E latency of each request, and the time of each step, predicted against measured, seconds. The
/// second run on the device is drawn among the requests as what a perfect predictor would look like.
pub fn figure(
    replayed: &[(f64, f64)],
    repeated: &[(f64, f64)],
    steps: &[(f64, f64)],
    caption: &str,
) -> FigureSpec {
    let requests = vec![
        diagonal(&[replayed, repeated]),
        points("repeated run", repeated),
        points("replay on the profile", replayed),
    ];
    let steps = vec![diagonal(&[steps]), points("step", steps)];
    let panel = |what: &str, series: Vec<Series>| Panel {
        x: Axis::log(&format!("Measured {what}"), "s"),
        y: Axis::log(&format!("Predicted {what}"), "s"),
        series,
        ..Panel::default()
    };
    FigureSpec {
        width: Width::TwoColumn,
        columns: 2,
        panels: vec![panel("E2E latency", requests), panel("step time", steps)],
        legend: Legend::Outside,
        caption: caption.to_string(),
        notes: vec!["Dashed: perfect. A point is a request or a step, over all seeds.".to_string()],
        ..FigureSpec::default()
    }
}

/// (predicted, measured) as points; what is not above zero has no place on a log axis.
fn points(name: &str, pairs: &[(f64, f64)]) -> Series {
    let shown = pairs.iter().filter(|(p, m)| *p > 0.0 && *m > 0.0);
    Series::new(name, Mark::Points(shown.map(|&(p, m)| Datum::new(m, p)).collect()))
}

fn diagonal(all: &[&[(f64, f64)]]) -> Series {
    let measured = || all.iter().flat_map(|pairs| pairs.iter()).map(|pair| pair.1).filter(|m| *m > 0.0);
    let ends = [measured().fold(f64::INFINITY, f64::min), measured().fold(0.0, f64::max)];
    Series::new("", Mark::Line(ends.map(|v| Datum::new(v, v)).to_vec()))
}
