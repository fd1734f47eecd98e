//! From a block's hash to the block: open addressing, linear probing, no order to depend on.

/// What a full block holds, everything before it included: a hash, or any other number that is equal exactly
/// where that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHash(pub u128);

const EMPTY: u32 = u32::MAX;

/// A map from hashes to small numbers (all but `u32::MAX`).
pub(super) struct Index {
    entries: Vec<(u128, u32)>,
    len: usize,
}

impl Index {
    pub fn new() -> Index {
        Index { entries: vec![(0, EMPTY); 16], len: 0 }
    }

    fn home(&self, hash: u128) -> usize {
        // Both halves, spread over the upper bits by odd factors.
        let (low, high) = (hash as u64, (hash >> 64) as u64);
        let mixed = (low ^ high.wrapping_mul(0xd6e8_feb8_6659_fd93)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize & (self.entries.len() - 1)
    }

    /// Where `hash` is, or where it would be put.
    fn place(&self, hash: u128) -> usize {
        let mut at = self.home(hash);
        while self.entries[at].1 != EMPTY && self.entries[at].0 != hash {
            at = (at + 1) & (self.entries.len() - 1);
        }
        at
    }

    pub fn get(&self, hash: BlockHash) -> Option<u32> {
        Some(self.entries[self.place(hash.0)].1).filter(|&value| value != EMPTY)
    }

    /// Sets the value of `hash`.
    pub fn set(&mut self, hash: BlockHash, value: u32) {
        let at = self.place(hash.0);
        self.len += usize::from(self.entries[at].1 == EMPTY);
        self.entries[at] = (hash.0, value);
        if 2 * self.len > self.entries.len() {
            let bigger = vec![(0, EMPTY); 2 * self.entries.len()];
            let old = std::mem::replace(&mut self.entries, bigger);
            for (hash, value) in old.into_iter().filter(|entry| entry.1 != EMPTY) {
                let at = self.place(hash);
                self.entries[at] = (hash, value);
            }
        }
    }

    /// Takes `hash` out, if it is there. Entries behind it move up, so that no search meets a hole.
    pub fn remove(&mut self, hash: BlockHash) {
        let mask = self.entries.len() - 1;
        let mut hole = self.place(hash.0);
        if self.entries[hole].1 == EMPTY {
            return;
        }
        self.len -= 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let (other, value) = self.entries[at];
            if value == EMPTY {
                break;
            }
            // It may move up to its home at most.
            let from_home = at.wrapping_sub(self.home(other)) & mask;
            if from_home >= at.wrapping_sub(hole) & mask {
                self.entries[hole] = (other, value);
                hole = at;
            }
        }
        self.entries[hole].1 = EMPTY;
    }
}
