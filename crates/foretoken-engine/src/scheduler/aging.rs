//! Ageing: how waiting makes a score better, as an option of every score-based policy.
//!
//! Where the clock is shared, ageing need not be recomputed: S gamma^(wait / tau) orders as
//! ln S + arrival ln(1 / gamma) / tau, and S - c wait as S + c arrival. Those are static ranks.

use super::{Order, Waiting};
use crate::length::Belief;
use crate::time::SimTime;
use serde::Deserialize;

/// How a waiting request's score falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Aging {
    /// It does not.
    #[default]
    None,
    /// S gamma^(wait / `tau_s`) (TIE, section 5). Scores must be positive.
    Exponential {
        /// Factor of each `tau_s`.
        #[serde(default = "gamma")]
        gamma: f64,
        /// Time constant, seconds.
        #[serde(default = "tau_s")]
        tau_s: f64,
        /// 0 = exact. Else as TIE's code: the wait counts up to the last multiple of this many seconds, or the time
        /// of the prediction if that is later, and unpredicted requests do not age.
        #[serde(default)]
        refresh_s: f64,
    },
    /// S - `per_s` wait: of requests one token apart, the one that waited 1 / `per_s` seconds longer goes first;
    /// what waits longer than S / `per_s` goes before anything new.
    Linear {
        /// Score units (tokens) that a second of waiting is worth.
        per_s: f64,
    },
    /// A request whose wait over its expected length exceeds a limit goes before all others, the largest
    /// ratio first. Needs beliefs in tokens.
    Relative {
        /// The limit, seconds of waiting per expected token.
        #[serde(default = "limit_s")]
        limit_s: f64,
    },
}

fn gamma() -> f64 {
    0.9
}

fn tau_s() -> f64 {
    30.0
}

fn limit_s() -> f64 {
    0.02
}

/// Puts promoted requests before any score.
const PROMOTED: f64 = -1e15;

impl Aging {
    /// TIE's.
    pub const TIE: Aging = Aging::Exponential { gamma: 0.9, tau_s: 30.0, refresh_s: 0.0 };

    /// Refuses numbers out of range.
    pub fn checked(self) -> Result<Aging, serde_json::Error> {
        let valid = match self {
            Aging::None => true,
            Aging::Exponential { gamma, tau_s, refresh_s } => {
                (gamma > 0.0 && gamma < 1.0)
                    && (tau_s > 0.0 && tau_s.is_finite())
                    && (0.0..=1e9).contains(&refresh_s)
            }
            Aging::Linear { per_s } => per_s > 0.0 && per_s.is_finite(),
            Aging::Relative { limit_s } => limit_s > 0.0 && limit_s.is_finite(),
        };
        if valid {
            return Ok(self);
        }
        Err(serde::de::Error::custom(
            "aging: gamma must be between 0 and 1, refresh_s 0 or more, all else positive, and all finite",
        ))
    }

    /// Whether ranks change while requests wait.
    pub fn order(self) -> Order {
        match self {
            Aging::Relative { .. } => Order::Dynamic,
            Aging::Exponential { refresh_s, .. } if refresh_s > 0.0 => Order::Dynamic,
            _ => Order::Static,
        }
    }

    /// Why a belief cannot be aged, if it cannot.
    pub fn refuses(self, belief: &Belief) -> Option<&'static str> {
        match (self, belief) {
            (Aging::Exponential { .. }, Belief::Score(s)) if *s <= 0.0 => {
                Some("exponential aging needs positive scores; use linear aging, or another predictor")
            }
            (Aging::Relative { .. }, Belief::Score(_)) => Some(
                "relative aging needs expected tokens and a score has none; use another aging or predictor",
            ),
            _ => None,
        }
    }

    /// The rank of a request of `score` and `expected` tokens (infinite if unpredicted).
    pub fn rank(self, score: f64, expected: f64, r: &Waiting<'_>, now: SimTime) -> f64 {
        let arrival = r.visible.arrival;
        match self {
            Aging::None => score,
            Aging::Exponential { gamma, tau_s, refresh_s } if refresh_s > 0.0 => {
                if *r.belief == Belief::Unknown {
                    return score;
                }
                let tick = libm::floor(now.as_secs() / refresh_s) * refresh_s;
                let wait_s = (tick.max(r.noted.at.as_secs()) - arrival.as_secs()).max(0.0);
                score * libm::pow(gamma, wait_s / tau_s)
            }
            Aging::Exponential { gamma, tau_s, .. } => {
                libm::log(score.max(f64::MIN_POSITIVE)) - libm::log(gamma) * arrival.as_secs() / tau_s
            }
            Aging::Linear { per_s } => score + per_s * arrival.as_secs(),
            Aging::Relative { limit_s } => {
                let ratio = now.since(arrival).as_secs() / expected.max(1.0);
                if ratio > limit_s { PROMOTED * (1.0 + ratio) } else { score }
            }
        }
    }
}
