//! What a scheduler sees: waiting and running requests, memory, seats and the clock.

use super::How;
use crate::ids::ReplicaId;
use crate::length::Belief;
use crate::time::SimTime;
use crate::workload::Visible;

/// A request in the queue.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    /// What it said on arrival.
    pub visible: &'a Visible,
    /// What is believed about its length.
    pub belief: &'a Belief,
    /// When it joined the queue last (arrival, or the last time it was sent to the back).
    pub queued_at: SimTime,
    /// Output tokens it has delivered in its present attempt.
    pub generated: u32,
    /// Most tokens any ended attempt had delivered: its true length is larger.
    pub generated_before: u32,
    /// Times it lost its KV.
    pub preemptions: u32,
    /// What was noted when its belief came.
    pub noted: Noted,
    /// The queue it is in.
    pub crowd: Crowd,
}

/// What is noted of a request when its belief comes, and kept while it has that belief.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noted {
    /// When that was: on arrival, or when the prediction server had it.
    pub at: SimTime,
    /// Requests in the queue then, itself included.
    pub waiting: u32,
    /// What [`Scheduler::study`](super::Scheduler::study) made of the belief.
    pub studied: [f64; 2],
}

/// How many wait for how many seats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crowd {
    /// Requests in the queue now, the one in question included.
    pub waiting: u32,
    /// Seats there are.
    pub seats: u32,
}

/// A request with a seat.
#[derive(Clone, Copy, Debug)]
pub struct Running<'a> {
    /// What it said on arrival.
    pub visible: &'a Visible,
    /// What is believed about its length.
    pub belief: &'a Belief,
    /// Output tokens delivered in its present attempt.
    pub generated: u32,
    /// Most tokens any ended attempt had delivered.
    pub generated_before: u32,
    /// Its tokens in KV.
    pub kv_tokens: u64,
    /// KV blocks it holds.
    pub kv_blocks: u64,
    /// Whether its prompt (and what is recomputed) is done.
    pub decoding: bool,
    /// Times it lost its KV.
    pub preemptions: u32,
    /// When it got its present seat.
    pub admitted_at: SimTime,
}

/// KV memory of the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvView {
    /// Tokens a block holds.
    pub block_tokens: u32,
    /// Blocks that can be used at all.
    pub usable_blocks: u64,
    /// Blocks free now.
    pub free_blocks: u64,
    /// Slots a running request holds beyond its computed tokens (1 in `theory`, 0 in block presets).
    pub lookahead_tokens: u32,
}

impl KvView {
    /// Blocks that `tokens` computed tokens need.
    pub fn blocks_for(&self, tokens: u64) -> u64 {
        (tokens + u64::from(self.lookahead_tokens)).div_ceil(u64::from(self.block_tokens))
    }
}

/// The engine's side of a [`View`].
pub trait ViewSource {
    /// Memory.
    fn kv(&self) -> KvView;
    /// Seats there are.
    fn max_seqs(&self) -> u32;
    /// Tokens a step may schedule.
    fn max_tokens_per_step(&self) -> u64;
    /// What the engine does to a request that loses its KV.
    fn shortfall(&self) -> How;
    /// Requests with a seat.
    fn running_len(&self) -> usize;
    /// The `i`-th of them in order of admission.
    fn running(&self, i: usize) -> Running<'_>;
    /// Requests in the queue.
    fn waiting_len(&self) -> usize;
    /// The best-ranked of them.
    fn head(&self) -> Option<Waiting<'_>>;
    /// All of them, in no particular order.
    fn waiting(&self, i: usize) -> Waiting<'_>;
}

/// A read-only look at one replica at a planning point.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Now.
    pub now: SimTime,
    /// Which replica.
    pub replica: ReplicaId,
    /// Steps it has finished.
    pub steps: u64,
    source: &'a dyn ViewSource,
}

impl<'a> View<'a> {
    /// A view of `source`.
    pub fn new(now: SimTime, replica: ReplicaId, steps: u64, source: &'a dyn ViewSource) -> View<'a> {
        View { now, replica, steps, source }
    }

    /// KV memory.
    pub fn kv(&self) -> KvView {
        self.source.kv()
    }

    /// Seats there are.
    pub fn max_seqs(&self) -> u32 {
        self.source.max_seqs()
    }

    /// Tokens a step may schedule.
    pub fn max_tokens_per_step(&self) -> u64 {
        self.source.max_tokens_per_step()
    }

    /// What the engine does to a request that loses its KV, unless told otherwise.
    pub fn shortfall(&self) -> How {
        self.source.shortfall()
    }

    /// Number of requests with a seat.
    pub fn running_len(&self) -> usize {
        self.source.running_len()
    }

    /// Requests with a seat, in order of admission.
    pub fn running(&self) -> impl DoubleEndedIterator<Item = Running<'a>> + ExactSizeIterator {
        let source = self.source;
        (0..source.running_len()).map(move |i| source.running(i))
    }

    /// Number of requests in the queue.
    pub fn waiting_len(&self) -> usize {
        self.source.waiting_len()
    }

    /// The request that would be admitted next.
    pub fn head(&self) -> Option<Waiting<'a>> {
        self.source.head()
    }

    /// The head of the queue, if it finds no seat, or no memory for all it knows: only a preemption lets it
    /// in. `None` too where a preempted attempt would start from nothing: two requests could kill each other
    /// for ever.
    pub fn blocked_head(&self) -> Option<Waiting<'a>> {
        let head = self.head()?;
        let known = u64::from(head.visible.prompt_tokens) + u64::from(head.generated);
        let kv = self.kv();
        let no_seat = self.running_len() as u64 >= u64::from(self.max_seqs());
        let blocked = no_seat || kv.blocks_for(known) > kv.free_blocks;
        (blocked && self.shortfall() == How::Recompute).then_some(head)
    }

    /// Running requests that may be preempted by choice: those that emit. A seat taken before it bore a
    /// token could change hands for ever.
    pub fn preemptible(&self) -> impl Iterator<Item = Running<'a>> {
        self.running().filter(|r| r.decoding)
    }

    /// Requests in the queue, in no particular order.
    pub fn waiting(&self) -> impl Iterator<Item = Waiting<'a>> {
        let source = self.source;
        (0..source.waiting_len()).map(move |i| source.waiting(i))
    }
}
