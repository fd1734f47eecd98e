//! Shortest prompt first: what engines that call themselves SJF sort by when nobody predicts outputs.

use super::{Entry, NoParams, Rank, Scheduler, Waiting, parse};
use crate::time::SimTime;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "sjf-input",
    summary: "shortest prompt first; needs no prediction",
    source: "BLIS `sjf`; proposals in vLLM and TensorRT-LLM",
    reads_belief: false,
    params: || schemars::schema_for!(NoParams),
    make: |params, _| {
        parse::<NoParams>(params)?;
        Ok(Box::new(SjfInput))
    },
};

struct SjfInput;

impl Scheduler for SjfInput {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(f64::from(r.visible.prompt_tokens))
    }
}
