//! Workloads: a trace or a model turned into an ordered stream of [`Request`]s.

mod request;

pub use request::{ClassId, Outcome, Request, RequestSource, TrueLength, Visible};
