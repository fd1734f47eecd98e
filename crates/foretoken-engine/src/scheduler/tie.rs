//! Tail inflated expectation: E + beta CVaR of the predicted length's law.

use super::aging::Aging;
use super::laws::{Laws, check_initial, unfit};
use super::{Crowd, Entry, Evict, Order, Rank, Requeue, Scheduler, Shortage, View, Waiting, parse};
use crate::length::{Belief, LogT};
use crate::rng::Stream;
use crate::time::SimTime;
use serde::Deserialize;
use statrs::distribution::{ContinuousCDF, Normal};

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "tie",
    summary: "smallest E + beta CVaR of the predicted length first, beta growing with the queue; never preempting",
    source: "TIE (Zheng et al. 2026, arXiv 2604.00499), equations 11 and 12, and its released code",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, seed| Ok(Box::new(Tie::new(parse(params)?, seed)?)),
};

/// The family that a log-t belief is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Family {
    /// As it is, censored at its cap.
    LogT,
    /// A log-normal law with the same mean and standard deviation of ln(length), in closed form without a cap: the
    /// ablation of the released code. Needs nu above 2.
    LogNormal,
}

/// Where a request goes that lost its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Preempted {
    /// Back among the others, by its score and first arrival (released code). With `prediction.after_preemption =
    /// "again"` it has the initial score until it is predicted again.
    Ranked,
    /// To the head of the queue, as vLLM's first come, first served.
    Front,
}

/// Parameters of `tie`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Level of VaR and CVaR.
    alpha: f64,
    /// Weight of CVaR; unset = 0.1 waiting / seats, at least 0.1 and at most 0.5.
    beta: Option<f64>,
    /// Whether an adaptive beta follows the queue; false = as it was when the prediction came (released code).
    live: bool,
    /// Cap in the mean, tokens; unset = the belief's own (the released code has 2028 beside 2048).
    mean_cap: Option<f64>,
    /// Draws of a Monte Carlo estimate, for the mean and again for the tail; 0 = exact.
    draws: u32,
    /// Whether scores are whole numbers, 1 at least (released code).
    round: bool,
    /// The family that a log-t belief is read as: `log-t` or `log-normal`.
    family: Family,
    /// Score of a request that is not predicted yet, tokens.
    initial_score: f64,
    /// How waiting lowers a score.
    aging: Aging,
    /// Where a request goes that lost its memory, the last admitted first: `ranked` or `front`.
    preempted: Preempted,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            alpha: 0.9,
            beta: None,
            live: false,
            mean_cap: None,
            draws: 0,
            round: false,
            family: Family::LogT,
            initial_score: 2048.0,
            aging: Aging::TIE,
            preempted: Preempted::Ranked,
        }
    }
}

struct Tie {
    params: Params,
    laws: Laws,
    seed: u64,
}

/// Equation 12: the weight of the tail grows with the queue over the seats.
fn adaptive(crowd: Crowd) -> f64 {
    (0.1 * f64::from(crowd.waiting) / f64::from(crowd.seats)).clamp(0.1, 0.5)
}

impl Tie {
    fn new(params: Params, seed: u64) -> Result<Tie, serde_json::Error> {
        let bad = |what: &str| Err(serde::de::Error::custom(what));
        let positive = |v: Option<f64>| v.is_none_or(|v| v.is_finite() && v >= 0.0);
        if !positive(params.beta) || !positive(params.mean_cap) || params.mean_cap == Some(0.0) {
            return bad("beta must be 0 or more, mean_cap positive, and both finite");
        }
        if params.live && params.beta.is_some() {
            return bad("live is for an adaptive beta, and beta is set");
        }
        if params.family == Family::LogNormal && (params.draws > 0 || params.mean_cap.is_some()) {
            return bad("family log-normal is in closed form and has no cap: leave draws and mean_cap out");
        }
        check_initial(params.initial_score)?;
        let params = Params { aging: params.aging.checked()?, ..params };
        let laws = Laws::new(params.alpha)?;
        Ok(Tie { params, laws, seed })
    }

    /// Expectation and CVaR of a log-normal law without a cap.
    fn log_normal(&self, law: &LogT) -> [f64; 2] {
        let sigma = law.sigma * libm::sqrt(law.nu / (law.nu - 2.0));
        let mean = libm::exp(law.mu + 0.5 * sigma * sigma);
        let normal = Normal::standard();
        // (mu + sigma^2 - ln VaR) / sigma = sigma - z_alpha.
        let above = normal.cdf(sigma - normal.inverse_cdf(self.params.alpha));
        [mean, mean * above / (1.0 - self.params.alpha)]
    }
}

impl Scheduler for Tie {
    fn study(&mut self, r: &Waiting<'_>) -> [f64; 2] {
        let (draws, mean_cap) = (self.params.draws, self.params.mean_cap);
        match r.belief {
            Belief::LogT(law) if self.params.family == Family::LogNormal => self.log_normal(law),
            Belief::LogT(law) if draws > 0 => {
                let mut stream = Stream::new(self.seed, 0, "scheduler.tie", u64::from(r.visible.id.0));
                let cap = mean_cap.unwrap_or(f64::from(law.cap));
                let score = self.laws.tail(law.nu).monte_carlo(law, cap, 0.0, draws as usize, &mut stream);
                [score.mean, score.cvar]
            }
            belief => self.laws.moments(belief, mean_cap).unwrap_or_default(),
        }
    }

    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        let Params { beta, live, round, initial_score, aging, .. } = &self.params;
        let crowd = if *live { r.crowd } else { Crowd { waiting: r.noted.waiting, ..r.crowd } };
        let [mean, cvar] = r.noted.studied;
        let (score, expected) = match r.belief {
            Belief::Unknown => (*initial_score, f64::INFINITY),
            Belief::Score(score) => (*score, f64::INFINITY),
            _ => (mean + beta.unwrap_or_else(|| adaptive(crowd)) * cvar, mean),
        };
        let score = if *round { libm::round(score).max(1.0) } else { score };
        Rank(aging.rank(score, expected, r, now))
    }

    fn order(&self) -> Order {
        if self.params.live { Order::Dynamic } else { self.params.aging.order() }
    }

    fn chooses_victims(&self) -> bool {
        true
    }

    /// The last admitted, whatever its score: nobody is displaced by a score.
    fn victims(&mut self, _: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        let requeue = match self.params.preempted {
            Preempted::Ranked => Requeue::Ranked,
            Preempted::Front => Requeue::Front,
        };
        let last = view.running().next_back();
        out.extend(last.map(|r| Evict { id: r.visible.id, how: view.shortfall(), requeue }));
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        match r.belief {
            Belief::LogT(law) if self.params.family == Family::LogNormal && law.nu <= 2.0 => {
                Some("family log-normal needs log-t beliefs with nu above 2, where ln(length) has a variance")
            }
            Belief::Histogram(_) if self.params.draws > 0 || self.params.family == Family::LogNormal => {
                Some("draws and family are for log-t beliefs, and this one is a histogram; leave them out")
            }
            belief => unfit(r).or(self.params.aging.refuses(belief)),
        }
    }
}
