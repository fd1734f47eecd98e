//! Highest response ratio next: short requests first, but nobody starves.

use super::{Entry, Order, Rank, Scheduler, Waiting, needs_length, parse};
use crate::time::SimTime;
use serde::{Deserialize, Serialize};

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "hrrn",
    summary: "largest (wait + service) / service first, service predicted",
    source: "Brinch Hansen 1971; merged in SGLang with prompt length as service",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, _| Ok(Box::new(Hrrn { params: parse(params)? })),
};

/// What a request's service is taken to be proportional to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Service {
    /// Predicted output tokens.
    Output,
    /// Prompt tokens.
    Input,
}

/// Parameters of `hrrn`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// What service is proportional to: predicted `output` tokens or `input` tokens.
    service: Service,
}

impl Default for Params {
    fn default() -> Self {
        Params { service: Service::Output }
    }
}

struct Hrrn {
    params: Params,
}

impl Scheduler for Hrrn {
    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        let tokens = match self.params.service {
            Service::Output => r.belief.point().unwrap_or(f64::INFINITY).max(1.0),
            Service::Input => f64::from(r.visible.prompt_tokens),
        };
        let wait_s = now.since(r.visible.arrival).as_secs();
        // (wait + service) / service = 1 + wait / service: neither the one nor the time of a token orders anything.
        Rank(-wait_s / tokens)
    }

    fn order(&self) -> Order {
        Order::Dynamic
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        match self.params.service {
            Service::Output => needs_length(r),
            Service::Input => None,
        }
    }
}
