//! The best clairvoyant schedule known: what mean response times are held against.

use super::job::Job;
use super::run::{Replay, RunResult};
use crate::engine::StepKind;
use crate::error::Result;
use crate::predict::PredictorConfig;
use crate::scenario::{Scenario, SchedulerConfig};
use crate::scheduler::Registry;
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
    pub fn of(scenario: &Scenario, registry: &Registry) -> Result<References> {
        let mut reference = scenario.clone();
        reference.schedulers.clear();
        // A run on a device takes its time: none is added.
        if scenario.schedulers.len() > 1 && scenario.hardware.is_none() {
            for name in CLAIRVOYANT {
                let preempts = registry.make(name, &serde_json::Map::new(), 0)?.preempts();
                let possible = scenario.engine.step == StepKind::Mixed || !preempts;
                if possible && !has(scenario, registry, name)? {
                    let oracle = Some(PredictorConfig::Oracle);
                    reference
                        .schedulers
                        .push(SchedulerConfig { predictor: oracle, ..SchedulerConfig::plain(name) });
                }
            }
        }
        let jobs = super::run::jobs(&reference);
        Ok(References { scenario: reference, jobs })
    }

    /// Smallest mean E2E latency of any run of each replicate, the references included, seconds; empty
    /// where nothing is compared.
    pub fn best(&self, replay: &Replay<'_>, runs: &[RunResult]) -> Result<Vec<f64>> {
        if replay.scenario.schedulers.len() < 2 || replay.scenario.hardware.is_some() {
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

/// Whether `scenario` runs the clairvoyant scheduler `name` itself.
fn has(scenario: &Scenario, registry: &Registry, name: &str) -> Result<bool> {
    for config in scenario.schedulers.iter().filter(|s| s.name == name && s.params.is_empty()) {
        if scenario.predictor(config, registry)? == PredictorConfig::Oracle {
            return Ok(true);
        }
    }
    Ok(false)
}
