//! Longest (predicted) job first: the mirror of `sjf`, a bad policy worth having in a comparison.

use super::{Entry, NoParams, Rank, Scheduler, Waiting, needs_length, parse, remaining_tokens};
use crate::time::SimTime;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "ljf",
    summary: "longest predicted output first (for contrast; good for makespan, bad for response time)",
    source: "textbook (LPT rule, Graham 1969)",
    reads_belief: true,
    params: || schemars::schema_for!(NoParams),
    make: |params, _| {
        parse::<NoParams>(params)?;
        Ok(Box::new(Ljf))
    },
};

struct Ljf;

impl Scheduler for Ljf {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(-remaining_tokens(r.belief, r.generated))
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        needs_length(r)
    }
}
