//! The uniform decode batch: requests that all emit one token in every step.
//!
//! Nothing here is per request and step. A member's progress is an offset against one counter, its
//! completion is a counter value known when it joins, and the blocks that the batch takes at a step are
//! one look-up in a table of residues: a member takes a block when (its KV tokens + lookahead) is a
//! multiple of the block size, which depends on its residue and the counter alone.

use super::live::Slot;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub(super) struct Batch {
    /// Decode steps delivered so far.
    counter: u64,
    /// `counter` modulo the block size, kept beside it: a division a step is too much.
    phase: u32,
    members: u64,
    /// Sum over members of the tokens each attends to in the next step.
    context_sum: u64,
    /// Sum of their squares; exact.
    context_squares: u128,
    /// Members by (KV tokens + lookahead - counter) modulo the block size.
    residues: Vec<u32>,
    /// (counter at completion, seat, slot).
    due: BinaryHeap<Reverse<(u64, u64, Slot)>>,
}

impl Batch {
    pub fn new(block_tokens: u32) -> Batch {
        Batch {
            counter: 0,
            phase: 0,
            members: 0,
            context_sum: 0,
            context_squares: 0,
            residues: vec![0; block_tokens as usize],
            due: BinaryHeap::new(),
        }
    }

    pub fn counter(&self) -> u64 {
        self.counter
    }

    pub fn members(&self) -> u64 {
        self.members
    }

    pub fn context_sum(&self) -> u64 {
        self.context_sum
    }

    pub fn context_squares(&self) -> u128 {
        self.context_squares
    }

    /// Counter value at which the next member completes, or would have had it stayed; `u64::MAX` if there
    /// is none.
    pub fn next_due(&self) -> u64 {
        self.due.peek().map_or(u64::MAX, |Reverse((at, ..))| *at)
    }

    /// Blocks that the next decode step takes.
    #[inline]
    pub fn new_blocks(&self) -> u64 {
        let (residues, index) = self.residues();
        u64::from(residues[index])
    }

    /// Every member delivered one token in each of `steps` steps.
    #[inline]
    pub fn advance(&mut self, steps: u64) {
        self.counter += steps;
        let block = self.residues.len() as u64;
        let phase = u64::from(self.phase) + steps;
        self.phase = if phase < block { phase } else { phase % block } as u32;
        let k = u128::from(steps);
        self.context_squares += 2 * k * u128::from(self.context_sum) + k * k * u128::from(self.members);
        self.context_sum += steps * self.members;
    }

    /// Residue table and index of the next step's look-up, for loops that keep the index themselves: it
    /// counts down and wraps to the end of the table.
    pub fn residues(&self) -> (&[u32], usize) {
        (&self.residues, if self.phase == 0 { 0 } else { self.residues.len() - self.phase as usize })
    }

    fn residue(&self, kv_tokens: u64, lookahead: u32) -> usize {
        let block = self.residues.len() as u64;
        ((kv_tokens + u64::from(lookahead) + block - u64::from(self.phase)) % block) as usize
    }

    /// Adds a request with `kv_tokens` tokens in KV that completes after `remaining` more tokens.
    pub fn join(&mut self, slot: Slot, seat: u64, kv_tokens: u64, lookahead: u32, remaining: u32) {
        let residue = self.residue(kv_tokens, lookahead);
        self.residues[residue] += 1;
        let context = kv_tokens + 1;
        self.members += 1;
        self.context_sum += context;
        self.context_squares += u128::from(context) * u128::from(context);
        self.due.push(Reverse((self.counter + u64::from(remaining), seat, slot)));
    }

    /// The next (seat, slot) due at the present counter, in order of seats. Stale if that request has left
    /// in between; if not, the caller takes it out with [`Batch::leave`].
    pub fn pop_due(&mut self) -> Option<(u64, Slot)> {
        let Reverse((at, seat, slot)) = *self.due.peek()?;
        if at > self.counter {
            return None;
        }
        self.due.pop();
        Some((seat, slot))
    }

    /// Takes out a member that has `kv_tokens` tokens in KV now.
    pub fn leave(&mut self, kv_tokens: u64, lookahead: u32) {
        let residue = self.residue(kv_tokens, lookahead);
        self.residues[residue] -= 1;
        let context = kv_tokens + 1;
        self.members -= 1;
        self.context_sum -= context;
        self.context_squares -= u128::from(context) * u128::from(context);
    }

    /// Empties the batch.
    pub fn clear(&mut self) {
        self.members = 0;
        self.context_sum = 0;
        self.context_squares = 0;
        self.residues.fill(0);
        self.due.clear();
    }
}
