//! `predictor eval`.

use super::Files;
use crate::cli::Console;
use crate::error::{Error, Place, Result};
use crate::learn::{Evaluation, Model, evaluate};
use crate::report::calibration::{Predictions, calibration_figure};
use crate::report::figure::{self, Style, Width};
use crate::report::quantiles::quantile_figure;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// Directory of the model.
    model: PathBuf,
    /// Prompts with lengths, as for train. Those that the model has seen are left out.
    #[arg(required = true)]
    data: Vec<PathBuf>,
    /// Folder for figures: predicted against observed lengths, and reliability of stated laws.
    #[arg(long, value_name = "DIR")]
    figure: Option<PathBuf>,
    /// Texts for files of samples: JSON lines of prompt_id and prompt.
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    #[command(flatten)]
    files: Files,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    let model = Model::open(&args.model)?;
    let data = args.files.read(&args.data, args.texts.as_ref())?;
    let place = || data.sources.first().map_or(Place::default(), |s| Place::file(&s.file));
    if model.reads_text() && !data.has_text() {
        let help = "give prompts with texts, or train a model on lengths alone";
        return Err(Error::input(place(), "the model reads texts, and these prompts have none", help));
    }
    let held_out = model.held_out(&data);
    if held_out.is_empty() {
        let what = format!("the model has seen all of these {} prompts", data.prompts.len());
        return Err(Error::input(place(), what, "give the data it was trained on whole, or others"));
    }
    let found = evaluate(&model, &held_out)?;
    let inputs: Vec<_> = held_out.iter().map(|p| p.input()).collect();
    let latency_s = super::latency_s(&model, &inputs)?;
    if let Some(dir) = &args.figure {
        draw(dir, &model, &found, console)?;
    }
    let seen = data.prompts.len() - held_out.len();
    console
        .talk(&format!("{} prompts held out; {seen} that the model has seen are left out", held_out.len()));
    let card = &model.card;
    let json = json!({
        "schema": 1, "model": card.model, "task": card.decoder.task, "labels": card.labels,
        "held_out": found.metrics, "seen": seen, "latency_s": latency_s,
    });
    let mut rows = super::rows(&found.metrics);
    rows.extend(latency_s.map(|s| vec!["latency_s".to_string(), format!("{s:.6}")]));
    console.table(&["held_out", "value"], &rows, &json)
}

fn draw(dir: &Path, model: &Model, found: &Evaluation, console: &Console) -> Result<()> {
    let name = format!("{} {}", model.card.model.name(), model.card.decoder.task.name());
    let mut figures = Vec::new();
    if !found.pairs.is_empty() {
        let pairs = vec![Predictions { name: name.clone(), pairs: found.pairs.clone() }];
        let spec = calibration_figure(&pairs, "output length", "tokens", "outputs", Width::TwoColumn);
        figures.push(("predicted", spec));
    }
    if !found.pit.is_empty() {
        figures.push(("reliability", quantile_figure(&name, &found.pit, "outputs")));
    }
    if figures.is_empty() {
        let what = "--figure: scores have no lengths to be drawn; leave it out for a model of task rank";
        return Err(Error::Usage(what.to_string()));
    }
    for (name, spec) in figures {
        for path in figure::write(dir, name, &spec, Style::default())? {
            console.talk(&path.display().to_string());
        }
    }
    Ok(())
}
