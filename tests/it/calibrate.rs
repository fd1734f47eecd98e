//! Calibration.

mod command;
mod fit;
