//! Metrics of configurations: means over replicates with their intervals, by scheduler and swept keys.

use std::path::Path;

use super::source::{Content, Source, keep};
use super::table::Table;
use super::words;
use crate::error::{Error, Place, Result};
use crate::metrics::stats;
use crate::report::figure::{Datum, Intervals};

/// Confidence level of all intervals, that of replays too.
const LEVEL: f64 = 0.95;
/// The key that load lists sweep.
pub const RATE: &str = "workload.rate_rps";

const SWEEP: &str = "`foretoken sweep run` writes it";
const LOAD: &str = "replay with a list of loads, `--rates 1,2,4`, or name a sweep";
const COMPARISON: &str = "replay several schedulers, `--scheduler fcfs,sjf`, or name a sweep";

/// A mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Over replicates.
    pub mean: f64,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
}

/// One configuration.
#[derive(Clone, Debug)]
pub struct Row {
    /// Label of its scheduler.
    pub scheduler: String,
    /// Values of the axes, as they were written.
    pub at: Vec<String>,
    /// One per metric.
    pub values: Vec<Option<Estimate>>,
    /// Replicates.
    pub n: u64,
}

/// Configurations side by side.
#[derive(Clone, Debug)]
pub struct Measures {
    /// Swept keys.
    pub axes: Vec<String>,
    /// Names of the metrics.
    pub metrics: Vec<String>,
    /// In order of appearance.
    pub rows: Vec<Row>,
    /// What was left out.
    pub notes: Vec<String>,
}

impl Measures {
    /// Metrics over swept keys: `points.csv` of sweeps, `load.csv` of replays.
    pub fn swept(sources: &[Source]) -> Result<Measures> {
        let one = |s: &Source| match &s.content {
            Content::Sweep(axes) => points(&s.dir.join("points.csv"), axes, SWEEP),
            Content::Replay(_) => points(&s.dir.join("load.csv"), &["rate_rps".to_owned()], LOAD),
        };
        join(sources, one)
    }

    /// Metrics of schedulers: `points.csv` of sweeps, `comparison.csv` of replays.
    pub fn compared(sources: &[Source]) -> Result<Measures> {
        let one = |s: &Source| match &s.content {
            Content::Sweep(axes) => points(&s.dir.join("points.csv"), axes, SWEEP),
            Content::Replay(_) => comparison(&s.dir.join("comparison.csv")),
        };
        join(sources, one)
    }

    /// Keeps the schedulers called `only`, if any is named, and rows in which each key of `conditions` has its value.
    ///
    /// # Errors
    /// A scheduler, key or value that no row has.
    pub fn filter(&mut self, only: &[String], conditions: &[(String, String)]) -> Result<()> {
        keep(&mut self.rows, only, |r| &r.scheduler)?;
        for (key, value) in conditions {
            let axis = self.axis(key)?;
            if !self.rows.iter().any(|r| same(&r.at[axis], value)) {
                return Err(Error::unknown("value of the axis", value, distinct(&self.rows, axis)));
            }
            self.rows.retain(|r| same(&r.at[axis], value));
        }
        Ok(())
    }

    /// The place of the swept key `name`.
    pub fn axis(&self, name: &str) -> Result<usize> {
        let found = self.axes.iter().position(|a| a == name);
        found.ok_or_else(|| Error::unknown("axis", name, self.axes.clone()))
    }

    /// The place of the metric `name`.
    pub fn metric(&self, name: &str) -> Result<usize> {
        let found = self.metrics.iter().position(|m| m == name);
        found.ok_or_else(|| Error::unknown("metric", name, self.metrics.clone()))
    }

    /// Distinct values of an axis, rising where they are numbers.
    pub fn values(&self, axis: usize) -> Vec<String> {
        distinct(&self.rows, axis)
    }

    /// Scheduler and every axis that varies and is none of `shown`: the name of a curve or panel.
    pub fn name(&self, row: &Row, shown: &[usize]) -> String {
        let varies = |axis: &usize| !shown.contains(axis) && self.values(*axis).len() > 1;
        let rest = (0..self.axes.len()).filter(varies);
        let part = |axis: usize| {
            let key = words::key(&self.axes[axis]).0;
            format!(", {} {}", key.to_lowercase(), row.at[axis])
        };
        std::iter::once(row.scheduler.clone()).chain(rest.map(part)).collect()
    }

