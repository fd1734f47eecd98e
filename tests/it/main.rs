//! The one integration test binary: a module per behaviour.

mod differential;
mod docs;
mod dynamo;
mod engine;
mod figures;
mod latency;
mod metrics;
mod readme;
mod reference;
mod roofline;
mod stepwise;
mod support;
mod trace_cli;
mod traces;
mod workload;
