//! One after the other.

use super::{Arrival, Entry, Fleet, Order, Router};
use crate::scheduler::parse;
use serde::Deserialize;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "round-robin",
    summary: "one replica after the other",
    source: "textbook; vllm-router and sglang-router `round_robin`, whose circle is another at each start",
    reads_belief: false,
    reads_prompt: false,
    reads_session: false,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        let circle = params.order.of(site.replicas, site.seed)?;
        if params.start as usize >= site.replicas {
            let what = format!("start must be under {}, the number of replicas", site.replicas);
            return Err(serde::de::Error::custom(what));
        }
        Ok(Box::new(RoundRobin { next: params.start as usize, circle }))
    },
};

/// Parameters of `round-robin`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// The circle: `index`, `seed` or a list of all replicas.
    order: Order,
    /// Position in it of the first request's replica.
    start: u32,
}

struct RoundRobin {
    circle: Vec<usize>,
    next: usize,
}

impl Router for RoundRobin {
    fn route(&mut self, _: &Arrival<'_>, _: &dyn Fleet) -> usize {
        let chosen = self.circle[self.next];
        self.next = (self.next + 1) % self.circle.len();
        chosen
    }
}
