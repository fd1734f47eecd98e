//! The `foretoken` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    foretoken::cli::run(foretoken::scheduler::Registry::builtin(), std::env::args_os())
}
