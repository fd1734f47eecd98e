//! `predictor train`.

use super::Files;
use crate::cli::Console;
use crate::error::{Error, Place, Result};
use crate::learn::{Cuts, Kind, NetRecipe, Recipe, Shares, Step, Task};
use crate::replay::Staging;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[derive(clap::Args)]
pub struct Args {
    /// Prompts with lengths: a trace, CSV `prompt,length` or `prompt,logt_mu,logt_sigma`; plain or gzip.
    #[arg(required = true)]
    data: Vec<PathBuf>,
    /// Kind of model: light, mlp, minilm, deberta, encoder. All but light need feature nn.
    #[arg(long, value_name = "NAME", default_value = "light", value_parser = Kind::from_str)]
    model: Kind,
    /// What it learns: length, rank, bins, logt.
    #[arg(long, value_name = "NAME", default_value = "length", value_parser = Task::from_str)]
    task: Task,
    /// Directory to make.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the model in DIR.
    #[arg(long)]
    overwrite: bool,
    /// Lengths of this many tokens or more were cut there; predictions end there.
    #[arg(long, value_name = "TOKENS", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(2..))]
    cap: u32,
    /// Percentages of prompts to train on, to choose on and to test on.
    #[arg(long, value_name = "A/B/C", default_value_t = Shares::default(), value_parser = Shares::from_str)]
    split: Shares,
    /// Seed of the split, and of a network.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Classes of task bins: trail (ten equal ones up to the cap), ssjf (quantiles), or edges [default: trail].
    #[arg(long, value_name = "CLASSES", value_parser = Cuts::from_str)]
    bins: Option<Cuts>,
    /// Texts for files of samples: JSON lines of prompt_id and prompt.
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    #[command(flatten)]
    net: Net,
    #[command(flatten)]
    files: Files,
}

/// What only networks have.
#[derive(clap::Args)]
struct Net {
    /// minilm, deberta: directory of the encoder (config.json, tokenizer.json, *.safetensors).
    #[arg(long, value_name = "DIR")]
    encoder: Option<PathBuf>,
    /// minilm, deberta: cls, mean, max or all three side by side [default: all].
    #[arg(long, value_name = "NAME")]
    pooling: Option<String>,
    /// minilm, deberta: change the encoder's weights too. Refused, with the reason.
    #[arg(long)]
    tune_encoder: bool,
    /// minilm, deberta, encoder: read at most this much of a prompt [default: 512; encoder: 64].
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(4..=4096))]
    max_tokens: Option<u32>,
    /// Networks: most passes over the training part [default: 60; encoder: 8].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    epochs: Option<u32>,
    /// Networks: epochs without a better validation loss after which training ends [default: 8].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    patience: Option<u32>,
    /// Networks: largest learning rate [default: 0.0005; encoder: 0.001].
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    let recipe = recipe(args)?;
    vacant(&args.out, args.overwrite)?;
    let data = args.files.read(&args.data, args.texts.as_ref())?;
    let bar = super::bar(console, 0, "{msg} {bar:30} {pos}/{len}, {elapsed} (left {eta})");
    let mut report = |step: Step| match step {
        Step::Embedded(done, all) => {
            bar.set_message("prompts embedded");
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        }
        Step::Batch(epoch, done, all) => {
            bar.set_message(format!("epoch {epoch}, batches"));
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        }
        Step::Epoch(epoch, all, [train, held]) => {
            bar.suspend(|| {
                console.talk(&format!("epoch {epoch} of {all}: loss {train:.4}, validation {held:.4}"))
            });
        }
    };
    let model = crate::learn::train(&data, &recipe, &mut report)?;
    bar.finish_and_clear();
    let staging = Staging::new(&args.out)?;
    model.save(staging.path())?;
    staging.publish(&[])?;
    let card = &model.card;
    let [train, held, test] = card.split.prompts;
    console.talk(&format!(
        "{}: {train} prompts to train on, {held} to choose on, {test} to test on; labels: {}",
        args.out.display(),
        json!(card.labels).as_str().unwrap_or_default(),
    ));
    if card.censored > 0 {
        console.talk(&format!("{} lengths are at the cap of {} tokens or above", card.censored, args.cap));
    }
    let json = json!({
        "schema": 1, "out": args.out.display().to_string(), "model": card.model, "task": card.decoder.task,
        "labels": card.labels, "spread": card.decoder.spread, "split": card.split, "left_out": card.left_out,
        "censored": card.censored, "validation": card.metrics.validation, "test": card.metrics.test,
    });
    console.table(&["test", "value"], &super::rows(&card.metrics.test), &json)
}

