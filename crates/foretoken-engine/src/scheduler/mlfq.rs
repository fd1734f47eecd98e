//! Multi-level feedback queue: learns who is long by serving them.

use super::{Entry, Evict, Rank, Requeue, Running, Scheduler, View, Waiting, Wake, parse};
use crate::time::SimTime;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "mlfq",
    summary: "requests sink a level each time they use up a quantum of tokens; lower levels give way",
    source: "Corbato 1962; for LLM serving: FastServe (Wu et al. 2023)",
    reads_belief: false,
    params: || schemars::schema_for!(Params),
    make: |params, _| Ok(Box::new(Mlfq { params: parse::<Params>(params)?.checked()? })),
};

/// Parameters of `mlfq`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Output tokens of the first level's quantum.
    quantum_tokens: u32,
    /// Each level's quantum over that of the level above.
    growth: u32,
    /// Number of levels.
    levels: u32,
}

impl Default for Params {
    fn default() -> Self {
        Params { quantum_tokens: 64, growth: 2, levels: 5 }
    }
}

impl Params {
    fn checked(self) -> Result<Params, serde_json::Error> {
        if self.quantum_tokens == 0 || self.growth == 0 || self.levels == 0 {
            return Err(serde::de::Error::custom("quantum_tokens, growth and levels must be at least 1"));
        }
        Ok(self)
    }
}

/// Tokens that decide a request's level: a void attempt counts, or it would be served for ever anew.
fn served(r: &Running<'_>) -> u32 {
    r.generated.max(r.generated_before)
}

struct Mlfq {
    params: Params,
}

impl Mlfq {
    /// Level after `generated` tokens, and the tokens at which the next one begins.
    fn level(&self, generated: u32) -> (u32, u64) {
        let (mut level, mut quantum) = (0, u64::from(self.params.quantum_tokens));
        let mut ends = quantum;
        while level + 1 < self.params.levels && u64::from(generated) >= ends {
            level += 1;
            quantum = quantum.saturating_mul(u64::from(self.params.growth));
            ends = ends.saturating_add(quantum);
        }
        (level, ends)
    }
}

impl Scheduler for Mlfq {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(f64::from(self.level(r.generated.max(r.generated_before)).0))
    }

    fn preempts(&self) -> bool {
        true
    }

    fn preempt(&mut self, view: &View<'_>, out: &mut Vec<Evict>) {
        let Some(head) = view.blocked_head() else { return };
        let Some(worst) = view.preemptible().max_by_key(|r| self.level(served(r)).0) else { return };
        if self.level(head.generated.max(head.generated_before)).0 < self.level(served(&worst)).0 {
            out.push(Evict { id: worst.visible.id, how: view.shortfall(), requeue: Requeue::Back });
        }
    }

    /// While somebody waits for a seat or memory: when the first running request sinks a level.
    fn wake(&mut self, view: &View<'_>) -> Wake {
        if view.blocked_head().is_none() {
            return Wake::EVENTS;
        }
        let sinks = view.running().filter(|r| self.level(served(r)).0 + 1 < self.params.levels);
        let soonest = sinks.map(|r| self.level(served(&r)).1 - u64::from(r.generated)).min();
        Wake { at: None, after_steps: soonest.map(|steps| steps.max(1)) }
    }
}
