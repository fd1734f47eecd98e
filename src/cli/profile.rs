//! `foretoken profile`: list, show, roofline, fit.

mod draw;
pub(super) mod fit;
mod roofline;
mod show;
pub(super) mod told;

use super::Console;
use crate::error::{Error, Place, Result};
use crate::latency::{Profile, shipped};
use crate::report::figure::put;
use serde_json::json;
use std::path::Path;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List the profiles that come with the program.
    List,
    /// Show where a profile comes from, and its step times over shapes.
    Show(show::Args),
    /// Compute a profile from a model configuration and a device's data sheet.
    Roofline(roofline::Args),
    Fit(Box<fit::Args>),
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    match &args.command {
        Command::List => list(console),
        Command::Show(args) => show::run(args, console),
        Command::Roofline(args) => roofline::run(args, console),
        Command::Fit(args) => fit::run(args, console),
    }
}

/// Writes a profile aside, then renames, so that no half-written one is ever seen.
fn write(path: &Path, text: &str, overwrite: bool) -> Result<()> {
    if path.exists() && !overwrite {
        return Err(exists(path));
    }
    put(path, text.as_bytes()).map(|_| ())
}

fn exists(path: &Path) -> Error {
    match path.is_dir() {
        true => Error::input(Place::file(path), "this is a directory", "name a file in it"),
        false => Error::input(Place::file(path), "the file exists", "choose another, or add --overwrite"),
    }
}

fn list(console: &Console) -> Result<()> {
    let profiles: Vec<Profile> = shipped::names().map(Profile::load).collect::<Result<_>>()?;
    let rows: Vec<Vec<String>> = profiles
        .iter()
        .map(|p| {
            let kv = p.kv.as_ref().map_or(String::new(), |kv| kv.capacity_tokens.to_string());
            let kind = p.timing.kind().to_string();
            vec![p.name.clone(), kind, p.provenance.how.to_string(), kv, p.description.clone()]
        })
        .collect();
    let entries: Vec<_> = profiles
        .iter()
        .map(|p| {
            json!({
                "name": p.name, "kind": p.timing.kind(), "how": p.provenance.how,
                "kv_capacity_tokens": p.kv.as_ref().map(|kv| kv.capacity_tokens), "description": p.description,
            })
        })
        .collect();
    let json = json!({ "schema": 1, "profiles": entries });
    console.table(&["name", "kind", "how", "kv_capacity_tokens", "description"], &rows, &json)
}
