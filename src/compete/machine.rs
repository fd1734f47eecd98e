//! Runs an instance through the engine: in rounds, or in seconds on a latency profile.

use super::attempts::{Attempt, Attempts, ROUND_NS, peak_kv_tokens};
use super::instance::{Instance, Job};
use crate::engine::{self, ClusterConfig, EngineConfig, KvConfig, Preset, Setup};
use crate::error::{Error, Result};
use crate::ids::{ReplicaId, RequestId};
use crate::latency::Profile;
use crate::length::Belief;
use crate::predict::Predictor;
use crate::record::RunTotals;
use crate::scenario::SchedulerConfig;
use crate::scheduler::Registry;
use crate::time::SimTime;
use crate::workload::{Request, RequestSource, TrueLength, Visible};
use serde::Serialize;

/// Which number a scheduler that wants one gets to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Estimate {
    /// The true output.
    #[default]
    True,
    /// The lower end of the interval.
    Lower,
    /// The upper end of the interval.
    Upper,
    /// The middle of the interval, rounded up.
    Mid,
}

impl Estimate {
    /// The number for `job`, tokens.
    pub fn of(self, job: &Job) -> u32 {
        match self {
            Estimate::True => job.output,
            Estimate::Lower => job.lower,
            Estimate::Upper => job.upper,
            Estimate::Mid => job.lower + (job.upper - job.lower).div_ceil(2),
        }
    }
}

/// Schedulers that see intervals; all others that want a length see a number.
const SEE_INTERVALS: [&str; 3] = ["a-max", "a-min", "a-ell"];
/// Schedulers that reserve the upper end.
const RESERVE_UPPER: [&str; 2] = ["a-max", "a-ell"];
/// The benchmark: it knows every length.
pub const HINDSIGHT: &str = "h-sf";

/// What scheduler `name` is told about `job`.
fn belief(name: &str, job: &Job, estimate: Estimate) -> Belief {
    if SEE_INTERVALS.contains(&name) {
        return Belief::Interval { lo: job.lower, hi: job.upper };
    }
    let estimate = if name == HINDSIGHT { Estimate::True } else { estimate };
    Belief::Point(f64::from(estimate.of(job)))
}

/// The most tokens of output that scheduler `name` may reserve for `job`.
pub(super) fn reserved(name: &str, job: &Job, estimate: Estimate) -> u32 {
    if RESERVE_UPPER.contains(&name) {
        return job.upper;
    }
    if name == HINDSIGHT || SEE_INTERVALS.contains(&name) { job.output } else { estimate.of(job) }
}

/// The requests of an instance by arrival, ids being their places in the input.
struct Jobs(std::iter::Peekable<std::vec::IntoIter<Request>>);

impl Jobs {
    fn of(instance: &Instance) -> Jobs {
        let request = |(id, job): (usize, &Job)| {
            let arrival = SimTime(u64::from(job.arrival) * ROUND_NS);
            let id = RequestId(id as u32);
            let visible = Visible { id, arrival, prompt_tokens: job.prompt, ..Visible::default() };
            Request { visible, truth: TrueLength::new(job.output), law: None, client_wait_ns: 0 }
        };
        let mut requests: Vec<Request> = instance.jobs.iter().enumerate().map(request).collect();
        requests.sort_by_key(|r| r.visible.arrival);
        Jobs(requests.into_iter().peekable())
    }
}

impl RequestSource for Jobs {
    fn next_time(&mut self) -> Result<Option<SimTime>> {
        Ok(self.0.peek().map(|r| r.visible.arrival))
    }

    fn take(&mut self) -> Result<Request> {
        Ok(self.0.next().expect("take() follows a next_time() that returned a time"))
    }
}

/// One belief per request.
struct Told(Vec<Belief>);

impl Predictor for Told {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        Ok(self.0[request.visible.id.0 as usize].clone())
    }
}

/// Where instances run.
#[derive(Clone, Debug)]
pub struct Machine {
    engine: EngineConfig,
    kv: KvConfig,
    kv_blocks: u64,
    profile: Profile,
}

/// What a run in rounds left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Completion times in input order, rounds.
    pub completion: Vec<u64>,
    /// Most memory held at any integer time, tokens.
    pub peak_kv_tokens: u64,
    /// Attempts that ended without an answer.
    pub kills: u64,
    /// Output tokens that they had produced.
    pub tokens_lost: u64,
}

/// What a run in seconds left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timed {
    /// Mean end-to-end latency, seconds.
    pub mean_latency_s: f64,
    /// Energy of all steps, J; `None` without a power model.
    pub energy_j: Option<f64>,
}

