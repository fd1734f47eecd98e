//! What the user should know about a replay, said once for all runs.

use super::inputs::Inputs;
use super::run::RunResult;
use super::timing::Timing;
use crate::engine::Cache;
use crate::latency::How;
use crate::scenario::Scenario;
use crate::trace::Notes;
use crate::workload::{Counts, Sessions};

/// Remarks on the engine's preset, the trace, the profile and `runs`.
pub(super) fn of(scenario: &Scenario, inputs: &Inputs, runs: &[RunResult]) -> Vec<String> {
    let preset = scenario.engine.preset;
    let mut without: Vec<&str> = preset.lacks().into_iter().collect();
    if preset.caches() && scenario.kv.cache == Cache::Off {
        without.push("prefix caching (kv.cache=hash turns it on)");
    }
    let mut remarks = Vec::new();
    if !without.is_empty() {
        let what = without.join(" and ");
        remarks.push(format!("engine {} does without {what}, on by default in the real one.", preset.name()));
    }
    remarks.extend(inputs.notes().map(on_trace).unwrap_or_default());
    remarks.extend(on_cache(scenario, inputs));
    let most = |of: fn(&Counts) -> u64| runs.iter().map(|r| of(&r.counts)).max().unwrap_or(0);
    let counted: [(u64, &str); 4] = [
        (most(|c| c.clipped), "shortened to the longest allowed"),
        (most(|c| c.dropped), "left out: longer than allowed"),
        (most(|c| c.refused), "sent although longer than allowed, for the engine to reject"),
        (most(|c| c.abandoned), "never sent: a turn before them was not answered"),
    ];
    let counted = counted.into_iter().filter(|(n, _)| *n > 0);
    remarks.extend(counted.map(|(n, fate)| format!("{}{n} requests were {fate}.", up_to(runs))));
    let rejected = runs.iter().map(|r| r.summary.requests.rejected).max().unwrap_or(0);
    if rejected > 0 {
        remarks.push(format!("{}{rejected} requests were rejected: they can never fit.", up_to(runs)));
    }
    let outside = runs.iter().map(|r| r.summary.out_of_domain_share).fold(0.0, f64::max);
    if outside > 0.0 {
        let (percent, profile) = (100.0 * outside, inputs.timing.name());
        remarks.push(format!(
            "{}{percent:.2}% of the steps lie outside of the domain that profile {profile} was made for.",
            up_to(runs)
        ));
    }
    if let Timing::Profile(profile) = &inputs.timing
        && profile.provenance.how == How::Measured
        && profile.domain.max_decodes == Some(u64::from(scenario.engine.max_seqs))
    {
        remarks.push(format!(
            "steps have at most {} requests and {} tokens, as far as profile {} was measured, unless engine.max_seqs \
             and engine.max_tokens_per_step say otherwise.",
            scenario.engine.max_seqs, scenario.engine.max_tokens_per_step, profile.name
        ));
    }
    if inputs.timing.is_noisy(scenario) {
        remarks.push(format!(
            "step times deviate at random, as profile {} says; --set noise=off leaves that out.",
            inputs.timing.name()
        ));
    }
    if alike(runs) {
        remarks.push("the replicates are identical: nothing in this scenario is drawn at random.".into());
    }
    remarks
}

/// What prompts are found again by.
fn on_cache(scenario: &Scenario, inputs: &Inputs) -> Option<String> {
    if scenario.kv.cache == Cache::Off || inputs.has_hashes() {
        return None;
    }
    Some(match scenario.workload.sessions {
        Sessions::Off {} => "the trace does not say which prompts begin alike (no prefix hashes, no sessions): only a \
                             request that lost its memory finds its own blocks again."
            .into(),
        _ => "the trace has no prefix hashes: a turn finds what was said before in its session, and nothing else.".into(),
    })
}

/// Whether there are replicates, and none differs from the others of its scheduler.
fn alike(runs: &[RunResult]) -> bool {
    let same = |w: &[RunResult]| w[0].label != w[1].label || w[0].summary.digest == w[1].summary.digest;
    runs.iter().any(|r| r.job.replicate > 0) && runs.windows(2).all(same)
}

/// Numbers of several runs are told by their maximum.
fn up_to(runs: &[RunResult]) -> &'static str {
    if runs.len() > 1 { "up to " } else { "" }
}

fn on_trace(notes: &Notes) -> Vec<String> {
    let Notes { rows, failed, dropped, outside, censored, remarks } = notes;
    let mut said = Vec::new();
    if *failed > 0 {
        let fate = if *dropped > 0 {
            "left out (trace.keep_failed=true keeps them)"
        } else {
            "kept as 1 output token"
        };
        said.push(format!("{failed} of {rows} requests of the trace failed when recorded: {fate}."));
    }
    if *outside > 0 {
        said.push(format!("{outside} requests of the trace lie before the window that is replayed."));
    }
    if *censored > 0 {
        said.push(format!("{censored} outputs are as long as their limit: cut off, not finished."));
    }
    said.extend(remarks.iter().cloned());
    said
}
