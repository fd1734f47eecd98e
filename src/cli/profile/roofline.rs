//! `foretoken profile roofline`: an analytic profile from a model configuration and a data sheet.

use super::write;
use crate::cli::{Console, Format};
use crate::error::{Error, Place, Result};
use crate::latency::{Architecture, Dtype, Explained, Hardware, Plan, Profile, Serving};
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
    /// Format of all linear weights: bf16, fp16, fp8, int8, int4, fp4; default: as the checkpoint stores them.
    #[arg(long)]
    dtype: Option<Dtype>,
    /// Format of the KV cache: bf16, fp16, fp8, int8; default: as the checkpoint asks, else bf16.
    #[arg(long)]
    kv_dtype: Option<Dtype>,
    /// Share of the peak FLOP/s that is reached (assumption).
    #[arg(long, default_value_t = Serving::default().compute_efficiency)]
    compute_efficiency: f64,
    /// Share of the peak bandwidth that is reached (assumption).
    #[arg(long, default_value_t = Serving::default().bandwidth_efficiency)]
    bandwidth_efficiency: f64,
    /// Share of each device's memory that is used [default: 0.9; with --explain 0.92, vLLM's].
    #[arg(long)]
    memory_utilization: Option<f64>,
    /// Bytes of each device kept for activations, graphs and buffers (assumption).
    #[arg(long, default_value_t = Serving::default().activation_reserve_bytes)]
    activation_reserve_bytes: u64,
    /// Seconds of launches and host work in every step (assumption).
    #[arg(long, default_value_t = Serving::default().step_overhead_s)]
    step_overhead_s: f64,
    /// Say what the model takes (parameters, bytes of weights, KV and state, blocks that fit) instead.
    #[arg(long, conflicts_with = "out")]
    explain: bool,
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
        memory_utilization: args.memory_utilization.unwrap_or(Serving::default().memory_utilization),
        activation_reserve_bytes: args.activation_reserve_bytes,
        step_overhead_s: args.step_overhead_s,
    };
    let model = Architecture::load(&args.config, args.dtype)?;
    let hardware = Hardware::load(&args.hardware)?;
    let name = name(args, &hardware)?;
    let plan = Plan { serving, model, hardware };
    if args.explain {
        return explain(&plan.explain(args.memory_utilization)?, console);
    }
    let profile = plan.estimate(&name)?;
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

fn explain(e: &Explained, console: &Console) -> Result<()> {
    let number = |what: &str, value: String| vec![what.to_string(), value];
    let mut rows = vec![
        number("class", e.model.architecture.clone()),
        number("parameters", grouped(e.model.parameters as f64)),
        number("active parameters", grouped(e.model.active_parameters as f64)),
    ];
    rows.extend(e.model.layers.iter().map(|l| number("layers", l.clone())));
    rows.extend(e.model.formats.iter().map(|f| number("stored", f.clone())));
    rows.push(number("weight bytes", grouped(e.weight_bytes)));
    if e.tp > 1 {
        rows.push(number("weight bytes a device", grouped(e.weight_bytes_per_device)));
    }
    rows.push(number("KV format", e.kv_dtype.clone()));
    rows.push(number("KV bytes a token, growing", grouped(e.kv_bytes_per_token)));
    if e.index_bytes_per_token > 0.0 {
        rows.push(number("of them index keys", grouped(e.index_bytes_per_token)));
    }
    rows.extend(e.kv_bytes.iter().map(|(n, b)| number(&format!("KV bytes at {n} tokens"), grouped(*b))));
    let state = e.state_dtype.map_or(String::new(), |dtype| format!(" ({dtype})"));
    rows.push(number("state bytes a request", grouped(e.state_bytes) + &state));
    rows.push(number("memory used", e.memory_utilization.to_string()));
    rows.push(number("reserve bytes a device", grouped(e.reserve_bytes)));
    rows.push(number(&format!("blocks of {} tokens that fit", e.block_tokens), grouped(e.blocks as f64)));
    rows.extend(e.model.remarks.iter().map(|r| number("remark", r.clone())));
    let json = serde_json::json!({ "schema": 1, "explained": e });
    console.table(&["quantity", "value"], &rows, &json)
}

/// A whole number in groups of three digits.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(|g| String::from_utf8_lossy(g).into_owned()).collect();
    groups.join(",")
}
