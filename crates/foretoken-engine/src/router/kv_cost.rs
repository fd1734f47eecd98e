//! The least cost in KV blocks: those to compute, and those in use.

use super::{Arrival, Entry, Fleet, Loads, Order, PrefixTree, Router, checked};
use crate::ids::RequestId;
use crate::rng::Stream;
use crate::scheduler::parse;
use serde::Deserialize;
use std::collections::BTreeMap;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "kv-cost",
    summary: "least overlap_weight x (blocks of the prompt that the replica has not had) + blocks of its requests in flight",
    source: "Dynamo's KV router without KV events; what is prefilled at the moment does not count here",
    reads_belief: false,
    reads_prompt: true,
    reads_session: false,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        checked("overlap_weight", params.overlap_weight, 0.0)?;
        checked("temperature", params.temperature, 0.0)?;
        if params.block_tokens == 0 {
            return Err(serde::de::Error::custom("block_tokens must be at least 1"));
        }
        let order = params.order.of(site.replicas, site.seed)?;
        Ok(Box::new(KvCost {
            active: Loads::new(&order),
            order,
            params,
            sent: PrefixTree::default(),
            of: BTreeMap::new(),
            draw: Stream::new(site.seed, 0, "router.kv-cost", 0),
        }))
    },
};

/// Parameters of `kv-cost`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Weight of a block to compute against one in use.
    overlap_weight: f64,
    /// 0: the least cost. Above: drawn with probabilities exp(-cost / (temperature x range of costs)).
    temperature: f64,
    /// Tokens of a block.
    block_tokens: u32,
    /// Which of equals is first: `index`, `seed` or a list of all replicas.
    order: Order,
}

impl Default for Params {
    fn default() -> Self {
        Params { overlap_weight: 1.0, temperature: 0.0, block_tokens: 16, order: Order::default() }
    }
}

struct KvCost {
    params: Params,
    order: Vec<usize>,
    /// Prompt blocks of the requests in flight.
    active: Loads,
    sent: PrefixTree,
    /// Blocks of each request in flight.
    of: BTreeMap<RequestId, u64>,
    draw: Stream,
}

impl KvCost {
    /// Costs in the router's order.
    fn costs(&self, r: &Arrival<'_>) -> Vec<f64> {
        let had = self.sent.each(r.prompt.symbols, self.order.len());
        let block = f64::from(self.params.block_tokens);
        let cost = |&replica: &usize| {
            let new = u64::from(r.visible.prompt_tokens).saturating_sub(r.prompt.tokens_of(had[replica]));
            self.params.overlap_weight * (new as f64 / block) + self.active.of(replica) as f64
        };
        self.order.iter().map(cost).collect()
    }
}

/// Position of the least cost, or one drawn by `draw` at a positive temperature.
fn pick(costs: &[f64], temperature: f64, draw: &mut Stream) -> usize {
    let least = (0..costs.len()).min_by(|a, b| costs[*a].total_cmp(&costs[*b])).expect("there is a replica");
    if temperature == 0.0 {
        return least;
    }
    let range = costs.iter().fold(0.0, |range: f64, c| range.max(c - costs[least]));
    let weight =
        |c: &f64| if range == 0.0 { 1.0 } else { libm::exp((costs[least] - c) / (range * temperature)) };
    let weights: Vec<f64> = costs.iter().map(weight).collect();
    let mut rest = draw.uniform() * weights.iter().sum::<f64>();
    for (at, weight) in weights.iter().enumerate() {
        rest -= weight;
        if rest < 0.0 {
            return at;
        }
    }
    least
}

impl Router for KvCost {
    fn route(&mut self, r: &Arrival<'_>, _: &dyn Fleet) -> usize {
        let costs = self.costs(r);
        let chosen = self.order[pick(&costs, self.params.temperature, &mut self.draw)];
        let blocks = u64::from(r.visible.prompt_tokens.div_ceil(self.params.block_tokens));
        self.active.add(chosen, blocks);
        self.of.insert(r.visible.id, blocks);
        self.sent.insert(r.prompt.symbols, chosen);
        chosen
    }

    fn left(&mut self, request: RequestId, replica: usize) {
        let blocks = self.of.remove(&request).unwrap_or_default();
        self.active.take(replica, blocks);
    }
}
