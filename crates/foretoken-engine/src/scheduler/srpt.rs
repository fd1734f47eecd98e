//! Shortest remaining (predicted) time first, preemptive.

use super::{Entry, Evict, Rank, Requeue, Scheduler, View, Waiting, needs_length, parse, remaining_tokens};
use crate::time::SimTime;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "srpt",
    summary: "shortest predicted remaining output first; a shorter newcomer takes the longest one's seat or memory",
    source: "Schrage 1968, with the recomputation that preemption costs in an LLM engine",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, _| Ok(Box::new(Srpt { params: parse(params)? })),
};

/// Parameters of `srpt`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Predicted tokens that a newcomer must be ahead by before it takes a seat.
    margin_tokens: u32,
}

struct Srpt {
    params: Params,
}

impl Scheduler for Srpt {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(remaining_tokens(r.belief, r.generated))
    }

    fn preempts(&self) -> bool {
        true
    }

    fn preempt(&mut self, view: &View<'_>, out: &mut Vec<Evict>) {
        let Some(head) = view.blocked_head() else { return };
        let left = |r: &super::Running<'_>| remaining_tokens(r.belief, r.generated);
        // Of equals the last admitted, which has the least to lose.
        let Some(worst) = view.preemptible().max_by(|a, b| left(a).total_cmp(&left(b))) else { return };
        let newcomer = remaining_tokens(head.belief, head.generated);
        if newcomer + f64::from(self.params.margin_tokens) < left(&worst) {
            out.push(Evict { id: worst.visible.id, how: view.shortfall(), requeue: Requeue::Ranked });
        }
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        needs_length(r)
    }
}
