//! foretoken's command line with one scheduler more: `custom_scheduler.rs`, beside this file.
//!
//! cargo run --example custom_command_line -- replay --trace traces/lmsys-like.csv.gz --scheduler fcfs,aged-sjf
//! cargo run --example custom_command_line -- schedulers aged-sjf --check

use std::process::ExitCode;

mod custom_scheduler;

fn main() -> ExitCode {
    foretoken::cli::run(custom_scheduler::registry(), std::env::args_os())
}
