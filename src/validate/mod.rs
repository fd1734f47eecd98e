//! Validation: how well a replay on a fitted profile predicts the device that it was fitted to.
//!
//! For each seed: calibrate, run a trace on the device, calibrate again, replay the trace on the profile that both
//! calibrations give, and run the trace on the device once more. That last run says how well a perfect predictor
//! could do: errors are told beside it.

mod figure;
mod lengths;
mod report;
#[cfg(feature = "nn")]
mod run;
mod score;

pub use figure::figure;
pub use lengths::exponential;
pub use report::{Bars, Missed, Report, SCHEMA, SeedReport};
#[cfg(feature = "nn")]
pub use run::{Ask, Measured, StepSeen, Steps, validate};
pub use score::{Errors, Gaps, StepScore, Times};
