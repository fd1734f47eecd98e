//! KV memory of one replica: a pool of equal blocks, counted; and one whose full blocks are found again.
//!
//! Without prefix caching blocks have no identity, so the pool is three numbers. What a request holds
//! follows from its tokens; nothing is stored per block. With it, [`HashPool`] knows full blocks by content.

mod hash_pool;
mod index;

pub use hash_pool::{HashPool, Hit, Holding};
pub use index::BlockHash;

/// KV blocks of one replica. Owned and free blocks always add up to `usable`.
pub struct BlockPool {
    block_tokens: u32,
    lookahead_tokens: u32,
    usable: u64,
    /// Free blocks where none is ever found again.
    free: u64,
    cache: Option<Box<HashPool>>,
}

impl BlockPool {
    /// A pool of `usable` free blocks of `block_tokens` tokens, where a request holds
    /// `lookahead_tokens` slots more than it has computed.
    pub fn new(block_tokens: u32, usable: u64, lookahead_tokens: u32) -> BlockPool {
        assert!(block_tokens > 0, "blocks hold at least one token");
        BlockPool { block_tokens, lookahead_tokens, usable, free: usable, cache: None }
    }

    /// The same, with full blocks that are found again.
    pub fn caching(self) -> BlockPool {
        BlockPool { cache: Some(Box::new(HashPool::new(self.usable))), ..self }
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
        self.cache.as_ref().map_or(self.free, |cache| cache.free())
    }

    /// Blocks somebody holds.
    pub fn used(&self) -> u64 {
        self.usable - self.free()
    }

    /// Blocks that a request with `computed` tokens in KV holds.
    pub fn blocks_for(&self, computed: u64) -> u64 {
        (computed + u64::from(self.lookahead_tokens)).div_ceil(u64::from(self.block_tokens))
    }

    /// Takes `blocks` if they are free.
    #[must_use]
    pub fn take(&mut self, blocks: u64) -> bool {
        if let Some(cache) = &mut self.cache {
            return cache.take(blocks);
        }
        let fits = blocks <= self.free;
        if fits {
            self.free -= blocks;
        }
        fits
    }

    /// Gives `blocks` back that are not found again.
    pub fn give(&mut self, blocks: u64) {
        assert!(self.cache.is_none(), "who may be found again is given back by name");
        self.free += blocks;
        assert!(self.free <= self.usable, "more blocks given back than taken");
    }

    /// Full blocks by content, where they are found again.
    pub fn cache(&self) -> Option<&HashPool> {
        self.cache.as_deref()
    }

    /// The same, to change them.
    pub fn cache_mut(&mut self) -> Option<&mut HashPool> {
        self.cache.as_deref_mut()
    }
}
