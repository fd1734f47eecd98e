//! The engine of foretoken: a discrete-event simulator of LLM serving under uncertain output lengths.
//!
//! A request trace flows through a workload, an engine that asks a scheduler what to do and a latency
//! model how long it takes, into records and metrics. No files of results, no figures, no command line: those
//! are in the package `foretoken`, which offers all of these modules under the same names.

pub mod bound;
pub mod contract;
pub mod digest;
pub mod engine;
pub mod error;
pub mod ids;
pub mod in_the_loop;
pub mod kv;
pub mod latency;
pub mod length;
pub mod metrics;
pub mod predict;
pub mod real;
pub mod record;
pub mod rng;
pub mod router;
pub mod scheduler;
pub mod time;
pub mod trace;
pub mod workload;
