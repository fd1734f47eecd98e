//! Comparison of stored results: which scheduler is better, by how much, and how sure that is.
//!
//! [`differences`] holds the runs of replay directories against a baseline, [`winners`] names the best
//! scheduler in each cell of a sweep. Both read files alone, refuse what was not measured on the same requests,
//! and correct for the number of tests they make.

mod differences;
mod figures;
mod points;
mod stored;
mod winners;
mod write;

pub use differences::{Difference, Differences, Verdict, differences};
pub use points::Points;
pub use stored::{Kind, Stored};
pub use winners::{Lead, Winner, Winners, Wins, winners};
pub use write::{Report, write};

/// Confidence level of every interval; a difference is called one where its adjusted p-value is below the rest.
pub const LEVEL: f64 = crate::replay::LEVEL;
