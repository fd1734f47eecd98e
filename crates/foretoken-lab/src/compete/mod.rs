//! Competitive ratios in the rounds-and-tokens model of scheduling theory (arXiv 2508.14544 and 2502.07115).
//!
//! An [`Instance`] is read or made up ([`Recipe`]); schedulers run on it through the engine's `theory` preset
//! ([`Machine`]); their total latency is held against shortest first with true lengths, the exact optimum, the volume
//! bound and the relaxation ([`Match`]). [`worst`] searches for bad instances.

mod adversary;
mod attempts;
mod bounds;
mod dual;
mod family;
mod instance;
mod lengths;
mod machine;
mod measure;
mod optimum;

pub use adversary::{Search, Worst, worst};
pub use attempts::{Attempt, peak_kv_tokens};
pub use bounds::{BOUNDS, Benchmark, Bound, Trust, a_ell_two_point, a_max_two_point, volume_bound};
pub use dual::{DualBound, dual_bound, proven};
pub use family::{Family, Intervals, Law, Order, Recipe};
pub use instance::{COLUMNS, Instance, Job};
pub use machine::{Contender, Estimate, HINDSIGHT, Machine, Timed, reads_intervals};
pub use measure::{Entry, Match, Reference, Tick};
pub use optimum::{MOST_RELAXED, MOST_VARIABLES, Schedule, optimum, relaxation};
