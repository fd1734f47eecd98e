//! H-SF: shortest first in hindsight, the benchmark of the interval schedulers.

use super::{Lengths, Loop, interval};
use crate::length::Belief;
use crate::scheduler::{Entry, NoParams, Waiting, parse};

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "h-sf",
    summary: "shortest first in hindsight: needs true lengths (predictor oracle); admits only what fits to the end",
    source: "the benchmark of Chen, Ye, Zhou (arXiv 2508.14544); not the optimum",
    reads_belief: true,
    params: || schemars::schema_for!(NoParams),
    make: |params, seed| {
        parse::<NoParams>(params)?;
        Ok(Box::new(Loop::new(Hindsight, seed)))
    },
};

struct Hindsight;

impl Lengths for Hindsight {
    fn estimate(&self, belief: &Belief, ended: u32) -> u32 {
        interval(belief).map_or(1, |(length, _)| length).max(ended.saturating_add(1))
    }

    fn is_hindsight(&self) -> bool {
        true
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        let known = matches!(r.belief, Belief::Point(_));
        (!known).then_some("it decides in hindsight and needs the length itself; give it predictor oracle")
    }
}
