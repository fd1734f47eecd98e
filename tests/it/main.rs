//! The one integration test binary: a module per behaviour.

mod cli;
mod compete;
mod contract;
mod differential;
mod docs;
mod dynamo;
mod engine;
mod figures;
mod hidden;
mod interval;
mod invariants;
mod keys;
mod latency;
mod layering;
mod metrics;
mod peaks;
mod queueing;
mod readme;
mod reference;
mod roofline;
mod stepwise;
mod support;
mod trace_cli;
mod traces;
mod workload;
