//! `foretoken engine route`: runs of real routers, decided again by ours of the same name.

mod replay;
mod runs;

use crate::cli::Console;
use crate::cli::Format;
use crate::error::{Error, Result};
use replay::{Difference, Verdict};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Decide recorded runs of real routers again, and count the choices that are equal.
///
/// FILE has one run a line (JSON, plain or gzip): `router` (sglang or vllm), `policy`, `options`, `workers`, `order`,
/// `tokenize`, and `events` in order: ["send", id, prompt, headers, worker] and ["finish", id]. Of policies that
/// remember a key, repeats of keys are compared; those that draw at random are listed and not compared.
///
/// Exit code 1 if a choice differs.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  foretoken engine route runs.jsonl.gz
  foretoken engine route runs.jsonl.gz --diff --format json")]
pub struct Args {
    /// Recorded runs.
    file: PathBuf,
    /// Show the first choice of each run that differs.
    #[arg(long)]
    diff: bool,
}

/// Runs `foretoken engine route`.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    let runs = runs::read(&args.file)?;
    let verdicts = runs.iter().map(replay::replay).collect::<Result<Vec<_>>>()?;
    let rows: Vec<Vec<String>> = verdicts.iter().map(row).collect();
    let json: Vec<Value> = verdicts.iter().map(|v| as_json(v, args.diff)).collect();
    console.text_table(
        &["run", "reference", "ours", "result"],
        &rows,
        &json!({ "schema": 1, "runs": json }),
    )?;
    if args.diff && console.format == Format::Table {
        verdicts
            .iter()
            .filter_map(|v| Some(told(v, v.first.as_ref()?)))
            .try_for_each(|line| console.data(&line))?;
    }
    match verdicts.iter().filter(|v| v.equal < v.compared).count() {
        0 => Ok(()),
        n => Err(Error::Check(format!("{}: {n} of {} runs differ", args.file.display(), verdicts.len()))),
    }
}

fn row(v: &Verdict) -> Vec<String> {
    let result = match v.compared {
        0 => format!("not compared: {} choices at random", v.choices),
        n => format!("{} of {n} choices equal", v.equal),
    };
    vec![v.run.clone(), v.reference.clone(), v.ours.clone(), result]
}

fn as_json(v: &Verdict, diff: bool) -> Value {
    let mut json = json!({
        "run": v.run, "reference": v.reference, "ours": v.ours,
        "choices": v.choices, "compared": v.compared, "equal": v.equal,
    });
    if diff {
        json["first_difference"] = v.first.as_ref().map_or(Value::Null, |d| {
            json!({ "event": d.event, "request": d.request, "reference": d.reference, "ours": d.ours, "in_flight": d.in_flight })
        });
    }
    json
}

/// A difference as a line for people.
fn told(v: &Verdict, d: &Difference) -> String {
    format!(
        "run {}, event {}, request {}: the reference chose worker {}, {} chooses {}; in flight by worker: {:?}\n",
        v.run, d.event, d.request, d.reference, v.ours, d.ours, d.in_flight
    )
}
