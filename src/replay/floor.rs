//! What no schedule of a run's completed requests can beat.

use super::inputs::Inputs;
use crate::bound::{self, Bound, Certificate, Certified, Demand, Limits};
use crate::engine::{Cache, Gate};
use crate::error::{Error, Result};
use crate::ids::ReplicaId;
use crate::latency::{Minorant, StepLimits};
use crate::metrics::Floor;
use crate::record::{RequestRecord, Status};
use crate::scenario::Scenario;
use crate::time::Span;
use std::path::Path;

/// A bound with what it is a bound on.
pub(super) struct Found {
    demands: Vec<Demand>,
    limits: Limits,
    minorants: Vec<Minorant>,
    bound: Bound,
}

impl Found {
    /// With all that a check of it needs.
    pub fn certificate(&self) -> Certificate {
        Certificate::new(&self.bound, &self.demands, &self.limits, &self.minorants)
    }

    /// For the summary.
    pub fn floor(&self) -> Floor {
        Floor {
            name: self.bound.name(),
            mean_e2e_s: self.bound.mean_e2e_s(),
            isolated_mean_e2e_s: self.bound.isolated_mean_e2e_s(),
        }
    }
}

/// The bound on `records`, if their profile gives one.
pub(super) fn of(scenario: &Scenario, inputs: &Inputs, records: &[RequestRecord]) -> Result<Option<Found>> {
    // What is found in a cache is not computed: the bound counts every prompt.
    if scenario.kv.cache != Cache::Off {
        return Ok(None);
    }
    if !scenario.cluster.groups.is_empty() {
        // The bounds are for like replicas.
        return Ok(None);
    }
    let (limits, minorants) = (limits(scenario, inputs), minorants(scenario, inputs)?);
    let demands = demands(records);
    let bound = bound::lower_bound(&demands, &limits, &minorants);
    Ok(bound.map(|bound| Found { demands, limits, minorants, bound }))
}

/// Checks the certificate in file `path` against the scenario and the `records` of a run of it. Returns the
/// mean E2E latency that it proves, seconds.
///
/// # Errors
/// It cannot be read, is of something else, or does not prove what it claims ([`Error::Check`]).
pub(super) fn check(
    path: &Path,
    scenario: &Scenario,
    inputs: &Inputs,
    records: &[RequestRecord],
) -> Result<f64> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let wrong = |what: &str| Error::Check(format!("{}: {what}", path.display()));
    let certificate: Certificate = serde_json::from_str(&text).map_err(|e| wrong(&e.to_string()))?;
    if certificate.limits != limits(scenario, inputs) || certificate.minorants != minorants(scenario, inputs)?
    {
        return Err(wrong("its limits or minorants are not those of the scenario"));
    }
    let certified = |c: &Certified| c.demand;
    if !certificate.requests.iter().map(certified).eq(demands(records)) {
        return Err(wrong("its requests are not those that the run completed"));
    }
    certificate.check()
}

/// The completed ones of `records`, in order of arrival.
pub(super) fn demands(records: &[RequestRecord]) -> Vec<Demand> {
    let completed = records.iter().filter(|r| r.status == Status::Completed);
    let demand = |r: &RequestRecord| Demand {
        arrival_ns: r.arrival.0,
        prompt_tokens: r.prompt_tokens,
        output_tokens: r.output_tokens,
    };
    let mut demands: Vec<Demand> = completed.map(demand).collect();
    demands.sort_by_key(|d| d.arrival_ns);
    demands
}

/// Affine functions under the step times of the scenario's profile, whatever noise is drawn.
pub(super) fn minorants(scenario: &Scenario, inputs: &Inputs) -> Result<Vec<Minorant>> {
    if inputs.timing.is_exclusive() {
        // Nobody knows what a device can do at best.
        return Ok(Vec::new());
    }
    let model = inputs.model(scenario, 0, ReplicaId::default())?;
    Ok(model.minorants(&limits(scenario, inputs).step))
}

/// What the scenario's engine keeps within, whatever its scheduler does.
pub(super) fn limits(scenario: &Scenario, inputs: &Inputs) -> Limits {
    let (engine, kv) = (&scenario.engine, &scenario.kv);
    let (block_tokens, lookahead_tokens) = (u64::from(kv.block_tokens), u64::from(kv.lookahead_tokens));
    let chunk_tokens = match engine.long_prefill_threshold {
        0 => engine.max_tokens_per_step,
        // A request that is alone in the engine has no threshold.
        _ if engine.chunked_prefill => engine.max_tokens_per_step,
        threshold => engine.max_tokens_per_step.min(u64::from(threshold)),
    };
    let reserved = (u64::from(engine.max_model_len) + lookahead_tokens).div_ceil(block_tokens);
    Limits {
        replicas: scenario.cluster.replicas,
        blocks: inputs.kv_blocks,
        block_tokens,
        lookahead_tokens,
        reserved_blocks: (kv.gate == Gate::MaxLen).then_some(reserved),
        step: StepLimits { rows: u64::from(engine.max_seqs), tokens: engine.max_tokens_per_step },
        chunk_tokens,
        overhead_ns: Span::from_secs(engine.host_overhead_s).unwrap_or_default().0,
    }
}
