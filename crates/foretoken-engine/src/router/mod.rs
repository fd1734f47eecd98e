//! Routers: which replica serves a request, decided when it arrives.
//!
//! A router keeps its own books, as real ones do: it is asked at each arrival and told when a request has left. To
//! add one: write a file beside this one with an `ENTRY`, and add it to the list in `registry.rs`.

mod cache_aware;
mod consistent_hash;
mod kv_cost;
mod least_outstanding;
mod least_tokens;
mod least_work;
mod loads;
mod order;
mod power_of_two;
mod prefix_hash;
mod random;
mod registry;
mod ring;
mod round_robin;
mod session;
mod tree;
mod weighted;

pub use loads::Loads;
pub use order::{Named, Order};
pub use registry::{Entry, Made, Registry, Site, checked};
pub use tree::{Found, PrefixTree};

use crate::ids::RequestId;
use crate::length::Belief;
use crate::time::{SimTime, Span};
use crate::workload::Visible;

/// A request that has just arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Now.
    pub now: SimTime,
    /// What it says of itself.
    pub visible: &'a Visible,
    /// What is believed about its length; unknown while the prediction is on its way.
    pub belief: &'a Belief,
    /// What its prompt begins with.
    pub prompt: Prompt<'a>,
}

/// The beginning of a prompt, as symbols that stand for a number of tokens each: two prompts share as many tokens as
/// their leading symbols agree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prompt<'a> {
    /// Tokens, characters, or hashes of blocks; empty where nothing is known.
    pub symbols: &'a [u64],
    /// Tokens that a symbol stands for, at least 1; the last one may stand for fewer.
    pub symbol_tokens: u32,
    /// Length of the whole prompt, tokens.
    pub tokens: u32,
}

impl Prompt<'_> {
    /// Tokens that the first `symbols` of it stand for.
    pub fn tokens_of(&self, symbols: usize) -> u64 {
        (symbols as u64 * u64::from(self.symbol_tokens)).min(u64::from(self.tokens))
    }

    /// The first `symbols` of it as a share of the prompt; 0 of an empty one.
    pub fn share(&self, symbols: usize) -> f64 {
        if self.tokens == 0 { 0.0 } else { self.tokens_of(symbols) as f64 / f64::from(self.tokens) }
    }
}

/// What a replica says of itself when it is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests in its queue.
    pub waiting: u32,
    /// Requests with a seat.
    pub running: u32,
    /// Tokens in its KV memory, and the known tokens of those that wait.
    pub tokens: u64,
    /// KV blocks in use.
    pub kv_blocks_used: u64,
    /// KV blocks it has.
    pub kv_blocks: u64,
}

/// The replicas, for routers that ask them.
pub trait Fleet {
    /// What replica `r` says of itself now.
    fn load(&self, r: usize) -> Load;
}

/// A routing policy. Object-safe; every choice is validated.
pub trait Router: Send {
    /// The replica that is to serve `request`. It is on its way there when this returns.
    fn route(&mut self, request: &Arrival<'_>, fleet: &dyn Fleet) -> usize;

    /// A request that was sent to `replica` has left it: answered or refused.
    fn left(&mut self, request: RequestId, replica: usize) {
        let _ = (request, replica);
    }

    /// How often it asks all replicas for their loads, if it does ([`Router::poll`]); positive.
    fn polls(&self) -> Option<Span> {
        None
    }

    /// It is time to ask. The first time is the start of the run.
    fn poll(&mut self, fleet: &dyn Fleet) {
        let _ = fleet;
    }
}
