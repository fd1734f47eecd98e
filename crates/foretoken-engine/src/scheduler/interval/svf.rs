//! SVF: smallest volume first, memory times time.

use super::mc_sf::Params;
use super::{Lengths, Loop, Running};
use crate::length::Belief;
use crate::scheduler::{Entry, parse};
use crate::workload::Visible;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "svf",
    summary: "least volume first: prompt x output + output (output + 1) / 2, token rounds of memory; admits only what fits to the end",
    source: "SVF (arXiv 2606.22327); with intervals, the chosen end stands for the output",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, seed| Ok(Box::new(Loop::new(Volume(parse::<Params>(params)?.checked()?), seed))),
};

/// Tokens held, summed over rounds, of a request served in one go.
pub(super) fn volume(prompt: u32, output: u32) -> f64 {
    let (prompt, output) = (f64::from(prompt), f64::from(output));
    prompt * output + output * (output + 1.0) / 2.0
}

struct Volume(Params);

impl Lengths for Volume {
    fn estimate(&self, belief: &Belief, ended: u32) -> u32 {
        self.0.estimate(belief, ended)
    }

    fn rank(&self, visible: &Visible, estimate: u32) -> f64 {
        volume(visible.prompt_tokens, estimate)
    }

    fn reserve(&self) -> f64 {
        self.0.reserve()
    }

    fn kill_bound(&self, r: &Running<'_>) -> u32 {
        self.0.kill_bound(r)
    }

    fn clears_all(&self) -> bool {
        self.0.clears_all()
    }
}
