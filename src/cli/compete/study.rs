//! `foretoken compete --study`.

use super::Args;
use crate::cli::Console;
use crate::error::Result;
use crate::scheduler::Registry;

/// Published experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    /// How a-min's ratio grows with 1/alpha, by variant, on inputs made to hurt it.
    Growth,
}

/// Runs one.
pub fn run(_: Name, _: &Args, _: &Registry, _: &Console) -> Result<()> {
    Ok(())
}
