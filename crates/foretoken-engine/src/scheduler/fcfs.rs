//! First come, first served.

use super::{Entry, NoParams, Rank, Scheduler, Waiting, parse};
use crate::time::SimTime;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "fcfs",
    summary: "first come, first served",
    source: "the default of vLLM, SGLang and others",
    reads_belief: false,
    params: || schemars::schema_for!(NoParams),
    make: |params, _| {
        parse::<NoParams>(params)?;
        Ok(Box::new(Fcfs))
    },
};

struct Fcfs;

impl Scheduler for Fcfs {
    fn rank(&mut self, _: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(0.0)
    }
}
