//! `foretoken sweep`: one scenario, many times.

use super::console::{Console, Format};
use super::progress::{Bar, stop_on_interrupt};
use super::scenario::ScenarioArgs;
use crate::error::{Error, Result};
use crate::replay::Progress;
use crate::scheduler::Registry;
use crate::sweep::{self, AxisSpec, Done, Flags, Keep, Manifest, Options, Plan, Sampling, Shard, cell};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of the table that `sweep run` shows.
const MOST_ROWS: usize = 40;

/// Run one scenario many times, over axes of its keys.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  foretoken sweep run scenarios/sweep-small.toml --out results/small
  foretoken sweep run --trace traces/lmsys-like.csv.gz --axis scheduler=fcfs,sjf \\
      --axis 'kv.blocks=log-range{start=500,stop=8000,count=5}' --out results/kv
  foretoken sweep run scenarios/sweep-small.toml --out results/small --resume")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every point on all cores, and keep a journal.
    Run(Box<RunArgs>),
    /// Print the points without running them.
    Plan(Box<PlanArgs>),
    /// Join the directories of all shards into one.
    Merge(MergeArgs),
}

#[derive(clap::Args)]
struct SpecArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Vary a key: KEY=a,b,c or KEY=range{start=1,stop=9,step=2}; also log-range{start,stop,count},
    /// uniform{low,high}, log-uniform{low,high}. Repeatable; the first varies slowest.
    #[arg(long = "axis", value_name = "KEY=VALUES")]
    axes: Vec<String>,
    /// How many points to draw over all uniform and log-uniform axes jointly.
    #[arg(long)]
    samples: Option<u32>,
    /// How they are drawn [default: sobol].
    #[arg(long, value_enum)]
    sampling: Option<SamplingArg>,
    /// Keep only runs for which this holds, such as "workload.rate_rps <= 5 and scheduler == 'sjf'".
    #[arg(long, value_name = "CONDITION")]
    filter: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SamplingArg {
    /// A scrambled Sobol sequence.
    Sobol,
    /// Independent draws.
    Random,
}

#[derive(Clone, Copy, ValueEnum)]
enum KeepArg {
    /// requests.csv of every run.
    Requests,
}

