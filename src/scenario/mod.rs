//! Scenarios: everything about an experiment, as TOML. Built-in values < file < `--set path=value`.

mod fuzz;
mod groups;
mod hardware;
mod keys;
mod measured;
mod paths;
mod resolve;
mod written;
mod wrong;

pub use crate::braced::{Braced, braced, scalar, split_outside_brackets};
#[doc(hidden)]
pub use fuzz::fuzz_scenario;
pub use hardware::{Backend, Element, HARDWARE, HardwareConfig, Layout};
pub use keys::{check_path, is_integer};
pub use resolve::{Draft, Layers, resolve};
pub use written::{predictor, schedulers};

use crate::engine::{ClusterConfig, EngineConfig, GroupConfig, KvConfig, Preset};
use crate::error::{Error, Place, Result};
use crate::metrics::{PercentileConvention, Slo};
use crate::predict::{PredictionConfig, PredictorConfig};
use crate::scheduler::Registry;
pub use crate::scheduler::SchedulerConfig;
use crate::trace::{Format, ReadOptions, TimeUnit, Tokenizer, Window};
use crate::workload::{self, PromptLaws};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The schema of scenarios that this build reads and writes.
pub const SCHEMA: u32 = 1;

/// A whole experiment: requests, engine, hardware, schedulers, what to report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of this format.
    pub schema: u32,
    /// Name of the experiment; names the default result directory.
    pub name: String,
    /// Seed of every random stream.
    pub seed: u64,
    /// Independent repetitions: other arrivals, other prediction errors, the same for all schedulers.
    pub replicates: u32,
    /// Latency profile: a name of `foretoken profile list`, or a file.
    pub profile: String,
    /// Random deviation of single steps from the profile's durations.
    #[serde(default, skip_serializing_if = "StepNoise::is_profile")]
    pub noise: StepNoise,
    /// A real model on a device of this machine, which replaces the profile.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hardware: Option<HardwareConfig>,
    /// Where requests come from.
    pub trace: TraceConfig,
    /// What becomes of them on their way in.
    pub workload: workload::Spec,
    /// The serving engine.
    pub engine: EngineConfig,
    /// Its KV memory.
    pub kv: KvConfig,
    /// Replicas of it.
    pub cluster: ClusterConfig,
    /// Who predicts output lengths, where a scheduler does not say otherwise; unset = the oracle for
    /// schedulers that read beliefs, nobody for the others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub predictor: Option<PredictorConfig>,
    /// How long predictions take and how they fail, where a scheduler does not say otherwise.
    #[serde(skip_serializing_if = "PredictionConfig::is_plain", default)]
    pub prediction: PredictionConfig,
    /// The schedulers to compare; the first is what the others are compared with.
    pub schedulers: Vec<SchedulerConfig>,
    /// Offered loads for the response-time figure.
    pub load: LoadConfig,
    /// What is measured.
    pub metrics: MetricsConfig,
}

/// Whether single steps deviate at random from what the profile says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepNoise {
    /// As the profile's `[noise]` says; profiles without it have none.
    #[default]
    Profile,
    /// Every step takes what the profile's `[timing]` says.
    Off,
}

impl StepNoise {
    fn is_profile(&self) -> bool {
        *self == StepNoise::Profile
    }
}

/// The `[trace]` section: a file and how to read it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TraceConfig {
    /// The file, relative to the working directory, or else to the folder of the scenario file or the one
    /// above; or `lmsys-like`, the trace that comes with foretoken.
    pub path: PathBuf,
    /// Its format; unset = told by the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Pass over unknown columns.
    pub ignore_extra: bool,
    /// Keep requests that the recorded system failed to answer.
    pub keep_failed: bool,
    /// Chats: whether a prompt holds all that was said before.
    pub history: bool,
    /// Chats: how tokens are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<String>,
    /// Tokens that a prefix hash stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash_block_tokens: Option<u32>,
    /// The unit of times that are plain numbers: `s`, `ms`, `us` or `ns`; unset = the format's. JSON lines of
    /// Mooncake's and Qwen's keys are written in both s and ms: unset takes the format's unit unless only the
    /// other makes sense, and says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_unit: Option<String>,
    /// Requests from this long after the trace's first one, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_s: Option<f64>,
    /// Requests earlier than this long after the trace's first one, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_s: Option<f64>,
    /// Requests from this time on the file's own clock, seconds (Azure: since 1970).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_from_s: Option<f64>,
    /// Requests earlier than this time on the file's own clock, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_to_s: Option<f64>,
    /// Stop after this many requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Outputs are drawn anew, from log-t laws of these spreads; unset = as the file has them. No other column
    /// changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub laws: Option<PromptLaws>,
}

