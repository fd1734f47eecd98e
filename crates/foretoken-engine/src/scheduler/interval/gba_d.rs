//! GBA-D: GBA's order, each request started as soon as it fits.

use super::gba::{Params, length};
use super::{Lengths, Loop};
use crate::length::Belief;
use crate::scheduler::{Entry, Waiting, needs_tokens, parse};
use crate::workload::Visible;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "gba-d",
    summary: "the classes of gba, without its spacing: the next of the plan starts as soon as it fits to the end",
    source: "GBA-D of Feng, Yang, Zhang (arXiv 2601.22996); \"fits\" is the exact test of the other interval schedulers",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, seed| Ok(Box::new(Loop::new(Dynamic(parse::<Params>(params)?.checked()?), seed))),
};

struct Dynamic(Params);

impl Lengths for Dynamic {
    fn estimate(&self, belief: &Belief, ended: u32) -> u32 {
        length(belief, ended)
    }

    fn rank(&self, _: &Visible, estimate: u32) -> f64 {
        self.0.class(estimate) as f64
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        needs_tokens(r)
    }
}
