//! `foretoken routers`.

use super::Console;
use crate::error::Result;
use crate::router::{Entry, Registry};
use serde_json::{Value, json};

/// List the routers, with their parameters.
#[derive(clap::Args)]
pub struct Args {
    /// Only this one.
    name: Option<String>,
}

/// Runs `foretoken routers`.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    let registry = Registry::builtin();
    let entries: Vec<&Entry> = match &args.name {
        Some(name) => vec![registry.get(name)?],
        None => registry.entries().iter().collect(),
    };
    let all: Vec<Value> = entries
        .iter()
        .map(|e| json!({ "name": e.name, "summary": e.summary, "source": e.source, "params": (e.params)() }))
        .collect();
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|e| {
            let params = super::schedulers::parameters((e.params)()).join("; ");
            vec![e.name.into(), params, e.summary.into(), e.source.into()]
        })
        .collect();
    let headers = ["name", "parameters", "what it does", "source"];
    console.text_table(&headers, &rows, &json!({ "schema": 1, "routers": all }))
}
