//! [`winners`]: the best scheduler in each cell of a sweep, and whether its lead is more than luck.

use super::LEVEL;
use super::points::{Point, Points, better};
use crate::error::{Error, Place, Result};
use crate::metrics::Better;
use crate::metrics::stats::{self, Interval};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The metric that is compared when nobody says which.
const USUAL: &str = "e2e_mean_s";

/// What the best scheduler's lead amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lead {
    /// Shown to be better than every other scheduler of the cell.
    #[serde(rename = "leads")]
    Shown,
    /// At least one other may be as good.
    #[serde(rename = "no lead shown")]
    NotShown,
    /// One run each, or no rival: nothing to test.
    #[serde(rename = "not tested")]
    NotTested,
}

impl Lead {
    /// In plain words.
    pub fn as_str(self) -> &'static str {
        match self {
            Lead::Shown => "leads",
            Lead::NotShown => "no lead shown",
            Lead::NotTested => "not tested",
        }
    }
}

/// One cell in one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Winner {
    /// Values of the axes, in their order.
    pub cell: Vec<String>,
    /// Name of the metric.
    pub metric: String,
    /// The scheduler with the best mean.
    pub best: String,
    /// Its mean over replicates.
    pub best_mean: f64,
    /// The one with the second-best mean.
    pub rival: Option<String>,
    /// Its mean.
    pub rival_mean: Option<f64>,
    /// Best minus rival, paired by replicate.
    pub difference: Option<f64>,
    /// Lower end of its interval.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
    /// Difference over the rival's magnitude.
    pub relative: Option<f64>,
    /// Corrected p-value of the best against whom it beats least clearly.
    pub p_holm: Option<f64>,
    /// Whether the lead is shown.
    pub lead: Lead,
    /// Replicates behind it.
    pub replicates: u64,
    /// Schedulers of the cell that lack a run, and are left out.
    pub missing: Vec<String>,
}

/// How often a scheduler won.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wins {
    /// Name of the metric.
    pub metric: String,
    /// Who.
    pub scheduler: String,
    /// Cells in which it has the best mean.
    pub cells: u64,
    /// Those in which its lead is shown.
    pub shown: u64,
}

/// Who wins where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Winners {
    /// Version of this format.
    pub schema: u32,
    /// `winners`.
    pub kind: String,
    /// Confidence level of every interval.
    pub level: f64,
    /// How p-values are corrected: `holm`.
    pub correction: String,
    /// Over how many tests: every pair of schedulers in every cell and metric.
    pub tests: u64,
    /// Dotted keys of the axes.
    pub axes: Vec<String>,
    /// Metric by metric, cell by cell.
    pub rows: Vec<Winner>,
    /// Counted over cells.
    pub wins: Vec<Wins>,
    /// What a reader should know.
    pub remarks: Vec<String>,
    /// Values of each axis, in order.
    #[serde(skip)]
    pub(super) values: Vec<Vec<String>>,
    /// Schedulers, in order.
    #[serde(skip)]
    pub(super) schedulers: Vec<String>,
}

/// The runs of a cell: per scheduler, per replicate.
type Cell<'a> = BTreeMap<&'a str, BTreeMap<u64, &'a Point>>;

/// A test of two schedulers of a cell; `first` is before `second` in the list of its entrants.
struct Test {
    first: usize,
    second: usize,
    p: f64,
}

/// A cell in one metric, before the correction.
struct Contest {
    winner: Winner,
    /// Place of the best among the entrants.
    best: usize,
    tests: Vec<Test>,
}

