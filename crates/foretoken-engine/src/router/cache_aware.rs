//! Whoever has had the prompt's beginning, unless loads are too uneven.

use super::{Arrival, Entry, Fleet, Loads, Order, PrefixTree, Prompt, Router, checked};
use crate::ids::RequestId;
use crate::scheduler::parse;
use serde::{Deserialize, Serialize};

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "cache-aware",
    summary: "a replica that has had most of the prompt, if that is enough of it and loads are even; else the fewest requests in flight",
    source: "sglang-router 0.3.2 and vllm-router 0.1.17, `cache_aware`: reproduced choice for choice",
    reads_belief: false,
    reads_prompt: true,
    reads_session: false,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        checked("balance_rel_threshold", params.balance_rel_threshold, 0.0)?;
        checked("cache_threshold", params.cache_threshold, 0.0)?;
        let inside = Loads::new(&params.order.of(site.replicas, site.seed)?);
        Ok(Box::new(CacheAware { params, inside, sent: PrefixTree::default() }))
    },
};

/// Which of several replicas that have had a prompt's beginning is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    /// The one that had it first, ever.
    #[default]
    Sglang,
    /// The one with the fewest requests in flight.
    Vllm,
}

/// Parameters of `cache-aware`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Whose rule decides among several that have had the prompt's beginning: `sglang` (the first ever) or `vllm` (the
    /// fewest requests in flight).
    rule: Rule,
    /// Whether prompts are looked at. vllm-router does so only where a worker tokenises for it; without, it takes the
    /// fewest requests in flight, silently.
    tokenize: bool,
    /// Loads are uneven if the most and the fewest requests in flight differ by more than this,
    balance_abs_threshold: u64,
    /// and the most are more than this many times the fewest.
    balance_rel_threshold: f64,
    /// Share of the prompt that a replica must have had, and more.
    cache_threshold: f64,
    /// Which of equals is first: `index`, `seed` or a list of all replicas.
    order: Order,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            rule: Rule::default(),
            tokenize: true,
            balance_abs_threshold: 64,
            balance_rel_threshold: 1.5,
            cache_threshold: 0.3,
            order: Order::default(),
        }
    }
}

struct CacheAware {
    params: Params,
    inside: Loads,
    sent: PrefixTree,
}

impl CacheAware {
    fn uneven(&self) -> bool {
        let (least, most) = self.inside.spread();
        most - least > self.params.balance_abs_threshold
            && most as f64 > self.params.balance_rel_threshold * least as f64
    }

    fn choose(&self, prompt: &Prompt<'_>) -> usize {
        let least = self.inside.least();
        if self.uneven() {
            return least;
        }
        let found = self.sent.longest(prompt.symbols);
        if prompt.share(found.symbols) <= self.params.cache_threshold {
            return least;
        }
        let mut had = found.had.iter().map(|r| *r as usize);
        let chosen = match self.params.rule {
            Rule::Sglang => had.next(),
            Rule::Vllm => self.inside.least_of(had),
        };
        chosen.unwrap_or(least)
    }
}

impl Router for CacheAware {
    fn route(&mut self, r: &Arrival<'_>, _: &dyn Fleet) -> usize {
        if !self.params.tokenize {
            let chosen = self.inside.least();
            self.inside.add(chosen, 1);
            return chosen;
        }
        let chosen = self.choose(&r.prompt);
        self.inside.add(chosen, 1);
        self.sent.insert(r.prompt.symbols, chosen);
        chosen
    }

    fn left(&mut self, _: RequestId, replica: usize) {
        self.inside.take(replica, 1);
    }
}
