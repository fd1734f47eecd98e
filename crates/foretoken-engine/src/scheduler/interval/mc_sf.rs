//! MC-SF: memory-constrained shortest first on one predicted length.

use super::{Lengths, Loop, Waiting, interval, needs_interval};
use crate::length::Belief;
use crate::scheduler::{Entry, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "mc-sf",
    summary: "shortest predicted output first; admits only what fits to the end, if predictions hold",
    source: "Jaillet et al. (arXiv 2502.07115); what to clear when predictions are short is our choice",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, seed| Ok(Box::new(Loop::new(parse::<Params>(params)?.checked()?, seed))),
};

/// Parameters of the schedulers that take one length of each request for granted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    /// Which length of an interval counts.
    estimate: Estimate,
    /// Share of the KV memory that admission leaves free for requests that outlive their prediction.
    reserve: f64,
    /// Who leaves when memory runs out all the same.
    clear: Clear,
}

/// Which length of an interval counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Estimate {
    /// The predicted length: a point as it is, the middle of an interval, the median of a law; rounded.
    #[default]
    Point,
    /// The smallest length.
    Lower,
    /// The largest length.
    Upper,
    /// The middle, rounded down.
    Mid,
}

/// Who leaves when memory runs out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Clear {
    /// As few as must, by ascending lower bound, ties at random.
    #[default]
    Few,
    /// Everybody who runs.
    All,
}

impl Params {
    /// Refuses a reserve that leaves nothing.
    pub fn checked(self) -> Result<Params, serde_json::Error> {
        if (0.0..1.0).contains(&self.reserve) {
            return Ok(self);
        }
        let what = format!("reserve must be a share of the memory below 1, not {}", self.reserve);
        Err(serde::de::Error::custom(what))
    }
}

impl Lengths for Params {
    fn estimate(&self, belief: &Belief, ended: u32) -> u32 {
        let (lower, upper) = interval(belief).unwrap_or((1, 1));
        let length = match self.estimate {
            Estimate::Point => belief.tokens().map_or(1, |v| v.round().max(1.0) as u32),
            Estimate::Lower => lower,
            Estimate::Upper => upper,
            Estimate::Mid => lower + (upper - lower) / 2,
        };
        length.max(ended.saturating_add(1))
    }

    fn reserve(&self) -> f64 {
        self.reserve
    }

    fn clears_all(&self) -> bool {
        self.clear == Clear::All
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        needs_interval(r)
    }
}
