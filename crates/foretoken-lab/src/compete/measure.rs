//! Runs schedulers on instances and takes the ratios.

use super::bounds::volume_bound;
use super::instance::Instance;
use super::machine::{Contender, Estimate, HINDSIGHT, reserved};
use super::optimum::{Schedule, optimum};
use crate::engine::Rounds;
use crate::error::{Error, Result};
use crate::scheduler::{Registry, SchedulerConfig};
use rayon::prelude::*;
use serde::Serialize;

/// One scheduler on one seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Name with changed parameters.
    pub scheduler: String,
    /// Seed of ties, and of the instance where it is drawn.
    pub seed: u64,
    /// Total latency, rounds.
    pub tel: u64,
    /// `tel` over the number of requests, rounds.
    pub average_latency: f64,
    /// Most memory held at any integer time, tokens.
    pub peak_kv_tokens: u64,
    /// Attempts that ended without an answer.
    pub kills: u64,
    /// Output tokens that they had produced.
    pub tokens_lost: u64,
    /// Completion times in input order, rounds.
    pub completion: Vec<u64>,
    /// `tel` over that of shortest first with true lengths.
    pub ratio_hsf: Option<f64>,
    /// `tel` over that of the best schedule, where it was found.
    pub ratio_opt: Option<f64>,
    /// `tel` over the volume bound, where all arrive at 0.
    pub ratio_volume: Option<f64>,
}

/// Who competes, and on how much memory.
pub struct Match<'a> {
    /// Where schedulers are made.
    pub registry: &'a Registry,
    /// The schedulers.
    pub schedulers: &'a [SchedulerConfig],
    /// What those that want a number are told.
    pub estimate: Estimate,
    /// Memory, tokens.
    pub kv_tokens: u64,
    /// Whether the optimum is looked for.
    pub exact: bool,
}

/// Called after each run; its error stops the rest.
pub type Tick<'a> = dyn Fn() -> Result<()> + Sync + 'a;

/// What is known of the best schedule of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Total latency of shortest first with true lengths, rounds.
    pub hsf: u64,
    /// Total latency of the best schedule, where it was found.
    pub opt: Option<u64>,
    /// Volume bound, where all arrive at 0.
    pub volume: Option<f64>,
    /// The best schedule that is known.
    pub known: Schedule,
}

