//! The fewest requests in flight.

use super::{Arrival, Entry, Fleet, Loads, Order, Router};
use crate::ids::RequestId;
use crate::scheduler::parse;
use serde::Deserialize;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "least-outstanding",
    summary: "the replica with the fewest requests in flight",
    source: "textbook (join the shortest queue); vllm-router `cache_aware` when no worker tokenises",
    reads_belief: false,
    reads_prompt: false,
    reads_session: false,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        Ok(Box::new(LeastOutstanding { inside: Loads::new(&params.order.of(site.replicas, site.seed)?) }))
    },
};

/// Parameters of `least-outstanding`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Which of equals is first: `index`, `seed` or a list of all replicas.
    order: Order,
}

struct LeastOutstanding {
    inside: Loads,
}

impl Router for LeastOutstanding {
    fn route(&mut self, _: &Arrival<'_>, _: &dyn Fleet) -> usize {
        let chosen = self.inside.least();
        self.inside.add(chosen, 1);
        chosen
    }

    fn left(&mut self, _: RequestId, replica: usize) {
        self.inside.take(replica, 1);
    }
}
