//! What `foretoken profile fit` prints.

use crate::calibrate::{FitReport, Form, Score, Tried};
use crate::cli::{Console, Format};
use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The report on standard output: tables, JSON, or (as CSV) the points with their times.
pub fn show(report: &FitReport, out: Option<&Path>, figures: &[PathBuf], console: &Console) -> Result<()> {
    match console.format {
        Format::Json => {
            let mut json = serde_json::to_value(report).map_err(|e| Error::Usage(e.to_string()))?;
            json["profile"] = json!(out);
            json["figures"] = json!(figures);
            console.json(&json)
        }
        Format::Csv => {
            let headers = ["prefill", "decode", "rows", "repeats", "measured_s", "profile_s", "held_out_s"];
            console.table(&headers, &points(report), &Value::Null)
        }
        Format::Table => tables(report, console),
    }
}

fn points(report: &FitReport) -> Vec<Vec<String>> {
    let row = |r: &crate::calibrate::Residual| {
        let numbers = [r.measured_s, r.profile_s, r.held_out_s].map(|s| s.to_string());
        let shape = [r.prefill.clone(), r.decode.clone(), r.rows.to_string(), r.repeats.to_string()];
        shape.into_iter().chain(numbers).collect()
    };
    report.residuals.iter().map(row).collect()
}

fn tables(report: &FitReport, console: &Console) -> Result<()> {
    let FitReport { form, points, samples, .. } = report;
    console.data(&format!(
        "{form}, fitted to {points} points ({samples} steps), clock {}\n\n",
        report.clock.name()
    ))?;
    let coefficients: Vec<Vec<String>> = report
        .coefficients
        .iter()
        .map(|c| {
            let ends = c.interval.map_or([String::new(), String::new()], |e| [e.low, e.high].map(short));
            [c.name.clone(), short(c.value)].into_iter().chain(ends).collect()
        })
        .collect();
    console.table(&["coefficient", "value", "95% from", "to"], &coefficients, &Value::Null)?;
    console.data("\non points held out, by form\n")?;
    let forms: Vec<Vec<String>> = report.forms.iter().map(form_row).collect();
    console.table(&SCORE_HEADERS, &forms, &Value::Null)?;
    console.data("\nsingle steps over the profile's time\n")?;
    let scatter: Vec<Vec<String>> = report
        .scatter
        .iter()
        .map(|r| {
            let rows = r.max_rows.map_or("more rows".to_string(), |n| format!("up to {n} rows"));
            let quantiles = [r.min, r.p10, r.median, r.p90, r.max].map(|f| format!("{f:.3}"));
            std::iter::once(rows).chain(quantiles).collect()
        })
        .collect();
    console.table(&["steps", "least", "10%", "median", "90%", "most"], &scatter, &Value::Null)?;
    let lines = report.passes.iter().map(|p| {
        let (median, bias) = (100.0 * p.median_difference, 100.0 * p.bias);
        format!("{}: {median:.1}% apart (median of {} points), {bias:+.1}% in total time\n", p.what, p.points)
    });
    let lines: String = lines.collect();
    if lines.is_empty() { Ok(()) } else { console.data(&format!("\n{lines}")) }
}

const SCORE_HEADERS: [&str; 6] = ["form", "R2", "bias", "median error", "mean error", ""];

fn form_row(tried: &Tried) -> Vec<String> {
    let percent = |v: f64| format!("{:.2}%", 100.0 * v);
    let score = |s: Score| {
        [
            format!("{:.4}", s.r2),
            format!("{:+.2}%", 100.0 * s.bias),
            percent(s.error_median),
            percent(s.error_mean),
        ]
    };
    let cells = tried.score.map_or(Default::default(), score);
    let why = tried.left_out.as_ref().map_or(String::new(), |why| format!("left out: {why}"));
    std::iter::once(tried.form.to_string()).chain(cells).chain([why]).collect()
}

/// A number to four digits, small ones with an exponent.
fn short(value: f64) -> String {
    if value == 0.0 || (0.01..1e6).contains(&value.abs()) {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

/// What the user should know, on standard error.
pub fn talk(report: &FitReport, out: Option<&Path>, figures: &[PathBuf], console: &Console) {
    for note in &report.notes {
        let kind = if note.starts_with("not trustworthy") { "warning" } else { "note" };
        console.talk(&format!("{kind}: {note}"));
    }
    for path in figures {
        console.talk(&format!("{}", path.display()));
    }
    match out {
        Some(path) => console.talk(&use_of(report, path)),
        None => console.talk("nothing written: --out FILE.toml keeps the profile"),
    }
}

/// How to use the profile; a replay keeps its steps within what was measured.
fn use_of(report: &FitReport, path: &Path) -> String {
    let mut words = format!("{}: foretoken replay --trace TRACE --profile {0}", path.display());
    if report.form == Form::StaticBatch {
        words += " --set engine.preset=static";
    }
    if let Some(most) = report.domain.max_decodes {
        words += &format!("; measured up to {most} requests");
    }
    if let Some(most) = report.domain.max_prefill_tokens {
        words += &format!(" and {most} prompt tokens in a step");
    }
    words
}
