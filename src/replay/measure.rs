//! From what a run left to its numbers.

use super::floor::{self, Found};
use super::inputs::Inputs;
use super::job::{Finished, Job};
use crate::error::Result;
use crate::latency::Isolated;
use crate::metrics::{RunRecord, Summary, SummaryOptions, Trim, summarise};
use crate::predict::PredictorConfig;
use crate::scenario::Scenario;
use crate::scheduler::Registry;
use crate::time::Span;
use std::cell::RefCell;

impl Job {
    /// The numbers of what [`Job::run`] left.
    ///
    /// # Errors
    /// An unknown scheduler or service level; a profile that does not fit the memory.
    pub fn summarise(
        &self,
        scenario: &Scenario,
        inputs: &Inputs,
        registry: &Registry,
        finished: &Finished,
    ) -> Result<Summary> {
        let floor = floor::of(scenario, inputs, &finished.records)?;
        self.summarise_above(floor.as_ref(), scenario, inputs, registry, finished)
    }

    /// The same, with the bound that was found before.
    pub(super) fn summarise_above(
        &self,
        floor: Option<&Found>,
        scenario: &Scenario,
        inputs: &Inputs,
        registry: &Registry,
        finished: &Finished,
    ) -> Result<Summary> {
        let config = self.config(scenario);
        let predictor = scenario.predictor(config, registry)?;
        let named = (predictor != PredictorConfig::None).then(|| predictor.label());
        let times = isolated(scenario, inputs, finished)?;
        let isolated = times.as_ref().map(|times| {
            move |prompt: u32, output: u32| times.borrow_mut().e2e(prompt, output).unwrap_or(Span::ZERO)
        });
        let metrics = &scenario.metrics;
        let options = SummaryOptions {
            percentiles: metrics.percentiles,
            slo: metrics.slo()?,
            trim: Some(Trim { warmup: metrics.warmup_share, cooldown: metrics.cooldown_share }),
            time_at: &metrics.time_at,
            finished_by_s: &metrics.finished_by_s,
            isolated: isolated.as_ref().map(|f| f as &dyn Fn(u32, u32) -> Span),
            floor: floor.map(Found::floor),
        };
        let label = config.label();
        let run = RunRecord {
            scheduler: &label,
            engine: scenario.engine.preset.name(),
            profile: &inputs.timing.name(),
            predictor: named.as_deref(),
            requests: &finished.records,
            totals: &finished.totals,
            classes: &finished.classes,
        };
        summarise(&run, &options)
    }
}

/// Times alone, without noise, if the profile can tell them for the longest request that completed.
fn isolated(scenario: &Scenario, inputs: &Inputs, finished: &Finished) -> Result<Option<RefCell<Isolated>>> {
    let Some(model) = inputs.estimate(scenario)? else { return Ok(None) };
    let overhead = Span::from_secs(scenario.engine.host_overhead_s).unwrap_or_default();
    let threshold = match u64::from(scenario.engine.long_prefill_threshold) {
        0 => u64::MAX,
        tokens => tokens,
    };
    let mut times = Isolated::new(model, overhead, scenario.engine.max_tokens_per_step.min(threshold));
    let completed = || finished.records.iter().filter(|r| r.finish.is_some());
    let longest = completed().max_by_key(|r| r.prompt_tokens + r.output_tokens);
    let answers = longest.is_none_or(|r| times.e2e(r.prompt_tokens, r.output_tokens).is_ok());
    Ok((times.is_exact() && answers).then(|| RefCell::new(times)))
}
