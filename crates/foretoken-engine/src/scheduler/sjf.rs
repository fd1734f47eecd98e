//! Shortest (predicted) job first.

use super::{Entry, NoParams, Rank, Scheduler, Waiting, needs_length, parse, remaining_tokens};
use crate::time::SimTime;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "sjf",
    summary: "shortest predicted output first, never preempting",
    source: "textbook; with learned lengths: S3 (Jin et al. 2023), SSJF (Qiu et al. 2024)",
    reads_belief: true,
    params: || schemars::schema_for!(NoParams),
    make: |params, _| {
        parse::<NoParams>(params)?;
        Ok(Box::new(Sjf))
    },
};

struct Sjf;

impl Scheduler for Sjf {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(remaining_tokens(r.belief, r.generated))
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        needs_length(r)
    }
}
