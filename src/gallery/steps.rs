//! Memory and queue over time, from the steps of every replica.

use std::path::Path;

use super::source::{Source, groups};
use super::table::Table;
use super::{Choices, Drawn, nothing};
use crate::error::{Error, Result};
use crate::report::curves::{Curves, timeline_figure};
use crate::report::figure::{Axis, Datum, Width};

const STEPS: &str = "replay again with --steps";

/// Points of a curve in one and two columns: what happens within one of them is averaged.
const SPANS: [usize; 2] = [110, 220];

/// Names on the command line, columns, labels and units of the states.
const STATES: [(&str, &str, &str, &str); 4] = [
    ("kv", "kv_blocks_used", "KV memory", "blocks"),
    ("queue", "waiting", "Queue", "requests"),
    ("running", "running", "Running", "requests"),
    ("prefill", "prefill_tokens", "Prompt tokens per step", "tokens"),
];

/// A step: start, duration, and the states at it.
struct Step {
    start: f64,
    duration: f64,
    states: Vec<f64>,
}

/// States over time, one panel each, means over short spans, all replicas together.
pub fn timeline(sources: &[Source], choices: &Choices) -> Result<Drawn> {
    let groups = groups(sources, &choices.only)?;
    let usual = ["kv", "queue"].map(str::to_owned);
    let chosen = if choices.y.is_empty() { &usual[..] } else { &choices.y };
    let states = chosen.iter().map(|name| state(name)).collect::<Result<Vec<_>>>()?;
    let columns: Vec<&str> = states.iter().map(|s| s.1).collect();
    let mut remarks = Vec::new();
    if groups.iter().any(|g| g.dirs.len() > 1) {
        remarks.push("the first seed alone is drawn".to_owned());
    }
    let runs = groups
        .iter()
        .map(|g| Ok((&g.name, read(&g.dirs[0].join("steps.csv"), &columns)?)))
        .collect::<Result<Vec<_>>>()?;
    let end = runs.iter().flat_map(|r| &r.1).map(|s| s.start + s.duration).fold(0.0, f64::max);
    if end <= 0.0 {
        return Err(nothing("no step takes any time"));
    }
    let width = choices.width(true);
    let spans = SPANS[usize::from(width == Width::TwoColumn)];
    let panel = |(i, state): (usize, &(&str, &str, &str, &str))| Curves {
        y: Axis::linear(state.2, state.3).from_zero(),
        curves: runs.iter().map(|(name, steps)| ((*name).clone(), means(steps, i, end, spans))).collect(),
        references: Vec::new(),
        guide: Vec::new(),
    };
    let panels: Vec<Curves> = states.iter().enumerate().map(panel).collect();
    let time = Axis::linear("Time", "s").range(0.0, end);
    let mut spec = timeline_figure(&time, &panels, width);
    spec.notes.push(format!("Means over {} s, all replicas together.", three_digits(end / spans as f64)));
    Ok(Drawn { spec, remarks })
}

fn state(name: &str) -> Result<(&'static str, &'static str, &'static str, &'static str)> {
    let found = STATES.iter().find(|s| s.0 == name || s.1 == name).copied();
    found.ok_or_else(|| Error::unknown("state", name, STATES.map(|s| s.0)))
}

fn read(path: &Path, columns: &[&str]) -> Result<Vec<Step>> {
    let table = Table::open(path, STEPS)?;
    let (start, duration) = (table.column("start_s")?, table.column("duration_s")?);
    let states = columns.iter().map(|c| table.column(c)).collect::<Result<Vec<_>>>()?;
    let mut steps = Vec::new();
    table.each(|row| {
        let cell = |i: usize| Ok(row.number(i)?.unwrap_or(0.0));
        let states = states.iter().map(|&i| cell(i)).collect::<Result<Vec<f64>>>()?;
        steps.push(Step { start: cell(start)?, duration: cell(duration)?, states });
        Ok(())
    })?;
    Ok(steps)
}

/// Integral of a state over each span, over its length. A step holds its state while it lasts; between steps a
/// replica is empty.
fn means(steps: &[Step], state: usize, end: f64, spans: usize) -> Vec<Datum> {
    let width = end / spans as f64;
    let mut sums = vec![0.0; spans];
    for step in steps {
        let until = step.start + step.duration;
        let first = ((step.start / width) as usize).min(spans - 1);
        let last = ((until / width) as usize).min(spans - 1);
        for (i, sum) in sums.iter_mut().enumerate().take(last + 1).skip(first) {
            let (from, to) = (i as f64 * width, (i + 1) as f64 * width);
            let shared = until.min(to) - step.start.max(from);
            *sum += step.states[state] * shared.max(0.0);
        }
    }
    let point = |(i, sum): (usize, f64)| Datum::new(i as f64 * width, sum / width);
    let mut points: Vec<Datum> = sums.into_iter().enumerate().map(point).collect();
    // The last mean holds up to the end.
    points.extend(points.last().map(|last| Datum::new(end, last.y)));
    points
}

/// A number with three digits that count.
fn three_digits(value: f64) -> String {
    let digits = (2 - libm::floor(libm::log10(value)) as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_spans() {
        let step = |start: f64, duration: f64, state: f64| Step { start, duration, states: vec![state] };
        let steps = [step(0.0, 2.5, 3.0), step(2.5, 0.1, 8.0), step(4.0, 6.0, 1.0)];
        let total: f64 = means(&steps, 0, 10.0, 37)[..37].iter().map(|d| d.y * 10.0 / 37.0).sum();
        assert!((total - (7.5 + 0.8 + 6.0)).abs() < 1e-9, "{total}");
    }
}
