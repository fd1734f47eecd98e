//! KV memory of one replica: a pool of equal blocks, counted; and one whose full blocks are found again.
//!
//! Without prefix caching blocks have no identity, so the pool is three numbers. What a request holds
//! follows from its tokens; nothing is stored per block. With it, [`HashPool`] knows full blocks by content.

mod hash_pool;
mod index;

pub use hash_pool::{HashPool, Hit, Holding};
pub use index::BlockHash;

/// Counts of KV blocks. Owned and free blocks always add up to `usable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPool {
    block_tokens: u32,
    lookahead_tokens: u32,
    usable: u64,
    free: u64,
}

impl BlockPool {
    /// A pool of `usable` free blocks of `block_tokens` tokens, where a request holds
    /// `lookahead_tokens` slots more than it has computed.
    pub fn new(block_tokens: u32, usable: u64, lookahead_tokens: u32) -> BlockPool {
        assert!(block_tokens > 0, "blocks hold at least one token");
        BlockPool { block_tokens, lookahead_tokens, usable, free: usable }
    }

    /// Tokens a block holds.
    pub fn block_tokens(&self) -> u32 {
        self.block_tokens
    }

    /// Slots held beyond the computed tokens.
    pub fn lookahead_tokens(&self) -> u32 {
        self.lookahead_tokens
    }

    /// Blocks there are.
    pub fn usable(&self) -> u64 {
        self.usable
    }

    /// Blocks nobody holds.
    pub fn free(&self) -> u64 {
        self.free
    }

    /// Blocks somebody holds.
    pub fn used(&self) -> u64 {
        self.usable - self.free
    }

    /// Blocks that a request with `computed` tokens in KV holds.
    pub fn blocks_for(&self, computed: u64) -> u64 {
        (computed + u64::from(self.lookahead_tokens)).div_ceil(u64::from(self.block_tokens))
    }

    /// Takes `blocks` if they are free.
    #[must_use]
    pub fn take(&mut self, blocks: u64) -> bool {
        let fits = blocks <= self.free;
        if fits {
            self.free -= blocks;
        }
        fits
    }

    /// Gives `blocks` back.
    pub fn give(&mut self, blocks: u64) {
        self.free += blocks;
        assert!(self.free <= self.usable, "more blocks given back than taken");
    }
}