impl Match<'_> {
    /// Refuses what cannot be run, before anything is.
    ///
    /// # Errors
    /// Unknown names and parameters; a predictor, which has no place here; reservations that can never be met.
    pub fn check(&self, instance: &Instance) -> Result<()> {
        for config in self.schedulers {
            self.registry.make(&config.name, &config.params, 0)?;
            if config.predictor.is_some() {
                let what = format!("{}: an instance holds what is known; leave predictor= away", config.name);
                return Err(Error::Usage(what));
            }
            let asks = |job: &super::Job| u64::from(reserved(&config.name, job, self.estimate));
            let too_long = |job: &&super::Job| u64::from(job.prompt) + asks(job) > self.kv_tokens;
            if let Some((i, job)) = instance.jobs.iter().enumerate().find(|(_, job)| too_long(job)) {
                return Err(Error::Usage(format!(
                    "request {i}: {} reserves prompt {} + {} tokens, more than the {} of --kv-tokens; give more \
                     memory, narrow the interval, or leave {} out",
                    config.name,
                    job.prompt,
                    asks(job),
                    self.kv_tokens,
                    config.name
                )));
            }
        }
        Ok(())
    }

    /// What the user should know about guarantees on `instance`.
    pub fn warnings(&self, instance: &Instance) -> Vec<String> {
        let mut said = Vec::new();
        if !instance.equal_prompts() {
            said.push(
                "prompts differ: the guarantees of h-sf, mc-sf, a-max, a-min, a-ell, gsa and gba are for equal prompts; \
                 shortest output first can be unboundedly bad without them."
                    .to_string(),
            );
        }
        if !instance.all_at_start() {
            said.push(
                "requests arrive later than round 0: no scheduler has a guarantee for arbitrary arrivals, and there is \
                 no volume bound."
                    .to_string(),
            );
        }
        let upper = |job: &&super::Job| u64::from(job.prompt) + u64::from(job.upper) > self.kv_tokens;
        if instance.jobs.iter().any(|job| upper(&job)) {
            said.push(
                "an upper end does not fit into the memory: schedulers that reserve it would be refused."
                    .to_string(),
            );
        }
        said
    }

    /// Runs every scheduler on `instance` with ties of `seed`.
    ///
    /// # Errors
    /// As [`Contender::rounds`]; a faulty answer of the solver.
    pub fn play(&self, instance: &Instance, seed: u64, tick: &Tick<'_>) -> Result<(Vec<Entry>, Reference)> {
        let hindsight = SchedulerConfig::plain(HINDSIGHT);
        let hsf = self.contender(&hindsight).rounds(instance, self.kv_tokens, seed)?;
        let run = |config: &SchedulerConfig| {
            let outcome = match config == &hindsight {
                true => hsf.clone(),
                false => self.contender(config).rounds(instance, self.kv_tokens, seed)?,
            };
            tick()?;
            Ok(outcome)
        };
        let outcomes: Vec<Rounds> = self.schedulers.par_iter().map(run).collect::<Result<_>>()?;
        let reference = self.reference(instance, &hsf, &outcomes)?;
        let entry = |(config, outcome): (&SchedulerConfig, Rounds)| {
            entry(instance, config, seed, outcome, &reference)
        };
        let entries = self.schedulers.iter().zip(outcomes).map(entry).collect();
        Ok((entries, reference))
    }

    pub(super) fn contender<'b>(&'b self, config: &'b SchedulerConfig) -> Contender<'b> {
        Contender { registry: self.registry, config, estimate: self.estimate }
    }

    fn reference(&self, instance: &Instance, hsf: &Rounds, outcomes: &[Rounds]) -> Result<Reference> {
        let schedules = std::iter::once(hsf).chain(outcomes);
        let schedules = schedules.map(|o| Schedule::of_completions(instance, &o.completion));
        let known = schedules.min_by_key(|s| s.tel(instance)).expect("h-sf is there");
        let best = if self.exact { optimum(instance, self.kv_tokens, &known)? } else { None };
        Ok(Reference {
            hsf: instance.tel(&hsf.completion),
            opt: best.as_ref().map(|s| s.tel(instance)),
            volume: volume_bound(instance, self.kv_tokens),
            known: best.unwrap_or(known),
        })
    }

    /// Runs every scheduler on the instance of every seed of `0..seeds`: results by scheduler, then seed.
    ///
    /// # Errors
    /// Of the instances, and as [`Match::play`].
    pub fn series(
        &self,
        instance: &(dyn Fn(u64) -> Result<Instance> + Sync),
        seeds: u64,
        tick: &Tick<'_>,
    ) -> Result<(Vec<Entry>, Vec<Reference>)> {
        let play = |seed: u64| {
            let instance = instance(seed)?;
            self.check(&instance)?;
            self.play(&instance, seed, tick)
        };
        let played: Vec<(Vec<Entry>, Reference)> =
            (0..seeds).into_par_iter().map(play).collect::<Result<_>>()?;
        let (entries, references): (Vec<_>, Vec<_>) = played.into_iter().unzip();
        let mut rows: Vec<_> = entries.into_iter().map(Vec::into_iter).collect();
        let by_scheduler = self
            .schedulers
            .iter()
            .flat_map(|_| rows.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>());
        Ok((by_scheduler.collect(), references))
    }
}

fn entry(
    instance: &Instance,
    config: &SchedulerConfig,
    seed: u64,
    outcome: Rounds,
    reference: &Reference,
) -> Entry {
    let tel = instance.tel(&outcome.completion);
    Entry {
        scheduler: config.label(),
        seed,
        tel,
        average_latency: tel as f64 / instance.jobs.len() as f64,
        peak_kv_tokens: outcome.peak_kv_tokens,
        kills: outcome.kills,
        tokens_lost: outcome.tokens_lost,
        completion: outcome.completion,
        ratio_hsf: Some(tel as f64 / reference.hsf as f64),
        ratio_opt: reference.opt.map(|opt| tel as f64 / opt as f64),
        ratio_volume: reference.volume.map(|bound| tel as f64 / bound),
    }
}
