//! Metrics over a swept key: response to load, ratios over a parameter.

use super::measures::{Measures, RATE, Row};
use super::source::Source;
use super::words::{self, wide};
use super::{Choices, Drawn, nothing};
use crate::error::{Error, Result};
use crate::report::curves::{Curves, curves_figure};
use crate::report::figure::{At, Datum, Reference};

/// Values this far apart call for a log axis: keys, latencies.
pub const LOG_KEY: f64 = 30.0;
/// See [`LOG_KEY`].
pub const LOG_METRIC: f64 = 20.0;

/// Response time, throughput and goodput over load.
pub fn load(sources: &[Source], choices: &Choices) -> Result<Drawn> {
    let measures = Measures::swept(sources)?;
    let usual = ["e2e_mean_s", "requests_per_s", "goodput_rps"];
    over(measures, &usual, choices)
}

/// Ratios to the best known schedule and to the lower bound.
pub fn ratio(sources: &[Source], choices: &Choices) -> Result<Drawn> {
    let measures = Measures::swept(sources)?;
    over(measures, &["ratio_best_known", "ratio_lower_bound"], choices)
}

fn over(mut measures: Measures, usual: &[&str], choices: &Choices) -> Result<Drawn> {
    measures.filter(&choices.only, &choices.conditions)?;
    let x = horizontal(&measures, choices)?;
    let metrics = picked(&measures, &choices.y, usual)?;
    let at = |r: &Row| number(&measures, r, x);
    let xs: Vec<f64> = measures.rows.iter().map(at).collect::<Result<_>>()?;
    let (label, unit) = words::key(&measures.axes[x]);
    let log_x = choices.is_log("x", wide(xs.iter().copied(), LOG_KEY));
    let axis = words::axis(log_x, &label, unit);
    let panels = metrics.iter().map(|&m| panel(&measures, x, &xs, m, choices)).collect::<Result<Vec<_>>>()?;
    let wide_figure = panels.len() > 1;
    let guided = panels.iter().any(|p| !p.guide.is_empty());
    let mut spec = curves_figure(&axis, &panels, measures.intervals(&metrics), choices.width(wide_figure));
    spec.caption = format!("{} Key: {}.", spec.caption, measures.axes[x]);
    if metrics.iter().any(|&m| is_ratio(&measures.metrics[m])) {
        spec.notes.push("Ratios of mean end-to-end latencies; dashed: 1.".to_owned());
    }
    if guided {
        spec.notes.push("Dashed: equal to the offered load.".to_owned());
    }
    Ok(Drawn { spec, remarks: measures.notes })
}

/// The swept key of the horizontal axis: the chosen one, the load, or the only one.
pub fn horizontal(measures: &Measures, choices: &Choices) -> Result<usize> {
    if let Some(name) = &choices.x {
        return measures.axis(name);
    }
    match measures.axes.as_slice() {
        [] => Err(nothing("no key was swept")),
        [_] => Ok(0),
        several => measures.axis(RATE).map_err(|_| {
            Error::Usage(format!("several keys were swept; say which with --x: {}", several.join(", ")))
        }),
    }
}

/// The chosen metrics, else those of `usual` that there are.
pub fn picked(measures: &Measures, chosen: &[String], usual: &[&str]) -> Result<Vec<usize>> {
    if !chosen.is_empty() {
        return chosen.iter().map(|name| measures.metric(name)).collect();
    }
    let has = |m: usize| measures.rows.iter().any(|r| r.values[m].is_some());
    let found: Vec<usize> =
        usual.iter().filter_map(|name| measures.metric(name).ok()).filter(|&m| has(m)).collect();
    match found.is_empty() {
        true => Err(nothing(&format!(
            "the results have none of {}; they have {}",
            usual.join(", "),
            measures.metrics.join(", ")
        ))),
        false => Ok(found),
    }
}

fn number(measures: &Measures, row: &Row, axis: usize) -> Result<f64> {
    row.at[axis].parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| {
        let (key, value) = (&measures.axes[axis], &row.at[axis]);
        Error::Usage(format!(
            "`{value}` of {key} is no number; draw named values with `figure ablation --x {key}`"
        ))
    })
}

fn panel(measures: &Measures, x: usize, xs: &[f64], metric: usize, choices: &Choices) -> Result<Curves> {
    let mut curves: Vec<(String, Vec<Datum>)> = Vec::new();
    for (row, &at) in measures.rows.iter().zip(xs) {
        let name = measures.name(row, &[x]);
        let slot = curves.iter().position(|c| c.0 == name).unwrap_or_else(|| {
            curves.push((name, Vec::new()));
            curves.len() - 1
        });
        curves[slot].1.extend(row.values[metric].map(|e| e.at(at)));
    }
    curves.iter_mut().for_each(|c| c.1.sort_by(|a, b| a.x.total_cmp(&b.x)));
    if curves.len() > MOST {
        let what = format!("{} curves are more than can be told apart", curves.len());
        return Err(Error::Usage(format!("{what}; keep some with --only LABELS or --where KEY=VALUE")));
    }
    let name = measures.metrics[metric].as_str();
    let values = || measures.rows.iter().filter_map(|r| r.values[metric]).flat_map(|e| e.ends());
    if values().next().is_none() {
        return Err(nothing(&format!("no run has a value of {name}")));
    }
    let served = words::metric(name);
    let flow = served.unit == "requests/s" && measures.axes[x] == RATE;
    let log = choices.is_log("y", !flow && wide(values(), LOG_METRIC));
    let axis = words::axis(log, &served.label, served.unit);
    // Differences between large values would vanish above a zero far below.
    let far = values().fold(f64::INFINITY, f64::min) > FAR * values().fold(0.0, f64::max);
    let axis = if log || is_ratio(name) || far && !flow { axis } else { axis.from_zero() };
    let best = Reference { at: At::Y(1.0), label: String::new() };
    let guide = if flow { diagonal(xs) } else { Vec::new() };
    Ok(Curves { y: axis, curves, references: if is_ratio(name) { vec![best] } else { Vec::new() }, guide })
}

/// Curves that stay above this share of their maximum need no zero.
const FAR: f64 = 0.4;
/// Curves beyond these cannot be told apart.
const MOST: usize = 12;

fn is_ratio(metric: &str) -> bool {
    ["ratio_best_known", "ratio_lower_bound"].contains(&metric)
}

/// From the least to the largest load.
fn diagonal(xs: &[f64]) -> Vec<Datum> {
    let (lo, hi) = xs.iter().fold((f64::INFINITY, 0.0f64), |(a, b), &v| (a.min(v), b.max(v)));
    [lo, hi].map(|v| Datum::new(v, v)).to_vec()
}
