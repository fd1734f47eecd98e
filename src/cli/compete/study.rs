//! `foretoken compete --study`.

use super::{Args, Work, kind, show};
use crate::cli::Console;
use crate::cli::console::Format;
use crate::compete::studies::{self, Study};
use crate::compete::{BOUNDS, Family, Machine};
use crate::error::{Error, Result};
use crate::report::figure::{self, Style};
use crate::scheduler::Registry;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Published experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    /// How ratios grow with 1/alpha, by variant of a-min, on inputs made to hurt it.
    Growth,
    /// Two lengths: fluid limits and measured ratios of a-max, a-min and a-ell.
    TwoPoint,
    /// Measured ratios against alpha, with the bounds drawn.
    Alpha,
    /// The published bounds, with their sources and how far they can be trusted.
    Bounds,
    /// Average latency against the number of requests, for three ways of knowing their lengths.
    Predictions,
    /// One end of every interval wrong, the other exact.
    Ends,
}

/// Values of 1/alpha of the growth study.
const GROWTH: [u32; 7] = [2, 5, 10, 20, 50, 100, 200];
/// Values of 1/alpha of the alpha study.
const ALPHA: [u32; 8] = [1, 2, 3, 5, 10, 20, 50, 100];
/// Values of alpha of the two-point study.
const TWO_POINT: [f64; 3] = [0.5, 0.2, 0.1];
/// Memory, prompt, requests and seeds of the studies on chat lengths, unless said otherwise.
const CHAT: (u64, u32, u32, u64) = (16_492, 40, 2000, 20);
/// Half width of the overlapping intervals.
const OVERLAP: f64 = 0.95;

/// Runs one.
pub fn run(name: Name, args: &Args, registry: &Registry, console: &Console) -> Result<()> {
    args.refuse_unused(name)?;
    let study = match name {
        Name::Bounds => return bounds(console),
        Name::Growth => {
            let work = Work::start(console, studies::growth_runs(&GROWTH))?;
            studies::growth(registry, &GROWTH, &|| work.tick())
        }
        Name::TwoPoint => {
            let work = Work::start(console, studies::two_point_runs(&TWO_POINT))?;
            studies::two_point(registry, &TWO_POINT, &|| work.tick())
        }
        Name::Alpha => {
            let work = Work::start(console, studies::alpha_runs(&ALPHA))?;
            studies::alpha(registry, &ALPHA, &|| work.tick())
        }
        Name::Predictions => predictions(args, registry, console),
        Name::Ends => ends(args, registry, console),
    }?;
    print(name, &study, args, console)
}

fn predictions(args: &Args, registry: &Registry, console: &Console) -> Result<Study> {
    let schedulers = args.schedulers(registry)?;
    let (kv_tokens, prompt, requests, seeds) = args.chat();
    let machine = args.profile.as_deref().map(|name| Machine::new(name, kv_tokens)).transpose()?;
    let study = studies::Predictions {
        registry,
        schedulers: &schedulers,
        estimate: args.estimate.into(),
        law: Arc::new(args.lengths()?.law()?),
        sizes: (1..=5).map(|k| (requests * k).div_ceil(5)).collect(),
        prompt,
        kv_tokens,
        seeds,
        x: OVERLAP,
        machine,
    };
    let work = Work::start(console, study.runs())?;
    study.study(&|| work.tick())
}

fn ends(args: &Args, registry: &Registry, console: &Console) -> Result<Study> {
    let (kv_tokens, prompt, requests, seeds) = args.chat();
    let law = Arc::new(args.lengths()?.law()?);
    let study = studies::Ends { registry, law, requests, prompt, kv_tokens, seeds };
    let work = Work::start(console, study.runs())?;
    study.study(&|| work.tick())
}

impl Args {
    /// Memory, prompt, requests and seeds of a study on chat lengths.
    fn chat(&self) -> (u64, u32, u32, u64) {
        (
            self.kv_tokens.unwrap_or(CHAT.0),
            self.prompt.unwrap_or(CHAT.1),
            self.requests.unwrap_or(CHAT.2),
            self.seeds.unwrap_or(CHAT.3),
        )
    }

