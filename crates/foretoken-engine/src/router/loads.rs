//! What a router counts for each replica, ordered at any time.

use std::collections::BTreeSet;

/// A number for each replica; the least and the largest are at hand in O(log n).
#[derive(Clone, Debug)]
pub struct Loads {
    load: Vec<u64>,
    /// Position of each replica among equals.
    place: Vec<u32>,
    /// (load, place, replica).
    sorted: BTreeSet<(u64, u32, u32)>,
}

impl Loads {
    /// Zeros; of equals, those earlier in `order`, a permutation of the replicas, go first.
    pub fn new(order: &[usize]) -> Loads {
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &r)| place[r] = at as u32);
        let sorted = (0..order.len()).map(|r| (0, place[r], r as u32)).collect();
        Loads { load: vec![0; order.len()], place, sorted }
    }

    /// The number of `replica`.
    pub fn of(&self, replica: usize) -> u64 {
        self.load[replica]
    }

    /// Replaces it.
    pub fn set(&mut self, replica: usize, load: u64) {
        if self.sorted.len() > 1 {
            self.sorted.remove(&(self.load[replica], self.place[replica], replica as u32));
            self.sorted.insert((load, self.place[replica], replica as u32));
        }
        self.load[replica] = load;
    }

    /// Raises it.
    pub fn add(&mut self, replica: usize, amount: u64) {
        self.set(replica, self.load[replica] + amount);
    }

    /// Lowers it.
    pub fn take(&mut self, replica: usize, amount: u64) {
        self.set(replica, self.load[replica] - amount);
    }

    /// The replica with the least, the first of equals.
    pub fn least(&self) -> usize {
        self.sorted.first().expect("there is a replica").2 as usize
    }

    /// The one among `some` with the least, the first of equals.
    pub fn least_of(&self, some: impl Iterator<Item = usize>) -> Option<usize> {
        some.min_by_key(|&r| (self.load[r], self.place[r]))
    }

    /// The least and the largest number.
    pub fn spread(&self) -> (u64, u64) {
        let most = self.load[self.sorted.last().expect("there is a replica").2 as usize];
        (self.load[self.least()], most)
    }
}
