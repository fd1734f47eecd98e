//! The one integration test binary: a module per behaviour.

mod cli;
mod differential;
mod dynamo;
mod engine;
mod figures;
mod latency;
mod metrics;
mod reference;
mod roofline;
mod stepwise;
mod support;
mod trace_cli;
mod traces;
mod workload;
