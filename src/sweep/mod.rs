//! Sweeps: one scenario run many times over axes of its keys, on all cores, and what that leaves on disk.
//!
//! A [`Plan`] numbers the runs (point by point, scheduler by scheduler, replicate by replicate) and makes the
//! scenario of each when it is asked for; [`run`] runs them, notes each in a journal that survives the death
//! of the process, and writes the result directory in order of the runs; [`merge`] joins shards.

mod axis;
mod filter;
mod journal;
mod manifest;
mod merge;
mod metrics;
mod place;
mod plan;
mod run;
mod sample;
mod shelf;
mod spec;
mod table;

pub use axis::{Axis, cell};
pub use filter::Filter;
pub use journal::{Journal, Outcome, Record};
pub use manifest::{AxisValues, KIND, Keep, Manifest, SCHEMA, SHARD_KIND, Shard};
pub use merge::merge;
pub use metrics::{METRICS, Metric};
pub use plan::{Flags, Plan, Point, Run};
pub use run::{Done, Options, run};
pub use spec::{AxisSpec, Bounds, LogRange, Range, Sampling, Spec};
