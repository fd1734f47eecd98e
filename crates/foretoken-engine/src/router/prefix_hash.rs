//! The hash of a prompt's beginning on a ring, as far as the load allows.

use super::ring::{Ring, hash};
use super::{Arrival, Entry, Fleet, Loads, Router, checked};
use crate::ids::RequestId;
use crate::scheduler::parse;
use serde::Deserialize;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "prefix-hash",
    summary: "the replica next to the hash of the prompt's first tokens on a ring, or the next after it whose load is not over `load_factor` times the mean",
    source: "consistent hashing with bounded loads (Mirrokni et al. 2018), as SGLang's `prefix_hash` is described; not run",
    reads_belief: false,
    reads_prompt: true,
    reads_session: false,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        checked("load_factor", params.load_factor, 1.0)?;
        if params.points == 0 || params.prefix_tokens == 0 {
            return Err(serde::de::Error::custom("points and prefix_tokens must be at least 1"));
        }
        let all: Vec<usize> = (0..site.replicas).collect();
        let ring = Ring::new(site.replicas, params.points);
        Ok(Box::new(PrefixHash { params, ring, inside: Loads::new(&all), total: 0, replicas: all.len() }))
    },
};

/// Parameters of `prefix-hash`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Tokens of the prompt that are hashed, rounded up to whole symbols.
    prefix_tokens: u32,
    /// Requests in flight at a replica, the new one included, over their mean, above which it is passed over.
    load_factor: f64,
    /// Points of a replica on the ring.
    points: u32,
}

impl Default for Params {
    fn default() -> Self {
        Params { prefix_tokens: 256, load_factor: 1.25, points: 160 }
    }
}

struct PrefixHash {
    params: Params,
    ring: Ring,
    inside: Loads,
    total: u64,
    replicas: usize,
}

impl Router for PrefixHash {
    fn route(&mut self, r: &Arrival<'_>, _: &dyn Fleet) -> usize {
        let symbols = r.prompt.symbols;
        let count = self.params.prefix_tokens.div_ceil(r.prompt.symbol_tokens.max(1)) as usize;
        let key = hash(&symbols[..count.min(symbols.len())], 3);
        // At least one replica has at most the mean, rounded up.
        let mean = (self.total + 1) as f64 / self.replicas as f64;
        let most = (mean * self.params.load_factor).ceil() as u64;
        let fits = |&replica: &usize| self.inside.of(replica) < most;
        let chosen = self.ring.from(key).find(fits).expect("the least loaded one is under the mean");
        self.inside.add(chosen, 1);
        self.total += 1;
        chosen
    }

    fn left(&mut self, _: RequestId, replica: usize) {
        self.inside.take(replica, 1);
        self.total -= 1;
    }
}
