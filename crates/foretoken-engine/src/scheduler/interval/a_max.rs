//! A_max: every request is taken for as long as it can be.

use super::{Lengths, Loop, interval};
use crate::length::Belief;
use crate::scheduler::{Entry, NoParams, parse};

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "a-max",
    summary: "least upper bound of the output first; admits only what fits if all are that long, so it kills nobody",
    source: "A_max of Chen, Ye, Zhou (arXiv 2508.14544)",
    reads_belief: true,
    params: || schemars::schema_for!(NoParams),
    make: |params, seed| {
        parse::<NoParams>(params)?;
        Ok(Box::new(Loop::new(Upper, seed)))
    },
};

struct Upper;

impl Lengths for Upper {
    /// The upper bound; one more than was produced where that proved it wrong.
    fn estimate(&self, belief: &Belief, ended: u32) -> u32 {
        interval(belief).map_or(1, |(_, upper)| upper).max(ended.saturating_add(1))
    }
}
