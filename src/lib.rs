//! foretoken: a discrete-event simulator of LLM serving under uncertain output lengths.
//!
//! A request trace flows through a workload, an engine that asks a scheduler what to do and a latency
//! model how long it takes, into records; everything else is a pure function of records.
//! `ARCHITECTURE.md` has the map.

pub mod bound;
pub mod calibrate;
pub mod cli;
pub mod compare;
pub mod compete;
pub mod contract;
#[cfg(feature = "nn")]
pub mod device;
pub mod digest;
pub mod engine;
pub mod error;
pub mod gallery;
pub mod ids;
pub mod in_the_loop;
pub mod kv;
pub mod latency;
pub mod learn;
pub mod length;
pub mod metrics;
pub mod predict;
pub mod record;
pub mod replay;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod scheduler;
pub mod sweep;
pub mod time;
pub mod trace;
pub mod validate;
pub mod workload;
