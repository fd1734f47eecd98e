//! The Gittins index of the predicted law: the best rate of finishing over any quantum from here.

use super::aging::Aging;
use super::laws::{Laws, check_initial, unfit};
use super::{Entry, Order, Rank, Scheduler, Waiting, parse};
use crate::length::{Belief, LogT};
use crate::time::SimTime;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "gittins",
    summary: "largest Gittins index of the predicted law first, from the tokens it has; never preempting",
    source: "Gittins 1979; for LLM serving among others SageSched (2026, arXiv 2603.07917)",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, _| {
        let params: Params = parse(params)?;
        check_initial(params.initial_score)?;
        let aging = params.aging.checked()?;
        Ok(Box::new(Gittins { params: Params { aging, ..params }, laws: Laws::new(0.0)? }))
    },
};

/// Parameters of `gittins`. The score is the inverse of the index, tokens.
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

struct Gittins {
    params: Params,
    laws: Laws,
}

/// Quanta tried, between the smallest and the whole of what is left.
const QUANTA: u32 = 24;

impl Gittins {
    /// The inverse index of a log-t law.
    fn log_t(&mut self, law: &LogT, a: f64) -> f64 {
        let tail = self.laws.tail(law.nu);
        let alive = |x: f64| if x > 0.0 { tail.sf(law.mu, law.sigma, x) } else { 1.0 };
        let spent = |x: f64| if x > 0.0 { tail.mean(law.mu, law.sigma, x) } else { 0.0 };
        Gittins::inverse_index(a, f64::from(law.cap), alive, spent)
    }

    /// E[min(X - a, d) | X > a] / P(X - a <= d | X > a), least over quanta d: inverse of the index after `a`
    /// tokens, of a law with P(X > x) = `alive` and E[min(X, x)] = `spent` that ends at `cap`.
    fn inverse_index(a: f64, cap: f64, alive: impl Fn(f64) -> f64, spent: impl Fn(f64) -> f64) -> f64 {
        let (alive_now, spent_now) = (alive(a), spent(a));
        if a >= cap || alive_now <= 0.0 {
            return 1.0;
        }
        // At the cap all that are left finish.
        let whole = (spent(cap) - spent_now) / alive_now;
        let ratio = libm::log(cap - a) / f64::from(QUANTA);
        let quanta = (0..QUANTA).map(|i| libm::exp(ratio * f64::from(i)));
        let rate = |d: f64| (spent(a + d) - spent_now) / (alive_now - alive(a + d)).max(f64::MIN_POSITIVE);
        quanta.map(rate).fold(whole, f64::min).max(1.0)
    }
}

impl Scheduler for Gittins {
    /// Of a point: what is left. Of an interval: what is left of its middle (a uniform law has a growing hazard,
    /// so that the best quantum is all of it).
    fn study(&mut self, r: &Waiting<'_>) -> [f64; 2] {
        let a = f64::from(r.generated);
        let score = match r.belief {
            Belief::LogT(law) => self.log_t(law, a),
            Belief::Histogram(law) => {
                let end = f64::from(law.support().1);
                Gittins::inverse_index(a, end, |x| 1.0 - law.cdf(x), |x| law.mean(x))
            }
            other => (other.tokens().unwrap_or_default() - a).max(1.0),
        };
        [score, self.laws.mean(r.belief).unwrap_or_default()]
    }

    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        let [index, mean] = if r.generated > 0 { self.study(r) } else { r.noted.studied };
        let (score, expected) = match r.belief {
            Belief::Unknown => (self.params.initial_score, f64::INFINITY),
            Belief::Score(score) => (*score, f64::INFINITY),
            _ => (index, mean),
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
