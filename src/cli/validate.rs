//! `foretoken validate`: predictions against the device.

#[cfg(feature = "nn")]
mod files;
#[cfg(feature = "nn")]
mod run;

use super::Console;
use crate::error::Result;
use crate::scheduler::Registry;
use clap::ValueEnum;
use std::path::PathBuf;

/// Measure how well a replay on a fitted profile predicts the device (feature `nn`).
///
/// For each seed: calibrate, run requests on the device, calibrate again, replay them on the profile that both give,
/// and run them on the device once more. Exit code 1 if a median over the seeds misses its bar.
#[derive(clap::Args)]
#[cfg_attr(not(feature = "nn"), allow(dead_code, reason = "read where models can run"))]
#[command(after_help = "Examples:
  foretoken validate --model llama-15m --out results/validate-15m
  foretoken validate --model t5-base --requests 12 --seeds 3 --budget 90s --gate none --out results/validate-t5
  foretoken validate --model tiny --trace T.csv --profile p.toml --seeds 1 --out results/validate-p")]
pub struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    requests: RequestArgs,
    #[command(flatten)]
    bars: BarArgs,
    /// Time of each calibration, such as 20s, 5m.
    #[arg(long, default_value = "20s")]
    budget: String,
    /// Validate this profile instead of calibrating: a name of `foretoken profile list`, or a file.
    #[arg(long)]
    profile: Option<String>,
    /// Directory to write.
    #[arg(long)]
    out: PathBuf,
    /// Replace an earlier validation there.
    #[arg(long)]
    overwrite: bool,
}

#[derive(clap::Args)]
#[cfg_attr(not(feature = "nn"), allow(dead_code, reason = "read where models can run"))]
struct DeviceArgs {
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
    /// Requests at a time.
    #[arg(long, default_value_t = 8)]
    slots: u32,
    /// Tokens of context each may reach.
    #[arg(long, default_value_t = 512)]
    context: u32,
    /// Folder of safetensors files with the model's weights [default: random].
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Threads that compute, on a CPU.
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// What durations are read from: wall, cpu [default: cpu for one thread of a CPU, else wall].
    #[arg(long)]
    clock: Option<String>,
}

#[derive(clap::Args)]
#[cfg_attr(not(feature = "nn"), allow(dead_code, reason = "read where models can run"))]
struct RequestArgs {
    /// Trace of requests, any known format; its own arrival times are kept unless --load is given [default: made-up
    /// requests with exponential lengths].
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Requests of a run.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    requests: u32,
    /// Mean prompt of made-up requests, tokens.
    #[arg(long, default_value_t = 96.0)]
    prompt_mean: f64,
    /// Mean output of made-up requests, tokens.
    #[arg(long, default_value_t = 48.0)]
    output_mean: f64,
    /// Arrival rate as a share of what the device can do [default: 0.65 for made-up requests].
    #[arg(long)]
    load: Option<f64>,
    /// Repetitions, each with calibrations, arrivals and lengths of its own.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    seeds: u32,
    /// The first seed.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..1 << 62))]
    seed: u64,
    /// Engine preset: vllm-v1, vllm-v1-2025, static.
    #[arg(long, default_value = "vllm-v1")]
    engine: String,
    /// Scheduler, as for replay.
    #[arg(long, default_value = "fcfs")]
    scheduler: String,
    /// Set any key of the scenario: engine.max_tokens_per_step=256.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

#[derive(clap::Args)]
#[cfg_attr(not(feature = "nn"), allow(dead_code, reason = "read where models can run"))]
struct BarArgs {
    /// What a median over the seeds is held to: bars, or none.
    #[arg(long, value_enum, default_value = "bars")]
    gate: Gate,
    /// Least R2 of step times.
    #[arg(long, default_value_t = 0.95)]
    bar_step_r2: f64,
    /// Largest |bias| of step times.
    #[arg(long, default_value_t = 0.07)]
    bar_step_bias: f64,
    /// Largest |error| of the mean E2E latency.
    #[arg(long, default_value_t = 0.10)]
    bar_e2e: f64,
    /// The same as a multiple of the error of a repeated run, where that is more.
    #[arg(long, default_value_t = 1.5)]
    bar_floor_factor: f64,
    /// Largest |error| of the 99th percentile of E2E latency [default: not held to].
    #[arg(long)]
    bar_e2e_p99: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[cfg_attr(not(feature = "nn"), allow(dead_code, reason = "read where models can run"))]
enum Gate {
    /// Exit code 1 if one is missed.
    Bars,
    /// Only report.
    None,
}

/// Runs `foretoken validate`.
#[cfg(feature = "nn")]
pub fn run(args: &Args, registry: &Registry, console: &Console) -> Result<()> {
    run::run(args, registry, console)
}

/// Says which build has it.
#[cfg(not(feature = "nn"))]
pub fn run(_: &Args, _: &Registry, _: &Console) -> Result<()> {
    Err(crate::error::Error::Feature { what: "foretoken validate".into(), feature: "nn" })
}
