//! Competitive ratios: the maths of `foretoken-lab`, and studies that repeat the published experiments as figures.

pub mod studies;

pub use foretoken_lab::compete::*;
