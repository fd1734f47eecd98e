//! Reads `points.csv` of a sweep: which value of every axis gave which metrics.

use super::stored::manifest;
use crate::error::{Error, Place, Result};
use crate::metrics::{Better, METRICS};
use crate::replay::hash_file;
use csv::StringRecord;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Columns before the axes.
const HEAD: [&str; 7] = ["point", "scheduler", "replicate", "seed", "status", "reason", "digest"];
/// Metrics that a sweep may have beside those of a comparison, and that are better when lower, or higher.
const LOWER: [&str; 18] = [
    "e2e_p90_s",
    "ttft_p50_s",
    "ttft_p90_s",
    "tpot_p99_s",
    "itl_mean_s",
    "itl_p99_s",
    "per_token_p99_s",
    "queue_mean_s",
    "queue_p99_s",
    "longest_wait_s",
    "ratio_best_known",
    "ratio_lower_bound",
    "wasted_tokens",
    "energy_j",
    "j_per_output_token",
    "rejected",
    "unfinished",
    "duration_s",
];
const HIGHER: [&str; 5] = ["total_tokens_per_s", "jain_index", "mfu", "mbu", "completed"];

/// Which way the metric `name` is better; `None` for numbers that are neither, such as a count of steps.
pub(super) fn better(name: &str) -> Option<Better> {
    let known = METRICS.iter().find(|m| m.name == name).map(|m| m.better);
    let lower = LOWER.contains(&name).then_some(Better::Lower);
    known.or(lower).or(HIGHER.contains(&name).then_some(Better::Higher))
}

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

/// What the manifest of a sweep says of its points.
struct Swept {
    /// Dotted keys of the axes.
    axes: Vec<String>,
    /// Hash of `points.csv`.
    points: Option<String>,
}

impl Swept {
    fn of(dir: &Path) -> Result<Swept> {
        let manifest = manifest(dir)?;
        let listed = manifest.get("axes").and_then(Value::as_array);
        let key = |axis: &Value| Some(axis.get("key")?.as_str()?.to_string());
        let axes: Option<Vec<String>> = listed.and_then(|axes| axes.iter().map(key).collect());
        let axes = axes.ok_or_else(|| {
            let place = Place::file(dir.join("manifest.json")).column("axes");
            Error::input(place, "there is no list of axes, each with its key", "run the sweep again")
        })?;
        let points = manifest.get("files").and_then(|files| files.get("points.csv")?.as_str());
        Ok(Swept { axes, points: points.map(String::from) })
    }
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
        let (swept, path) = (Swept::of(dir)?, dir.join("points.csv"));
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
        let names: Vec<&str> = header.iter().skip(HEAD.len()).collect();
        if !names.iter().take(swept.axes.len()).eq(swept.axes.iter()) {
            return Err(wrong(1, format!("the columns after {} are not the axes of the manifest", HEAD[6])));
        }
        let (axes, metrics) = names.split_at(swept.axes.len());
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
        if swept.points.is_some() && swept.points != hash_file(&path).ok() {
            let what = "this is not the file that was written: its hash differs from the manifest's";
            return Err(Error::input(Place::file(&path), what, "run the sweep again with --resume"));
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
