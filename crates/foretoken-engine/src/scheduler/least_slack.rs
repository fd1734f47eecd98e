//! Least slack first: the deadline less the predicted time it still takes.

use super::{Entry, Rank, Scheduler, Waiting, needs_length, parse, remaining_tokens};
use crate::time::SimTime;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "least-slack",
    summary: "smallest (deadline - predicted remaining service) first",
    source: "Mok 1983",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, _| Ok(Box::new(LeastSlack { params: parse::<Params>(params)?.checked()? })),
};

/// Parameters of `least-slack`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Deadline of requests that bring none, seconds after arrival.
    default_deadline_s: Option<f64>,
    /// Service time of one predicted token, seconds.
    token_s: f64,
}

impl Default for Params {
    fn default() -> Self {
        Params { default_deadline_s: None, token_s: 0.02 }
    }
}

impl Params {
    fn checked(self) -> Result<Params, serde_json::Error> {
        super::check_seconds("default_deadline_s", self.default_deadline_s.unwrap_or(0.0))?;
        super::check_seconds("token_s", self.token_s)?;
        Ok(self)
    }
}

struct LeastSlack {
    params: Params,
}

impl Scheduler for LeastSlack {
    /// Slack = deadline - now - service; while a request waits all slacks shrink alike, so that the order
    /// is that of deadline - service and static.
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        let deadline_s = super::deadline_s(r, self.params.default_deadline_s).unwrap_or(f64::INFINITY);
        Rank(deadline_s - remaining_tokens(r.belief, r.generated) * self.params.token_s)
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        needs_length(r).or_else(|| super::needs_deadline(r, self.params.default_deadline_s))
    }
}
