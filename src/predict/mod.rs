//! Predictors: who turns a request into a [`Belief`] about its output length.

use crate::error::Result;
use crate::length::Belief;
use crate::workload::Request;

/// Makes beliefs. It may look at the true length (an oracle, or a synthetic predictor of stated
/// accuracy does); schedulers see its belief alone.
pub trait Predictor: Send {
    /// The belief about `request`, made when it arrives. Depends on the request and the predictor's own
    /// random stream for that request only, never on the scheduler.
    fn predict(&mut self, request: &Request) -> Result<Belief>;
}
