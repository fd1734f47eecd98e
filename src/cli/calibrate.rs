//! `foretoken calibrate`: from a real model on this machine to a profile.

#[cfg(feature = "nn")]
mod ask;
#[cfg(feature = "nn")]
mod files;
#[cfg(feature = "nn")]
mod run;

#[cfg(feature = "nn")]
pub use ask::seconds;

use super::Console;
use super::profile::fit::{Auto, form, noise};
use crate::error::Result;
use crate::latency::NoiseKind;
use std::path::PathBuf;

/// Time a real model on this machine, and fit a latency profile to it (feature `nn`).
#[derive(clap::Args)]
#[cfg_attr(not(feature = "nn"), allow(dead_code, reason = "read where models can run"))]
#[command(after_help = "Examples:
  foretoken calibrate --model tiny --out profiles/tiny-here.toml
  foretoken calibrate --model llama-15m --threads 1 --clock cpu --budget 2m --out llama-15m.toml
  foretoken calibrate --model llama-15m --threads 1 --clock cpu --budget 5m --out llama-15m.toml --resume")]
pub struct Args {
    /// Model: a name, or a file ending in .toml.
    #[arg(long)]
    model: String,
    /// Backend: candle-cpu, candle-cuda, tch-cpu, tch-cuda.
    #[arg(long, default_value = "candle-cpu")]
    backend: String,
    /// Element type: f32, bf16.
    #[arg(long, default_value = "f32")]
    dtype: String,
    /// Layout of KV: ragged, padded.
    #[arg(long, default_value = "ragged")]
    layout: String,
    /// Time to measure, such as 60s, 5m, 1h.
    #[arg(long, default_value = "60s")]
    budget: String,
    /// Profile to write, ending in .toml; samples, session and residuals go beside it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Requests at a time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    slots: u32,
    /// Tokens of context each may reach [default: 1024, or the model's positions if fewer].
    #[arg(long)]
    context: Option<u32>,
    /// Threads that compute, on a CPU [default: all cores; 1 with --clock cpu].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// What durations are read from: wall, or cpu (CPU time of the one thread that computes; immune to
    /// neighbours that take the core away).
    #[arg(long, default_value = "wall")]
    clock: String,
    /// Seed of the plan and of its order.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder of safetensors files with the model's weights [default: random; step times do not depend on them].
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Passes: calibrations in one, which are compared with each other.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=100))]
    passes: u32,
    /// Form of the step time: linear, static-batch, polynomial, piecewise, or auto, the best on held-out points.
    #[arg(long, default_value = "auto", value_parser = form)]
    form: Auto,
    /// Noise to put into the profile: regions, log-normal, none.
    #[arg(long, default_value = "regions", value_parser = noise)]
    noise: NoiseKind,
    /// Also time each part of each layer by shape, into NAME.layers.csv (about half of the budget again).
    #[arg(long)]
    per_layer: bool,
    /// Also find what timing itself costs, into NAME.instrumentation.csv.
    #[arg(long)]
    instrumentation: bool,
    /// Go on where an interrupted calibration stopped.
    #[arg(long)]
    resume: bool,
    /// Replace the files if they exist.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Who measures, for the profile's provenance.
    #[arg(long, default_value = "foretoken calibrate")]
    who: String,
    /// One line about the profile.
    #[arg(long)]
    description: Option<String>,
}

/// Runs `foretoken calibrate`.
#[cfg(feature = "nn")]
pub fn run(args: &Args, console: &Console) -> Result<()> {
    run::run(args, console)
}

/// Says which build has it.
#[cfg(not(feature = "nn"))]
pub fn run(_: &Args, _: &Console) -> Result<()> {
    Err(crate::error::Error::Feature { what: "foretoken calibrate".into(), feature: "nn" })
}