    /// What intervals of `metrics` mean; none if no value has one.
    pub fn intervals(&self, metrics: &[usize]) -> Option<Intervals> {
        let has = |r: &&Row| metrics.iter().any(|&m| r.values[m].is_some_and(|e| e.interval.is_some()));
        let sizes = || self.rows.iter().filter(has).map(|r| r.n);
        let n = [sizes().min()?, sizes().max()?];
        let of = if n == [1, 1] { "run, by batch means" } else { "seeds" };
        Some(Intervals { level: LEVEL, n, of: of.to_owned() })
    }
}

impl Estimate {
    /// Drawn over `x`.
    pub fn at(self, x: f64) -> Datum {
        Datum { x, y: self.mean, interval: self.interval }
    }

    /// The mean and the ends of its interval.
    pub fn ends(self) -> impl Iterator<Item = f64> {
        [self.mean].into_iter().chain(self.interval.into_iter().flatten())
    }

    fn of(values: &[f64]) -> Option<Estimate> {
        let interval = stats::t_interval(values, LEVEL).map(|i| [i.lo, i.hi]);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (!values.is_empty()).then_some(Estimate { mean, interval })
    }
}

/// Whether two cells are the same value: as numbers if both are.
fn same(a: &str, b: &str) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

fn distinct(rows: &[Row], axis: usize) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for row in rows {
        if !values.contains(&row.at[axis]) {
            values.push(row.at[axis].clone());
        }
    }
    let numbers: Option<Vec<f64>> = values.iter().map(|v| v.parse().ok()).collect();
    if let Some(numbers) = numbers {
        let mut pairs: Vec<(f64, String)> = numbers.into_iter().zip(values).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        return pairs.into_iter().map(|p| p.1).collect();
    }
    values
}

/// One table from all sources, which must have the same axes; metrics are those that all have.
fn join(sources: &[Source], read: impl Fn(&Source) -> Result<Measures>) -> Result<Measures> {
    let mut all = sources.iter().map(|s| read(s).map(|m| (s, m))).collect::<Result<Vec<_>>>()?.into_iter();
    let Some((_, mut first)) = all.next() else {
        return Err(Error::Usage("nothing to draw: name a result directory".into()));
    };
    for (source, other) in all {
        if other.axes != first.axes {
            let what = format!("it sweeps {}, the first source {}", list(&other.axes), list(&first.axes));
            return Err(Error::input(Place::file(&source.dir), what, "draw them apart"));
        }
        let known: Vec<String> =
            first.metrics.iter().filter(|m| other.metrics.contains(m)).cloned().collect();
        let (mut a, b) = (first.only(&known), other.only(&known));
        if let Some(twice) = b.rows.iter().find(|r| a.rows.iter().any(|q| same_place(q, r))) {
            let what = format!("an earlier source has the same configuration of {}", twice.scheduler);
            return Err(Error::input(Place::file(&source.dir), what, "name each once, or give it a label"));
        }
        a.rows.extend(b.rows);
        a.notes.extend(b.notes);
        first = a;
    }
    Ok(first)
}

