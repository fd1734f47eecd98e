//! foretoken: a discrete-event simulator of LLM serving under uncertain output lengths.
//!
//! A request trace flows through a workload, an engine that asks a scheduler what to do and a latency
//! model how long it takes, into records; everything else is a pure function of records.
//! `ARCHITECTURE.md` has the map.

pub mod cli;
pub mod compare;
pub mod compete;
#[cfg(feature = "nn")]
pub mod device;
pub mod gallery;
pub mod replay;
pub mod report;
pub mod scenario;
pub mod sweep;
pub mod validate;

#[doc(inline)]
pub use foretoken_engine::{
    bound, contract, digest, engine, error, ids, in_the_loop, kv, latency, length, metrics, predict, real,
    record, rng, router, scheduler, time, trace, workload,
};
#[doc(inline)]
pub use foretoken_lab::{calibrate, learn};
