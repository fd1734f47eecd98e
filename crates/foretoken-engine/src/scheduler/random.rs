//! A random order: what any policy must beat.

use super::{Entry, NoParams, Rank, Scheduler, Waiting, parse};
use crate::rng::Stream;
use crate::time::SimTime;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "random",
    summary: "a random request of the queue",
    source: "textbook",
    reads_belief: false,
    params: || schemars::schema_for!(NoParams),
    make: |params, seed| {
        parse::<NoParams>(params)?;
        Ok(Box::new(Random { seed }))
    },
};

struct Random {
    seed: u64,
}

impl Scheduler for Random {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(Stream::new(self.seed, 0, "scheduler.random", u64::from(r.visible.id.0)).uniform())
    }
}
