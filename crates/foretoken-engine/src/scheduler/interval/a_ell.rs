//! A_ell: probes everybody for the lower bound of its output; survivors wait for the end.

use super::{Lengths, Loop, ended, interval};
use crate::length::Belief;
use crate::scheduler::{
    Admit, Entry, Evict, NoParams, Notice, Rank, Requeue, Running, Scheduler, Shortage, View, Waiting, Wake,
    parse,
};
use crate::time::SimTime;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "a-ell",
    summary: "gives everybody the lower bound of its output; who needs more is cancelled, and served as the upper bound when all are probed",
    source: "A_ell of Chen, Ye, Zhou (arXiv 2508.14544), for lengths of two values; its rule is recalled, not quoted",
    reads_belief: true,
    params: || schemars::schema_for!(NoParams),
    make: |params, seed| {
        parse::<NoParams>(params)?;
        Ok(Box::new(AEll { inner: Loop::new(Probe, seed), open: false, opened: false }))
    },
};

struct Probe;

/// Whether a request with attempts of `ended` tokens behind it has survived its probe. One whose interval is
/// a single length is never probed.
fn is_parked(belief: &Belief, ended: u32) -> bool {
    interval(belief).is_some_and(|(lower, upper)| lower < upper && ended >= lower)
}

/// Whether an attempt that starts with `ended` tokens behind it is a probe.
fn is_probe(belief: &Belief, ended: u32) -> bool {
    interval(belief).is_some_and(|(lower, upper)| lower < upper && ended < lower)
}

impl Lengths for Probe {
    fn estimate(&self, belief: &Belief, ended: u32) -> u32 {
        let (lower, upper) = interval(belief).unwrap_or((1, 1));
        if is_probe(belief, ended) { lower } else { upper.max(ended.saturating_add(1)) }
    }
}

/// Added to a parked request's rank: more than any length.
const PARKED: f64 = 1e12;

struct AEll {
    inner: Loop<Probe>,
    /// Whether survivors are served: from the first time at which nobody else waits or runs.
    open: bool,
    /// Whether it opened since ranks were asked.
    opened: bool,
}

/// A running request that is being probed.
fn probes<'a>(view: &View<'a>) -> impl Iterator<Item = Running<'a>> {
    view.running().filter(|r| is_probe(r.belief, r.generated_before))
}

/// Tokens that a probe has to go.
fn probe_left(r: &Running<'_>) -> u32 {
    interval(r.belief).map_or(0, |(lower, _)| lower).saturating_sub(r.generated)
}

impl Scheduler for AEll {
    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        let place = self.inner.rank(r, now).0;
        let behind = !self.open && is_parked(r.belief, ended(r));
        Rank(if behind { PARKED + place } else { place })
    }

    fn reorders(&mut self, _: &View<'_>) -> bool {
        std::mem::take(&mut self.opened)
    }

    fn admit(&mut self, r: &Waiting<'_>, view: &View<'_>) -> Admit {
        if !self.open && is_parked(r.belief, ended(r)) {
            // Everybody who waits is parked.
            if view.running_len() > 0 {
                return Admit::Stop;
            }
            (self.open, self.opened) = (true, true);
        }
        self.inner.admit(r, view)
    }

    fn preempts(&self) -> bool {
        true
    }

    /// Ends the probes that are over.
    fn preempt(&mut self, view: &View<'_>, out: &mut Vec<Evict>) {
        let over = probes(view).filter(|r| probe_left(r) == 0);
        out.extend(over.map(|r| Evict { id: r.visible.id, how: view.shortfall(), requeue: Requeue::Ranked }));
    }

    fn victims(&mut self, need: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        self.inner.victims(need, view, out);
    }

    fn chooses_victims(&self) -> bool {
        true
    }

    fn wake(&mut self, view: &View<'_>) -> Wake {
        let parked = |head: Waiting<'_>| !self.open && is_parked(head.belief, ended(&head));
        if !view.head().is_some_and(parked) && self.inner.wake(view) == Wake::EVERY_STEP {
            return Wake::EVERY_STEP;
        }
        let soonest = probes(view).map(|r| u64::from(probe_left(&r)).max(1)).min();
        Wake { at: None, after_steps: soonest }
    }

    fn notice(&mut self, what: &Notice<'_>) {
        self.inner.notice(what);
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        self.inner.refuses(r)
    }

    fn serves_unpredicted(&self) -> bool {
        false
    }
}
