//! `trace info`: traces in numbers.

use super::Reading;
use crate::cli::{self, Console};
use crate::error::{Error, Result};
use crate::trace::{self, Format, Info, Lengths};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::str::FromStr;

#[derive(clap::Args)]
pub struct Args {
    /// Traces to read, plain or gzip.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Format of all of them, instead of what their content says.
    #[arg(long, value_name = "NAME", value_parser = Format::from_str)]
    trace_format: Option<Format>,
    #[command(flatten)]
    reading: Reading,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    let options = args.reading.options(args.trace_format);
    let mut found = Vec::new();
    for file in &args.files {
        let mut reader = trace::open(file, &options)?;
        found.push(Info::of(&mut reader)?);
        super::tell(file, reader.notes(), console);
    }
    let objects: Result<Vec<Value>> = args.files.iter().zip(&found).map(|(f, i)| object(f, i)).collect();
    let mut objects = objects?;
    let json = match objects.len() {
        1 => objects.remove(0),
        _ => json!({"schema": 1, "traces": objects}),
    };
    let columns: Vec<Vec<(String, String)>> = found.iter().map(cells).collect();
    if console.format == cli::Format::Csv {
        let names: Vec<String> = args.files.iter().map(|f| f.display().to_string()).collect();
        let headers: Vec<&str> =
            std::iter::once("file").chain(columns[0].iter().map(|(k, _)| k.as_str())).collect();
        let row = |(name, cells): (&String, &Vec<(String, String)>)| {
            std::iter::once(name.clone()).chain(cells.iter().map(|(_, v)| v.clone())).collect()
        };
        let rows: Vec<Vec<String>> = names.iter().zip(&columns).map(row).collect();
        return console.table(&headers, &rows, &json);
    }
    let names: Vec<String> = args.files.iter().map(|f| super::short(f)).collect();
    let headers: Vec<&str> = std::iter::once("").chain(names.iter().map(String::as_str)).collect();
    let row = |i: usize| {
        std::iter::once(columns[0][i].0.clone()).chain(columns.iter().map(|c| c[i].1.clone())).collect()
    };
    let rows: Vec<Vec<String>> = (0..columns[0].len()).map(row).collect();
    console.table(&headers, &rows, &json)
}

/// The numbers with the file they are about.
fn object(file: &std::path::Path, info: &Info) -> Result<Value> {
    let mut object = serde_json::to_value(info).map_err(|e| Error::Usage(e.to_string()))?;
    object["file"] = file.display().to_string().into();
    Ok(object)
}

/// What the table shows of one trace, the same names in the same order for each.
fn cells(info: &Info) -> Vec<(String, String)> {
    let mut cells = vec![
        ("format".to_string(), info.format.to_string()),
        ("requests".to_string(), info.requests.to_string()),
        ("failed".to_string(), info.failed.to_string()),
        ("dropped".to_string(), info.dropped.to_string()),
        ("censored".to_string(), info.censored.to_string()),
    ];
    let arrivals = info.arrivals.as_ref();
    let number =
        |value: Option<f64>, digits: usize| value.map_or("-".to_string(), |v| format!("{v:.digits$}"));
    cells.push(("span_s".to_string(), number(arrivals.map(|a| a.span_s), 3)));
    cells.push(("rate_rps".to_string(), number(arrivals.and_then(|a| a.rate_rps), 3)));
    cells.push(("gap_cv".to_string(), number(arrivals.and_then(|a| a.gap_cv), 2)));
    for (i, window) in trace::WINDOWS_S.iter().enumerate() {
        let index = arrivals.and_then(|a| a.dispersion[i].index);
        cells.push((format!("dispersion_{window}s"), number(index, 2)));
    }
    lengths(&mut cells, "prompt", info.prompt_tokens.as_ref());
    lengths(&mut cells, "output", Some(&info.output_tokens));
    cells.push(("classes".to_string(), info.classes.len().to_string()));
    cells.push(("sessions".to_string(), info.sessions.to_string()));
    let profile = arrivals.map_or("-".to_string(), |a| sparkline(&a.profile));
    cells.push(("arrivals".to_string(), profile));
    cells
}

fn lengths(cells: &mut Vec<(String, String)>, what: &str, lengths: Option<&Lengths>) {
    let values = lengths.map(|l| [l.mean, l.p50, l.p90, l.p99, f64::from(l.min), f64::from(l.max)]);
    for (i, name) in ["mean", "p50", "p90", "p99", "min", "max"].into_iter().enumerate() {
        // To a tenth of a token.
        let value = values.map_or("-".to_string(), |v| ((v[i] * 10.0).round() / 10.0).to_string());
        cells.push((format!("{what}_{name}"), value));
    }
}

/// Counts as a line of bars, at most 40 of them.
fn sparkline(counts: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let merged: Vec<u64> = counts.chunks(counts.len().div_ceil(40).max(1)).map(|c| c.iter().sum()).collect();
    let most = merged.iter().copied().max().unwrap_or(0).max(1);
    merged.iter().map(|&n| BARS[(n * 7).div_ceil(most) as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_follow_counts() {
        assert_eq!(sparkline(&[0, 1, 7]), "▁▂█");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&vec![3; 80]).chars().count(), 40);
    }
}
