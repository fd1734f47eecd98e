//! `foretoken engine`: our policies held against what real engines and routers decided.

mod plan;
mod route;

use super::Console;
use crate::error::Result;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Plan(plan::Args),
    Route(route::Args),
}

/// Runs one engine subcommand.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    match &args.command {
        Command::Plan(args) => plan::run(args, console),
        Command::Route(args) => route::run(args, console),
    }
}
