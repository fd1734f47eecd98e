//! A_min: every request is taken for as short as it can be, and learns by being killed.

use super::{Lengths, Loop, Overdue, Running, Tie, interval};
use crate::length::Belief;
use crate::scheduler::{Entry, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "a-min",
    summary: "least lower bound of the output first; on overflow the least bound is killed, and it rises to what was produced",
    source: "A_min of Chen, Ye, Zhou (arXiv 2508.14544); the defaults of its open points are ours",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, seed| Ok(Box::new(Loop::new(parse::<Params>(params)?, seed))),
};

/// Parameters of `a-min`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// The bound that orders eviction.
    bound: Bound,
    /// Who is killed first of equal bounds.
    tie: Tie,
    /// When a running request that has outlived its bound is assumed to end.
    projection: Overdue,
}

/// The bound that orders eviction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Bound {
    /// Rewritten only when its request is killed.
    #[default]
    Stored,
    /// Rises with each token of a running request.
    Running,
}

impl Lengths for Params {
    fn estimate(&self, belief: &Belief, ended: u32) -> u32 {
        interval(belief).map_or(1, |(lower, _)| lower).max(ended)
    }

    fn overdue(&self) -> Overdue {
        self.projection
    }

    fn kill_bound(&self, r: &Running<'_>) -> u32 {
        let stored = self.estimate(r.belief, r.generated_before);
        if self.bound == Bound::Running { stored.max(r.generated) } else { stored }
    }

    fn tie(&self) -> Tie {
        self.tie
    }
}
