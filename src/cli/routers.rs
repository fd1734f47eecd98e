//! `foretoken routers`.

use super::Console;
use crate::braced::braced;
use crate::contract::{self, RouterReport};
use crate::error::{Error, Result};
use crate::router::{Entry, Registry};
use crate::scheduler::Params;
use serde_json::{Value, json};

/// List the routers, with their parameters.
#[derive(clap::Args)]
pub struct Args {
    /// Only this one; with --check, parameters in braces: power-of-two{poll_s=1}.
    name: Option<String>,
    /// Try each in hundreds of random small worlds, against the rules that every router must keep.
    #[arg(long)]
    check: bool,
}

/// Runs `foretoken routers`.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    let registry = Registry::builtin();
    let named = args.name.as_deref().map(braced).transpose()?;
    let entries: Vec<&Entry> = match &named {
        Some(braced) => vec![registry.get(&braced.name)?],
        None => registry.entries().iter().collect(),
    };
    let params = named.map(|braced| braced.params()).unwrap_or_default();
    if args.check {
        return check(&entries, &params, console);
    }
    if !params.is_empty() {
        return Err(Error::Usage("values in braces are for --check".into()));
    }
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

/// Runs the contract suite: exit code 1 if a router breaks a rule.
fn check(entries: &[&Entry], params: &Params, console: &Console) -> Result<()> {
    let try_one = |entry: &&Entry| match contract::check_router(entry, params) {
        Err(e @ Error::Router { .. }) => Err(Error::Check(e.to_string())),
        other => other,
    };
    let reports = entries.iter().map(try_one).collect::<Result<Vec<_>>>()?;
    let row = |r: &RouterReport| {
        let counts = [r.worlds, r.routed, r.completed, r.turns];
        std::iter::once(r.router.clone()).chain(counts.map(|n| n.to_string())).collect()
    };
    let rows: Vec<Vec<String>> = reports.iter().map(row).collect();
    let headers = ["keeps every rule", "worlds", "routed", "completed", "turns"];
    console.table(&headers, &rows, &json!({ "schema": 1, "checked": reports }))
}
