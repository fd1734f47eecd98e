//! The largest weighted sum of scores between 0 and 1.

use super::power_of_two::poll_span;
use super::{Arrival, Entry, Fleet, Load, Order, PrefixTree, Router, checked};
use crate::scheduler::parse;
use crate::time::Span;
use serde::Deserialize;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "weighted",
    summary: "largest weighted sum of three scores from 0 to 1: share of the prompt that the replica has had, short queue, free KV memory",
    source: "llm-d's scheduler with the published weights 3, 2, 2",
    reads_belief: false,
    reads_prompt: true,
    reads_session: false,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        for (name, weight) in
            [("prefix", params.prefix), ("queue", params.queue), ("kv_free", params.kv_free)]
        {
            checked(name, weight, 0.0)?;
        }
        let poll = match params.poll_s {
            Some(s) => Some(poll_span(s)?),
            None => None,
        };
        let order = params.order.of(site.replicas, site.seed)?;
        let loads = vec![Load::default(); order.len()];
        Ok(Box::new(Weighted { params, order, poll, loads, sent: PrefixTree::default() }))
    },
};

/// Parameters of `weighted`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Weight of the share of the prompt that a replica has had.
    prefix: f64,
    /// Weight of a short queue: 1 for the shortest, 0 for the longest.
    queue: f64,
    /// Weight of the share of KV blocks that are free.
    kv_free: f64,
    /// Seconds between two looks at queues and memory; unset: they are known at any time.
    poll_s: Option<f64>,
    /// Which of equals is first: `index`, `seed` or a list of all replicas.
    order: Order,
}

impl Default for Params {
    fn default() -> Self {
        Params { prefix: 3.0, queue: 2.0, kv_free: 2.0, poll_s: None, order: Order::default() }
    }
}

struct Weighted {
    params: Params,
    order: Vec<usize>,
    poll: Option<Span>,
    /// As last seen, by replica.
    loads: Vec<Load>,
    sent: PrefixTree,
}

impl Weighted {
    fn look(&mut self, fleet: &dyn Fleet) {
        self.loads.iter_mut().enumerate().for_each(|(r, load)| *load = fleet.load(r));
    }
}

impl Router for Weighted {
    fn route(&mut self, r: &Arrival<'_>, fleet: &dyn Fleet) -> usize {
        if self.poll.is_none() {
            self.look(fleet);
        }
        let had = self.sent.each(r.prompt.symbols, self.order.len());
        let queues = || self.loads.iter().map(|load| load.waiting);
        let (shortest, longest) = (queues().min().unwrap_or(0), queues().max().unwrap_or(0));
        let score = |replica: usize| {
            let load = &self.loads[replica];
            let queue = match longest - shortest {
                0 => 1.0,
                range => f64::from(longest - load.waiting) / f64::from(range),
            };
            let free = match load.kv_blocks {
                0 => 1.0,
                all => 1.0 - load.kv_blocks_used as f64 / all as f64,
            };
            self.params.prefix * r.prompt.share(had[replica])
                + self.params.queue * queue
                + self.params.kv_free * free
        };
        // The first of equals: `max_by` would take the last.
        let better = |best: usize, next: &usize| if score(*next) > score(best) { *next } else { best };
        let chosen = self.order.iter().fold(self.order[0], better);
        self.sent.insert(r.prompt.symbols, chosen);
        chosen
    }

    fn polls(&self) -> Option<Span> {
        self.poll
    }

    fn poll(&mut self, fleet: &dyn Fleet) {
        self.look(fleet);
    }
}
