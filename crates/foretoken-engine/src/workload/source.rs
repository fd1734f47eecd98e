//! Sources: what the engine draws requests from.

use super::request::{Outcome, Request, RequestSource};
use super::rows::{Ledger, Requests, moved};
use crate::error::Result;
use crate::ids::RequestId;
use crate::time::{SimTime, Span};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

const TAKEN: &str = "take() follows a next_time() that returned a time";

/// A stream with one request looked at ahead of time.
struct Peeked {
    rows: std::iter::Fuse<Requests>,
    head: Option<Request>,
}

impl Peeked {
    fn new(rows: Requests) -> Peeked {
        Peeked { rows: rows.fuse(), head: None }
    }

    fn peek(&mut self) -> Result<Option<&Request>> {
        if self.head.is_none() {
            self.head = self.rows.next().transpose()?;
        }
        Ok(self.head.as_ref())
    }

    fn take(&mut self) -> Request {
        self.head.take().expect(TAKEN)
    }
}

/// Requests at times that do not depend on the server.
pub(super) struct Open(Peeked);

impl Open {
    pub(super) fn new(rows: Requests) -> Open {
        Open(Peeked::new(rows))
    }
}

impl RequestSource for Open {
    fn next_time(&mut self) -> Result<Option<SimTime>> {
        Ok(self.0.peek()?.map(|r| r.visible.arrival))
    }

    fn take(&mut self) -> Result<Request> {
        Ok(self.0.take())
    }
}

/// Clients that each have one request in flight and think in between.
pub(super) struct ClosedLoop {
    rows: Peeked,
    /// Clients that have not sent yet: they do so at time 0.
    fresh: u32,
    /// When the other idle clients send next.
    ready: BinaryHeap<Reverse<SimTime>>,
    think: Span,
}

impl ClosedLoop {
    pub(super) fn new(rows: Requests, clients: u32, think: Span) -> ClosedLoop {
        ClosedLoop { rows: Peeked::new(rows), fresh: clients, ready: BinaryHeap::new(), think }
    }
}

impl RequestSource for ClosedLoop {
    fn next_time(&mut self) -> Result<Option<SimTime>> {
        if self.rows.peek()?.is_none() {
            return Ok(None);
        }
        Ok(if self.fresh > 0 { Some(SimTime::ZERO) } else { self.ready.peek().map(|t| t.0) })
    }

    fn take(&mut self) -> Result<Request> {
        if self.fresh > 0 {
            self.fresh -= 1;
            return Ok(moved(self.rows.take(), SimTime::ZERO));
        }
        let Reverse(t) = self.ready.pop().expect(TAKEN);
        Ok(moved(self.rows.take(), t))
    }

    fn left(&mut self, _: RequestId, at: SimTime, _: Outcome) {
        self.ready.push(Reverse(at + self.think));
    }

    fn is_closed(&self) -> bool {
        true
    }
}

/// Conversations: the next turn follows the answer to the one before.
pub(super) struct Conversations {
    requests: Vec<Request>,
    /// Next turn of the same session, by request.
    next: Vec<Option<u32>>,
    /// Requests whose time is known, by (time, index).
    ready: BinaryHeap<Reverse<(SimTime, u32)>>,
    /// Requests that have a next turn and were sent.
    awaited: BTreeMap<RequestId, u32>,
    think: Span,
    ledger: Arc<Ledger>,
}

impl Conversations {
    /// `starts` are the indices and arrival times of first turns.
    pub(super) fn new(
        requests: Vec<Request>,
        next: Vec<Option<u32>>,
        starts: Vec<(SimTime, u32)>,
        think: Span,
        ledger: Arc<Ledger>,
    ) -> Conversations {
        let ready = starts.into_iter().map(Reverse).collect();
        Conversations { requests, next, ready, awaited: BTreeMap::new(), think, ledger }
    }
}

impl RequestSource for Conversations {
    fn next_time(&mut self) -> Result<Option<SimTime>> {
        Ok(self.ready.peek().map(|r| r.0.0))
    }

    fn take(&mut self) -> Result<Request> {
        let Reverse((t, i)) = self.ready.pop().expect(TAKEN);
        let r = moved(self.requests[i as usize], t);
        if self.next[i as usize].is_some() {
            self.awaited.insert(r.visible.id, i);
        }
        Ok(r)
    }

    fn left(&mut self, id: RequestId, at: SimTime, outcome: Outcome) {
        let turn = self.awaited.remove(&id);
        let following = |i: &u32| self.next[*i as usize];
        let mut later = std::iter::successors(turn.as_ref().and_then(following), following);
        match outcome {
            Outcome::Completed => {
                if let Some(i) = later.next() {
                    self.ready.push(Reverse((at + self.think, i)));
                }
            }
            Outcome::Rejected => self.ledger.abandoned.add(later.count() as u64),
        }
    }

    fn is_closed(&self) -> bool {
        true
    }
}

/// Holds requests back at the client while as many as allowed are in flight.
pub(super) struct Gate {
    inner: Box<dyn RequestSource + Send>,
    /// Slots never used so far.
    fresh: u32,
    /// Since when each other empty slot has been so, earliest first.
    free: VecDeque<SimTime>,
}

impl Gate {
    pub(super) fn new(inner: Box<dyn RequestSource + Send>, slots: u32) -> Gate {
        Gate { inner, fresh: slots, free: VecDeque::new() }
    }

    /// Since when the slot to be used next has been empty.
    fn slot(&self) -> Option<SimTime> {
        if self.fresh > 0 { Some(SimTime::ZERO) } else { self.free.front().copied() }
    }
}

impl RequestSource for Gate {
    fn next_time(&mut self) -> Result<Option<SimTime>> {
        let Some(free) = self.slot() else { return Ok(None) };
        Ok(self.inner.next_time()?.map(|t| t.max(free)))
    }

    fn take(&mut self) -> Result<Request> {
        let free = self.slot().expect(TAKEN);
        if self.fresh > 0 {
            self.fresh -= 1;
        } else {
            self.free.pop_front();
        }
        let r = self.inner.take()?;
        let scheduled = r.visible.arrival;
        let sent = scheduled.max(free);
        let client_wait_ns = sent.since(scheduled).0;
        Ok(Request { client_wait_ns, ..moved(r, sent) })
    }

    fn left(&mut self, id: RequestId, at: SimTime, outcome: Outcome) {
        self.free.push_back(at);
        self.inner.left(id, at, outcome);
    }

    fn is_closed(&self) -> bool {
        true
    }
}