    fn lengths(&self) -> Result<Family> {
        self.family
            .as_deref()
            .map_or(Ok(Family::Lmsys { upper: 1000, file: None }), |text| kind("--family", text))
    }

    /// Refuses flags that study `name` would ignore.
    fn refuse_unused(&self, name: Name) -> Result<()> {
        let chat = matches!(name, Name::Predictions | Name::Ends);
        let predictions = name == Name::Predictions;
        let given = [
            (self.family.is_some() && !chat, "--family"),
            (self.kv_tokens.is_some() && !chat, "--kv-tokens"),
            (self.prompt.is_some() && !chat, "--prompt"),
            (self.requests.is_some() && !chat, "--requests"),
            (self.seeds.is_some() && !chat, "--seeds"),
            (!self.schedulers.is_empty() && !predictions, "--scheduler"),
            (self.estimate != super::EstimateArg::True && !predictions, "--estimate"),
            (self.profile.is_some() && !predictions, "--profile"),
            (self.order.is_some(), "--order"),
            (self.intervals.is_some(), "--intervals"),
            (self.bounds, "--bounds"),
            (self.out.is_some() && name == Name::Bounds, "--out"),
        ];
        match given.iter().find(|(refused, _)| *refused) {
            Some((_, flag)) => {
                Err(Error::Usage(format!("{flag} means nothing to this study; leave it away")))
            }
            None => Ok(()),
        }
    }
}

/// Prints a study and writes its figure.
fn print(name: Name, study: &Study, args: &Args, console: &Console) -> Result<()> {
    let value = |cell: &Option<f64>| match (cell, console.format) {
        (None, _) => String::new(),
        (Some(v), Format::Table) => show::number(*v),
        (Some(v), _) => v.to_string(),
    };
    let row = |(label, cells): (&String, &Vec<Option<f64>>)| {
        std::iter::once(label.clone()).chain(cells.iter().map(value)).collect()
    };
    let rows: Vec<Vec<String>> = study.labels.iter().zip(&study.rows).map(row).collect();
    let headers: Vec<&str> = study.headers.iter().map(String::as_str).collect();
    let json = json!({ "schema": 1, "study": label(name), "rows": study.json(), "notes": study.notes });
    console.table(&headers, &rows, &json)?;
    study.notes.iter().for_each(|note| console.talk(note));
    let Some(spec) = &study.figure else { return Ok(()) };
    let default = || PathBuf::from("results").join(format!("compete-{}", label(name)));
    let dir = args.out.clone().unwrap_or_else(default);
    figure::write(&dir, &label(name), spec, Style::default())?;
    console.talk(&format!("{}: figure written", dir.display()));
    Ok(())
}

/// Its name on the command line.
fn label(name: Name) -> String {
    use clap::ValueEnum;
    name.to_possible_value().map_or(String::new(), |v| v.get_name().to_string())
}

fn bounds(console: &Console) -> Result<()> {
    const AT: [f64; 4] = [0.5, 0.2, 0.1, 0.05];
    let headers =
        ["scheduler", "ratio", "to", "bound", "trust", "source", "holds", "0.5", "0.2", "0.1", "0.05"];
    let rows: Vec<Vec<String>> = BOUNDS
        .iter()
        .map(|b| {
            let side = if b.upper { "at most" } else { "can reach" };
            let words = [b.scheduler, side, b.to.as_str(), b.formula, b.trust.as_str(), b.source, b.holds];
            let values = AT.map(|alpha| show::number((b.at)(alpha)));
            words.map(String::from).into_iter().chain(values).collect()
        })
        .collect();
    let entry = |b: &crate::compete::Bound| {
        json!({
            "scheduler": b.scheduler, "upper": b.upper, "to": b.to, "formula": b.formula, "trust": b.trust,
            "source": b.source, "holds": b.holds, "alpha": AT, "value": AT.map(b.at),
        })
    };
    let all: Vec<_> = BOUNDS.iter().map(entry).collect();
    console.text_table(&headers, &rows, &json!({ "schema": 1, "bounds": all }))
}
