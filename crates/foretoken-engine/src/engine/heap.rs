//! A heap whose members can be found: a slot's key is replaced in O(log n).

use super::live::Slot;
use super::queue::Key;

/// Children of a place: flat heaps move fewer keys.
const ARITY: usize = 4;
const ABSENT: u32 = u32::MAX;

/// Keys with the smallest on top, and where each slot's key lies.
#[derive(Default)]
pub(super) struct Heap {
    keys: Vec<Key>,
    /// Index into `keys` by slot.
    places: Vec<u32>,
}

impl Heap {
    pub fn as_slice(&self) -> &[Key] {
        &self.keys
    }

    pub fn push(&mut self, key: Key) {
        let slot = key.slot as usize;
        if slot >= self.places.len() {
            self.places.resize(slot + 1, ABSENT);
        }
        self.keys.push(key);
        self.rise(self.keys.len() - 1, key);
    }

    pub fn pop(&mut self) -> Option<Key> {
        let top = *self.keys.first()?;
        self.places[top.slot as usize] = ABSENT;
        let last = self.keys.pop()?;
        if !self.keys.is_empty() {
            self.sink(0, last);
        }
        Some(top)
    }

    /// The key of `slot`, if it is a member.
    pub fn find(&self, slot: Slot) -> Option<Key> {
        let place = *self.places.get(slot as usize).filter(|&&place| place != ABSENT)?;
        Some(self.keys[place as usize])
    }

    /// Gives a member another key.
    pub fn replace(&mut self, key: Key) {
        let place = self.places[key.slot as usize] as usize;
        if key < self.keys[place] {
            self.rise(place, key);
        } else {
            self.sink(place, key);
        }
    }

    /// Changes any keys.
    pub fn change(&mut self, how: impl FnMut(&mut Key)) {
        self.keys.iter_mut().for_each(how);
        // In order they are a heap.
        self.keys.sort_unstable();
        for (place, key) in self.keys.iter().enumerate() {
            self.places[key.slot as usize] = place as u32;
        }
    }

    fn put(&mut self, place: usize, key: Key) {
        self.keys[place] = key;
        self.places[key.slot as usize] = place as u32;
    }

    /// Puts `key` at `place` or above.
    fn rise(&mut self, mut place: usize, key: Key) {
        while place > 0 {
            let parent = (place - 1) / ARITY;
            let above = self.keys[parent];
            if above < key {
                break;
            }
            self.put(place, above);
            place = parent;
        }
        self.put(place, key);
    }

    /// Puts `key` at `place` or below.
    fn sink(&mut self, mut place: usize, key: Key) {
        loop {
            let first = place * ARITY + 1;
            let Some(children) = self.keys.get(first..) else { break };
            let children = children.iter().take(ARITY).enumerate();
            let Some((i, least)) = children.min_by_key(|(_, key)| **key) else { break };
            if key < *least {
                break;
            }
            let least = *least;
            self.put(place, least);
            place = first + i;
        }
        self.put(place, key);
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::queue::Queue;
    use crate::rng::Stream;
    use crate::scheduler::Order;
    use crate::time::SimTime;

    /// Random pushes, pops and new ranks: always the smallest of a plain list.
    #[test]
    fn a_heap_serves_the_smallest_key() {
        let mut draw = Stream::new(5, 0, "heap", 0);
        let mut queue = Queue::new(Order::Static);
        let mut plain: Vec<(u64, u32)> = Vec::new();
        for _ in 0..20_000 {
            let slot = draw.below(60) as u32;
            let rank = draw.below(40);
            let member = plain.iter().position(|&(_, s)| s == slot);
            match (draw.below(3), member) {
                (0, _) => {
                    let least = plain.iter().copied().min();
                    assert_eq!(queue.pop().map(|key| key.slot), least.map(|(_, slot)| slot));
                    plain.retain(|key| Some(*key) != least);
                }
                (_, Some(i)) => {
                    queue.update(slot, rank as f64);
                    plain[i].0 = rank;
                }
                (_, None) => {
                    queue.push(rank as f64, SimTime::ZERO, slot, slot);
                    plain.push((rank, slot));
                }
            }
            assert_eq!(queue.len(), plain.len());
            assert_eq!(queue.head(), plain.iter().min().map(|&(_, slot)| slot));
        }
    }
}
