//! Which request has which slot, and its tokens.

use super::{Part, Task};
use crate::error::{Error, Result};
use crate::ids::RequestId;
use crate::latency::{Row, Work};
use crate::rng::Stream;
use std::collections::{BTreeMap, BTreeSet};

/// A request that was on the device.
struct Seat {
    /// Its slot, while it holds KV.
    slot: Option<usize>,
    /// Prompt, then the outputs of its present attempt and perhaps of a void one after them.
    tokens: Vec<u32>,
}

/// Seats of all requests that were on the device: who is preempted needs its outputs again.
pub(super) struct Seats {
    by_request: BTreeMap<RequestId, Seat>,
    free: BTreeSet<usize>,
    vocabulary: u32,
    seed: u64,
}

impl Seats {
    pub fn new(slots: usize, vocabulary: u32, seed: u64) -> Seats {
        Seats { by_request: BTreeMap::new(), free: (0..slots).collect(), vocabulary, seed }
    }

    /// Sees to it that the request of a prefill has a slot and a prompt.
    pub fn take(&mut self, row: &Row) -> Result<()> {
        let (vocabulary, seed) = (u64::from(self.vocabulary), self.seed);
        let seat = self.by_request.entry(row.request).or_insert_with(|| {
            let mut draw = Stream::new(seed, 0, "in-the-loop.prompt", u64::from(row.request.0));
            let tokens = (0..row.prompt_tokens).map(|_| draw.below(vocabulary) as u32).collect();
            Seat { slot: None, tokens }
        });
        if seat.slot.is_none() {
            let free = self.free.pop_first();
            let none = || Error::Usage(format!("no slot is left for request {}", row.request));
            seat.slot = Some(free.ok_or_else(none)?);
        }
        Ok(())
    }

    fn seat(&self, request: RequestId) -> &Seat {
        self.by_request.get(&request).expect("a request computes its prompt first")
    }

    /// The slot of a request that holds KV.
    pub fn slot(&self, request: RequestId) -> usize {
        self.seat(request).slot.expect("it holds KV")
    }

    /// What the device has to do for `row`.
    pub fn part(&self, row: &Row) -> Part<'_> {
        let seat = self.seat(row.request);
        let known = &seat.tokens[row.context as usize..];
        let task = match row.work {
            Work::Prefill => Task::Prompt { tokens: &known[..row.new as usize], last: row.emits },
            // The last token of all, which is not in KV yet.
            Work::Decode | Work::Padding => Task::Decode { token: known[0] },
        };
        Part { slot: self.slot(row.request), task }
    }

    /// The step gave `row`'s request its next token. Tokens of a void attempt go.
    pub fn emitted(&mut self, row: &Row, token: u32) {
        let known = (row.context + row.new) as usize;
        if let Some(seat) = self.by_request.get_mut(&row.request) {
            seat.tokens.truncate(known);
            seat.tokens.push(token);
        }
    }

    /// Frees the slot of a request, if it has one, and returns it.
    pub fn give_back(&mut self, request: RequestId) -> Option<usize> {
        let slot = self.by_request.get_mut(&request)?.slot.take()?;
        self.free.insert(slot);
        Some(slot)
    }
}
