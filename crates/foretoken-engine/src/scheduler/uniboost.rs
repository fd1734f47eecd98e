//! Arrivals boosted by their prefill work: no length prediction.
//!
//! Left out, since we know that they exist but not their rules: the preemption that looks at KV memory, and how gamma
//! follows from the ratio of the 99th to the 95th percentile. Prefixes are not cached here, so that all of a prompt is
//! uncached work.

use super::{Entry, Rank, Scheduler, Waiting, check_seconds, parse};
use crate::time::SimTime;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "uniboost",
    summary: "by arrival minus a boost that is larger the less there is to prefill; its KV-aware preemption and its choice \
              of gamma are left out",
    source: "UniBoost (2026, arXiv 2606.18431); boosting: Yu and Scully 2024",
    reads_belief: false,
    params: || schemars::schema_for!(Params),
    make: |params, _| {
        let params: Params = parse(params)?;
        check_seconds("token_s", params.token_s)?;
        if !(params.gamma_per_s.is_finite() && params.gamma_per_s > 0.0 && params.token_s > 0.0) {
            return Err(serde::de::Error::custom("gamma_per_s and token_s must be positive"));
        }
        Ok(Box::new(UniBoost { params }))
    },
};

/// Parameters of `uniboost`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Decay rate of the tail that is to be kept short, 1/s: large is first come, first served; small is least
    /// prefill work first.
    gamma_per_s: f64,
    /// Prefill work of a token, seconds.
    token_s: f64,
}

impl Default for Params {
    fn default() -> Self {
        Params { gamma_per_s: 0.1, token_s: 0.001 }
    }
}

struct UniBoost {
    params: Params,
}

impl Scheduler for UniBoost {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        // What a preempted request has to compute again counts as prompt.
        let tokens = f64::from(r.visible.prompt_tokens) + f64::from(r.generated);
        let x = self.params.gamma_per_s * self.params.token_s * tokens;
        let boost_s = -libm::log(-libm::expm1(-x)) / self.params.gamma_per_s;
        Rank(r.visible.arrival.as_secs() - boost_s)
    }
}
