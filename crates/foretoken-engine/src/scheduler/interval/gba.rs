//! GBA: requests in geometric classes of length, short classes first, each started at a regular spacing.

use super::sps::{Slots, check_classes, class};
use super::{Lengths, ended, kill};
use crate::length::Belief;
use crate::scheduler::{
    Admit, Entry, Evict, Notice, Rank, Scheduler, Shortage, View, Waiting, Wake, needs_tokens, parse,
};
use crate::time::SimTime;
use schemars::JsonSchema;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "gba",
    summary: "geometric classes of known length, short ones first; a class is started at the even spacing that memory bears best",
    source: "GBA of Feng, Yang, Zhang (arXiv 2601.22996); spacing and base are inferred, classes follow each other",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, seed| {
        let params = parse::<Params>(params)?.checked()?;
        Ok(Box::new(Gba { params, slots: Slots::default(), seed }))
    },
};

/// Parameters of `gba` and `gba-d`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    /// Largest length of the first class, tokens.
    first: u32,
    /// Largest length of a class over that of the class before.
    growth: f64,
}

impl Default for Params {
    fn default() -> Self {
        Params { first: 1, growth: 1.5 }
    }
}

impl Params {
    pub fn checked(self) -> Result<Params, serde_json::Error> {
        check_classes(self.first, self.growth)?;
        Ok(self)
    }

    /// Largest length of the class that `tokens` is in.
    pub fn class(&self, tokens: u32) -> u64 {
        class(self.first, self.growth, tokens)
    }
}

/// The length that is believed in; one more than was produced where that proved it wrong.
pub(super) fn length(belief: &Belief, ended: u32) -> u32 {
    belief.tokens().map_or(1, |v| v.round().max(1.0) as u32).max(ended.saturating_add(1))
}

struct Gba {
    params: Params,
    slots: Slots,
    seed: u64,
}

impl Lengths for Params {
    fn estimate(&self, belief: &Belief, ended: u32) -> u32 {
        length(belief, ended)
    }
}

impl Scheduler for Gba {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(self.params.class(length(r.belief, ended(r))) as f64)
    }

    fn admit(&mut self, r: &Waiting<'_>, view: &View<'_>) -> Admit {
        let of = |r: &Waiting<'_>| self.params.class(length(r.belief, ended(r)));
        let opens = self.slots.opens(r, of(r), view, view.running_len(), &of);
        if opens { Admit::Preset } else { Admit::Stop }
    }

    fn victims(&mut self, need: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        kill::choose(need.blocks, view, &self.params, self.seed, out);
    }

    fn chooses_victims(&self) -> bool {
        true
    }

    fn wake(&mut self, view: &View<'_>) -> Wake {
        if view.waiting_len() == 0 {
            return Wake::EVENTS;
        }
        Wake { at: None, after_steps: Some(self.slots.next(view.steps)) }
    }

    fn notice(&mut self, what: &Notice<'_>) {
        if matches!(what, Notice::Admitted(_)) {
            self.slots.started();
        }
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        needs_tokens(r)
    }

    fn serves_unpredicted(&self) -> bool {
        false
    }
}
