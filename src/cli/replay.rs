//! `foretoken replay`: the main job.

use super::Console;
use super::console::Format;
use super::progress::Bar;
use super::scenario::{ScenarioArgs, stem};
use crate::error::{Error, Result};
use crate::record::TableFormat;
use crate::replay::{self, Options, Outputs, Progress, Replayed};
use crate::scenario::{HardwareConfig, Scenario, resolve};
use crate::scheduler::Registry;
use crate::time::SimTime;
use serde_json::json;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use toml::Value;

/// Replay a trace under one or several schedulers.
///
/// A trace alone is enough: engine vllm-v1, scheduler fcfs, profile llama3-8b-h100. Several schedulers are
/// compared on the same requests, the first one being what the others are compared with.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  foretoken replay scenarios/lmsys-chat.toml
  foretoken replay --trace traces/lmsys-like.csv.gz --scheduler fcfs,sjf --out results/try
  foretoken replay --trace T.jsonl --engine vllm-v1-2025 --profile dynamo-polynomial --set kv.blocks=7424")]
pub struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Run on a device of this machine instead of a profile: candle-cpu, candle-cuda, tch-cpu, tch-cuda. More with
    /// --set hardware.slots=8 and the other keys of [hardware].
    #[arg(long, value_name = "BACKEND")]
    hardware: Option<String>,
    /// The model to run there: tiny, llama-15m, t5-base, ..., or a .toml file.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Offered loads, requests/s, comma-separated: every scheduler runs at each, for a figure.
    #[arg(long, value_delimiter = ',')]
    rates: Vec<f64>,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(clap::Args)]
struct OutArgs {
    /// Result directory [default: results/<scenario or trace>].
    #[arg(long)]
    out: Option<PathBuf>,
    /// Replace results of something else.
    #[arg(long)]
    overwrite: bool,
    /// Form of the tables of requests and steps: csv, or parquet (feature `parquet`).
    #[arg(long, value_name = "FORM", value_parser = TableFormat::from_str, default_value = "csv")]
    tables: TableFormat,
    /// Columns of requests.csv, comma-separated.
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// Also write steps.csv: one row per engine step.
    #[arg(long)]
    steps: bool,
    /// Also write timeline.json for ui.perfetto.dev; with a window in seconds, only that part: 10..20.
    #[arg(long, value_name = "FROM..TO", num_args = 0..=1, default_missing_value = "0..inf")]
    timeline: Option<String>,
    /// Also write certificate.json: a lower bound on the mean E2E latency of any schedule, with its proof.
    #[arg(long)]
    certificate: bool,
    /// Draw no figures.
    #[arg(long)]
    no_figures: bool,
    /// Take every step one by one instead of running quiet stretches: slow, same bytes.
    #[arg(long)]
    stepwise: bool,
    /// Run everything twice, quiet and step by step, and show the first event that differs; writes nothing.
    #[arg(long)]
    check_determinism: bool,
    /// Threads for independent runs [default: all cores].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Runs `foretoken replay`.
pub fn run(args: &Args, registry: &Registry, console: &Console) -> Result<()> {
    let scenario = args.scenario(registry, console)?;
    if let Some(hardware) = &scenario.hardware {
        ready(hardware, args.out.threads)?;
    }
    let threads = args.out.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| Error::Usage(format!("--threads: {e}")))?;
    if args.out.check_determinism {
        let runs = pool.install(|| replay::check_determinism(&scenario, registry))?;
        return console.data(&format!("{runs} runs gave the same events twice, quiet and step by step\n"));
    }
    let out = args.out.out.clone().unwrap_or_else(|| default_out(args, &scenario));
    let options = args.options()?;
    let progress = Arc::new(Progress::default());
    super::progress::stop_on_interrupt(&progress)?;
    let bar = Bar::start(console, &progress);
    let replay = || replay::replay(&scenario, registry, &out, &options, &progress);
    // Inside the pool a tensor library would compute with its threads.
    let replayed = if scenario.hardware.is_some() { replay() } else { pool.install(replay) };
    drop(bar);
    let replayed = replayed?;
    for remark in &replayed.remarks {
        console.talk(remark);
    }
    show(&replayed, console)?;
    let done = if replayed.unchanged { "unchanged; digests agree" } else { "written" };
    console.talk(&format!("{}: {done}", out.display()));
    Ok(())
}