#[derive(clap::Args)]
struct RunArgs {
    #[command(flatten)]
    spec: SpecArgs,
    /// Result directory [default: results/<scenario or trace>].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Replace results of something else, and unfinished ones.
    #[arg(long)]
    overwrite: bool,
    /// Go on where an interrupted sweep stopped.
    #[arg(long)]
    resume: bool,
    /// Run only part I of N, for `sweep merge`.
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Also keep files of each run.
    #[arg(long, value_enum)]
    keep: Option<KeepArg>,
    /// Threads [default: all cores].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(clap::Args)]
struct PlanArgs {
    #[command(flatten)]
    spec: SpecArgs,
}

#[derive(clap::Args)]
struct MergeArgs {
    /// Result directories of all shards, in any order.
    #[arg(required = true)]
    shards: Vec<PathBuf>,
    /// Result directory.
    #[arg(long)]
    out: PathBuf,
    /// Replace other results.
    #[arg(long)]
    overwrite: bool,
}

/// Runs `foretoken sweep`.
pub fn run(args: &Args, registry: &Registry, console: &Console) -> Result<()> {
    match &args.command {
        Command::Run(args) => run_points(args, registry, console),
        Command::Plan(args) => plan(&args.spec.plan(registry)?, console),
        Command::Merge(args) => {
            let manifest = sweep::merge(&args.shards, &args.out, args.overwrite)?;
            show(&args.out, &manifest, console)?;
            told(&args.out, &manifest, manifest.runs, console)
        }
    }
}

impl SpecArgs {
    fn plan(&self, registry: &Registry) -> Result<Plan> {
        let flags = Flags {
            axes: self.axes.iter().map(|text| AxisSpec::parse(text)).collect::<Result<_>>()?,
            samples: self.samples,
            sampling: self.sampling.map(|s| match s {
                SamplingArg::Sobol => Sampling::Sobol,
                SamplingArg::Random => Sampling::Random,
            }),
            filter: self.filter.clone(),
        };
        Plan::new(&self.scenario.layers()?, flags, registry)
    }
}

fn run_points(args: &RunArgs, registry: &Registry, console: &Console) -> Result<()> {
    let shard = args.shard.as_deref().map(str::parse::<Shard>).transpose()?;
    let plan = args.spec.plan(registry)?;
    let out = args.out.clone().unwrap_or_else(|| {
        let named = Some(plan.scenario.name.clone()).filter(|n| !n.is_empty());
        let name = named.or_else(|| args.spec.scenario.stem()).unwrap_or_else(|| "sweep".into());
        PathBuf::from("results").join(name)
    });
    let options = Options {
        keep: args.keep.map_or(Keep::Nothing, |KeepArg::Requests| Keep::Requests),
        shard,
        overwrite: args.overwrite,
        resume: args.resume,
        threads: args.threads.map_or(0, usize::from),
    };
    let progress = Arc::new(Progress::default());
    stop_on_interrupt(&progress)?;
    let bar = Bar::start(console, &progress);
    let done = sweep::run(&plan, registry, &out, &options, &progress);
    drop(bar);
    let Done { manifest, runs, unchanged, resumed, torn } = done?;
    for file in torn {
        console.talk(&format!("{}: not whole, set aside; its runs were repeated", file.display()));
    }
    if resumed > 0 {
        console.talk(&format!("{resumed} runs were done already"));
    }
    if unchanged {
        console.talk("the same sweep is there, whole: unchanged");
    }
    show(&out, &manifest, console)?;
    told(&out, &manifest, runs as u64, console)
}

/// The last word: where the results are, and whether runs failed.
fn told(out: &Path, manifest: &Manifest, runs: u64, console: &Console) -> Result<()> {
    let failed = manifest.failed;
    if failed == runs {
        let what = format!("all {runs} runs failed; column reason of {}/points.csv says why", out.display());
        return Err(Error::Check(what));
    }
    let failures = match failed {
        0 => String::new(),
        n => format!(", {n} failed (column reason of points.csv says why)"),
    };
    console.talk(&format!("{}: {runs} runs{failures}", out.display()));
    Ok(())
}

/// Metrics of the table.
const SHOWN: [&str; 6] =
    ["e2e_mean_s", "e2e_p99_s", "ttft_mean_s", "ttft_p99_s", "output_tokens_per_s", "goodput_rps"];

/// Prints means by point and scheduler: a table of the first rows, all of `summary.csv`, or the manifest.
fn show(out: &Path, manifest: &Manifest, console: &Console) -> Result<()> {
    if console.format == Format::Json {
        let json = serde_json::to_value(manifest).map_err(|e| Error::Usage(e.to_string()))?;
        return console.json(&json);
    }
    let path = out.join(if manifest.shard.is_some() { "points.csv" } else { "summary.csv" });
    if console.format == Format::Csv {
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
        return console.data(&text);
    }
    let bad = |e: csv::Error| Error::Check(format!("{}: {e}", path.display()));
    let mut reader = csv::Reader::from_path(&path).map_err(bad)?;
    let header = reader.headers().map_err(bad)?.clone();
    let wanted: Vec<&str> = ["point", "scheduler"]
        .into_iter()
        .chain(manifest.axes.iter().map(|a| a.key.as_str()))
        .chain(["n", "replicate", "status"])
        .chain(SHOWN)
        .filter(|name| header.iter().any(|h| h == *name))
        .collect();
    let places: Vec<usize> =
        wanted.iter().filter_map(|name| header.iter().position(|h| h == *name)).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut more = 0;
    for record in reader.records() {
        let record = record.map_err(bad)?;
        if rows.len() == MOST_ROWS {
            more += 1;
            continue;
        }
        rows.push(places.iter().map(|&at| short(&record[at])).collect());
    }
    console.table(&wanted, &rows, &Value::Null)?;
    if more > 0 {
        console.talk(&format!("{more} more rows are in {}", path.display()));
    }
    Ok(())
}

/// A long number with four significant digits.
fn short(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(value) if text.len() > 8 && text.contains('.') => super::replay::number(value),
        _ => text.into(),
    }
}

/// Prints the runs of a plan.
fn plan(plan: &Plan, console: &Console) -> Result<()> {
    let mut headers = vec!["point", "scheduler", "replicate", "seed"];
    headers.extend(plan.axes.iter().map(|a| a.key.as_str()));
    let mut rows = Vec::with_capacity(plan.len());
    let mut runs = Vec::new();
    for i in 0..plan.len() {
        let run = plan.run(i);
        let point = plan.point(run.point);
        let scheduler = &plan.schedulers[run.scheduler];
        if console.format == Format::Json {
            let values = point.values.iter().map(|v| serde_json::to_value(v).unwrap_or(Value::Null));
            let axes: serde_json::Map<String, Value> =
                plan.axes.iter().map(|a| a.key.clone()).zip(values).collect();
            runs.push(json!({ "point": run.point, "scheduler": scheduler, "replicate": run.replicate, "axes": axes }));
            continue;
        }
        let mut row =
            vec![run.point.to_string(), scheduler.clone(), run.replicate.to_string(), plan.seed(&point)];
        row.extend(point.values.iter().map(cell));
        rows.push(row);
    }
    console.table(&headers, &rows, &json!({ "schema": 1, "runs": runs }))?;
    console.talk(&format!("{} runs", plan.len()));
    Ok(())
}
