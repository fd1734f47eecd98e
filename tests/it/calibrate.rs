//! Calibration: plans, measurements, fits, and what the commands make of them.

mod command;
mod fit;
mod limits;
#[cfg(feature = "nn")]
mod measure;
mod measure_command;
mod plan;
