//! `points.csv` and `summary.csv`.

use super::axis::cell;
use super::journal::{Outcome, Record};
use super::metrics::METRICS;
use super::plan::{Plan, Point};
use crate::error::{Error, Result};
use crate::metrics::stats::t_interval;
use crate::replay::LEVEL;
use std::io::Write;
use std::path::Path;

/// Columns of `points.csv` before the axes.
const FIXED: [&str; 7] = ["point", "scheduler", "replicate", "seed", "status", "reason", "digest"];
/// Status of a run that came to its end.
const OK: &str = "ok";

/// Writes the rows of `points.csv`, one by one.
pub(super) struct PointsCsv<'p, W: Write> {
    plan: &'p Plan,
    csv: csv::Writer<W>,
    /// The point of the last row, which the next one most likely shares.
    point: Option<Point>,
    /// Rows of runs that failed.
    pub failed: u64,
}

impl<'p, W: Write> PointsCsv<'p, W> {
    /// Writes the header.
    pub fn new(plan: &'p Plan, out: W) -> std::io::Result<PointsCsv<'p, W>> {
        let mut csv = csv::Writer::from_writer(out);
        let axes = plan.axes.iter().map(|a| a.key.as_str());
        csv.write_record(FIXED.into_iter().chain(axes).chain(METRICS.iter().map(|m| m.name)))?;
        Ok(PointsCsv { plan, csv, point: None, failed: 0 })
    }

    /// Writes the row of a run.
    pub fn row(&mut self, record: &Record) -> std::io::Result<()> {
        let run = self.plan.run(record.run as usize);
        if self.point.as_ref().is_none_or(|p| p.number != run.point) {
            self.point = Some(self.plan.point(run.point));
        }
        let point = self.point.as_ref().expect("set just now");
        let (status, reason, digest, metrics) = match &record.outcome {
            Outcome::Ok { digest, metrics, .. } => (OK, "", digest.as_str(), metrics.as_slice()),
            Outcome::Failed { reason } => {
                self.failed += 1;
                ("failed", reason.as_str(), "", [].as_slice())
            }
        };
        let mut cells = vec![
            run.point.to_string(),
            self.plan.schedulers[run.scheduler].clone(),
            run.replicate.to_string(),
            self.plan.seed(point),
            status.into(),
            reason.into(),
            digest.into(),
        ];
        cells.extend(point.values.iter().map(cell));
        cells.extend((0..METRICS.len()).map(|i| number(metrics.get(i).copied().flatten())));
        Ok(self.csv.write_record(&cells)?)
    }

    /// Ends the file.
    pub fn finish(mut self) -> std::io::Result<u64> {
        self.csv.flush()?;
        Ok(self.failed)
    }
}

/// A cell in the shortest form that reads back the same; empty where there is no number.
fn number(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or(String::new(), |v| v.to_string())
}

/// Rows of one point and scheduler.
#[derive(Default)]
struct Group {
    point: String,
    scheduler: String,
    axes: Vec<String>,
    failed: u64,
    /// By metric, the values of the runs that came to their end.
    values: Vec<Vec<Option<f64>>>,
    n: u64,
}

/// Writes `summary.csv` from the `points.csv` of a whole sweep with `axes` axes.
///
/// # Errors
/// The file cannot be read, or a row of it makes no sense.
pub(super) fn summary_csv(points: &Path, axes: usize, out: &mut dyn Write) -> Result<()> {
    let mut reader = csv::Reader::from_path(points).map_err(|e| bad(points, &e))?;
    let header = reader.headers().map_err(|e| bad(points, &e))?.clone();
    let metrics: Vec<&str> = header.iter().skip(FIXED.len() + axes).collect();
    let mut csv = csv::Writer::from_writer(out);
    let io = |e: csv::Error| bad(points, &e);
    let fixed = ["point", "scheduler", "n", "failed"].map(String::from).into_iter();
    let keys = header.iter().skip(FIXED.len()).take(axes).map(String::from);
    let triples = metrics.iter().flat_map(|m| [(*m).to_string(), format!("{m}_lo"), format!("{m}_hi")]);
    csv.write_record(fixed.chain(keys).chain(triples)).map_err(io)?;
    let mut group = Group::default();
    for row in reader.records() {
        let row = row.map_err(io)?;
        if group.n + group.failed > 0 && (group.point != row[0] || group.scheduler != row[1]) {
            csv.write_record(group.cells()).map_err(io)?;
            group = Group::default();
        }
        group.add(&row, axes);
    }
    csv.write_record(group.cells()).map_err(io)?;
    csv.flush().map_err(|e| Error::io(points, e))
}

impl Group {
    fn add(&mut self, row: &csv::StringRecord, axes: usize) {
        if self.n + self.failed == 0 {
            self.point = row[0].into();
            self.scheduler = row[1].into();
            self.axes = row.iter().skip(FIXED.len()).take(axes).map(String::from).collect();
            self.values = vec![Vec::new(); row.len() - FIXED.len() - axes];
        }
        if &row[4] != OK {
            self.failed += 1;
            return;
        }
        self.n += 1;
        for (values, cell) in self.values.iter_mut().zip(row.iter().skip(FIXED.len() + axes)) {
            values.push(cell.parse().ok());
        }
    }

    /// Means with their intervals; empty where a run has no such number.
    fn cells(&self) -> Vec<String> {
        let mut cells =
            vec![self.point.clone(), self.scheduler.clone(), self.n.to_string(), self.failed.to_string()];
        cells.extend(self.axes.iter().cloned());
        for values in &self.values {
            let all: Vec<f64> = values.iter().copied().flatten().collect();
            let defined = all.len() == values.len() && !all.is_empty();
            let mean = defined.then(|| all.iter().sum::<f64>() / all.len() as f64);
            let interval = if defined { t_interval(&all, LEVEL) } else { None };
            cells.extend([mean, interval.map(|i| i.lo), interval.map(|i| i.hi)].map(number));
        }
        cells
    }
}

pub(super) fn bad(path: &Path, e: &csv::Error) -> Error {
    Error::Check(format!("{}: {e}", path.display()))
}