impl Machine {
    /// The rounds-and-tokens model on `kv_tokens`.
    ///
    /// # Errors
    /// None in a sound build: the profile `unit` is part of it.
    pub fn rounds(kv_tokens: u64) -> Result<Machine> {
        let (engine, kv) = (EngineConfig::preset(Preset::Theory), KvConfig::preset(Preset::Theory));
        Ok(Machine { engine, kv, kv_blocks: kv_tokens, profile: Profile::load("unit")? })
    }

    /// Continuous batching (vllm-v1) on latency profile `name`, with `kv_tokens` in whole blocks.
    ///
    /// # Errors
    /// No such profile.
    pub fn profile(name: &str, kv_tokens: u64) -> Result<Machine> {
        let (engine, kv) = (EngineConfig::preset(Preset::VllmV1), KvConfig::preset(Preset::VllmV1));
        let kv_blocks = kv_tokens / u64::from(kv.block_tokens);
        Ok(Machine { engine, kv, kv_blocks, profile: Profile::load(name)? })
    }

    fn run(
        &self,
        instance: &Instance,
        contender: &Contender<'_>,
        seed: u64,
    ) -> Result<(RunTotals, Attempts, Vec<u64>)> {
        let config = contender.config;
        let capacity = self.kv_blocks * u64::from(self.kv.block_tokens);
        let setup = Setup {
            engine: &self.engine,
            kv: &self.kv,
            kv_blocks: self.kv_blocks,
            cluster: &ClusterConfig::default(),
            scheduler_name: &config.name,
            scheduler: &|_: ReplicaId| contender.registry.make(&config.name, &config.params, seed),
            profile_name: &self.profile.name,
            model: &|_: ReplicaId| self.profile.model(capacity),
            stepwise: false,
            horizon: None,
        };
        let told = instance.jobs.iter().map(|job| belief(&config.name, job, contender.estimate)).collect();
        let mut watcher = Watcher { attempts: Attempts::of(instance.jobs.len()), finish_ns: Vec::new() };
        watcher.finish_ns.resize(instance.jobs.len(), None);
        let totals = engine::run(&setup, &mut Jobs::of(instance), &mut Told(told), &mut watcher)?;
        let finished: Option<Vec<u64>> = watcher.finish_ns.into_iter().collect();
        let finished = finished.ok_or_else(|| {
            Error::Usage(format!(
                "{}: a request was left without its answer; give more memory",
                config.label()
            ))
        })?;
        Ok((totals, watcher.attempts, finished))
    }

    /// Runs `instance` in rounds.
    ///
    /// # Errors
    /// A scheduler that breaks a rule or refuses a request.
    pub fn outcome(&self, instance: &Instance, contender: &Contender<'_>, seed: u64) -> Result<Outcome> {
        let (_, mut attempts, finished) = self.run(instance, contender, seed)?;
        let length = |a: &Attempt| a.end - a.start;
        let (kills, tokens_lost) = (attempts.killed.len() as u64, attempts.killed.iter().map(length).sum());
        attempts.finished.append(&mut attempts.killed);
        Ok(Outcome {
            completion: finished.into_iter().map(|ns| ns / ROUND_NS).collect(),
            peak_kv_tokens: peak_kv_tokens(instance, &attempts.finished),
            kills,
            tokens_lost,
        })
    }

    /// Runs `instance` in seconds.
    ///
    /// # Errors
    /// As [`Machine::outcome`], and the latency model's.
    pub fn timed(&self, instance: &Instance, contender: &Contender<'_>, seed: u64) -> Result<Timed> {
        let (totals, _, finished) = self.run(instance, contender, seed)?;
        let arrivals: u64 = instance.jobs.iter().map(|j| u64::from(j.arrival) * ROUND_NS).sum();
        let total_ns: u128 = finished.iter().map(|&ns| u128::from(ns)).sum();
        let mean_latency_s = (total_ns - u128::from(arrivals)) as f64 / finished.len() as f64 / 1e9;
        Ok(Timed { mean_latency_s, energy_j: totals.energy_j })
    }
}

/// A scheduler and what it is told.
#[derive(Clone, Copy)]
pub struct Contender<'a> {
    /// Where schedulers are made.
    pub registry: &'a Registry,
    /// Name, parameters, label.
    pub config: &'a SchedulerConfig,
    /// The number that it is told in place of a length, if it wants one.
    pub estimate: Estimate,
}

/// Keeps attempts and completion times.
struct Watcher {
    attempts: Attempts,
    finish_ns: Vec<Option<u64>>,
}

impl engine::Sink for Watcher {
    fn request(&mut self, record: crate::record::RequestRecord) -> Result<()> {
        self.finish_ns[record.id.0 as usize] = record.finish.get().map(|t| t.0);
        Ok(())
    }

    fn wants_events(&self) -> bool {
        true
    }

    fn event(&mut self, event: crate::record::Event) -> Result<()> {
        self.attempts.event(event)
    }
}
