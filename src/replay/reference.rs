//! The best clairvoyant schedule known: what mean response times are held against.

use super::job::Job;
use super::run::{Replay, RunResult};
use crate::error::Result;
use crate::predict::PredictorConfig;
use crate::scenario::{Scenario, SchedulerConfig};
use rayon::prelude::*;

/// Clairvoyant schedulers whose best result is the reference. None of them is optimal, nor called so.
const CLAIRVOYANT: [&str; 2] = ["sjf", "srpt"];

/// The extra runs that a comparison needs.
pub(super) struct References {
    scenario: Scenario,
    /// Empty unless schedulers are compared.
    pub jobs: Vec<Job>,
}

impl References {
    /// The clairvoyant runs that `scenario` does not have among its own.
    pub fn of(scenario: &Scenario) -> References {
        let mut scenario = scenario.clone();
        let lockstep = scenario.engine.step == crate::engine::StepKind::Lockstep;
        let has = |name: &str| {
            let plain = |s: &SchedulerConfig| {
                let predictor = s.predictor.as_ref().unwrap_or(&scenario.predictor);
                s.name == name && s.params.is_empty() && *predictor == PredictorConfig::Oracle
            };
            scenario.schedulers.iter().any(plain)
        };
        let missing: Vec<&str> =
            CLAIRVOYANT.into_iter().filter(|name| !has(name) && !(lockstep && *name == "srpt")).collect();
        let compared = scenario.schedulers.len() > 1;
        let configs = missing.iter().map(|name| SchedulerConfig {
            predictor: Some(PredictorConfig::Oracle),
            ..SchedulerConfig::plain(name)
        });
        scenario.schedulers = if compared { configs.collect() } else { Vec::new() };
        let jobs = super::run::jobs(&scenario);
        References { scenario, jobs }
    }

    /// Smallest mean E2E latency of any run of each replicate, the references included, seconds; empty
    /// where nothing is compared.
    pub fn best(&self, replay: &Replay<'_>, runs: &[RunResult]) -> Result<Vec<f64>> {
        if replay.scenario.schedulers.len() < 2 {
            return Ok(Vec::new());
        }
        let own = runs.iter().map(|r| (r.job.replicate, r.summary.latencies.e2e_s.mean));
        let extra =
            self.jobs.par_iter().map(|&job| Ok((job.replicate, replay.mean_e2e_s(&self.scenario, job)?)));
        let extra = extra.collect::<Result<Vec<_>>>()?;
        let mut best = vec![f64::INFINITY; replay.scenario.replicates as usize];
        for (replicate, mean_s) in own.chain(extra) {
            let slot = &mut best[replicate as usize];
            *slot = slot.min(mean_s);
        }
        Ok(best)
    }
}