/// Makes ready for runs on a device: its threads are those that the scenario says.
fn ready(hardware: &HardwareConfig, threads: Option<u16>) -> Result<()> {
    if threads.is_some() {
        let what = "--threads is for independent runs, and a device runs one at a time";
        return Err(Error::Usage(format!("{what}; for threads that compute, use --set hardware.threads=N")));
    }
    #[cfg(feature = "nn")]
    if hardware.backend.is_cpu() {
        super::threads::pin(hardware.threads as usize)?;
    }
    #[cfg(not(feature = "nn"))]
    let _ = hardware;
    Ok(())
}

fn default_out(args: &Args, scenario: &Scenario) -> PathBuf {
    let named = (!scenario.name.is_empty()).then(|| scenario.name.clone());
    let name = named.or_else(|| args.scenario.stem()).or_else(|| stem(&scenario.trace.path));
    PathBuf::from("results").join(name.unwrap_or_else(|| "run".into()))
}

impl Args {
    /// The scenario that the file, the flags and the `--set`s describe.
    fn scenario(&self, registry: &Registry, console: &Console) -> Result<Scenario> {
        let mut layers = self.scenario.layers()?;
        if !self.rates.is_empty() {
            let rates = self.rates.iter().map(|&r| Value::Float(r)).collect();
            layers.set.insert(0, ("load.rates_rps".into(), Value::Array(rates)));
        }
        let device = [("hardware.backend", &self.hardware), ("hardware.model", &self.model)];
        for (path, value) in device.into_iter().filter_map(|(path, value)| Some((path, value.clone()?))) {
            layers.set.insert(0, (path.into(), Value::String(value)));
        }
        let mut scenario = resolve(&layers)?;
        if !layers.mention("workload.arrivals")?
            && let Some(remark) = replay::draw_arrivals(&mut scenario)?
        {
            console.talk(&remark);
        }
        for config in &scenario.schedulers {
            registry.get(&config.name)?;
        }
        Ok(scenario)
    }

    fn options(&self) -> Result<Options> {
        let timeline = self.out.timeline.as_deref().map(parse_window).transpose()?;
        let outputs = Outputs {
            columns: self.out.columns.clone(),
            tables: self.out.tables,
            steps: self.out.steps,
            timeline,
            figures: !self.out.no_figures,
            certificate: self.out.certificate,
        };
        Ok(Options { outputs, overwrite: self.out.overwrite, stepwise: self.out.stepwise })
    }
}

fn parse_window(text: &str) -> Result<(f64, f64)> {
    let bad = || Error::Usage(format!("--timeline {text}: write a window in seconds, such as 10..20"));
    let fits = |seconds: f64| SimTime::from_secs(seconds).is_some();
    let (from, to) = text.split_once("..").ok_or_else(bad)?;
    match (from.parse::<f64>(), to.parse::<f64>()) {
        (Ok(from), Ok(to)) if fits(from) && from < to && (fits(to) || to == f64::INFINITY) => Ok((from, to)),
        _ => Err(bad()),
    }
}

/// Headers of the table, and the metric each column shows.
const SHOWN: [(&str, &str); 12] = [
    ("E2E mean s", "e2e_mean_s"),
    ("p50", "e2e_p50_s"),
    ("p99", "e2e_p99_s"),
    ("TTFT mean s", "ttft_mean_s"),
    ("p99", "ttft_p99_s"),
    ("E2E/token s", "per_token_mean_s"),
    ("p90", "per_token_p90_s"),
    ("time at s", "time_at_s"),
    ("finished by", "finished_by"),
    ("tokens/s", "output_tokens_per_s"),
    ("slowdown", "slowdown_mean"),
    ("/best known", "ratio_best_known"),
];

