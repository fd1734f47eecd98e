//! Replay: runs a scenario, and what it leaves on disk.
//!
//! Sits between [`crate::scenario`] (what to do) and [`crate::cli`] (who asks): inputs are loaded once and
//! shared, runs are independent of each other and of the number of threads.

mod inputs;
mod job;

pub use inputs::{InputFile, Inputs};
pub use job::{Finished, Job, Listeners};
