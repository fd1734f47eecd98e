//! Prefix caching: what a request looks for, what it leaves to be found.
//!
//! A block of a decoding request is published when the request leaves its batch, not when the block fills:
//! until then nobody could look for it, unless they continue the same session (`publish_session`).

use super::config::Gate;
use super::live::{Slot, State};
use super::replica::Core;
use crate::kv::{BlockHash, Hit, Holding};
use crate::workload::{Content, Prompts, Visible};

/// What a request has to do with the cache.
#[derive(Clone, Debug)]
pub(super) struct Cached {
    /// Hashes of its prompt, if the trace has them.
    hashes: Box<[u64]>,
    holding: Holding,
    /// Tokens in KV when it lost its memory last.
    lost: u64,
}

/// Tokens looked for and found, and what became of blocks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CacheSums {
    pub queried: u64,
    pub hit: u64,
    pub requeried: u64,
    pub rehit: u64,
}

/// A queue's head that found no room, and under what circumstances: until they change it need not look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocked {
    slot: Slot,
    changes: u64,
    free: u64,
}

/// Blocks of different kinds of content are never equal.
const OWN: u128 = 1 << 96;
const SESSION: u128 = 2 << 96;
const HASHED: u128 = 3 << 96;

impl Cached {
    /// For a request of this content.
    pub fn new(content: Content, prompts: Option<Prompts<'_>>) -> Cached {
        let hashes = prompts.map_or_else(Box::default, |prompts| prompts.hashes(content));
        Cached { hashes, holding: Holding::default(), lost: 0 }
    }

    /// What block `index` of `request` holds, once it is full.
    fn hash(&self, request: &Visible, index: u64, block_tokens: u64, hash_tokens: u64) -> BlockHash {
        let end = (index + 1) * block_tokens;
        let last = end - 1;
        if end <= u64::from(request.prompt_tokens)
            && let Some(&hash) = self.hashes.get((last / hash_tokens) as usize)
        {
            return BlockHash(HASHED | u128::from(hash) << 32 | u128::from(last % hash_tokens));
        }
        let (kind, of) = match (request.content, request.session) {
            (Content::Session, Some(session)) => (SESSION, session),
            _ => (OWN, request.id.0),
        };
        BlockHash(kind | u128::from(of) << 32 | u128::from(index))
    }
}

impl Core {
    /// Blocks of a waiting request that are there: at most its known tokens but one, so that one is computed.
    pub fn look_up(&mut self, slot: Slot) -> Hit {
        if self.pool.cache().is_none() {
            return Hit::default();
        }
        self.publish_session(slot);
        let (block, hash_tokens) = (u64::from(self.pool.block_tokens()), u64::from(self.hash_tokens));
        let live = self.slab.get(slot);
        let cached = live.cached.as_ref().expect("requests of a caching replica have it");
        let most = (live.known() - 1) / block;
        let hashes = (0..most).map(|i| cached.hash(&live.visible, i, block, hash_tokens));
        self.pool.cache().map_or_else(Hit::default, |pool| pool.find(hashes))
    }

    /// Whether nothing has changed for the better since `slot` found no room.
    pub fn still_blocked(&self, slot: Slot) -> bool {
        let Some(pool) = self.pool.cache() else { return false };
        self.blocked.is_some_and(|b| b.slot == slot && b.changes == pool.changes() && pool.free() <= b.free)
    }

    /// `slot` found no room under `gate`. What another gate asks for depends on the budget too.
    pub fn note_blocked(&mut self, slot: Slot, gate: Gate) {
        if gate != Gate::KnownFull {
            return;
        }
        self.blocked =
            self.pool.cache().map(|pool| Blocked { slot, changes: pool.changes(), free: pool.free() });
    }

    /// Gives a request the blocks that it found and counts them; returns the tokens in them.
    pub fn take_hit(&mut self, slot: Slot, hit: Hit) -> u64 {
        let found = hit.blocks() * u64::from(self.pool.block_tokens());
        let Some(pool) = self.pool.cache_mut() else { return 0 };
        self.blocked = None;
        let live = self.slab.get_mut(slot);
        let known = live.known();
        let cached = live.cached.as_mut().expect("requests of a caching replica have it");
        cached.holding = pool.hold(hit);
        if live.record.preemptions == 0 {
            self.cache_sums.queried += known;
            self.cache_sums.hit += found;
            live.record.cached_tokens = found as u32;
        } else {
            self.cache_sums.requeried += known;
            self.cache_sums.rehit += found;
            // What is found again was not lost.
            let kept = found.min(std::mem::take(&mut cached.lost));
            live.record.recomputed_tokens -= kept;
            self.sums.wasted_tokens -= kept;
        }
        found
    }

    /// The blocks that hold the first `upto` tokens of a running request, and are full, can be found from now on.
    pub fn publish(&mut self, slot: Slot, upto: u64) {
        if self.pool.cache().is_none() {
            return;
        }
        let held = self.held(upto);
        let (block, hash_tokens) = (u64::from(self.pool.block_tokens()), u64::from(self.hash_tokens));
        let pool = self.pool.cache_mut().expect("just asked");
        let live = self.slab.get_mut(slot);
        let cached = live.cached.as_mut().expect("requests of a caching replica have it");
        cached.holding.settle(held);
        let full = upto / block;
        for index in cached.holding.hashed() as u64..full {
            let hash = cached.hash(&live.visible, index, block, hash_tokens);
            pool.publish(&mut cached.holding, hash);
        }
    }

    /// Gives back the memory of a request that has `tokens` tokens in KV, those of a step being planned included.
    pub fn release(&mut self, slot: Slot, tokens: u64) {
        if self.pool.cache().is_none() {
            let held = self.held(tokens);
            return self.pool.give(held);
        }
        self.publish(slot, tokens);
        let pool = self.pool.cache_mut().expect("just asked");
        let cached = self.slab.get_mut(slot).cached.as_mut().expect("requests of a caching replica have it");
        pool.release(&mut cached.holding);
    }

    /// `slot` lost its memory, with `kv_tokens` tokens computed.
    pub fn note_lost(&mut self, slot: Slot, kv_tokens: u64) {
        if let Some(cached) = &mut self.slab.get_mut(slot).cached {
            cached.lost = kv_tokens;
        }
    }

    /// A turn may come while the one before it still decodes: what that has said so far can be found.
    fn publish_session(&mut self, slot: Slot) {
        let Visible { content: Content::Session, session, turn: 1.., .. } = self.slab.get(slot).visible
        else {
            return;
        };
        for i in 0..self.running.len() {
            let other = self.running[i];
            let live = self.slab.get(other);
            if live.visible.session == session && live.state != State::Prefill {
                let (kv_tokens, _) = self.progress(other);
                let row =
                    self.rows.iter().find(|row| row.slot == other).map_or(0, |row| u64::from(row.tokens));
                let planned = if live.state == State::Uniform { 1 } else { row };
                self.publish(other, kv_tokens + planned);
            }
        }
    }
}
