//! Any of them.

use super::{Arrival, Entry, Fleet, Router};
use crate::rng::Stream;
use crate::scheduler::{NoParams, parse};

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "random",
    summary: "any replica",
    source: "textbook; vllm-router and sglang-router `random`",
    reads_belief: false,
    reads_prompt: false,
    reads_session: false,
    params: || schemars::schema_for!(NoParams),
    make: |params, site| {
        parse::<NoParams>(params)?;
        let draw = Stream::new(site.seed, 0, "router.random", 0);
        Ok(Box::new(Random { replicas: site.replicas as u64, draw }))
    },
};

struct Random {
    replicas: u64,
    draw: Stream,
}

impl Router for Random {
    fn route(&mut self, _: &Arrival<'_>, _: &dyn Fleet) -> usize {
        self.draw.below(self.replicas) as usize
    }
}
