//! Earliest deadline first.

use super::{Entry, Rank, Scheduler, Waiting, parse};
use crate::time::SimTime;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "edf",
    summary: "earliest deadline first (column deadline_s of the trace, or default_deadline_s)",
    source: "Liu and Layland 1973",
    reads_belief: false,
    params: || schemars::schema_for!(Params),
    make: |params, _| Ok(Box::new(Edf { params: parse::<Params>(params)?.checked()? })),
};

/// Parameters of `edf`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Deadline of requests that bring none, seconds after arrival.
    default_deadline_s: Option<f64>,
}

impl Params {
    fn checked(self) -> Result<Params, serde_json::Error> {
        super::check_seconds("default_deadline_s", self.default_deadline_s.unwrap_or(0.0))?;
        Ok(self)
    }
}

struct Edf {
    params: Params,
}

impl Scheduler for Edf {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(super::deadline_s(r, self.params.default_deadline_s).unwrap_or(f64::INFINITY))
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        super::needs_deadline(r, self.params.default_deadline_s)
    }
}
