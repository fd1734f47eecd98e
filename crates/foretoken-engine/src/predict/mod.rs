//! Predictors: who turns a request into a [`Belief`] about its output length.

mod binned;
mod config;
mod file;
mod interval;
mod log_t;
mod noisy;
mod server;

pub use config::{LengthSample, Missing, PredictorConfig};
pub use log_t::LawSample;
pub use server::{AfterPreemption, Batching, PredictionConfig, PredictionMode, Server, ServerTotals};

use crate::error::{Error, Place, Result};
use crate::length::{Belief, LogT};
use crate::rng::Stream;
use crate::time::Span;
use crate::workload::Request;

/// Makes beliefs. It may look at the true length (an oracle, or a synthetic predictor of stated
/// accuracy does); schedulers see its belief alone.
pub trait Predictor: Send {
    /// The belief about `request`, made when it arrives. Depends on the request and the predictor's own
    /// random stream for that request only, never on the scheduler.
    fn predict(&mut self, request: &Request) -> Result<Belief>;

    /// Time that this prediction adds to its batch on the prediction server; `None` = as the server's
    /// configuration says.
    fn cost(&self, request: &Request) -> Option<Span> {
        let _ = request;
        None
    }

    /// Whether any prediction takes time of its own, so that a server must be there.
    fn takes_time(&self) -> bool {
        false
    }
}

/// A predictor that fails now and then: a score takes the belief's place.
struct Failing {
    inner: Box<dyn Predictor>,
    rate: f64,
    score: f64,
    seed: u64,
    replicate: u64,
}

impl Predictor for Failing {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        let belief = self.inner.predict(request)?;
        let id = u64::from(request.visible.id.0);
        let fails = Stream::new(self.seed, self.replicate, "predict.failure", id).uniform() < self.rate;
        Ok(if fails { Belief::Score(self.score) } else { belief })
    }

    fn cost(&self, request: &Request) -> Option<Span> {
        self.inner.cost(request)
    }

    fn takes_time(&self) -> bool {
        self.inner.takes_time()
    }
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
        law_of(request).map(Belief::LogT)
    }
}

/// The law that a request's length was drawn from.
fn law_of(request: &Request) -> Result<LogT> {
    request.law.ok_or_else(|| {
        Error::input(
            Place::key("predictor.kind"),
            format!("request {} carries no length law", request.visible.id),
            "use a trace with columns length_mu,length_sigma,length_nu,length_cap, or another predictor",
        )
    })
}
