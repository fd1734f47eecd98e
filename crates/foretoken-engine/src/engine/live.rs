//! Requests inside a replica: a slab of [`Live`] slots, reused when requests leave.

use super::cache::Cached;
use crate::ids::{ReplicaId, RequestId};
use crate::length::Belief;
use crate::record::RequestRecord;
use crate::scheduler::{Crowd, Noted, Waiting};
use crate::time::{SimTime, Span};
use crate::workload::{RequestSource, Visible};

/// Index into the slab.
pub(super) type Slot = u32;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// In the queue.
    Waiting,
    /// Has a seat; its prompt (or recomputation) is not done.
    Prefill,
    /// Decoding, one of the uniform batch: progress is an offset against the batch's counter.
    Uniform,
    /// Decoding, progress kept here: it missed a step, or steps are taken one by one.
    Single,
    /// Done, but its lock-step batch is not: it keeps seat and memory.
    Padded,
}

/// One request inside a replica.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub visible: Visible,
    pub belief: Belief,
    /// What was noted when the belief came.
    pub noted: Noted,
    /// Number of the prediction that it waits for; 0 = none.
    pub ticket: u64,
    /// Time that a prediction of it takes on the server.
    pub prediction_cost: Span,
    pub record: RequestRecord,
    pub state: State,
    /// When it joined the queue last.
    pub queued_at: SimTime,
    /// When it got its present seat.
    pub admitted_at: SimTime,
    /// Order of admission; the running list is sorted by it.
    pub seat: u64,
    /// Tokens in KV (not kept up to date while `Uniform`).
    pub kv_tokens: u64,
    /// Output tokens of the present attempt (not kept up to date while `Uniform`).
    pub generated: u32,
    /// While `Uniform`: `generated` minus the batch counter, wrapping.
    pub offset: u64,
    /// Most tokens any ended attempt had delivered.
    pub generated_before: u32,
    /// When its last token was delivered (not kept up to date while `Uniform`).
    pub last_token: SimTime,
    /// Where prompts are found again.
    pub cached: Option<Box<Cached>>,
}

impl Live {
    /// Tokens known: prompt and delivered output. A step that computes all of them emits the next.
    pub fn known(&self) -> u64 {
        u64::from(self.visible.prompt_tokens) + u64::from(self.generated)
    }

    /// As a scheduler sees it among `crowd`.
    pub fn waiting(&self, crowd: Crowd) -> Waiting<'_> {
        Waiting {
            visible: &self.visible,
            belief: &self.belief,
            noted: self.noted,
            crowd,
            queued_at: self.queued_at,
            generated: self.generated,
            generated_before: self.generated_before,
            preemptions: self.record.preemptions,
        }
    }
}

/// Slots with a free list.
#[derive(Default)]
pub(super) struct Slab {
    slots: Vec<Live>,
    free: Vec<Slot>,
}

impl Slab {
    pub fn insert(&mut self, live: Live) -> Slot {
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = live;
                slot
            }
            None => {
                self.slots.push(live);
                (self.slots.len() - 1) as Slot
            }
        }
    }

    /// Frees a slot; its content stays readable until the slot is used again. A prediction still to come
    /// finds nobody.
    pub fn release(&mut self, slot: Slot) {
        self.slots[slot as usize].ticket = 0;
        self.free.push(slot);
    }

    #[inline]
    pub fn get(&self, slot: Slot) -> &Live {
        &self.slots[slot as usize]
    }

    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut Live {
        &mut self.slots[slot as usize]
    }
}

/// Everything outside a replica that its events touch.
pub(super) struct World<'a> {
    /// Told of departures (closed loops).
    pub source: &'a mut dyn RequestSource,
    /// Where records go.
    pub log: super::log::Log<'a>,
    /// Requests that have left their replica, for the router to hear of.
    pub left: Vec<(RequestId, ReplicaId)>,
}
