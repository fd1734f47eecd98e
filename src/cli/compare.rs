//! `foretoken compare`: which scheduler is better, from stored results.

use super::Console;
use super::console::Format;
use super::replay::number;
use crate::compare::{self, Difference, Differences, Kind, Points, Report, Winner, Winners};
use crate::error::{Error, Result};
use std::path::PathBuf;

/// Compare stored results: paired differences, or who wins where in a sweep.
///
/// Replay directories: every scheduler in them against a baseline, paired by replicate, or by request where
/// there is one run each. A sweep directory: the best scheduler of each cell, and whether its lead is shown.
/// Results of different requests are refused.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  foretoken compare results/both
  foretoken compare results/a results/b --baseline a:fcfs --metric e2e_mean_s,ttft_p99_s
  foretoken compare results/sweep --metric goodput_rps --out results/winners --figure")]
pub struct Args {
    /// Result directories, of `foretoken replay` or one of `foretoken sweep`.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// What the others are compared with [default: the first scheduler of the first directory].
    #[arg(long, value_name = "LABEL")]
    baseline: Option<String>,
    /// Metrics by their names in comparison.csv, comma-separated [default: the usual ones].
    #[arg(long = "metric", value_name = "NAME", value_delimiter = ',')]
    metrics: Vec<String>,
    /// Also write the comparison into this directory, as CSV and JSON.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also draw it, in the directory of --out.
    #[arg(long, requires = "out")]
    figure: bool,
    /// Replace an earlier comparison in --out.
    #[arg(long, requires = "out")]
    overwrite: bool,
}

/// Runs `foretoken compare`.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    let report = args.report()?;
    report.remarks().iter().for_each(|remark| console.talk(remark));
    show(&report, console)?;
    if let Some(out) = &args.out {
        compare::write(&report, out, args.figure, args.overwrite)?;
        console.talk(&format!("{}: written", out.display()));
    }
    Ok(())
}

impl Args {
    fn report(&self) -> Result<Report> {
        let kinds = self.dirs.iter().map(|dir| Kind::of(dir)).collect::<Result<Vec<_>>>()?;
        if !kinds.contains(&Kind::Sweep) {
            let baseline = self.baseline.as_deref();
            return Ok(Report::Differences(compare::differences(&self.dirs, baseline, &self.metrics)?));
        }
        let [dir] = self.dirs.as_slice() else {
            let what = "a sweep is compared alone: it names the best scheduler of each of its cells";
            return Err(Error::Usage(what.into()));
        };
        if self.baseline.is_some() {
            let what = "--baseline is for replay directories: in a sweep, every pair of schedulers is tested";
            return Err(Error::Usage(what.into()));
        }
        Ok(Report::Winners(compare::winners(&Points::read(dir)?, &self.metrics)?))
    }
}

fn show(report: &Report, console: &Console) -> Result<()> {
    match console.format {
        Format::Csv => console.data(&report.csv()?),
        Format::Json => console.data(&report.json()?),
        Format::Table => match report {
            Report::Differences(report) => differences(report, console),
            Report::Winners(report) => winners(report, console),
        },
    }
}

fn differences(report: &Differences, console: &Console) -> Result<()> {
    let headers = [
        "",
        &report.baseline,
        "mean",
        "difference",
        "95% interval",
        "relative",
        "effect",
        "wins",
        "pairs",
        "verdict",
    ];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for group in report.rows.chunk_by(|a, b| a.metric == b.metric) {
        let mut heading = vec![group[0].metric.clone()];
        heading.resize(headers.len(), String::new());
        rows.push(heading);
        rows.extend(group.iter().map(difference));
    }
    console.text_table(&headers, &rows, &serde_json::Value::Null)?;
    console.talk(&format!(
        "Contestant minus {}, paired by {}. Verdicts hold for all {} tests together (Holm, {}%).",
        report.baseline,
        report.paired_by,
        report.tests,
        (100.0 * (1.0 - report.level)).round()
    ));
    Ok(())
}

fn difference(row: &Difference) -> Vec<String> {
    vec![
        format!("  {}", row.label),
        number(row.baseline),
        number(row.value),
        signed(row.difference),
        interval(row.lo, row.hi),
        percent(row.relative),
        row.effect_size.map_or("-".into(), |e| format!("{e:+.2}")),
        row.win_fraction.map_or("-".into(), |w| format!("{:.0}%", 100.0 * w)),
        row.pairs.to_string(),
        row.verdict.as_str().into(),
    ]
}

fn winners(report: &Winners, console: &Console) -> Result<()> {
    let mut headers: Vec<&str> = report.axes.iter().map(String::as_str).collect();
    headers.extend(["metric", "best", "mean", "next", "difference", "95% interval", "relative", "verdict"]);
    let row = |row: &Winner| {
        let mut cells = row.cell.clone();
        cells.extend([row.metric.clone(), row.best.clone(), number(row.best_mean)]);
        cells.push(row.rival.clone().unwrap_or("-".into()));
        cells.push(row.difference.map_or("-".into(), signed));
        cells.extend([interval(row.lo, row.hi), percent(row.relative), row.lead.as_str().into()]);
        cells
    };
    let rows: Vec<_> = report.rows.iter().map(row).collect();
    console.text_table(&headers, &rows, &serde_json::Value::Null)?;
    for wins in report.wins.iter().filter(|w| w.cells > 0) {
        let (who, metric) = (&wins.scheduler, &wins.metric);
        console.talk(&format!("{who} is best in {} cells by {metric}, shown in {}.", wins.cells, wins.shown));
    }
    console.talk(&format!(
        "Best minus next, paired by replicate. Leads hold for all {} tests together (Holm, {}%).",
        report.tests,
        (100.0 * (1.0 - report.level)).round()
    ));
    Ok(())
}

fn signed(value: f64) -> String {
    let digits = number(value.abs());
    match value {
        v if v < 0.0 => format!("-{digits}"),
        v if v > 0.0 => format!("+{digits}"),
        _ => digits,
    }
}

fn interval(lo: Option<f64>, hi: Option<f64>) -> String {
    match (lo, hi) {
        (Some(lo), Some(hi)) => format!("[{}, {}]", signed(lo), signed(hi)),
        _ => "-".into(),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".into(), |r| format!("{:+.1}%", 100.0 * r))
}
