//! GSA-Spec: GSA, with attempts on the side in whatever memory its plan leaves idle.
//!
//! Of the paper we know: idle memory is filled with speculative attempts, and under pressure only those are
//! killed, in order of arrival. The rest is ours: an attempt on the side starts when the exact test admits
//! it, everybody taken for one token longer than they ever got; it has no slice; the plan's starts take
//! its memory; and what it produced counts when its request's next slice is chosen.

use super::gsa::Params;
use super::sps::Slots;
use super::{Loop, Running, ended};
use crate::ids::RequestId;
use crate::scheduler::{
    Admit, Entry, Evict, Notice, Rank, Requeue, Scheduler, Shortage, View, Waiting, Wake, parse,
};
use crate::time::SimTime;
use std::collections::BTreeSet;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "gsa-spec",
    summary: "gsa, whose idle memory is filled with speculative attempts; under pressure those are killed first, by arrival",
    source: "GSA-Spec of Feng, Yang, Zhang (arXiv 2601.22996); when an attempt is speculative is ours",
    reads_belief: false,
    params: || schemars::schema_for!(Params),
    make: |params, seed| {
        let inner = Loop::new(parse::<Params>(params)?.checked()?, seed);
        Ok(Box::new(GsaSpec { inner, slots: Slots::default(), side: BTreeSet::new(), planned: false }))
    },
};

struct GsaSpec {
    inner: Loop<Params>,
    slots: Slots,
    /// Running requests that are not the plan's.
    side: BTreeSet<RequestId>,
    /// Whether the start that is being admitted is the plan's.
    planned: bool,
}

impl GsaSpec {
    fn opens(&mut self, r: &Waiting<'_>, view: &View<'_>) -> bool {
        let of = |r: &Waiting<'_>| self.inner.lengths.slice(ended(r));
        self.slots.opens(r, of(r), view, view.running_len() - self.side.len(), &of)
    }

    fn planned<'a>(&self, view: &View<'a>) -> impl Iterator<Item = Running<'a>> {
        view.running().filter(|r| !self.side.contains(&r.visible.id))
    }

    /// Kills attempts on the side, by arrival, until they free `missing` blocks. Returns what is still missing.
    fn clear(&self, mut missing: u64, view: &View<'_>, out: &mut Vec<Evict>) -> u64 {
        let mut line: Vec<Running<'_>> =
            view.running().filter(|r| self.side.contains(&r.visible.id)).collect();
        line.sort_by_key(|r| (r.visible.arrival, r.visible.id));
        for r in line {
            if missing == 0 {
                break;
            }
            out.push(Evict { id: r.visible.id, how: view.shortfall(), requeue: Requeue::Ranked });
            missing = missing.saturating_sub(next_blocks(&r, view).max(r.kv_blocks));
        }
        missing
    }
}

/// Blocks that a running request holds after the coming step.
fn next_blocks(r: &Running<'_>, view: &View<'_>) -> u64 {
    view.kv().blocks_for(u64::from(r.visible.prompt_tokens) + u64::from(r.generated))
}

impl Scheduler for GsaSpec {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(self.inner.lengths.slice(ended(r)) as f64)
    }

    fn admit(&mut self, r: &Waiting<'_>, view: &View<'_>) -> Admit {
        self.planned = self.opens(r, view);
        if self.planned { Admit::Preset } else { self.inner.admit(r, view) }
    }

    fn preempts(&self) -> bool {
        true
    }

    /// Ends slices, and makes room for the plan's next start.
    fn preempt(&mut self, view: &View<'_>, out: &mut Vec<Evict>) {
        self.inner.lengths.end_slices(self.planned(view), view, out);
        let Some(head) = view.head() else { return };
        if self.side.is_empty() || !self.opens(&head, view) {
            return;
        }
        let kv = view.kv();
        let ends = |r: &Running<'_>| out.iter().any(|e| e.id == r.visible.id);
        let staying: u64 = view.running().filter(|r| !ends(r)).map(|r| next_blocks(&r, view)).sum();
        let known = u64::from(head.visible.prompt_tokens) + u64::from(head.generated);
        let missing = (staying + kv.blocks_for(known)).saturating_sub(kv.usable_blocks);
        self.clear(missing, view, out);
    }

    fn victims(&mut self, need: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        let missing = self.clear(need.blocks, view, out);
        if missing > 0 && out.is_empty() {
            self.inner.victims(need, view, out);
        }
    }

    fn chooses_victims(&self) -> bool {
        true
    }

    fn wake(&mut self, view: &View<'_>) -> Wake {
        // A start of the plan that found no memory takes it in the next step.
        let held_up = view.waiting_len() > 0 && self.slots.is_open() && !self.side.is_empty();
        if held_up || self.inner.wake(view) == Wake::EVERY_STEP {
            return Wake::EVERY_STEP;
        }
        let ends = self.planned(view).map(|r| self.inner.lengths.left(&r).max(1));
        let slot = (view.waiting_len() > 0).then(|| self.slots.next(view.steps));
        Wake { at: None, after_steps: ends.chain(slot).min() }
    }

    fn notice(&mut self, what: &Notice<'_>) {
        self.inner.notice(what);
        match what {
            Notice::Admitted(_) if self.planned => self.slots.started(),
            Notice::Admitted(r) => {
                self.side.insert(r.visible.id);
            }
            Notice::Evicted(r, _) => {
                self.side.remove(&r.visible.id);
            }
            Notice::Finished(r) => {
                self.side.remove(&r.visible.id);
            }
        }
    }
}
