//! A session's place on a hash ring.

use super::ring::{Ring, hash};
use super::{Arrival, Entry, Fleet, Router};
use crate::scheduler::parse;
use serde::Deserialize;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "consistent-hash",
    summary: "the replica next to the session's hash on a ring; all requests without a session go to one",
    source: "Karger et al. 1997; vllm-router `consistent_hash`, sglang-router `consistent_hashing`",
    reads_belief: false,
    reads_prompt: false,
    reads_session: true,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        if params.points == 0 {
            return Err(serde::de::Error::custom("points must be at least 1"));
        }
        Ok(Box::new(ConsistentHash { ring: Ring::new(site.replicas, params.points) }))
    },
};

/// Parameters of `consistent-hash`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Points of a replica on the ring.
    points: u32,
}

impl Default for Params {
    fn default() -> Self {
        Params { points: 160 }
    }
}

struct ConsistentHash {
    ring: Ring,
}

impl Router for ConsistentHash {
    fn route(&mut self, r: &Arrival<'_>, _: &dyn Fleet) -> usize {
        let key = r.visible.session.map_or(0, |session| hash(&[u64::from(session)], 2));
        self.ring.from(key).next().expect("each replica is on the ring")
    }
}