/// Nothing is written where something else lies.
fn vacant(out: &Path, overwrite: bool) -> Result<()> {
    let mut entries = match std::fs::read_dir(out) {
        Ok(entries) => entries,
        Err(_) if !out.exists() => return Ok(()),
        Err(e) => return Err(Error::io(out, e)),
    };
    let refuse = |what: &str, help: &str| Err(Error::input(Place::file(out), what, help));
    match (entries.next().is_none(), out.join("model.json").is_file(), overwrite) {
        (true, _, _) | (false, true, true) => Ok(()),
        (false, true, false) => {
            refuse("there is a model already", "choose another --out, or replace it with --overwrite")
        }
        (false, false, _) => {
            refuse("this directory holds something that is no model", "choose another --out")
        }
    }
}

fn recipe(args: &Args) -> Result<Recipe> {
    let (kind, net) = (args.model, &args.net);
    let only = |given: bool, option: &str, holds: bool, whose: &str| match given && !holds {
        true => Err(Error::Usage(format!("--{option} is for {whose}, not for {}", kind.name()))),
        false => Ok(()),
    };
    let (network, frozen) = (kind != Kind::Light, kind.is_frozen());
    only(net.encoder.is_some(), "encoder", frozen, "models minilm and deberta")?;
    only(net.pooling.is_some(), "pooling", frozen, "models minilm and deberta")?;
    only(net.tune_encoder, "tune-encoder", frozen, "models minilm and deberta")?;
    only(net.max_tokens.is_some(), "max-tokens", frozen || kind == Kind::Encoder, "models that read tokens")?;
    only(net.epochs.is_some(), "epochs", network, "networks")?;
    only(net.patience.is_some(), "patience", network, "networks")?;
    only(net.learning_rate.is_some(), "learning-rate", network, "networks")?;
    if args.bins.is_some() && args.task != Task::Bins {
        return Err(Error::Usage(format!("--bins is for task bins, not for {}", args.task.name())));
    }
    if net.tune_encoder {
        let what = "--tune-encoder: candle's layer norm and softmax have no backward pass, so that an encoder's \
                    weights would stay as they are without a word; leave it out (heads are trained on the frozen \
                    encoder), or use model encoder, which is trained whole";
        return Err(Error::Usage(what.to_string()));
    }
    if let Some(rate) = net.learning_rate.filter(|r| !(*r > 0.0 && *r <= 1.0)) {
        return Err(Error::Usage(format!("--learning-rate {rate}: give a number above 0, at most 1")));
    }
    let whole = kind == Kind::Encoder;
    let or = |value: Option<u32>, default: usize| value.map_or(default, |v| v as usize);
    Ok(Recipe {
        kind,
        task: args.task,
        cuts: args.bins.clone().unwrap_or(Cuts::Trail),
        cap: args.cap,
        shares: args.split,
        seed: args.seed,
        net: NetRecipe {
            encoder: net.encoder.clone(),
            pooling: net.pooling.clone().unwrap_or("all".to_string()),
            max_tokens: or(net.max_tokens, if whole { 64 } else { 512 }),
            epochs: or(net.epochs, if whole { 8 } else { 60 }),
            patience: or(net.patience, 8),
            learning_rate: net.learning_rate.unwrap_or(if whole { 1e-3 } else { 5e-4 }),
            cache: frozen.then(|| beside(&args.out)),
        },
    })
}

/// Where embeddings are kept: `OUT.embeddings`.
fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_os_string();
    name.push(".embeddings");
    out.with_file_name(name)
}
