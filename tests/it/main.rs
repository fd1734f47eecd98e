//! The one integration test binary: a module per behaviour.

mod cli;
mod contract;
mod differential;
mod docs;
mod dynamo;
mod engine;
mod figures;
mod hidden;
mod invariants;
mod keys;
mod latency;
mod layering;
mod length;
mod metrics;
mod peaks;
mod prediction;
mod queueing;
mod readme;
mod reference;
mod roofline;
mod stepwise;
mod support;
mod tie;
mod trace_cli;
mod traces;
mod workload;