fn same_place(a: &Row, b: &Row) -> bool {
    a.scheduler == b.scheduler && a.at.iter().zip(&b.at).all(|(a, b)| same(a, b))
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

impl Measures {
    /// The same with the metrics called `names`, in this order.
    fn only(self, names: &[String]) -> Measures {
        let at: Vec<usize> = names.iter().filter_map(|n| self.metrics.iter().position(|m| m == n)).collect();
        let row = |r: Row| Row { values: at.iter().map(|&i| r.values[i]).collect(), ..r };
        Measures { metrics: names.to_vec(), rows: self.rows.into_iter().map(row).collect(), ..self }
    }
}

/// Columns of a file of runs that are neither axis nor metric.
const PLAIN: [&str; 7] = ["point", "scheduler", "replicate", "seed", "status", "reason", "digest"];

/// The runs of one configuration: its values, metric by metric.
struct Runs {
    scheduler: String,
    at: Vec<String>,
    values: Vec<Vec<f64>>,
    n: u64,
}

/// A row per run: of a sweep (`points.csv`), or of a replay's load list (`load.csv`). `keys` are the columns of swept
/// keys.
fn points(path: &Path, keys: &[String], made_by: &'static str) -> Result<Measures> {
    let table = Table::open(path, made_by)?;
    let header = table.header().to_vec();
    let (scheduler, status) = (table.column("scheduler")?, table.find("status"));
    let axes = keys.iter().map(|key| table.column(key)).collect::<Result<Vec<usize>>>()?;
    let is_metric = |i: &usize| !PLAIN.contains(&header[*i].as_str()) && !axes.contains(i);
    let metrics: Vec<usize> = (0..header.len()).filter(is_metric).collect();
    let mut all: Vec<Runs> = Vec::new();
    let mut left_out = 0;
    table.each(|row| {
        if status.is_some_and(|s| !["ok", "completed"].contains(&row.text(s))) {
            left_out += 1;
            return Ok(());
        }
        let at: Vec<String> = axes.iter().map(|&i| row.text(i).to_owned()).collect();
        let who = row.text(scheduler);
        let slot = all.iter().position(|r| r.scheduler == who && r.at == at).unwrap_or_else(|| {
            all.push(Runs { scheduler: who.to_owned(), at, values: vec![Vec::new(); metrics.len()], n: 0 });
            all.len() - 1
        });
        all[slot].n += 1;
        for (values, &column) in all[slot].values.iter_mut().zip(&metrics) {
            values.extend(row.number(column)?);
        }
        Ok(())
    })?;
    let key = |&i: &usize| if header[i] == "rate_rps" { RATE.to_owned() } else { header[i].clone() };
    let what = "runs that did not complete, and are left out";
    let notes = (left_out > 0).then(|| format!("{}: {what}: {left_out}", path.display()));
    Ok(Measures {
        axes: axes.iter().map(key).collect(),
        metrics: metrics.iter().map(|&i| header[i].clone()).collect(),
        rows: all.into_iter().map(Runs::row).collect(),
        notes: notes.into_iter().collect(),
    })
}

impl Runs {
    /// Means and intervals. A mean over fewer replicates than there are is no mean of the configuration.
    fn row(self) -> Row {
        let whole = |v: &Vec<f64>| if v.len() as u64 == self.n { Estimate::of(v) } else { None };
        let values = self.values.iter().map(whole).collect();
        Row { scheduler: self.scheduler, at: self.at, values, n: self.n }
    }
}

/// `comparison.csv`: a row per scheduler, each metric followed by its interval.
fn comparison(path: &Path) -> Result<Measures> {
    let table = Table::open(path, COMPARISON)?;
    let (scheduler, replicates) = (table.column("scheduler")?, table.column("replicates")?);
    let header = table.header();
    let is_metric = |i: &usize| {
        let name = &header[*i];
        header.get(i + 1).is_some_and(|next| *next == format!("{name}_lo"))
    };
    let metrics: Vec<usize> = (0..header.len()).filter(is_metric).collect();
    let names = metrics.iter().map(|&i| header[i].clone()).collect();
    let mut rows = Vec::new();
    table.each(|row| {
        let estimate = |&i: &usize| -> Result<Option<Estimate>> {
            let (mean, lo, hi) = (row.number(i)?, row.number(i + 1)?, row.number(i + 2)?);
            let interval = lo.zip(hi).map(|(lo, hi)| [lo, hi]);
            Ok(mean.map(|mean| Estimate { mean, interval }))
        };
        let values = metrics.iter().map(estimate).collect::<Result<Vec<_>>>()?;
        let n = row.number(replicates)?.unwrap_or(1.0) as u64;
        rows.push(Row { scheduler: row.text(scheduler).to_owned(), at: Vec::new(), values, n });
        Ok(())
    })?;
    Ok(Measures { axes: Vec::new(), metrics: names, rows, notes: Vec::new() })
}