/// Names the best scheduler of every cell of `points`, for each metric; none means mean E2E latency.
///
/// Every pair of schedulers of a cell is tested, paired by replicate, which have common random numbers. A lead is
/// shown where the best beats every other one after Holm's correction over all pairs, cells and metrics, so that
/// picking the best by looking costs nothing.
///
/// # Errors
/// An unknown metric; a scheduler twice in one cell and replicate; replicates whose seeds differ between
/// schedulers.
pub fn winners(points: &Points, metrics: &[String]) -> Result<Winners> {
    let usual = [USUAL.to_string()];
    let metrics = if metrics.is_empty() { &usual[..] } else { metrics };
    let values = points.axis_values();
    let cells = cells(points, &values)?;
    let mut schedulers: Vec<String> = Vec::new();
    for row in &points.rows {
        if !schedulers.contains(&row.scheduler) {
            schedulers.push(row.scheduler.clone());
        }
    }
    let mut contests = Vec::new();
    for name in metrics {
        let column = points.metrics.iter().position(|m| m == name);
        let known = || Error::unknown("metric", name, points.metrics.iter().cloned());
        let (column, better) = (column.ok_or_else(known)?, better(name).ok_or_else(|| undirected(name))?);
        let entries = cells.iter().map(|(key, cell)| contest(name, better, column, key, cell, &schedulers));
        contests.extend(entries.flatten());
    }
    let p: Vec<f64> = contests.iter().flat_map(|c| c.tests.iter().map(|t| t.p)).collect();
    let mut adjusted = stats::holm(&p).into_iter();
    let rows: Vec<Winner> = contests.into_iter().map(|contest| contest.judged(&mut adjusted)).collect();
    let remarks = remarks(points, &rows);
    Ok(Winners {
        schema: 1,
        kind: "winners".into(),
        level: LEVEL,
        correction: "holm".into(),
        tests: p.len() as u64,
        axes: points.axes.clone(),
        wins: wins(metrics, &schedulers, &rows),
        rows,
        remarks,
        values,
        schedulers,
    })
}

fn undirected(name: &str) -> Error {
    Error::Usage(format!(
        "{name} has no winner: neither less nor more of it is better; choose another --metric"
    ))
}

/// The runs by cell, in the order of the axes' values.
fn cells<'a>(points: &'a Points, values: &[Vec<String>]) -> Result<Vec<(Vec<String>, Cell<'a>)>> {
    let place = |axis: usize, value: &String| values[axis].iter().position(|v| v == value);
    let mut cells: BTreeMap<Vec<Option<usize>>, Cell<'a>> = BTreeMap::new();
    let mut seeds: BTreeMap<(Vec<Option<usize>>, u64), &'a Point> = BTreeMap::new();
    let refuse = |point: &Point, what: String, help: &str| {
        Err(Error::input(Place::file(&points.path).line(point.line), what, help))
    };
    for point in &points.rows {
        let key: Vec<_> = point.axes.iter().enumerate().map(|(i, v)| place(i, v)).collect();
        let first = *seeds.entry((key.clone(), point.replicate)).or_insert(point);
        if first.seed != point.seed {
            let what = format!(
                "replicate {} has seed {} here and {} in line {}: schedulers saw different requests",
                point.replicate, point.seed, first.seed, first.line
            );
            return refuse(point, what, "give all schedulers of a cell the same seeds");
        }
        let runs = cells.entry(key).or_default().entry(&point.scheduler).or_default();
        if let Some(other) = runs.insert(point.replicate, point) {
            let (who, r) = (&point.scheduler, point.replicate);
            let what = format!("{who}, replicate {r} is in line {} already, with the same axes", other.line);
            return refuse(point, what, "name every axis of the sweep in the file");
        }
    }
    let named = |key: Vec<Option<usize>>| {
        key.iter().enumerate().filter_map(|(i, v)| v.map(|v| values[i][v].clone())).collect()
    };
    Ok(cells.into_iter().map(|(key, cell)| (named(key), cell)).collect())
}

