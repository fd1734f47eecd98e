//! The waiting queue of one replica: a heap for static ranks, a list for ranks that change with time.

use super::heap::Heap;
use super::live::Slot;
use crate::scheduler::Order;
use crate::time::SimTime;

/// Total order of the queue: requests put in front, then rank, then queueing time, then id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// `u64::MAX` for ordinary places; smaller values were put in front, the latest first.
    front: u64,
    rank: u64,
    queued_at: SimTime,
    id: u32,
    pub slot: Slot,
}

/// Maps floats to integers of the same order (-0 and 0 alike). The caller has refused NaN.
fn ordered(rank: f64) -> u64 {
    let bits = (rank + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

pub(super) struct Queue {
    order: Order,
    heap: Heap,
    list: Vec<Key>,
    /// Next `front` value to hand out, counting down.
    next_front: u64,
}

impl Queue {
    pub fn new(order: Order) -> Queue {
        Queue { order, heap: Heap::default(), list: Vec::new(), next_front: u64::MAX - 1 }
    }

    pub fn len(&self) -> usize {
        self.heap.as_slice().len() + self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_dynamic(&self) -> bool {
        self.order == Order::Dynamic
    }

    pub fn push(&mut self, rank: f64, queued_at: SimTime, id: u32, slot: Slot) {
        self.put_back(Key { front: u64::MAX, rank: ordered(rank), queued_at, id, slot });
    }

    /// Before everyone else, whatever its rank.
    pub fn push_front(&mut self, queued_at: SimTime, id: u32, slot: Slot) {
        let front = self.next_front;
        self.next_front -= 1;
        self.put_back(Key { front, rank: 0, queued_at, id, slot });
    }

    /// Returns a key taken out by [`Queue::pop`] to its place.
    pub fn put_back(&mut self, key: Key) {
        match self.order {
            Order::Static => self.heap.push(key),
            Order::Dynamic => self.list.push(key),
        }
    }

    /// Gives a waiting request another rank, unless it was put in front. In dynamic order nothing is to be
    /// done: everybody is ranked before the order is looked at.
    pub fn update(&mut self, slot: Slot, rank: f64) {
        if let Some(key) = self.heap.find(slot).filter(|key| key.front == u64::MAX) {
            self.heap.replace(Key { rank: ordered(rank), ..key });
        }
    }

    /// Ranks everyone again.
    pub fn rerank(&mut self, mut rank: impl FnMut(Slot) -> f64) {
        let mut again = |key: &mut Key| {
            if key.front == u64::MAX {
                key.rank = ordered(rank(key.slot));
            }
        };
        self.heap.change(&mut again);
        self.list.iter_mut().for_each(again);
    }

    /// The best place.
    pub fn head(&self) -> Option<Slot> {
        match self.order {
            Order::Static => self.heap.as_slice().first().map(|key| key.slot),
            Order::Dynamic => self.list.iter().min().map(|key| key.slot),
        }
    }

    pub fn pop(&mut self) -> Option<Key> {
        match self.order {
            Order::Static => self.heap.pop(),
            Order::Dynamic => {
                let best = self.list.iter().enumerate().min_by_key(|(_, key)| **key)?.0;
                Some(self.list.swap_remove(best))
            }
        }
    }

    /// The `i`-th waiting request, in no particular order.
    pub fn slot(&self, i: usize) -> Slot {
        match self.order {
            Order::Static => self.heap.as_slice()[i].slot,
            Order::Dynamic => self.list[i].slot,
        }
    }
}
