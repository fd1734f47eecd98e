//! The flags that describe a scenario, shared by the commands that run one.

use crate::error::{Error, Result};
use crate::scenario::{Layers, SchedulerConfig, braced, schedulers};
use std::path::{Path, PathBuf};
use toml::Value;

/// A scenario file, and what is stronger.
#[derive(clap::Args)]
pub struct ScenarioArgs {
    /// Scenario file (TOML); flags and --set are stronger.
    pub scenario: Option<PathBuf>,
    /// Trace file, any known format, plain or gzip.
    #[arg(long)]
    pub trace: Option<PathBuf>,
    /// Engine preset: vllm-v1, vllm-v1-2025, static, theory.
    #[arg(long)]
    engine: Option<String>,
    /// Schedulers, comma-separated or repeated; parameters in braces: sjf, mlfq{quantum_tokens=32}.
    #[arg(long = "scheduler")]
    schedulers: Vec<String>,
    /// Latency profile: a name of `foretoken profile list`, or a file.
    #[arg(long)]
    profile: Option<String>,
    /// Who predicts output lengths: oracle, none, law, noisy{sigma=0.5}, noisy-r2{r2=0.76}, ...
    #[arg(long)]
    predictor: Option<String>,
    /// Seed of every random stream.
    #[arg(long)]
    seed: Option<u64>,
    /// Independent repetitions.
    #[arg(long)]
    replicates: Option<u32>,
    /// Set any key: kv.blocks=7424. The path must exist; see `foretoken schema scenario`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl ScenarioArgs {
    /// The file, the flags and the `--set`s, weakest first.
    ///
    /// # Errors
    /// Neither a file nor a trace; a flag that cannot be read.
    pub fn layers(&self) -> Result<Layers> {
        if self.scenario.is_none()
            && self.trace.is_none()
            && !self.set.iter().any(|s| s.starts_with("trace.path"))
        {
            return Err(Error::Usage("give a scenario file or --trace FILE; see --help".into()));
        }
        let mut layers = Layers { file: self.scenario.clone(), set: Vec::new() };
        let mut set = |path: &str, value: Value| layers.set.push((path.into(), value));
        if let Some(trace) = &self.trace {
            set("trace.path", Value::String(trace.to_string_lossy().into_owned()));
        }
        if let Some(engine) = &self.engine {
            set("engine.preset", Value::String(engine.clone()));
        }
        if let Some(profile) = &self.profile {
            set("profile", Value::String(profile.clone()));
        }
        if let Some(predictor) = &self.predictor {
            set("predictor", Value::Table(braced(predictor)?.table("kind")));
        }
        if let Some(seed) = self.seed {
            let seed =
                i64::try_from(seed).map_err(|_| Error::Usage("--seed: choose at most 2^63 - 1".into()))?;
            set("seed", Value::Integer(seed));
        }
        if let Some(replicates) = self.replicates {
            set("replicates", Value::Integer(replicates.into()));
        }
        let chosen = schedulers(&self.schedulers)?;
        if !chosen.is_empty() {
            set("schedulers", schedulers_value(&chosen)?);
        }
        for assignment in &self.set {
            layers.set(assignment)?;
        }
        Ok(layers)
    }

    /// Name of the scenario file or the trace, without its ending.
    pub fn stem(&self) -> Option<String> {
        stem(self.scenario.as_ref().or(self.trace.as_ref())?)
    }
}

/// Name of a file up to its first dot.
pub fn stem(path: &Path) -> Option<String> {
    path.file_name().map(|n| n.to_string_lossy().split('.').next().unwrap_or("run").to_string())
}

fn schedulers_value(chosen: &[SchedulerConfig]) -> Result<Value> {
    Value::try_from(chosen).map_err(|e| Error::Usage(format!("--scheduler: {e}")))
}
