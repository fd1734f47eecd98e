//! Calibration: from timed steps of a real model on a real device to a profile.
//!
//! A plan of [`Point`]s is timed into [`Samples`] (a CSV file with one row per timed step, and a [`Session`]
//! beside it that says what was measured on what); a fit turns those into a [`Profile`](crate::latency::Profile).
//! Fitting needs no device, so samples can be fitted anywhere.

mod fit;
mod plan;
mod point;
mod samples;
mod session;

pub use fit::{Coefficient, Ends, Fit, FitOptions, FitReport, Form, Repeat, Residual, Score, Tried, fit};
pub use plan::{Extent, LEAST_CONTEXT, Plan, Turn};
pub use point::{Group, Part, Point};
pub use samples::{Sample, Samples};
pub use session::{Clock, Facts, SCHEMA, Session};
