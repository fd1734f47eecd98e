//! What a measured profile asks of a scenario: steps no larger than those that were timed.

use super::Scenario;
use crate::latency::{How, Profile};
use toml::{Table, Value};

/// Lowers the built-in limits of `defaults` to the domain of the profile that `over` names, if that one was
/// measured. A profile that cannot be read is somebody else's to refuse.
pub(super) fn limit(over: &Table, defaults: &mut Scenario) {
    let Some(name) = over.get("profile").and_then(Value::as_str) else { return };
    let Ok(profile) = Profile::load(name) else { return };
    if profile.provenance.how != How::Measured {
        return;
    }
    let engine = &mut defaults.engine;
    if let Some(most) = profile.domain.max_decodes.and_then(|m| u32::try_from(m).ok()) {
        engine.max_seqs = engine.max_seqs.min(most.max(1));
    }
    // Where prompts are not cut, a limit on tokens would turn long ones away.
    if let Some(most) = profile.domain.max_prefill_tokens.filter(|_| engine.chunked_prefill) {
        engine.max_tokens_per_step = engine.max_tokens_per_step.min(most.max(1));
    }
    // Memory is reserved for the longest request: the built-in length may be more than there is.
    if let Some(kv) = profile.kv.as_ref().filter(|_| engine.max_model_len > 0) {
        let each = kv.capacity_tokens / u64::from(engine.max_seqs.max(1));
        engine.max_model_len = engine.max_model_len.min(u32::try_from(each).unwrap_or(u32::MAX).max(1));
    }
    let block_tokens = over.get("kv").and_then(|kv| kv.get("block_tokens")).and_then(Value::as_integer);
    let block_tokens = block_tokens.map_or(u64::from(defaults.kv.block_tokens), |t| t.max(1) as u64);
    if let (Some(kv), Some(most)) = (&profile.kv, profile.domain.max_context_sum_tokens)
        && most < kv.capacity_tokens
    {
        defaults.kv.blocks = Some((most / block_tokens).max(1));
    }
}
