//! Ordered eviction: ascending in the bound, one at a time, until the next round fits.

use super::Lengths;
use crate::scheduler::{Evict, Requeue, Running, View};
use crate::time::SimTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Who goes first of running requests with equal bounds; what is still equal goes newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Tie {
    /// A hash of seed, round and request: the only rule here whose ratio grows like a logarithm.
    #[default]
    Random,
    /// The newest.
    Index,
    /// Who has produced most. Two of equal bounds may take turns at this for ever, which ends the run.
    MostProgress,
}

/// A running request's place in the order of eviction; the smallest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kill {
    bound: u32,
    tie: u64,
    newest: Reverse<crate::ids::RequestId>,
}

/// Nanoseconds of a round of `theory`.
const ROUND_NS: u64 = 1_000_000_000;

/// The number of the round: whole seconds where the clock shows them, as in `theory`; else the replica's steps.
fn round(now: SimTime, steps: u64) -> u64 {
    if now.0.is_multiple_of(ROUND_NS) { now.0 / ROUND_NS } else { steps }
}

/// The tie hash of interval.md 6.
fn hash(index: u32, round: u64, seed: u64) -> u64 {
    const M: u64 = 65_521;
    ((u64::from(index) % M) * 2_654_435_761 + (round % M) * 40_503 + (seed % M) * 97_003) % M
}

impl Kill {
    fn of(r: &Running<'_>, lengths: &dyn Lengths, round: u64, seed: u64) -> Kill {
        let id = r.visible.id;
        let tie = match lengths.tie() {
            Tie::Random => hash(id.0, round, seed),
            Tie::Index => 0,
            Tie::MostProgress => u64::from(u32::MAX - r.generated),
        };
        Kill { bound: lengths.kill_bound(r), tie, newest: Reverse(id) }
    }
}

/// Names who leaves for the next round to find its `missing` blocks.
pub(super) fn choose(missing: u64, view: &View<'_>, lengths: &dyn Lengths, seed: u64, out: &mut Vec<Evict>) {
    let (kv, round) = (view.kv(), round(view.now, view.steps));
    let next_blocks = |r: &Running<'_>| {
        let known = u64::from(r.visible.prompt_tokens) + u64::from(r.generated);
        kv.blocks_for(known).max(r.kv_blocks)
    };
    let place = |r: Running<'_>| Reverse((Kill::of(&r, lengths, round, seed), next_blocks(&r)));
    let mut line: BinaryHeap<_> = view.running().map(place).collect();
    let mut freed = 0;
    while (freed < missing || lengths.clears_all())
        && let Some(Reverse((kill, blocks))) = line.pop()
    {
        out.push(Evict { id: kill.newest.0, how: view.shortfall(), requeue: Requeue::Ranked });
        freed += blocks;
    }
}
