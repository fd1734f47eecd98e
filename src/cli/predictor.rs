//! `foretoken predictor`: learned predictors.

mod apply;
mod eval;
mod train;

use super::Console;
use crate::error::Result;
use crate::learn::{Data, Input, Metrics, Model, Reading};
use crate::trace::{Format, Tokenizer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Learn from prompts and the lengths of their answers.
    Train(Box<train::Args>),
    /// Hold a model against prompts that it has not seen.
    Eval(eval::Args),
    /// Predict the requests of a trace, for predictor `file`.
    Apply(apply::Args),
}

/// Runs one predictor subcommand.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    match &args.command {
        Command::Train(args) => train::run(args, console),
        Command::Eval(args) => eval::run(args, console),
        Command::Apply(args) => apply::run(args, console),
    }
}

/// How files of prompts are read; shared by the commands.
#[derive(clap::Args)]
struct Files {
    /// Format of the files, instead of what their content says.
    #[arg(long, value_name = "NAME", value_parser = Format::from_str)]
    trace_format: Option<Format>,
    /// Texts without counts: how tokens are counted (estimate, cl100k_base, o200k_base, p50k_base, r50k_base).
    #[arg(long, value_name = "NAME", default_value = "estimate", value_parser = Tokenizer::from_str)]
    tokenizer: Tokenizer,
    /// Pass over unknown columns of foretoken CSV.
    #[arg(long)]
    ignore_extra: bool,
}

impl Files {
    fn read(&self, files: &[PathBuf], texts: Option<&PathBuf>) -> Result<Data> {
        let reading = Reading {
            format: self.trace_format,
            tokenizer: self.tokenizer,
            ignore_extra: self.ignore_extra,
            texts: texts.cloned(),
        };
        Data::read(files, &reading)
    }
}

/// A bar of `total` steps, unless the console is quiet.
fn bar(console: &Console, total: usize, template: &str) -> ProgressBar {
    let target = if console.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template(template).expect("the template is a constant");
    ProgressBar::with_draw_target(Some(total as u64), target).with_style(style)
}

/// Prompts timed for [`latency_s`].
const TIMED: usize = 64;

/// Median time of one prediction, prompt by prompt, over up to 64 of `inputs`; `None` of nothing.
fn latency_s(model: &Model, inputs: &[Input<'_>]) -> Result<Option<f64>> {
    let mut seconds = Vec::new();
    for input in inputs.iter().take(TIMED) {
        let start = Instant::now();
        model.beliefs(std::slice::from_ref(input))?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds.get(seconds.len() / 2).copied())
}

/// Accuracy as rows of a table.
fn rows(metrics: &Metrics) -> Vec<Vec<String>> {
    let value = serde_json::to_value(metrics).unwrap_or_default();
    let text = |v: &Value| match v {
        Value::Null => "-".to_string(),
        Value::Number(n) if n.is_f64() => format!("{:.4}", n.as_f64().unwrap_or_default()),
        other => other.to_string(),
    };
    let mut rows = Vec::new();
    for (name, v) in value.as_object().into_iter().flatten() {
        match v.as_array() {
            Some(shares) => {
                let named = crate::learn::LEVELS.iter().zip(shares);
                rows.extend(named.map(|(level, share)| vec![format!("covered_{level}"), text(share)]));
            }
            None if v.is_null() => {}
            None => rows.push(vec![name.clone(), text(v)]),
        }
    }
    rows
}
