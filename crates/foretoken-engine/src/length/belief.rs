//! [`Belief`]: what a scheduler may know about an output length.

use super::Histogram;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A log-t law of an output length: ln(X) = mu + sigma * T with T Student t of `nu` degrees of freedom,
/// X rounded to whole tokens in 1..=cap (TIE, arXiv 2604.00499, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogT {
    /// Location of ln(tokens).
    pub mu: f64,
    /// Scale of ln(tokens), at least 0.
    pub sigma: f64,
    /// Degrees of freedom, positive.
    pub nu: f64,
    /// Largest output, tokens.
    pub cap: u32,
}

/// What is believed about one request's output length, in tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Belief {
    /// Nothing.
    #[default]
    Unknown,
    /// A single expected length.
    Point(f64),
    /// The length lies in `lo..=hi`.
    Interval {
        /// Smallest length.
        lo: u32,
        /// Largest length.
        hi: u32,
    },
    /// A log-t law.
    LogT(LogT),
    /// A law by bins.
    Histogram(Arc<Histogram>),
    /// A number that only orders requests; smaller is sooner.
    Score(f64),
}

impl Belief {
    /// What orders requests by length: the expected tokens, or the score. `None` for [`Belief::Unknown`].
    pub fn point(&self) -> Option<f64> {
        match self {
            Belief::Score(v) => Some(*v),
            other => other.tokens(),
        }
    }

    /// One number of tokens: the point, the middle of the interval, the median of the law. `None` where
    /// nothing is believed about tokens.
    pub fn tokens(&self) -> Option<f64> {
        match self {
            Belief::Unknown | Belief::Score(_) => None,
            Belief::Point(v) => Some(*v),
            Belief::Interval { lo, hi } => Some((f64::from(*lo) + f64::from(*hi)) / 2.0),
            Belief::LogT(t) => Some(libm::exp(t.mu).clamp(1.0, f64::from(t.cap))),
            Belief::Histogram(law) => Some(law.quantile(0.5).max(1.0)),
        }
    }
}