fn show(replayed: &Replayed, console: &Console) -> Result<()> {
    let summaries: Vec<_> = replayed.runs.iter().map(|r| &r.summary).collect();
    let Some(comparison) = &replayed.comparison else {
        return show_one(&replayed.runs[0], console);
    };
    let json = json!({ "schema": 1, "runs": summaries, "comparison": comparison });
    if console.format == Format::Csv {
        let mut csv = Vec::new();
        comparison.write_csv(&mut csv).map_err(|e| Error::io("standard output", e))?;
        return console.data(&String::from_utf8_lossy(&csv));
    }
    // A column that nobody has a number for, and that was asked for by a key, is left out.
    let known = comparison.metric_names();
    let asked = ["time_at_s", "finished_by"];
    let shown: Vec<_> = SHOWN.iter().filter(|(_, m)| known.contains(m) || !asked.contains(m)).collect();
    let mut headers = vec!["scheduler"];
    headers.extend(shown.iter().map(|(header, _)| *header));
    headers.push("E2E against the first");
    let row = |row: &crate::metrics::ComparisonRow| {
        let mut cells = vec![row.scheduler.clone()];
        cells.extend(
            shown.iter().map(|(_, metric)| row.metrics.get(*metric).map_or("-".into(), |e| number(e.mean))),
        );
        cells.push(row.e2e_difference_s.as_ref().map_or("-".into(), difference));
        cells
    };
    let rows: Vec<_> = comparison.rows.iter().map(row).collect();
    console.table(&headers, &rows, &json)
}

/// A paired difference with its interval, seconds.
fn difference(paired: &crate::metrics::stats::Paired) -> String {
    let interval = &paired.difference;
    format!("{:+.3} [{:+.3}, {:+.3}]", interval.mean, interval.lo, interval.hi)
}

/// Four significant digits.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "-".into(),
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 100.0 => format!("{value:.1}"),
        v if v >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn show_one(run: &replay::RunResult, console: &Console) -> Result<()> {
    let s = &run.summary;
    let json = serde_json::to_value(s).map_err(|e| Error::Usage(e.to_string()))?;
    let l = &s.latencies;
    let distributions = [
        ("TTFT s", &l.ttft_s),
        ("TPOT s", &l.tpot_s),
        ("ITL s", &s.itl_s),
        ("E2E s", &l.e2e_s),
        ("E2E/token s", &l.per_token_s),
        ("queue s", &l.queue_s),
    ];
    let row = |(name, d): &(&str, &crate::metrics::Distribution)| {
        let numbers = [d.mean, d.std, d.min, d.p50, d.p90, d.p95, d.p99, d.max];
        std::iter::once((*name).to_string()).chain(numbers.iter().map(|&v| number(v))).collect()
    };
    let rows: Vec<Vec<String>> = distributions.iter().map(row).collect();
    console.talk(&format!(
        "{} on {} ({}), predictor {}: {} requests, {} completed, {} rejected, {} unfinished; {} requests/s, {} \
         output tokens/s; {} steps, {} preemptions; percentiles {}",
        run.label,
        s.profile,
        s.engine,
        s.predictor.as_deref().unwrap_or("none"),
        s.requests.arrived,
        s.requests.completed,
        s.requests.rejected,
        s.requests.unfinished,
        number(s.throughput.requests_per_s),
        number(s.throughput.output_tokens_per_s),
        s.steps,
        s.preemptions,
        s.percentile_convention.as_str()
    ));
    console.table(&["", "mean", "std", "min", "p50", "p90", "p95", "p99", "max"], &rows, &json)
}
