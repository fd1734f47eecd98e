//! One run: a scheduler, a replicate, perhaps a rate of its own.

use super::inputs::{Inputs, wants_prompts};
use super::rounds::WholeRounds;
use super::run::Progress;
use crate::engine::{self, Preset, Sink};
use crate::error::{Error, Place, Result};
use crate::ids::ReplicaId;
use crate::record::{Event, RequestRecord, RunTotals, Status, StepRecord, sort_by_id};
use crate::scenario::{Scenario, SchedulerConfig};
use crate::scheduler::Registry;
use crate::time::SimTime;
use crate::workload::{Counts, Prompts};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Which run of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// Index into the scenario's schedulers.
    pub scheduler: usize,
    /// Replicate, from 0.
    pub replicate: u32,
    /// Offered load that replaces the scenario's, requests/s.
    pub rate_rps: Option<f64>,
}

/// What a run left, before anything is derived from it.
pub struct Finished {
    /// One record per request, in order of ids.
    pub records: Vec<RequestRecord>,
    /// Sums over steps, and the digest.
    pub totals: RunTotals,
    /// Names that class ids index.
    pub classes: Vec<String>,
    /// What the workload did to over-long requests.
    pub counts: Counts,
}

/// Called with each record as it comes; an error ends the run.
pub type Listener<'a, T> = dyn FnMut(&T) -> Result<()> + 'a;

/// Receives steps and events of a run besides its request records.
#[derive(Default)]
pub struct Listeners<'a> {
    /// Every step.
    pub step: Option<&'a mut Listener<'a, StepRecord>>,
    /// Every event.
    pub event: Option<&'a mut Listener<'a, Event>>,
    /// Counts the requests that leave.
    pub progress: Option<&'a Progress>,
}

/// Requests between two updates of the shared counter.
const COUNT_EVERY: u64 = 1024;

struct Collector<'a, 'b> {
    records: Vec<RequestRecord>,
    listeners: &'a mut Listeners<'b>,
}

impl Sink for Collector<'_, '_> {
    fn request(&mut self, record: RequestRecord) -> Result<()> {
        self.records.push(record);
        let Some(progress) = self.listeners.progress else { return Ok(()) };
        if (self.records.len() as u64).is_multiple_of(COUNT_EVERY) {
            progress.requests.fetch_add(COUNT_EVERY, Ordering::Relaxed);
        }
        progress.check()
    }

    fn wants_steps(&self) -> bool {
        self.listeners.step.is_some()
    }

    fn step(&mut self, record: StepRecord) -> Result<()> {
        self.listeners.step.as_mut().map_or(Ok(()), |f| f(&record))
    }

    fn wants_events(&self) -> bool {
        self.listeners.event.is_some()
    }

    fn event(&mut self, event: Event) -> Result<()> {
        self.listeners.event.as_mut().map_or(Ok(()), |f| f(&event))
    }
}

impl Job {
    /// Its scheduler's configuration.
    pub fn config<'s>(&self, scenario: &'s Scenario) -> &'s SchedulerConfig {
        &scenario.schedulers[self.scheduler]
    }

    /// Runs it.
    ///
    /// # Errors
    /// Anything wrong with workload, predictor, scheduler or profile; a memory that most requests cannot
    /// ever fit into, unless the scenario says what to do with over-long requests.
    pub fn run(
        &self,
        scenario: &Scenario,
        inputs: &Inputs,
        registry: &Registry,
        stepwise: bool,
        listeners: &mut Listeners<'_>,
    ) -> Result<Finished> {
        listeners.progress.map_or(Ok(()), Progress::check)?;
        let config = self.config(scenario);
        let replicate = u64::from(self.replicate);
        let mut workload = inputs.workload(scenario, replicate, self.rate_rps)?;
        let ledger = Arc::clone(&workload.ledger);
        let prediction = scenario.prediction(config);
        let predictor =
            scenario.predictor(config, registry)?.build(inputs.sample(), scenario.seed, replicate)?;
        let mut predictor = prediction.wrap(predictor, scenario.seed, replicate);
        let policy_seed = scenario.seed.wrapping_add(replicate);
        let name = inputs.timing.name();
        let setup = engine::Setup {
            groups: &inputs.groups(scenario, &name),
            router_name: &scenario.cluster.router,
            router: &|| scenario.cluster.router(policy_seed),
            prompts: wants_prompts(scenario)?
                .then(|| Prompts { ledger: &ledger, hash_tokens: inputs.hash_tokens() }),
            scheduler_name: &config.name,
            scheduler: &|_: ReplicaId| registry.make(&config.name, &config.params, policy_seed),
            model: &|replica: ReplicaId| inputs.model(scenario, replicate, replica),
            prediction,
            stepwise,
            horizon: scenario.metrics.horizon_s.and_then(SimTime::from_secs),
        };
        let mut sink = Collector { records: Vec::new(), listeners };
        let totals = if scenario.engine.preset == Preset::Theory {
            let mut rounds = WholeRounds(workload.source.as_mut());
            engine::run(&setup, &mut rounds, predictor.as_mut(), &mut sink)?
        } else {
            engine::run(&setup, workload.source.as_mut(), predictor.as_mut(), &mut sink)?
        };
        let mut records = sink.records;
        sort_by_id(&mut records);
        let finished = Finished { records, totals, classes: ledger.classes(), counts: ledger.counts() };
        finished.check(scenario, inputs)?;
        Ok(finished)
    }
}

impl Finished {
    /// Refuses a run that says nothing: no requests, or a memory too small for most of them.
    fn check(&self, scenario: &Scenario, inputs: &Inputs) -> Result<()> {
        if self.records.is_empty() {
            let place = Place::file(&scenario.trace.path);
            return Err(Error::input(place, "no request is left to serve", "see [trace] and [workload]"));
        }
        let outside = self.totals.out_of_domain_steps as f64 / self.totals.steps.max(1) as f64;
        if outside > scenario.metrics.max_outside_domain {
            return Err(Error::input(
                Place::key("profile"),
                format!(
                    "{:.1}% of the steps lie outside the domain of {}",
                    100.0 * outside,
                    inputs.timing.name()
                ),
                "use a profile made for such batches (`foretoken profile show` tells its domain), or accept it: \
                 --set metrics.max_outside_domain=1",
            ));
        }
        let rejected = self.records.iter().filter(|r| r.status == Status::Rejected);
        let largest = rejected.clone().map(|r| u64::from(r.prompt_tokens) + u64::from(r.output_tokens)).max();
        let Some(tokens) = largest else { return Ok(()) };
        if rejected.count() * 2 > self.records.len() && scenario.workload.over_long.is_none() {
            let blocks = tokens.div_ceil(u64::from(scenario.kv.block_tokens));
            return Err(Error::input(
                Place::key("kv.blocks"),
                format!("{} KV blocks are too few: most requests can never fit", inputs.kv_blocks),
                format!("{blocks} hold the largest; or accept it: --set workload.over_long=reject"),
            ));
        }
        Ok(())
    }
}
