//! The fewest tokens in flight.

use super::{Arrival, Entry, Fleet, Loads, Order, Router};
use crate::ids::RequestId;
use crate::scheduler::parse;
use serde::Deserialize;
use std::collections::BTreeMap;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "least-tokens",
    summary: "the replica whose requests in flight have the fewest prompt tokens",
    source: "SGLang's data-parallel `minimum_tokens`, from the router's own books",
    reads_belief: false,
    reads_prompt: false,
    reads_session: false,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        let tokens = Loads::new(&params.order.of(site.replicas, site.seed)?);
        Ok(Box::new(LeastTokens { tokens, of: BTreeMap::new() }))
    },
};

/// Parameters of `least-tokens`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Which of equals is first: `index`, `seed` or a list of all replicas.
    order: Order,
}

struct LeastTokens {
    tokens: Loads,
    /// Prompt tokens of the requests in flight.
    of: BTreeMap<RequestId, u64>,
}

impl Router for LeastTokens {
    fn route(&mut self, r: &Arrival<'_>, _: &dyn Fleet) -> usize {
        let chosen = self.tokens.least();
        let tokens = u64::from(r.visible.prompt_tokens);
        self.tokens.add(chosen, tokens);
        self.of.insert(r.visible.id, tokens);
        chosen
    }

    fn left(&mut self, request: RequestId, replica: usize) {
        let tokens = self.of.remove(&request).unwrap_or_default();
        self.tokens.take(replica, tokens);
    }
}
