//! The better of two drawn at random.

use super::{Arrival, Entry, Fleet, Loads, Router, checked};
use crate::ids::RequestId;
use crate::rng::Stream;
use crate::scheduler::parse;
use crate::time::Span;
use serde::Deserialize;

/// This router's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "power-of-two",
    summary: "two replicas drawn at random, the less loaded one of them",
    source: "Mitzenmacher 2001; vllm-router counts its own requests, sglang-router polls token loads (poll_s = 30)",
    reads_belief: false,
    reads_prompt: false,
    reads_session: false,
    params: || schemars::schema_for!(Params),
    make: |params, site| {
        let params: Params = parse(params)?;
        let poll = match params.poll_s {
            Some(s) => Some(poll_span(s)?),
            None => None,
        };
        let all: Vec<usize> = (0..site.replicas).collect();
        let draw = Stream::new(site.seed, 0, "router.power-of-two", 0);
        Ok(Box::new(PowerOfTwo { loads: Loads::new(&all), replicas: all.len() as u64, poll, draw }))
    },
};

/// Parameters of `power-of-two`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Seconds between two looks at the replicas' tokens, which are then compared instead of the router's own count
    /// of requests in flight.
    poll_s: Option<f64>,
}

/// `s` seconds as a time between polls.
pub(super) fn poll_span(s: f64) -> Result<Span, serde_json::Error> {
    checked("poll_s", s, 1e-6)?;
    Span::from_secs(s).ok_or_else(|| serde::de::Error::custom("poll_s is too long"))
}

struct PowerOfTwo {
    /// Requests in flight, or tokens when last polled.
    loads: Loads,
    replicas: u64,
    poll: Option<Span>,
    draw: Stream,
}

impl Router for PowerOfTwo {
    fn route(&mut self, _: &Arrival<'_>, _: &dyn Fleet) -> usize {
        if self.replicas == 1 {
            return 0;
        }
        let one = self.draw.below(self.replicas) as usize;
        let other = self.draw.below(self.replicas - 1) as usize;
        let other = if other >= one { other + 1 } else { other };
        let chosen = if self.loads.of(other) < self.loads.of(one) { other } else { one };
        if self.poll.is_none() {
            self.loads.add(chosen, 1);
        }
        chosen
    }

    fn left(&mut self, _: RequestId, replica: usize) {
        if self.poll.is_none() && self.replicas > 1 {
            self.loads.take(replica, 1);
        }
    }

    fn polls(&self) -> Option<Span> {
        self.poll
    }

    fn poll(&mut self, fleet: &dyn Fleet) {
        (0..self.replicas as usize).for_each(|r| self.loads.set(r, fleet.load(r).tokens));
    }
}
