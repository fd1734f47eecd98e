//! Schedulers side by side: bars, and two metrics against each other.

use super::measures::Measures;
use super::over::{LOG_METRIC, picked};
use super::source::Source;
use super::words::{self, wide};
use super::{Choices, Drawn, nothing};
use crate::error::{Error, Result};
use crate::report::bars::{Bars, bars_figure};
use crate::report::figure::{Axis, Datum};
use crate::report::pareto::pareto_figure;

/// Bars by scheduler; with a swept key on the axis, schedulers side by side at each of its values.
pub fn ablation(sources: &[Source], choices: &Choices) -> Result<Drawn> {
    let mut measures = match choices.x {
        Some(_) => Measures::swept(sources)?,
        None => Measures::compared(sources)?,
    };
    measures.filter(&choices.only, &choices.conditions)?;
    let metrics = picked(&measures, &choices.y, &["e2e_mean_s"])?;
    let (axis, panels) = match &choices.x {
        Some(key) => by_key(&measures, measures.axis(key)?, &metrics),
        None => by_name(&measures, &metrics),
    };
    if panels.iter().any(|p| p.groups.iter().all(|g| g.1.is_empty())) {
        return Err(nothing("no run has a value of a chosen metric"));
    }
    let wide_figure = panels.len() > 1 || axis.categories.len() > 6;
    let spec = bars_figure(&axis, &panels, measures.intervals(&metrics), choices.width(wide_figure));
    Ok(Drawn { spec, remarks: measures.notes })
}

/// One bar per scheduler and combination of swept keys.
fn by_name(measures: &Measures, metrics: &[usize]) -> (Axis, Vec<Bars>) {
    let names = measures.rows.iter().map(|r| measures.name(r, &[]));
    let axis = Axis::categories("", names);
    let bars = |&m: &usize| {
        let bar = |(i, r): (usize, &super::measures::Row)| r.values[m].map(|e| e.at(i as f64));
        let bars: Vec<Datum> = measures.rows.iter().enumerate().filter_map(bar).collect();
        Bars { y: vertical(measures, m), groups: vec![(String::new(), bars)] }
    };
    (axis, metrics.iter().map(bars).collect())
}

/// One group per scheduler at every value of the key.
fn by_key(measures: &Measures, key: usize, metrics: &[usize]) -> (Axis, Vec<Bars>) {
    let values = measures.values(key);
    let (label, unit) = words::key(&measures.axes[key]);
    let axis = Axis { unit: Axis::linear("", unit).unit, ..Axis::categories(&label, values.iter()) };
    let bars = |&m: &usize| {
        let mut groups: Vec<(String, Vec<Datum>)> = Vec::new();
        for row in &measures.rows {
            let name = measures.name(row, &[key]);
            let slot = groups.iter().position(|g| g.0 == name).unwrap_or_else(|| {
                groups.push((name, Vec::new()));
                groups.len() - 1
            });
            let place = values.iter().position(|v| *v == row.at[key]);
            groups[slot].1.extend(place.zip(row.values[m]).map(|(i, e)| e.at(i as f64)));
        }
        Bars { y: vertical(measures, m), groups }
    };
    (axis, metrics.iter().map(bars).collect())
}

fn vertical(measures: &Measures, metric: usize) -> Axis {
    let served = words::metric(&measures.metrics[metric]);
    Axis::linear(&served.label, served.unit)
}

/// Every configuration in two metrics, by scheduler.
pub fn pareto(sources: &[Source], choices: &Choices) -> Result<Drawn> {
    let mut measures = Measures::compared(sources)?;
    measures.filter(&choices.only, &choices.conditions)?;
    let x = measures.metric(choices.x.as_deref().unwrap_or("ttft_mean_s"))?;
    let y = match choices.y.as_slice() {
        [] => measures.metric("tpot_mean_s").or_else(|_| measures.metric("e2e_p99_s"))?,
        [name] => measures.metric(name)?,
        _ => return Err(Error::Usage("a pareto figure has one metric for --y".into())),
    };
    let mut points: Vec<(String, Vec<Datum>)> = Vec::new();
    for row in &measures.rows {
        let (Some(at), Some(value)) = (row.values[x], row.values[y]) else { continue };
        let slot = points.iter().position(|p| p.0 == row.scheduler).unwrap_or_else(|| {
            points.push((row.scheduler.clone(), Vec::new()));
            points.len() - 1
        });
        points[slot].1.push(value.at(at.mean));
    }
    let all = || points.iter().flat_map(|p| &p.1);
    if all().next().is_none() {
        return Err(nothing("no run has a value of both metrics"));
    }
    let ends = |d: &Datum| [d.y].into_iter().chain(d.interval.into_iter().flatten());
    let log_x = choices.is_log("x", wide(all().map(|d| d.x), LOG_METRIC));
    let log_y = choices.is_log("y", wide(all().flat_map(ends), LOG_METRIC));
    let side = |metric: usize, log: bool| {
        let served = words::metric(&measures.metrics[metric]);
        (words::axis(log, &served.label, served.unit), served.better)
    };
    let intervals = measures.intervals(&[y]);
    let spec = pareto_figure(side(x, log_x), side(y, log_y), &points, intervals, choices.width(false));
    Ok(Drawn { spec, remarks: measures.notes })
}
