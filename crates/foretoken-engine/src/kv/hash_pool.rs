//! A pool of blocks in which full blocks can be found again by what they hold (vLLM's prefix cache).
//!
//! Only full blocks have an identity. Blocks without a hash, free or held, are all alike, so they are two
//! numbers; and of free blocks those without a hash are taken before any other, so the order of the rest is
//! one list, oldest first. One more block than the usable ones is vLLM's null block: it is never here.

use super::index::{BlockHash, Index};

/// A block that has a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BlockId(u32);

const NONE: u32 = u32::MAX;

struct Block {
    hash: BlockHash,
    /// Requests that hold it; at 0 it is in the list of idle blocks.
    holders: u32,
    /// Neighbours among the idle: taken earlier, taken later.
    before: u32,
    after: u32,
    /// Next block of the same content: hits find the one that was there first.
    twin: u32,
}

/// Blocks by content. Held, idle and plain free blocks always add up to the usable ones.
pub struct HashPool {
    usable: u64,
    /// Free blocks without a hash.
    plain: u64,
    idle: u64,
    oldest: u32,
    youngest: u32,
    blocks: Vec<Block>,
    /// Places in `blocks` to use again.
    spare: Vec<u32>,
    index: Index,
    evictions: u64,
    /// Blocks that were published, or found while nobody held them.
    changes: u64,
}

/// What one request holds: blocks with a hash, from the first token on, and then `plain` ones without.
#[derive(Clone, Debug, Default)]
pub struct Holding {
    hashed: Vec<BlockId>,
    plain: u64,
}

impl Holding {
    /// Counts in what was taken for this request: it holds `blocks` now.
    pub fn settle(&mut self, blocks: u64) {
        self.plain = blocks - self.hashed.len() as u64;
    }

    /// Blocks held.
    pub fn blocks(&self) -> u64 {
        self.hashed.len() as u64 + self.plain
    }

    /// Those of them that have a hash.
    pub fn hashed(&self) -> usize {
        self.hashed.len()
    }
}

/// The blocks that a request would find: the longest run from its first block on.
#[derive(Clone, Debug, Default)]
pub struct Hit {
    blocks: Vec<BlockId>,
    idle: u64,
}

impl Hit {
    /// Blocks found.
    pub fn blocks(&self) -> u64 {
        self.blocks.len() as u64
    }

    /// Those that nobody holds: taking the hit takes them from the free ones.
    pub fn idle(&self) -> u64 {
        self.idle
    }
}

impl HashPool {
    /// A pool of `usable` free blocks.
    pub fn new(usable: u64) -> HashPool {
        HashPool {
            usable,
            plain: usable,
            idle: 0,
            oldest: NONE,
            youngest: NONE,
            blocks: Vec::new(),
            spare: Vec::new(),
            index: Index::new(),
            evictions: 0,
            changes: 0,
        }
    }

    /// Blocks there are.
    pub fn usable(&self) -> u64 {
        self.usable
    }

    /// Blocks nobody holds, with or without a hash.
    pub fn free(&self) -> u64 {
        self.plain + self.idle
    }

    /// Blocks that lost their content because somebody needed memory.
    pub fn evictions(&self) -> u64 {
        self.evictions
    }

    /// A number that stands still as long as nobody can find more than before, nor more that is held.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How many of the blocks `hashes`, from the first on, are there.
    pub fn find(&self, hashes: impl IntoIterator<Item = BlockHash>) -> Hit {
        let mut hit = Hit::default();
        for hash in hashes {
            let Some(at) = self.index.get(hash) else { break };
            hit.idle += u64::from(self.blocks[at as usize].holders == 0);
            hit.blocks.push(BlockId(at));
        }
        hit
    }

    /// Begins to hold what [`HashPool::find`] found; nothing happened to the pool in between.
    pub fn hold(&mut self, hit: Hit) -> Holding {
        for &BlockId(at) in &hit.blocks {
            if self.blocks[at as usize].holders == 0 {
                self.unlink(at);
                self.changes += 1;
            }
            self.blocks[at as usize].holders += 1;
        }
        Holding { hashed: hit.blocks, plain: 0 }
    }

    /// Takes `blocks` if so many are free: first those without a hash, then the oldest idle ones.
    #[must_use]
    pub fn take(&mut self, blocks: u64) -> bool {
        if blocks > self.free() {
            return false;
        }
        let plain = blocks.min(self.plain);
        self.plain -= plain;
        (plain..blocks).for_each(|_| self.evict());
        true
    }

    /// The same, for a request.
    #[must_use]
    pub fn grow(&mut self, holding: &mut Holding, blocks: u64) -> bool {
        let taken = self.take(blocks);
        holding.plain += if taken { blocks } else { 0 };
        taken
    }

    /// The first block of `holding` without a hash is full: whoever looks for `hash` finds it from now on.
    pub fn publish(&mut self, holding: &mut Holding, hash: BlockHash) {
        assert!(holding.plain > 0, "a full block is held");
        holding.plain -= 1;
        self.changes += 1;
        let block = Block { hash, holders: 1, before: NONE, after: NONE, twin: NONE };
        let at = match self.spare.pop() {
            Some(at) => {
                self.blocks[at as usize] = block;
                at
            }
            None => {
                self.blocks.push(block);
                self.blocks.len() as u32 - 1
            }
        };
        match self.index.get(hash) {
            None => self.index.set(hash, at),
            Some(mut last) => {
                while self.blocks[last as usize].twin != NONE {
                    last = self.blocks[last as usize].twin;
                }
                self.blocks[last as usize].twin = at;
            }
        }
        holding.hashed.push(BlockId(at));
    }

    /// Gives everything back, the last block first: of one request, the end of the sequence goes first.
    pub fn release(&mut self, holding: &mut Holding) {
        self.plain += std::mem::take(&mut holding.plain);
        for BlockId(at) in holding.hashed.drain(..).rev() {
            let block = &mut self.blocks[at as usize];
            block.holders -= 1;
            if block.holders == 0 {
                self.link(at);
            }
        }
        assert!(self.free() <= self.usable, "more blocks given back than taken");
    }

    /// Takes the content of the oldest idle block.
    fn evict(&mut self) {
        let at = self.oldest;
        self.unlink(at);
        self.evictions += 1;
        self.spare.push(at);
        let Block { hash, twin, .. } = self.blocks[at as usize];
        let mut first = self.index.get(hash).expect("a hashed block is in the index");
        if first != at {
            while self.blocks[first as usize].twin != at {
                first = self.blocks[first as usize].twin;
            }
            self.blocks[first as usize].twin = twin;
        } else if twin == NONE {
            self.index.remove(hash);
        } else {
            self.index.set(hash, twin);
        }
    }

    /// Puts a block at the young end of the idle list.
    fn link(&mut self, at: u32) {
        let before = std::mem::replace(&mut self.youngest, at);
        (self.blocks[at as usize].before, self.blocks[at as usize].after) = (before, NONE);
        match before {
            NONE => self.oldest = at,
            _ => self.blocks[before as usize].after = at,
        }
        self.idle += 1;
    }

    fn unlink(&mut self, at: u32) {
        let Block { before, after, .. } = self.blocks[at as usize];
        match before {
            NONE => self.oldest = after,
            _ => self.blocks[before as usize].after = after,
        }
        match after {
            NONE => self.youngest = before,
            _ => self.blocks[after as usize].before = before,
        }
        self.idle -= 1;
    }
}
