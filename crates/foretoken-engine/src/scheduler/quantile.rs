//! A quantile of the predicted length as score.

use super::aging::Aging;
use super::laws::{Laws, check_initial, unfit};
use super::{Entry, Order, Rank, Scheduler, Waiting, parse};
use crate::length::Belief;
use crate::time::SimTime;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "quantile",
    summary: "smallest quantile of the predicted length first; never preempting",
    source: "the VaR of TIE (Zheng et al. 2026) as a score by itself",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, _| {
        let params: Params = parse(params)?;
        check_initial(params.initial_score)?;
        let (aging, laws) = (params.aging.checked()?, Laws::new(params.level)?);
        Ok(Box::new(Quantile { params: Params { aging, ..params }, laws }))
    },
};

/// Parameters of `quantile`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Which quantile, 0 or more and under 1. A point is its own quantile; an interval is uniform.
    level: f64,
    /// Score of a request that is not predicted yet, tokens.
    initial_score: f64,
    /// How waiting lowers a score.
    aging: Aging,
}

impl Default for Params {
    fn default() -> Self {
        Params { level: 0.9, initial_score: 2048.0, aging: Aging::TIE }
    }
}

struct Quantile {
    params: Params,
    laws: Laws,
}

impl Scheduler for Quantile {
    fn study(&mut self, r: &Waiting<'_>) -> [f64; 2] {
        let quantile = match r.belief {
            Belief::LogT(law) => {
                let t = self.laws.tail(law.nu).t_alpha();
                libm::exp(law.mu + law.sigma * t).min(f64::from(law.cap))
            }
            Belief::Interval { lo, hi } => f64::from(*lo) + self.params.level * f64::from(hi - lo),
            Belief::Histogram(law) => law.quantile(self.params.level),
            other => other.tokens().unwrap_or_default(),
        };
        [quantile, self.laws.mean(r.belief).unwrap_or_default()]
    }

    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        let [quantile, mean] = r.noted.studied;
        let (score, expected) = match r.belief {
            Belief::Unknown => (self.params.initial_score, f64::INFINITY),
            Belief::Score(score) => (*score, f64::INFINITY),
            _ => (quantile, mean),
        };
        Rank(self.params.aging.rank(score, expected, r, now))
    }

    fn order(&self) -> Order {
        self.params.aging.order()
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        unfit(r).or(self.params.aging.refuses(r.belief))
    }
}
