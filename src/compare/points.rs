//! Reads `points.csv` of a sweep: which value of every axis gave which metrics.

use crate::error::{Error, Place, Result};
use crate::metrics::METRICS;
use csv::StringRecord;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Columns before the axes.
const HEAD: [&str; 7] = ["point", "scheduler", "replicate", "seed", "status", "reason", "digest"];
/// Metrics that a sweep may have beside those of a summary; smaller is better.
pub(super) const RATIOS: [&str; 2] = ["ratio_best_known", "ratio_lower_bound"];

/// One run of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub line: u64,
    pub scheduler: String,
    pub replicate: u64,
    pub seed: String,
    /// Empty if it failed.
    pub digest: String,
    /// Values of the axes, as written.
    pub axes: Vec<String>,
    /// Values of the metrics.
    pub metrics: Vec<Option<f64>>,
}

/// The runs of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    pub(super) path: PathBuf,
    /// Dotted scenario keys that were varied.
    pub axes: Vec<String>,
    /// Names of the metrics.
    pub metrics: Vec<String>,
    pub(super) rows: Vec<Point>,
    /// Runs that failed.
    pub failed: u64,
}

impl Points {
    /// Reads the points of the sweep in `dir`.
    ///
    /// # Errors
    /// There are none; a missing column; a torn row, with its line.
    pub fn read(dir: &Path) -> Result<Points> {
        let path = dir.join("points.csv");
        let text = std::fs::read_to_string(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                let help = "finish the sweep with --resume, or name another directory";
                Error::input(Place::file(dir), "there is no points.csv", help)
            }
            _ => Error::io(&path, e),
        })?;
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let wrong = |line: u64, what: String| {
            Error::input(Place::file(&path).line(line), what, "run the sweep again with --resume")
        };
        let header = reader.headers().map_err(|e| wrong(1, e.to_string()))?.clone();
        if !HEAD.into_iter().eq(header.iter().take(HEAD.len())) {
            return Err(wrong(1, format!("the first columns are not {}", HEAD.join(","))));
        }
        let known = |name: &str| METRICS.iter().any(|m| m.name == name) || RATIOS.contains(&name);
        let names: Vec<&str> = header.iter().skip(HEAD.len()).collect();
        let axes = names.iter().take_while(|name| !known(name)).count();
        let (axes, metrics) = names.split_at(axes);
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_string()).collect();
        let mut points = Points {
            path: path.clone(),
            axes: own(axes),
            metrics: own(metrics),
            rows: Vec::new(),
            failed: 0,
        };
        for record in reader.records() {
            let record =
                record.map_err(|e| wrong(e.position().map_or(0, csv::Position::line), e.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            if record.len() != header.len() {
                return Err(wrong(
                    line,
                    format!("{} cells where the header has {}", record.len(), header.len()),
                ));
            }
            let point = points.point(&record, line).map_err(|what| wrong(line, what))?;
            points.failed += u64::from(point.digest.is_empty());
            points.rows.push(point);
        }
        if !text.ends_with('\n') {
            let line = text.lines().count() as u64;
            return Err(wrong(line, "the last row does not end: the file was cut off".into()));
        }
        Ok(points)
    }

    fn point(&self, record: &StringRecord, line: u64) -> std::result::Result<Point, String> {
        let cell = |i: usize| record.get(i).unwrap_or_default();
        let number = |(i, name): (usize, &String)| match cell(HEAD.len() + self.axes.len() + i) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| format!("column {name}: `{text}` is not a number")),
        };
        let replicate =
            cell(2).parse().map_err(|_| format!("column replicate: `{}` is not a number", cell(2)))?;
        let failed = !cell(5).is_empty();
        Ok(Point {
            line,
            scheduler: cell(1).into(),
            replicate,
            seed: cell(3).into(),
            digest: if failed { String::new() } else { cell(6).into() },
            axes: (0..self.axes.len()).map(|i| cell(HEAD.len() + i).to_string()).collect(),
            metrics: self.metrics.iter().enumerate().map(number).collect::<std::result::Result<_, _>>()?,
        })
    }

    /// Values of each axis: numbers rising, words as they first appear.
    pub(super) fn axis_values(&self) -> Vec<Vec<String>> {
        let values = |axis: usize| {
            let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
            for row in &self.rows {
                let next = seen.len();
                seen.entry(&row.axes[axis]).or_insert(next);
            }
            let number = |text: &str| text.parse::<f64>().ok().filter(|v| v.is_finite());
            let mut values: Vec<(&str, usize)> = seen.into_iter().collect();
            match values.iter().map(|(v, _)| number(v)).collect::<Option<Vec<f64>>>() {
                Some(_) => {
                    values.sort_by(|a, b| number(a.0).unwrap_or(0.0).total_cmp(&number(b.0).unwrap_or(0.0)))
                }
                None => values.sort_by_key(|v| v.1),
            }
            values.into_iter().map(|(v, _)| v.to_string()).collect()
        };
        (0..self.axes.len()).map(values).collect()
    }
}
