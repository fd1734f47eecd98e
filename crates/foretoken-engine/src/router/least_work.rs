//! The least predicted work in flight.

use super::{Arrival, Entry, Fleet, Loads, Order, Router, checked};
use crate::ids::RequestId;
use crate::length::Belief;
use crate::scheduler::parse;
use crate::time::Span;
use serde::Deserialize;
use std::collections::BTreeMap;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "least-work",
    summary: "the replica whose requests in flight need the least predicted time: mean + z standard deviations of its sum",
    source: "least work left, with the spread of the predictions; ours",
    reads_belief: true,
    reads_prompt: false,
    reads_session: false,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        checked("prefill_token_s", params.prefill_token_s, 0.0)?;
        checked("output_token_s", params.output_token_s, 0.0)?;
        checked("z", params.z, 0.0)?;
        let seconds = Loads::new(&params.order.of(site.replicas, site.seed)?);
        let sums = vec![Work::default(); site.replicas];
        Ok(Box::new(LeastWork { params, work: seconds, sums, of: BTreeMap::new() }))
    },
};

/// Parameters of `least-work`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Time that a prompt token is taken to need, seconds.
    prefill_token_s: f64,
    /// Time that an output token is taken to need, seconds.
    output_token_s: f64,
    /// Standard deviations of a replica's work that count as work.
    z: f64,
    /// Output tokens of a request that nothing is believed about.
    unknown_tokens: u32,
    /// Which of equals is first: `index`, `seed` or a list of all replicas.
    order: Order,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            prefill_token_s: 0.0001,
            output_token_s: 0.02,
            z: 0.0,
            unknown_tokens: 256,
            order: Order::default(),
        }
    }
}

/// Work of one request, or of independent ones together.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    mean_ns: u64,
    variance_ns2: u128,
}

struct LeastWork {
    params: Params,
    /// Mean and spread as one number, ns.
    work: Loads,
    sums: Vec<Work>,
    /// Work of the requests in flight.
    of: BTreeMap<RequestId, Work>,
}

/// Lengths that stand for a law: so many equally likely ones.
const POINTS: u32 = 64;

/// Mean and variance of the believed output length, tokens and tokens squared.
fn moments(belief: &Belief) -> Option<(f64, f64)> {
    let of = |quantile: &dyn Fn(f64) -> f64| {
        let each = f64::from(POINTS);
        let at: Vec<f64> = (0..POINTS).map(|i| quantile((f64::from(i) + 0.5) / each)).collect();
        let mean = at.iter().sum::<f64>() / each;
        (mean, at.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / each)
    };
    match belief {
        Belief::Unknown | Belief::Score(_) => None,
        Belief::Point(v) => Some((*v, 0.0)),
        Belief::Interval { lo, hi } => {
            let (lo, hi) = (f64::from(*lo), f64::from(*hi));
            Some((0.5 * (lo + hi), ((hi - lo + 1.0) * (hi - lo + 1.0) - 1.0) / 12.0))
        }
        Belief::LogT(law) => Some(of(&|p| f64::from(law.token_quantile(p)))),
        Belief::Histogram(law) => Some(of(&|p| f64::from(law.token_quantile(p)))),
    }
}

impl LeastWork {
    fn estimate(&self, r: &Arrival<'_>) -> Work {
        let (mean, variance) = moments(r.belief).unwrap_or((f64::from(self.params.unknown_tokens), 0.0));
        let token_s = self.params.output_token_s;
        let seconds = f64::from(r.visible.prompt_tokens) * self.params.prefill_token_s + mean * token_s;
        let sd_ns = libm::sqrt(variance) * token_s * 1e9;
        let mean_ns = Span::from_secs(seconds).map_or(u64::MAX >> 24, |span| span.0.min(u64::MAX >> 24));
        Work { mean_ns, variance_ns2: (sd_ns * sd_ns) as u128 }
    }

    fn rank(&mut self, replica: usize) {
        let sum = self.sums[replica];
        let spread = self.params.z * libm::sqrt(sum.variance_ns2 as f64);
        self.work.set(replica, sum.mean_ns.saturating_add(spread as u64));
    }
}

impl Router for LeastWork {
    fn route(&mut self, r: &Arrival<'_>, _: &dyn Fleet) -> usize {
        let (chosen, work) = (self.work.least(), self.estimate(r));
        let sum = &mut self.sums[chosen];
        sum.mean_ns += work.mean_ns;
        sum.variance_ns2 += work.variance_ns2;
        self.of.insert(r.visible.id, work);
        self.rank(chosen);
        chosen
    }

    fn left(&mut self, request: RequestId, replica: usize) {
        let work = self.of.remove(&request).unwrap_or_default();
        let sum = &mut self.sums[replica];
        sum.mean_ns -= work.mean_ns;
        sum.variance_ns2 -= work.variance_ns2;
        self.rank(replica);
    }
}
