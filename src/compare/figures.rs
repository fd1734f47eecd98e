//! Figures of a comparison: differences with their intervals, and a map of who wins where.

use super::differences::{Difference, Differences};
use super::winners::{Lead, Winner, Winners};
use crate::error::{Error, Result};
use crate::report::figure::{
    At, Axis, Datum, FigureSpec, Intervals, Legend, Mark, Panel, Reference, Series, Width,
};

/// Share of a category that its points are spread over.
const SPREAD: f64 = 0.7;
/// Axes with more values than this are drawn to scale.
const MOST_CATEGORIES: usize = 12;
const MOST_PANELS: usize = 12;

/// Relative differences to the baseline, metric by metric, with their intervals.
pub(super) fn differences(report: &Differences) -> Result<FigureSpec> {
    let drawn: Vec<&Difference> = report.rows.iter().filter(|row| row.relative.is_some()).collect();
    if drawn.is_empty() {
        return Err(Error::Usage("there is nothing to draw: the baseline is zero everywhere".into()));
    }
    let metrics = distinct(drawn.iter().map(|row| row.metric.as_str()));
    let labels = distinct(drawn.iter().map(|row| row.label.as_str()));
    let point = |row: &&Difference, place: usize| {
        let metric = metrics.iter().position(|m| *m == row.metric)?;
        let offset = SPREAD * ((place as f64 + 0.5) / labels.len() as f64 - 0.5);
        let percent = |value: f64| 100.0 * value / row.baseline.abs();
        let (x, y) = (metric as f64 + offset, percent(row.difference));
        Some(match (row.lo, row.hi) {
            (Some(lo), Some(hi)) => Datum::with_interval(x, y, percent(lo), percent(hi)),
            _ => Datum::new(x, y),
        })
    };
    let series = labels.iter().enumerate().map(|(place, label)| {
        let mine = drawn.iter().filter(|row| row.label == *label);
        Series::new(*label, Mark::Points(mine.filter_map(|row| point(row, place)).collect()))
    });
    let pairs = drawn.iter().filter(|row| row.lo.is_some()).map(|row| row.pairs);
    let (fewest, most) = pairs.fold((u64::MAX, 0), |(a, b), n| (a.min(n), b.max(n)));
    let bare = drawn.iter().any(|row| row.lo.is_none());
    let intervals =
        Intervals { level: report.level, n: [fewest, most], of: format!("paired {}", report.paired_by) };
    Ok(FigureSpec {
        width: Width::TwoColumn,
        panels: vec![Panel {
            x: Axis::categories("Metric", metrics.iter().copied()),
            y: Axis::linear(&format!("Difference to {}", report.baseline), "%"),
            series: series.collect(),
            references: vec![Reference { at: At::Y(0.0), label: String::new() }],
            ..Panel::default()
        }],
        legend: Legend::Outside,
        intervals: (most > 0).then_some(intervals),
        caption: format!("Differences to {}, metric by metric.", report.baseline),
        notes: bare.then(|| "Points without an interval are not tested".to_string()).into_iter().collect(),
        ..FigureSpec::default()
    })
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// A marker per cell, telling who leads there; one panel per metric and value of the axes beyond the second.
pub(super) fn winners(report: &Winners) -> Result<FigureSpec> {
    let varied: Vec<usize> = (0..report.axes.len()).filter(|&i| report.values[i].len() > 1).collect();
    let Some((&x, rest)) = varied.split_first() else {
        return Err(Error::Usage("no axis of the sweep has two values: there is no map to draw".into()));
    };
    let metrics = distinct(report.rows.iter().map(|row| row.metric.as_str()));
    let (y, facets) = match rest.split_first() {
        Some((&y, facets)) => (Some(y), facets),
        None => (None, rest),
    };
    let facet = |row: &Winner| {
        let values = facets.iter().map(|&i| format!("{} = {}", report.axes[i], row.cell[i]));
        let metric = y.is_some().then(|| row.metric.clone());
        metric.into_iter().chain(values).collect::<Vec<_>>().join(", ")
    };
    let mut labels: Vec<String> = Vec::new();
    for label in report.rows.iter().map(facet) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    if labels.len() > MOST_PANELS {
        let what = format!(
            "a map of {} panels cannot be read; name one --metric, or draw it from winners.csv",
            labels.len()
        );
        return Err(Error::Usage(what));
    }
    let y_axis = match y {
        Some(y) => axis(report, y),
        None => Axis::categories("Metric", metrics.iter().copied()),
    };
    let place = |row: &Winner| {
        let on_y = match y {
            Some(y) => position(report, y, &row.cell[y]),
            None => metrics.iter().position(|m| *m == row.metric).map(|i| i as f64),
        };
        Some(Datum::new(position(report, x, &row.cell[x])?, on_y?))
    };
    let panel = |label: &String| {
        let rows = || report.rows.iter().filter(|row| facet(row) == *label);
        let series = names(report).into_iter().filter_map(|name| {
            let points: Vec<Datum> = rows().filter(|row| drawn_as(row) == name).filter_map(place).collect();
            (!points.is_empty()).then(|| Series::new(name, Mark::Points(points)))
        });
        let label = Some(label.clone()).filter(|l| !l.is_empty() && labels.len() > 1);
        Panel { label, x: axis(report, x), y: y_axis.clone(), series: series.collect(), ..Panel::default() }
    };
    Ok(FigureSpec {
        width: if labels.len() > 1 { Width::TwoColumn } else { Width::OneColumn },
        columns: labels.len().min(2),
        panels: labels.iter().map(panel).collect(),
        legend: Legend::Outside,
        caption: "Which scheduler leads where.".into(),
        notes: vec![format!(
            "Leads shown at {}% over all {} tests (Holm)",
            100.0 * report.level,
            report.tests
        )],
        ..FigureSpec::default()
    })
}

/// Names of the series, in the order of the legend.
fn names(report: &Winners) -> Vec<&str> {
    let outcomes = [Lead::NotShown, Lead::NotTested].map(Lead::as_str);
    report.schedulers.iter().map(String::as_str).chain(outcomes).collect()
}

fn drawn_as(row: &Winner) -> &str {
    if row.lead == Lead::Shown { &row.best } else { row.lead.as_str() }
}

/// The values of an axis as numbers, if they are to be drawn to scale.
fn scale(report: &Winners, axis: usize) -> Option<Vec<f64>> {
    let values = &report.values[axis];
    let numbers: Option<Vec<f64>> = values.iter().map(|v| v.parse().ok()).collect();
    numbers.filter(|_| values.len() > MOST_CATEGORIES)
}

fn axis(report: &Winners, axis: usize) -> Axis {
    let name = &report.axes[axis];
    match scale(report, axis) {
        Some(_) => Axis::linear(name, ""),
        None => Axis::categories(name, report.values[axis].iter().cloned()),
    }
}

fn position(report: &Winners, axis: usize, value: &str) -> Option<f64> {
    match scale(report, axis) {
        Some(_) => value.parse().ok(),
        None => report.values[axis].iter().position(|v| v == value).map(|i| i as f64),
    }
}
