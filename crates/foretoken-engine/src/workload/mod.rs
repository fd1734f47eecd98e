//! Workloads: a trace or a model turned into an ordered stream of [`Request`]s.

mod build;
mod check;
mod process;
mod request;
mod rows;
mod source;
mod spec;
mod stages;
mod synth;

pub use build::{Workload, build};
pub use request::{ClassId, Content, Outcome, Request, RequestSource, TrueLength, Visible};
pub use rows::{Counts, Ledger, Prompts, Rows};
pub use spec::{Arrivals, Curve, Lengths, OrInf, OverLong, Scale, Segment, Sessions, Spec};
pub use synth::{LengthLaw, PromptLaws, Recipe};
