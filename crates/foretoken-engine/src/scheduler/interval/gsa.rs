//! GSA: everybody gets a slice of tokens, and those unfinished start again with a longer one.

use super::sps::{Slots, check_classes, class};
use super::{Lengths, Running, ended, kill};
use crate::length::Belief;
use crate::scheduler::{
    Admit, Entry, Evict, Notice, Rank, Requeue, Scheduler, Shortage, View, Waiting, Wake, parse,
};
use crate::time::SimTime;
use schemars::JsonSchema;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "gsa",
    summary: "geometric slices: all run for a few tokens at an even spacing; who is not done starts again in the next, longer slice",
    source: "GSA of Feng, Yang, Zhang (arXiv 2601.22996); spacing inferred; an arrival waits for the phase to end",
    reads_belief: false,
    params: || schemars::schema_for!(Params),
    make: |params, seed| {
        let params = parse::<Params>(params)?.checked()?;
        Ok(Box::new(Gsa { params, slots: Slots::default(), seed }))
    },
};

/// Parameters of `gsa` and `gsa-spec`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    /// First slice, tokens.
    first: u32,
    /// A slice over the one before.
    growth: f64,
}

impl Default for Params {
    fn default() -> Self {
        Params { first: 64, growth: 2.0 }
    }
}

impl Params {
    pub fn checked(self) -> Result<Params, serde_json::Error> {
        check_classes(self.first, self.growth)?;
        Ok(self)
    }

    /// Tokens that the next attempt gets after one of `ended`.
    pub fn slice(&self, ended: u32) -> u64 {
        class(self.first, self.growth, ended.saturating_add(1))
    }

    /// Tokens that a running attempt has left of its slice.
    pub fn left(&self, r: &Running<'_>) -> u64 {
        self.slice(r.generated_before).saturating_sub(u64::from(r.generated))
    }

    /// Ends the attempts of `running` whose slice is used up.
    pub fn end_slices<'a>(
        &self,
        running: impl Iterator<Item = Running<'a>>,
        view: &View<'_>,
        out: &mut Vec<Evict>,
    ) {
        let over = running.filter(|r| self.left(r) == 0);
        out.extend(over.map(|r| Evict { id: r.visible.id, how: view.shortfall(), requeue: Requeue::Ranked }));
    }
}

impl Lengths for Params {
    fn estimate(&self, _: &Belief, ended: u32) -> u32 {
        ended.saturating_add(1)
    }

    fn kill_bound(&self, r: &Running<'_>) -> u32 {
        r.generated_before
    }

    fn refuses(&self, _: &Waiting<'_>) -> Option<&'static str> {
        None
    }
}

struct Gsa {
    params: Params,
    slots: Slots,
    seed: u64,
}

impl Scheduler for Gsa {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(self.params.slice(ended(r)) as f64)
    }

    fn admit(&mut self, r: &Waiting<'_>, view: &View<'_>) -> Admit {
        let of = |r: &Waiting<'_>| self.params.slice(ended(r));
        let opens = self.slots.opens(r, of(r), view, view.running_len(), &of);
        if opens { Admit::Preset } else { Admit::Stop }
    }

    fn preempts(&self) -> bool {
        true
    }

    fn preempt(&mut self, view: &View<'_>, out: &mut Vec<Evict>) {
        self.params.end_slices(view.running(), view, out);
    }

    fn victims(&mut self, need: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        kill::choose(need.blocks, view, &self.params, self.seed, out);
    }

    fn chooses_victims(&self) -> bool {
        true
    }

    fn wake(&mut self, view: &View<'_>) -> Wake {
        let ends = view.running().map(|r| self.params.left(&r).max(1));
        let slot = (view.waiting_len() > 0).then(|| self.slots.next(view.steps));
        Wake { at: None, after_steps: ends.chain(slot).min() }
    }

    fn notice(&mut self, what: &Notice<'_>) {
        if matches!(what, Notice::Admitted(_)) {
            self.slots.started();
        }
    }
}
