//! Calibration: plans, measurements, and what the command makes of them.

#[cfg(feature = "nn")]
mod measure;
mod plan;