/// The schedulers that have every replicate of their cell, with their values, and how many replicates that is.
fn entrants<'s>(
    column: usize,
    cell: &Cell<'_>,
    schedulers: &'s [String],
) -> (Vec<(&'s String, Vec<f64>)>, usize) {
    let replicates = cell.values().flat_map(BTreeMap::keys).collect::<BTreeSet<_>>().len();
    let value = |point: &&Point| point.metrics[column].filter(|v| v.is_finite() && !point.digest.is_empty());
    let mut entrants = Vec::new();
    for name in schedulers {
        let runs = cell.get(name.as_str()).into_iter().flat_map(BTreeMap::values);
        let values: Vec<f64> = runs.filter_map(value).collect();
        if values.len() == replicates {
            entrants.push((name, values));
        }
    }
    (entrants, replicates)
}

/// Ranks the schedulers of a cell; `None` if none has all its runs.
fn contest(
    metric: &str,
    better: Better,
    column: usize,
    key: &[String],
    cell: &Cell<'_>,
    schedulers: &[String],
) -> Option<Contest> {
    let (entrants, replicates) = entrants(column, cell, schedulers);
    let lacking = |name: &&String| !entrants.iter().any(|(n, _)| n == name);
    let mean = |i: usize| entrants[i].1.iter().sum::<f64>() / replicates as f64;
    let sign = if better == Better::Lower { 1.0 } else { -1.0 };
    let mut order: Vec<usize> = (0..entrants.len()).collect();
    order.sort_by(|&a, &b| (sign * mean(a)).total_cmp(&(sign * mean(b))));
    let (&best, rival) = (order.first()?, order.get(1).copied());
    let paired = |a: usize, b: usize| {
        let differences: Vec<f64> = entrants[a].1.iter().zip(&entrants[b].1).map(|(x, y)| x - y).collect();
        stats::t_interval(&differences, LEVEL).filter(|_| !repeated(cell))
    };
    let pairs = (0..entrants.len()).flat_map(|a| (a + 1..entrants.len()).map(move |b| (a, b)));
    let tests = pairs
        .filter_map(|(first, second)| {
            paired(first, second).map(|i| Test { first, second, p: stats::p_value(&i) })
        })
        .collect();
    let lead: Option<Interval> = rival.and_then(|rival| paired(best, rival));
    let difference = rival.map(|rival| mean(best) - mean(rival));
    let relative = rival.filter(|&r| mean(r) != 0.0).map(|r| (mean(best) - mean(r)) / mean(r).abs());
    let winner = Winner {
        cell: key.to_vec(),
        metric: metric.into(),
        best: entrants[best].0.clone(),
        best_mean: mean(best),
        rival: rival.map(|r| entrants[r].0.clone()),
        rival_mean: rival.map(mean),
        difference,
        lo: lead.map(|i| i.lo),
        hi: lead.map(|i| i.hi),
        relative,
        p_holm: None,
        lead: Lead::NotTested,
        replicates: replicates as u64,
        missing: schedulers.iter().filter(lacking).cloned().collect(),
    };
    Some(Contest { winner, best, tests })
}

/// Whether every scheduler's replicates are one run repeated: their spread says nothing.
fn repeated(cell: &Cell<'_>) -> bool {
    let mut schedulers = cell.values();
    schedulers.all(|runs| {
        let mut digests = runs.values().map(|p| &p.digest);
        let first = digests.next();
        digests.all(|d| Some(d) == first)
    })
}

impl Contest {
    /// Takes the corrected p-values of its tests, and says what the lead amounts to.
    fn judged(mut self, adjusted: &mut impl Iterator<Item = f64>) -> Winner {
        let mut worst: Option<f64> = None;
        for (test, p) in self.tests.iter().zip(adjusted) {
            if test.first == self.best || test.second == self.best {
                worst = Some(worst.map_or(p, |w| w.max(p)));
            }
        }
        self.winner.p_holm = worst;
        self.winner.lead = match worst {
            None => Lead::NotTested,
            Some(p) if p < 1.0 - LEVEL => Lead::Shown,
            Some(_) => Lead::NotShown,
        };
        self.winner
    }
}

fn wins(metrics: &[String], schedulers: &[String], rows: &[Winner]) -> Vec<Wins> {
    let count = |metric: &String, scheduler: &String| {
        let won = || rows.iter().filter(|r| r.metric == *metric && r.best == *scheduler);
        Wins {
            metric: metric.clone(),
            scheduler: scheduler.clone(),
            cells: won().count() as u64,
            shown: won().filter(|r| r.lead == Lead::Shown).count() as u64,
        }
    };
    metrics.iter().flat_map(|m| schedulers.iter().map(move |s| count(m, s))).collect()
}

fn remarks(points: &Points, rows: &[Winner]) -> Vec<String> {
    let mut remarks = Vec::new();
    if points.failed > 0 {
        let all = points.rows.len();
        remarks.push(format!(
            "{} of {all} runs failed; a scheduler without all its runs in a cell is left out there",
            points.failed
        ));
    }
    if rows.iter().all(|row| row.lead == Lead::NotTested) {
        remarks
            .push("no lead can be tested: that takes two schedulers and two replicates that differ".into());
    }
    remarks
}
