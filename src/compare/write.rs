//! The files of a comparison: CSV, JSON, and a figure.

use super::differences::Differences;
use super::figures;
use super::winners::Winners;
use crate::error::{Error, Place, Result};
use crate::replay::{Staging, write_hashed};
use crate::report::figure::{self, FigureSpec, Style};
use serde::Serialize;
use std::fs;
use std::path::Path;

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// Of replay directories.
    Differences(Differences),
    /// Of a sweep.
    Winners(Winners),
}

impl Report {
    /// Name of its files, without an ending.
    pub fn name(&self) -> &'static str {
        match self {
            Report::Differences(_) => "differences",
            Report::Winners(_) => "winners",
        }
    }

    /// What a reader should know.
    pub fn remarks(&self) -> &[String] {
        match self {
            Report::Differences(report) => &report.remarks,
            Report::Winners(report) => &report.remarks,
        }
    }

    /// One row per difference, or per cell.
    ///
    /// # Errors
    /// Those of the CSV writer.
    pub fn csv(&self) -> Result<String> {
        let mut out = csv::Writer::from_writer(Vec::new());
        let wrong = |e: csv::Error| Error::Usage(e.to_string());
        match self {
            Report::Differences(report) => {
                report.rows.iter().try_for_each(|row| out.serialize(row)).map_err(wrong)?;
            }
            Report::Winners(report) => {
                rows(report).iter().try_for_each(|row| out.write_record(row)).map_err(wrong)?
            }
        }
        let bytes = out.into_inner().map_err(|e| Error::Usage(e.to_string()))?;
        String::from_utf8(bytes).map_err(|e| Error::Usage(e.to_string()))
    }

    /// The whole report, keys in reading order.
    ///
    /// # Errors
    /// Those of the JSON writer.
    pub fn json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|e| Error::Usage(e.to_string()))
    }

    fn figure(&self) -> Result<FigureSpec> {
        match self {
            Report::Differences(report) => figures::differences(report),
            Report::Winners(report) => figures::winners(report),
        }
    }
}

/// The header and a row per cell and metric.
fn rows(report: &Winners) -> Vec<Vec<String>> {
    const AFTER: [&str; 13] = [
        "metric",
        "best",
        "best_mean",
        "rival",
        "rival_mean",
        "difference",
        "lo",
        "hi",
        "relative",
        "p_holm",
        "lead",
        "replicates",
        "missing",
    ];
    let header = report.axes.iter().cloned().chain(AFTER.map(String::from)).collect();
    let number = |value: Option<f64>| value.map_or(String::new(), |v| v.to_string());
    let row = |row: &super::Winner| {
        let mut cells = row.cell.clone();
        cells.extend([row.metric.clone(), row.best.clone(), row.best_mean.to_string()]);
        cells.push(row.rival.clone().unwrap_or_default());
        let numbers = [row.rival_mean, row.difference, row.lo, row.hi, row.relative, row.p_holm];
        cells.extend(numbers.map(number));
        cells.extend([row.lead.as_str().to_string(), row.replicates.to_string(), row.missing.join(" ")]);
        cells
    };
    std::iter::once(header).chain(report.rows.iter().map(row)).collect()
}

/// Writes the report into the directory `out`, which appears whole or not at all: `NAME.csv`, `NAME.json`, and
/// `figures/NAME.{svg,png,csv}` if a figure is to be drawn.
///
/// # Errors
/// `out` holds something that is no comparison, or one and `overwrite` is not set; a figure that cannot be drawn.
pub fn write(report: &Report, out: &Path, draw: bool, overwrite: bool) -> Result<()> {
    replaceable(out, overwrite)?;
    let staging = Staging::new(out)?;
    let (dir, name) = (staging.path(), report.name());
    let (json, csv) = (report.json()?, report.csv()?);
    write_hashed(dir, &format!("{name}.json"), |out| out.write_all(json.as_bytes()))?;
    write_hashed(dir, &format!("{name}.csv"), |out| out.write_all(csv.as_bytes()))?;
    if draw {
        figure::write(&staging.folder("figures")?, name, &report.figure()?, Style::Paper)?;
    }
    staging.publish(&[]).map(drop)
}

fn replaceable(out: &Path, overwrite: bool) -> Result<()> {
    let refuse = |what: &str, help: &str| Err(Error::input(Place::file(out), what, help));
    if !out.exists() {
        return Ok(());
    }
    if !out.is_dir() {
        return refuse("this is a file, and a comparison needs a directory", "choose another --out");
    }
    if fs::read_dir(out).map_err(|e| Error::io(out, e))?.next().is_none() {
        return Ok(());
    }
    let ours = ["differences.json", "winners.json"].iter().any(|name| out.join(name).is_file());
    match (ours && !out.join("manifest.json").exists(), overwrite) {
        (false, _) => refuse("this directory holds something that is no comparison", "choose another --out"),
        (true, false) => refuse("there is a comparison already", "choose another --out, or add --overwrite"),
        (true, true) => Ok(()),
    }
}
