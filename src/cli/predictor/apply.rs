//! `predictor apply`.

use super::Files;
use crate::cli::Console;
use crate::error::{Error, Result};
use crate::learn::{Input, Model, Task};
use crate::length::Belief;
use crate::replay::Staging;
use crate::report::figure::put;
use crate::trace::{self, ReadOptions, TraceRow};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Prompts that a model is asked about at once.
const BATCH: usize = 64;

#[derive(clap::Args)]
pub struct Args {
    /// Directory of the model.
    model: PathBuf,
    /// Trace whose requests to predict, plain or gzip.
    trace: PathBuf,
    /// File to write: id,kind,p1,p2,p3,p4,cost_s, as predictor `file` reads it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Task bins: write histograms (into OUT.bins/) instead of expected lengths.
    #[arg(long)]
    histograms: bool,
    /// Time that a prediction takes: none, measured (here, prompt by prompt), or seconds. A run then needs a
    /// prediction server.
    #[arg(long, value_name = "COST", default_value = "none", value_parser = Cost::from_str)]
    cost_s: Cost,
    /// Stop after this many requests.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    files: Files,
}

/// What to state as a prediction's cost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cost {
    None,
    Measured,
    Stated(f64),
}

impl FromStr for Cost {
    type Err = Error;

    fn from_str(text: &str) -> Result<Cost> {
        match (text, text.parse::<f64>()) {
            ("none", _) => Ok(Cost::None),
            ("measured", _) => Ok(Cost::Measured),
            (_, Ok(s)) if (0.0..=1e6).contains(&s) => Ok(Cost::Stated(s)),
            _ => Err(Error::Usage(format!("`{text}` is no cost: give none, measured or seconds"))),
        }
    }
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    let model = Model::open(&args.model)?;
    if args.histograms && model.card.decoder.task != Task::Bins {
        let task = model.card.decoder.task.name();
        return Err(Error::Usage(format!("--histograms is for task bins; this model predicts {task}")));
    }
    let rows = read(args, &model)?;
    let input = |row: &TraceRow| -> (u32, Option<Box<str>>) { (row.prompt_tokens, row.text.clone()) };
    let seen: Vec<(u32, Option<Box<str>>)> = rows.iter().map(input).collect();
    let inputs: Vec<Input<'_>> =
        seen.iter().map(|(tokens, text)| Input { text: text.as_deref(), tokens: *tokens }).collect();
    let latency_s = super::latency_s(&model, &inputs)?;
    let bar = super::bar(console, inputs.len(), "{bar:30} {pos}/{len} prompts, {elapsed} (left {eta})");
    let mut outputs = Vec::new();
    for batch in inputs.chunks(BATCH) {
        outputs.extend(model.outputs(batch)?);
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    let cost_s = match args.cost_s {
        Cost::None => None,
        Cost::Measured => latency_s,
        Cost::Stated(s) => Some(s),
    };
    write(args, &model, &rows, &outputs, cost_s)?;
    let kind = kind(&model, args.histograms);
    let latency = latency_s.unwrap_or_default();
    console.talk(&format!("{}: {} predictions of kind {kind}", args.out.display(), rows.len()));
    if args.cost_s == Cost::None {
        console.talk(&format!("a prediction takes {latency:.6} s here; --cost-s measured writes that down"));
    }
    let json = json!({
        "schema": 1, "out": args.out.display().to_string(), "kind": kind, "predictions": rows.len(),
        "latency_s": latency_s, "cost_s": cost_s,
    });
    let cells = vec![args.out.display().to_string(), kind.to_string(), rows.len().to_string()];
    console.table(&["out", "kind", "predictions"], &[cells], &json)
}

/// The requests, in file order.
fn read(args: &Args, model: &Model) -> Result<Vec<TraceRow>> {
    let options = ReadOptions {
        format: args.files.trace_format,
        tokenizer: args.files.tokenizer,
        ignore_extra: args.files.ignore_extra,
        limit: args.limit,
        ..ReadOptions::default()
    };
    let mut reader = trace::open(&args.trace, &options)?;
    let mut rows = Vec::new();
    loop {
        let mut row = TraceRow::default();
        if !reader.read_into(&mut row)? {
            return Ok(rows);
        }
        if model.reads_text() && row.text.is_none() {
            let help = "give a trace with texts, or a model that was trained on lengths alone";
            let what = format!("request {} has no text, and the model reads it", row.id);
            return Err(Error::input(reader.place(), what, help));
        }
        if !model.reads_text() && !reader.has_prompts() {
            let what = format!("request {} has no prompt length, and the model reads it", row.id);
            return Err(Error::input(reader.place(), what, "give a trace with prompt lengths"));
        }
        rows.push(row);
    }
}

fn kind(model: &Model, histograms: bool) -> &'static str {
    match model.card.decoder.task {
        Task::Logt => "logt",
        Task::Rank => "score",
        Task::Bins if histograms => "histogram",
        Task::Bins | Task::Length => "point",
    }
}

fn write(
    args: &Args,
    model: &Model,
    rows: &[TraceRow],
    outputs: &[Vec<f64>],
    cost_s: Option<f64>,
) -> Result<()> {
    let decoder = &model.card.decoder;
    let folder = with_bins(&args.out);
    let bins = args.histograms.then(|| Staging::new(&folder)).transpose()?;
    let cost = cost_s.map_or(String::new(), |s| s.to_string());
    let mut text = String::from("id,kind,p1,p2,p3,p4,cost_s\n");
    for (row, outputs) in rows.iter().zip(outputs) {
        let cells = match (decoder.belief(outputs)?, &bins) {
            (Belief::LogT(law), _) => format!("{},{},{},{}", law.mu, law.sigma, law.nu, law.cap),
            (Belief::Histogram(_), None) => format!("{},,,", decoder.expected(outputs)),
            (Belief::Histogram(_), Some(staging)) => {
                let name = format!("{}.json", row.id);
                let path = staging.path().join(&name);
                let law = json!({ "edges": decoder.edges, "weights": decoder.shares(outputs) });
                std::fs::write(&path, law.to_string()).map_err(|e| Error::io(&path, e))?;
                format!("{}/{name},,,", folder.file_name().unwrap_or_default().to_string_lossy())
            }
            (other, _) => format!("{},,,", other.point().unwrap_or_default()),
        };
        let _ = writeln!(text, "{},{},{cells},{cost}", row.id, kind(model, args.histograms));
    }
    if let Some(staging) = bins {
        staging.publish(&[])?;
    }
    put(&args.out, text.as_bytes())?;
    Ok(())
}

/// `OUT.bins`.
fn with_bins(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_os_string();
    name.push(".bins");
    out.with_file_name(name)
}
