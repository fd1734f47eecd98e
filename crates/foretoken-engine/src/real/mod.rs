//! The schedulers of real engines, step plan for step plan.
//!
//! Each engine is modelled as its authors wrote it: plain lists, one decision after the other, every number
//! of a plan in the open. Small scenarios that were run through the real schedulers are read here, planned
//! again, and held against what the real ones did. Steps take one unit of time; no model is run.

mod diff;
mod read;
pub mod vllm;

pub use diff::{Difference, first_difference};
pub use read::read;
