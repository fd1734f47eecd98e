//! Shortest expected processing time.

use super::aging::Aging;
use super::laws::{Laws, check_initial, unfit};
use super::{Entry, Order, Rank, Scheduler, Waiting, parse};
use crate::length::Belief;
use crate::time::SimTime;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "sept",
    summary: "smallest expected output first, the expectation taken over the predicted law; never preempting",
    source: "Rothkopf 1966; as TIE (Zheng et al. 2026) with beta = 0",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, _| {
        let params: Params = parse(params)?;
        check_initial(params.initial_score)?;
        Ok(Box::new(Sept {
            initial_score: params.initial_score,
            aging: params.aging.checked()?,
            laws: Laws::new(0.0)?,
        }))
    },
};

/// Parameters of `sept`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Score of a request that is not predicted yet, tokens.
    initial_score: f64,
    /// How waiting lowers a score.
    aging: Aging,
}

impl Default for Params {
    fn default() -> Self {
        Params { initial_score: 2048.0, aging: Aging::TIE }
    }
}

struct Sept {
    initial_score: f64,
    aging: Aging,
    laws: Laws,
}

impl Scheduler for Sept {
    fn study(&mut self, r: &Waiting<'_>) -> [f64; 2] {
        [self.laws.mean(r.belief).unwrap_or_default(), 0.0]
    }

    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        let (score, expected) = match r.belief {
            Belief::Unknown => (self.initial_score, f64::INFINITY),
            Belief::Score(score) => (*score, f64::INFINITY),
            _ => (r.noted.studied[0], r.noted.studied[0]),
        };
        Rank(self.aging.rank(score, expected, r, now))
    }

    fn order(&self) -> Order {
        self.aging.order()
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        unfit(r).or(self.aging.refuses(r.belief))
    }
}
