//! Runs an instance through the engine: in rounds, or in seconds on a latency profile.

use super::instance::{Instance, Job};
use crate::engine::{
    self, ClusterConfig, EngineConfig, Group, KvConfig, Preset, ROUND_NS, RoundRequest, Rounds, Setup,
    run_rounds,
};
use crate::error::{Error, Result};
use crate::ids::{ReplicaId, RequestId};
use crate::latency::{Draws, Profile};
use crate::length::Belief;
use crate::predict::{PredictionConfig, Predictor};
use crate::record::RequestRecord;
use crate::scheduler::{Registry, Scheduler, SchedulerConfig};
use crate::time::SimTime;
use crate::workload::{Request, RequestSource, TrueLength, Visible};

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

/// What scheduler `name` is told about `job` on a replica of `kv_tokens`.
fn belief(name: &str, job: &Job, estimate: Estimate, kv_tokens: u64) -> Belief {
    if SEE_INTERVALS.contains(&name) {
        // An end that does not fit is never reached; who reserves it was refused before.
        let room = kv_tokens.saturating_sub(u64::from(job.prompt)).min(u64::from(u32::MAX)) as u32;
        return Belief::Interval { lo: job.lower, hi: job.upper.min(room) };
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

/// Whether what scheduler `name` is told depends on intervals.
pub fn reads_intervals(name: &str, estimate: Estimate) -> bool {
    SEE_INTERVALS.contains(&name) || (name != HINDSIGHT && estimate != Estimate::True)
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

impl Contender<'_> {
    fn make(&self, seed: u64) -> Result<Box<dyn Scheduler>> {
        self.registry.make(&self.config.name, &self.config.params, seed)
    }

    fn told(&self, instance: &Instance, kv_tokens: u64) -> Vec<Belief> {
        let tell = |job| belief(&self.config.name, job, self.estimate, kv_tokens);
        instance.jobs.iter().map(tell).collect()
    }

    /// Runs `instance` in rounds on `kv_tokens`, ties by `seed`.
    ///
    /// # Errors
    /// As [`run_rounds`].
    pub fn rounds(&self, instance: &Instance, kv_tokens: u64, seed: u64) -> Result<Rounds> {
        let beliefs = self.told(instance, kv_tokens);
        let request = |(job, belief): (&Job, Belief)| RoundRequest {
            arrival: job.arrival.into(),
            prompt: job.prompt,
            output: job.output,
            belief,
        };
        let requests: Vec<RoundRequest> = instance.jobs.iter().zip(beliefs).map(request).collect();
        run_rounds(&requests, kv_tokens, &self.config.name, &|| self.make(seed))
    }
}

/// The requests of an instance by arrival, a second per round, ids being their places in the input.
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

/// A replica with continuous batching (vllm-v1) and step times of a latency profile.
#[derive(Clone, Debug)]
pub struct Machine {
    profile: Profile,
    kv: KvConfig,
    kv_blocks: u64,
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
    /// `kv_tokens` in whole blocks, timed by profile `name`.
    ///
    /// # Errors
    /// No such profile.
    pub fn new(name: &str, kv_tokens: u64) -> Result<Machine> {
        let kv = KvConfig::preset(Preset::VllmV1);
        let kv_blocks = kv_tokens / u64::from(kv.block_tokens);
        Ok(Machine { profile: Profile::load(name)?, kv, kv_blocks })
    }

    /// Runs `instance` in seconds.
    ///
    /// # Errors
    /// A request without a prompt, which no engine has; of the scheduler or the latency model; a request that was
    /// rejected.
    pub fn timed(&self, instance: &Instance, contender: &Contender<'_>, seed: u64) -> Result<Timed> {
        if instance.jobs.iter().any(|job| job.prompt == 0) {
            return Err(Error::Usage("--profile: a prompt has at least 1 token there; give --prompt".into()));
        }
        let capacity = self.kv_blocks * u64::from(self.kv.block_tokens);
        let setup = Setup {
            prediction: &PredictionConfig::default(),
            groups: &[Group {
                replicas: 1,
                engine: &EngineConfig::preset(Preset::VllmV1),
                kv: &self.kv,
                kv_blocks: self.kv_blocks,
                profile_name: &self.profile.name,
            }],
            router_name: "round-robin",
            router: &|| ClusterConfig::default().router(0),
            prompts: None,
            scheduler_name: &contender.config.name,
            scheduler: &|_: ReplicaId| contender.make(seed),
            model: &|replica: ReplicaId| {
                let draws = Draws { seed, replicate: 0, replica: replica.0.into() };
                self.profile.noisy_model(capacity, draws)
            },
            stepwise: false,
            horizon: None,
        };
        let mut told = Told(contender.told(instance, capacity));
        let mut records: Vec<RequestRecord> = Vec::new();
        let totals = engine::run(&setup, &mut Jobs::of(instance), &mut told, &mut records)?;
        let ended: Option<Vec<u64>> = records.iter().map(|r| r.e2e().map(|s| s.0)).collect();
        let ended = ended.ok_or_else(|| {
            let what = format!("{}: a request was rejected; give more memory", contender.config.label());
            Error::Usage(what)
        })?;
        let total_ns: u128 = ended.iter().map(|&ns| u128::from(ns)).sum();
        let mean_latency_s = total_ns as f64 / ended.len() as f64 / ROUND_NS as f64;
        Ok(Timed { mean_latency_s, energy_j: totals.energy_j })
    }
}
