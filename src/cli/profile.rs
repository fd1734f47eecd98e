//! Profile subcommands.

use super::Console;
use crate::error::Result;

#[derive(clap::Args)]
pub struct Args {}

pub fn run(_args: &Args, _console: &Console) -> Result<()> {
    Ok(())
}
