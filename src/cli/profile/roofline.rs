//! `foretoken profile roofline`: an analytic profile from a model configuration and a data sheet.

use super::write;
use crate::cli::{Console, Format};
use crate::error::{Error, Place, Result};
use crate::latency::{Dtype, Hardware, ModelShape, Origin, Profile, Serving};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// Model configuration: a file (config.json of the model), or the name of a shipped one.
    #[arg(long)]
    config: String,
    /// Device: a file, or the name of a shipped one.
    #[arg(long)]
    hardware: String,
    /// Devices of a replica (tensor parallelism).
    #[arg(long, default_value_t = Serving::default().tp)]
    tp: u64,
    /// Format of the weights: bf16, fp16, fp8, int8, int4.
    #[arg(long, default_value_t = Serving::default().dtype)]
    dtype: Dtype,
    /// Format of the KV cache: bf16, fp16, fp8, int8.
    #[arg(long, default_value_t = Serving::default().kv_dtype)]
    kv_dtype: Dtype,
    /// Share of the peak FLOP/s that is reached (assumption).
    #[arg(long, default_value_t = Serving::default().compute_efficiency)]
    compute_efficiency: f64,
    /// Share of the peak bandwidth that is reached (assumption).
    #[arg(long, default_value_t = Serving::default().bandwidth_efficiency)]
    bandwidth_efficiency: f64,
    /// Share of each device's memory that is used.
    #[arg(long, default_value_t = Serving::default().memory_utilization)]
    memory_utilization: f64,
    /// Bytes of each device kept for activations, graphs and buffers (assumption).
    #[arg(long, default_value_t = Serving::default().activation_reserve_bytes)]
    activation_reserve_bytes: u64,
    /// Seconds of launches and host work in every step (assumption).
    #[arg(long, default_value_t = Serving::default().step_overhead_s)]
    step_overhead_s: f64,
    /// File to write, named after the profile; standard output without.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long, requires = "out")]
    overwrite: bool,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    let serving = Serving {
        tp: args.tp,
        dtype: args.dtype,
        kv_dtype: args.kv_dtype,
        compute_efficiency: args.compute_efficiency,
        bandwidth_efficiency: args.bandwidth_efficiency,
        memory_utilization: args.memory_utilization,
        activation_reserve_bytes: args.activation_reserve_bytes,
        step_overhead_s: args.step_overhead_s,
    };
    let model = ModelShape::load(&args.config)?;
    let hardware = Hardware::load(&args.hardware)?;
    let name = name(args, &hardware)?;
    let profile = Origin { serving, model, hardware }.estimate(&name)?;
    let text = toml::to_string(&profile).map_err(|e| Error::Usage(e.to_string()))?;
    match &args.out {
        Some(path) => {
            write(path, &text, args.overwrite)?;
            console.talk(&format!("{}: {}; analytic, not measured", path.display(), profile.description));
            Ok(())
        }
        None => print(&profile, &text, console),
    }
}

/// Name of the profile: the output file's without its ending, else what it is made of.
fn name(args: &Args, hardware: &Hardware) -> Result<String> {
    let stem = |path: &Path| path.file_stem().map(|s| s.to_string_lossy().into_owned());
    match &args.out {
        Some(path) => stem(path).ok_or_else(|| {
            Error::input(Place::file(path), "the path names no file", "end it with NAME.toml")
        }),
        None => {
            let config = args.config.trim_end_matches(".json").rsplit(['/', '\\']).next().unwrap_or("model");
            Ok(format!("{config}-{}-tp{}", hardware.name, args.tp))
        }
    }
}

fn print(profile: &Profile, text: &str, console: &Console) -> Result<()> {
    match console.format {
        Format::Table => console.data(text),
        Format::Json => console.json(&serde_json::json!(profile)),
        Format::Csv => {
            Err(Error::Usage("a profile has no CSV form; use --format table (TOML) or --format json".into()))
        }
    }
}
