//! `foretoken profile`: list, show, roofline.

mod draw;
mod roofline;
mod show;

use super::Console;
use crate::error::Result;
use crate::latency::{Profile, shipped};
use serde_json::json;

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
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    match &args.command {
        Command::List => list(console),
        Command::Show(args) => show::run(args, console),
        Command::Roofline(args) => roofline::run(args, console),
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
