//! Whoever served a session serves it again.

use super::{Arrival, Entry, Fleet, Loads, Order, Router};
use crate::ids::RequestId;
use crate::rng::Stream;
use crate::scheduler::parse;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "session",
    summary: "the replica that had the session's first request; others go where `assign` says",
    source: "vllm-router `sticky_least_loaded`; sglang-router `manual`, whose assign is random or min_load",
    reads_belief: false,
    reads_prompt: false,
    reads_session: true,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        Ok(Box::new(Session {
            assign: params.assign,
            inside: Loads::new(&params.order.of(site.replicas, site.seed)?),
            replicas: site.replicas as u64,
            of: BTreeMap::new(),
            draw: Stream::new(site.seed, 0, "router.session", 0),
        }))
    },
};

/// Where the first request of a session goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Assign {
    /// The fewest requests in flight.
    #[default]
    LeastOutstanding,
    /// Any.
    Random,
}

/// Parameters of `session`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Where the first request of a session goes, and those without one.
    assign: Assign,
    /// Which of equals is first: `index`, `seed` or a list of all replicas.
    order: Order,
}

struct Session {
    assign: Assign,
    inside: Loads,
    replicas: u64,
    /// Replica by session.
    of: BTreeMap<u32, usize>,
    draw: Stream,
}

impl Router for Session {
    fn route(&mut self, r: &Arrival<'_>, _: &dyn Fleet) -> usize {
        let known = r.visible.session.and_then(|session| self.of.get(&session).copied());
        let chosen = known.unwrap_or_else(|| match self.assign {
            Assign::LeastOutstanding => self.inside.least(),
            Assign::Random => self.draw.below(self.replicas) as usize,
        });
        if let Some(session) = r.visible.session {
            self.of.insert(session, chosen);
        }
        self.inside.add(chosen, 1);
        chosen
    }

    fn left(&mut self, _: RequestId, replica: usize) {
        self.inside.take(replica, 1);
    }
}
