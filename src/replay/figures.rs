//! The figures of a replay: how response times are distributed, and how they grow with load.

use super::run::{LEVEL, RunResult};
use crate::error::Result;
use crate::metrics::{Summary, stats};
use crate::record::RequestRecord;
use crate::report::figure::{Axis, Datum, FigureSpec, Intervals, Legend, Mark, Panel, Series, Width};
use crate::scenario::Scenario;
use crate::time::Span;

/// Points kept of a run's distribution.
const KEPT: usize = 512;
/// Abscissae at which distributions of several replicates are averaged.
const GRID: usize = 160;

/// Picks one distribution of a run.
type Sample = fn(&Curves) -> &Vec<f64>;

/// Distributions of a run, thinned to evenly spaced ranks, seconds.
#[derive(Clone, Debug, Default)]
pub struct Curves {
    /// End-to-end latencies.
    pub e2e_s: Vec<f64>,
    /// Times to first token.
    pub ttft_s: Vec<f64>,
}

impl Curves {
    /// The curves of a run's completed requests.
    pub fn of(records: &[RequestRecord]) -> Curves {
        let completed = || records.iter().filter(|r| r.finish.is_some());
        Curves {
            e2e_s: thinned(completed().filter_map(RequestRecord::e2e)),
            ttft_s: thinned(completed().filter_map(RequestRecord::ttft)),
        }
    }
}

fn thinned(spans: impl Iterator<Item = Span>) -> Vec<f64> {
    let mut all: Vec<u64> = spans.map(|s| s.0).collect();
    all.sort_unstable();
    let n = all.len();
    if n <= KEPT {
        return all.into_iter().map(|ns| Span(ns).as_secs()).collect();
    }
    (0..KEPT).map(|i| Span(all[i * (n - 1) / (KEPT - 1)]).as_secs()).collect()
}

/// Share of a thinned, sorted sample at or below `x`, linear between its points.
fn share_below(sample: &[f64], x: f64) -> f64 {
    let above = sample.partition_point(|v| *v <= x);
    if above == 0 || above == sample.len() {
        return above as f64 / sample.len().max(1) as f64;
    }
    let (low, high) = (sample[above - 1], sample[above]);
    let between = if high > low { (x - low) / (high - low) } else { 0.0 };
    (above as f64 + between) / sample.len() as f64
}

/// Runs of one scheduler.
struct Group<'a> {
    label: &'a str,
    runs: &'a [RunResult],
}

fn groups<'a>(scenario: &Scenario, runs: &'a [RunResult]) -> Vec<Group<'a>> {
    let chunks = runs.chunks(scenario.replicates as usize);
    chunks.map(|runs| Group { label: &runs[0].label, runs }).collect()
}

/// Bands over replicates, if there are several.
fn intervals(scenario: &Scenario) -> Option<Intervals> {
    (scenario.replicates > 1).then(|| Intervals {
        level: LEVEL,
        n: [u64::from(scenario.replicates); 2],
        of: "seeds".into(),
    })
}

/// Distribution functions of E2E and TTFT per scheduler; and, given `loads`, mean E2E over offered load.
pub(super) fn response(
    scenario: &Scenario,
    runs: &[RunResult],
    loads: &[(super::Job, String, Summary)],
) -> Result<FigureSpec> {
    let groups = groups(scenario, runs);
    let mut panels = Vec::new();
    let quantities: [(&str, Sample); 2] =
        [("End-to-end latency", |c| &c.e2e_s), ("Time to first token", |c| &c.ttft_s)];
    for (label, of) in quantities {
        let drawn = groups.iter().filter(|g| g.runs.iter().any(|r| !of(&r.curves).is_empty()));
        let series = drawn.map(|g| Series::new(g.label, Mark::Line(distribution(g, of))));
        let series = series.collect();
        let y = Axis::linear("Fraction of requests", "").range(0.0, 1.0);
        panels.push(Panel { x: Axis::log(label, "s"), y, series, ..Panel::default() });
    }
    if !loads.is_empty() {
        panels.push(over_load(scenario, loads));
    }
    Ok(FigureSpec {
        width: Width::TwoColumn,
        panels,
        legend: Legend::Outside,
        intervals: intervals(scenario),
        caption: format!("Response times of {} under each scheduler.", scenario.name),
        ..FigureSpec::default()
    })
}

/// Mean distribution function over replicates, with its interval.
fn distribution(group: &Group<'_>, of: Sample) -> Vec<Datum> {
    let samples: Vec<&Vec<f64>> =
        group.runs.iter().map(|r| of(&r.curves)).filter(|s| !s.is_empty()).collect();
    let least = samples.iter().map(|s| s[0]).fold(f64::INFINITY, f64::min);
    let most = samples.iter().map(|s| s[s.len() - 1]).fold(0.0, f64::max);
    if !(least > 0.0 && most >= least) {
        return Vec::new();
    }
    let (low, high) = (libm::log(least), libm::log(most));
    let point = |i: usize| {
        let x = libm::exp(low + (high - low) * i as f64 / (GRID - 1) as f64);
        let shares: Vec<f64> = samples.iter().map(|s| share_below(s, x)).collect();
        estimate(x, &shares)
    };
    (0..GRID).map(point).collect()
}

/// The mean of `values` at `x`, with its t-interval where there are several.
fn estimate(x: f64, values: &[f64]) -> Datum {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    match stats::t_interval(values, LEVEL) {
        Some(interval) => Datum::with_interval(x, mean, interval.lo, interval.hi),
        None => Datum::new(x, mean),
    }
}

fn over_load(scenario: &Scenario, loads: &[(super::Job, String, Summary)]) -> Panel {
    let curve = |scheduler: usize| {
        let mine: Vec<_> = loads.iter().filter(|(job, ..)| job.scheduler == scheduler).collect();
        let at = |rate: &f64| {
            let means = mine.iter().filter(|(job, ..)| job.rate_rps == Some(*rate));
            let means: Vec<f64> = means.map(|(.., summary)| summary.latencies.e2e_s.mean).collect();
            estimate(*rate, &means)
        };
        (scenario.schedulers[scheduler].label(), scenario.load.rates_rps.iter().map(at).collect())
    };
    let curves: Vec<(String, Vec<Datum>)> = (0..scenario.schedulers.len()).map(curve).collect();
    let series = curves.into_iter().map(|(name, points)| Series::new(name, Mark::Line(points)));
    Panel {
        x: Axis::linear("Offered load", "requests/s"),
        y: Axis::log("Mean end-to-end latency", "s"),
        series: series.collect(),
        ..Panel::default()
    }
}
