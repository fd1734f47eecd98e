//! Predictors: who turns a request into a [`Belief`] about its output length.

mod binned;
mod config;
mod file;
mod interval;
mod noisy;

pub use config::{LengthSample, Missing, PredictorConfig};

use crate::error::{Error, Place, Result};
use crate::length::Belief;
use crate::workload::Request;

/// Makes beliefs. It may look at the true length (an oracle, or a synthetic predictor of stated
/// accuracy does); schedulers see its belief alone.
pub trait Predictor: Send {
    /// The belief about `request`, made when it arrives. Depends on the request and the predictor's own
    /// random stream for that request only, never on the scheduler.
    fn predict(&mut self, request: &Request) -> Result<Belief>;
}

/// Knows the true length.
pub struct Oracle;

impl Predictor for Oracle {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        Ok(Belief::Point(f64::from(request.truth.reveal())))
    }
}

/// Knows nothing.
pub struct Nothing;

impl Predictor for Nothing {
    fn predict(&mut self, _: &Request) -> Result<Belief> {
        Ok(Belief::Unknown)
    }
}

/// Knows the law that a synthetic trace drew the length from: the best that can be known of it.
pub struct Law;

impl Predictor for Law {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        request.law.map(Belief::LogT).ok_or_else(|| {
            Error::input(
                Place::key("predictor.kind"),
                format!("request {} carries no length law", request.visible.id),
                "use a trace with columns length_mu,length_sigma,length_nu,length_cap, or another predictor",
            )
        })
    }
}