impl TraceConfig {
    /// How to read the file.
    ///
    /// # Errors
    /// An unknown format or tokenizer.
    pub fn options(&self) -> Result<ReadOptions> {
        Ok(ReadOptions {
            format: self.format.as_deref().map(str::parse::<Format>).transpose()?,
            ignore_extra: self.ignore_extra,
            keep_failed: self.keep_failed,
            time_unit: self.time_unit.as_deref().map(str::parse::<TimeUnit>).transpose()?,
            window: Window {
                from_s: self.from_s,
                to_s: self.to_s,
                clock_from_s: self.clock_from_s,
                clock_to_s: self.clock_to_s,
            },
            limit: self.limit,
            hash_block_tokens: self.hash_block_tokens,
            history: self.history,
            tokenizer: self
                .tokenizer
                .as_deref()
                .map(str::parse::<Tokenizer>)
                .transpose()?
                .unwrap_or_default(),
            ..ReadOptions::default()
        })
    }
}

/// The `[load]` section: a list of offered loads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoadConfig {
    /// Arrival rates, requests/s, at each of which every scheduler runs too.
    pub rates_rps: Vec<f64>,
}

/// The `[metrics]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// How percentiles are taken.
    pub percentiles: PercentileConvention,
    /// Limits that count a request as served well; unset = none.
    pub slo: Slo,
    /// MLPerf limits to start from, by model (llama3.1-8b, llama2-70b-interactive, ...); `slo` is stronger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slo_preset: Option<String>,
    /// Share of steps that may lie outside the profile's domain before the run is refused.
    pub max_outside_domain: f64,
    /// Share of the run's time left out at its start for the steady-state block.
    pub warmup_share: f64,
    /// Share left out at its end.
    pub cooldown_share: f64,
    /// Numbers of completed requests whose times are told; the first is in the comparison.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub time_at: Vec<u64>,
    /// Times, seconds from the first arrival, by which completed requests are counted; likewise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finished_by_s: Vec<f64>,
    /// Stop the run here, seconds; requests inside are unfinished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_s: Option<f64>,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        MetricsConfig {
            percentiles: PercentileConvention::default(),
            slo: Slo::default(),
            slo_preset: None,
            max_outside_domain: 0.01,
            warmup_share: 0.1,
            cooldown_share: 0.1,
            time_at: Vec::new(),
            finished_by_s: Vec::new(),
            horizon_s: None,
        }
    }
}

impl MetricsConfig {
    /// The limits, if there are any.
    ///
    /// # Errors
    /// An unknown preset.
    pub fn slo(&self) -> Result<Option<Slo>> {
        let base = self.slo_preset.as_deref().map(Slo::preset).transpose()?.unwrap_or_default();
        let slo = Slo {
            ttft_s: self.slo.ttft_s.or(base.ttft_s),
            tpot_s: self.slo.tpot_s.or(base.tpot_s),
            e2e_s: self.slo.e2e_s.or(base.e2e_s),
        };
        Ok((slo != Slo::default()).then_some(slo))
    }
}

impl Scenario {
    /// Who predicts for `config`, one of this scenario's schedulers.
    ///
    /// # Errors
    /// `registry` does not know the scheduler, or it stands for hindsight and is not given the truth.
    pub fn predictor(&self, config: &SchedulerConfig, registry: &Registry) -> Result<PredictorConfig> {
        if let Some(chosen) = config.predictor.as_ref().or(self.predictor.as_ref()) {
            let hindsight = || Ok(registry.make(&config.name, &config.params, 0)?.is_hindsight());
            if *chosen != PredictorConfig::Oracle && hindsight()? {
                let what =
                    format!("{} stands for hindsight and cannot be given `{}`", config.name, chosen.label());
                return Err(Error::input(Place::key("predictor.kind"), what, "give it oracle"));
            }
            return Ok(chosen.clone());
        }
        let router = self.cluster.router_entry()?.reads_belief;
        let reads = registry.get(&config.name)?.reads_belief || router;
        Ok(if reads { PredictorConfig::Oracle } else { PredictorConfig::None })
    }

    /// The scenario as one of its groups has it: its profile, engine and memory, its replicas alone.
    pub fn of_group(&self, group: &GroupConfig) -> Scenario {
        let cluster = ClusterConfig { replicas: group.replicas, groups: Vec::new(), ..self.cluster.clone() };
        let profile = group.profile.clone().unwrap_or_else(|| self.profile.clone());
        Scenario { profile, engine: group.engine.clone(), kv: group.kv.clone(), cluster, ..self.clone() }
    }

    /// How long the predictions for `config`, one of this scenario's schedulers, take.
    pub fn prediction<'s>(&'s self, config: &'s SchedulerConfig) -> &'s PredictionConfig {
        config.prediction.as_ref().unwrap_or(&self.prediction)
    }

    /// Built-in values on top of `preset`.
    pub fn defaults(preset: Preset) -> Scenario {
        Scenario {
            schema: SCHEMA,
            name: String::new(),
            seed: 0,
            replicates: 1,
            profile: preset.default_profile().into(),
            noise: StepNoise::default(),
            hardware: None,
            trace: TraceConfig::default(),
            workload: workload::Spec::default(),
            engine: EngineConfig::preset(preset),
            kv: KvConfig::preset(preset),
            cluster: ClusterConfig::default(),
            predictor: None,
            prediction: PredictionConfig::default(),
            schedulers: vec![SchedulerConfig::plain("fcfs")],
            load: LoadConfig::default(),
            metrics: MetricsConfig::default(),
        }
    }
}
