//! Expectation and tail of a belief, whatever its kind.

use super::Waiting;
use crate::length::{Belief, LogT, Tail};

/// Laws of as many degrees of freedom are kept prepared; log-t predictors use one or a few.
const KEPT: usize = 16;
/// Degrees of freedom that can be prepared.
const NU: std::ops::RangeInclusive<f64> = 0.1..=1e9;

/// Prepared log-t laws at one level.
pub(super) struct Laws {
    alpha: f64,
    tails: Vec<Tail>,
}

impl Laws {
    /// For tails at level `alpha`, in [0, 1).
    pub fn new(alpha: f64) -> Result<Laws, serde_json::Error> {
        if !(0.0..1.0).contains(&alpha) {
            return Err(serde::de::Error::custom("alpha must be 0 or more, and under 1"));
        }
        Ok(Laws { alpha, tails: Vec::new() })
    }

    /// The law of `nu` degrees of freedom, which [`unfit`] has let pass.
    pub fn tail(&mut self, nu: f64) -> &Tail {
        let found = self.tails.iter().position(|tail| tail.law().nu() == nu);
        let at = found.unwrap_or_else(|| {
            let tail = Tail::new(nu.clamp(*NU.start(), *NU.end()), self.alpha);
            self.tails.truncate(KEPT - 1);
            self.tails.insert(0, tail.expect("nu and alpha are in range"));
            0
        });
        &self.tails[at]
    }

    /// Expected tokens: of a point the point, of an interval its middle, of a law E[min(X, cap)]. `None`
    /// where nothing is believed about tokens.
    pub fn mean(&mut self, belief: &Belief) -> Option<f64> {
        match belief {
            Belief::LogT(law) => Some(self.tail(law.nu).mean(law.mu, law.sigma, f64::from(law.cap))),
            Belief::Histogram(law) => Some(law.mean(f64::INFINITY)),
            other => other.tokens(),
        }
    }

    /// Expectation and conditional value at risk, tokens: a point is certain, an interval uniform, and the mean
    /// of a law is capped at `mean_cap` if there is one.
    pub fn moments(&mut self, belief: &Belief, mean_cap: Option<f64>) -> Option<[f64; 2]> {
        match belief {
            Belief::LogT(LogT { mu, sigma, nu, cap }) => {
                let cap = f64::from(*cap);
                let score = self.tail(*nu).tie(*mu, *sigma, cap, mean_cap.unwrap_or(cap), 0.0);
                Some([score.mean, score.cvar])
            }
            Belief::Interval { lo, hi } => {
                let (lo, hi) = (f64::from(*lo), f64::from(*hi));
                Some([0.5 * (lo + hi), hi - 0.5 * (1.0 - self.alpha) * (hi - lo)])
            }
            Belief::Histogram(law) => {
                let cap = mean_cap.unwrap_or(f64::INFINITY);
                Some([law.mean(cap), law.cvar(self.alpha, f64::INFINITY)])
            }
            other => other.tokens().map(|tokens| [tokens, tokens]),
        }
    }
}

/// Why a log-t belief cannot be evaluated, if it cannot.
pub(super) fn unfit(r: &Waiting<'_>) -> Option<&'static str> {
    match r.belief {
        Belief::LogT(law) if !NU.contains(&law.nu) => {
            Some("its log-t belief has nu outside 0.1..=1e9; give another nu")
        }
        _ => None,
    }
}

/// Refuses a score that is no positive number.
pub(super) fn check_initial(value: f64) -> Result<(), serde_json::Error> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(serde::de::Error::custom(format!("initial_score must be positive and finite, not {value}")))
}
