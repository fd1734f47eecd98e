//! Trace subcommands.

use super::{Console, trace_synth};
use crate::error::Result;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make up a trace from a recipe.
    Synth(trace_synth::Args),
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    match &args.command {
        Command::Synth(args) => trace_synth::run(args, console),
    }
}
