//! `foretoken schedulers`.

use super::Console;
use crate::contract;
use crate::error::{Error, Result};
use crate::scenario::braced;
use crate::scheduler::{Entry, Params, Registry};
use serde_json::{Value, json};

/// List the schedulers, with their parameters.
#[derive(clap::Args)]
pub struct Args {
    /// Only this one; with --check, parameters in braces: mlfq{quantum_tokens=2}.
    name: Option<String>,
    /// Try each in hundreds of random small worlds, against the rules that every scheduler must keep.
    #[arg(long)]
    check: bool,
}

/// Runs `foretoken schedulers`.
pub fn run(args: &Args, registry: &Registry, console: &Console) -> Result<()> {
    let named = args.name.as_deref().map(braced).transpose()?;
    let entries: Vec<&Entry> = match &named {
        Some(braced) => vec![registry.get(&braced.name)?],
        None => registry.entries().iter().collect(),
    };
    let values = named.map(|braced| braced.values).unwrap_or_default();
    if args.check {
        return check(&entries, &parameter_values(values)?, console);
    }
    if !values.is_empty() {
        return Err(Error::Usage("values in braces are for --check".into()));
    }
    let all: Vec<Value> = entries
        .iter()
        .map(|e| json!({ "name": e.name, "summary": e.summary, "source": e.source, "params": (e.params)() }))
        .collect();
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|e| vec![e.name.into(), parameters((e.params)()).join("; "), e.summary.into(), e.source.into()])
        .collect();
    console.text_table(
        &["name", "parameters", "what it does", "source"],
        &rows,
        &json!({ "schema": 1, "schedulers": all }),
    )
}

/// Runs the contract suite: exit code 1 if a scheduler breaks a rule.
fn check(entries: &[&Entry], params: &Params, console: &Console) -> Result<()> {
    let try_one = |entry: &&Entry| match contract::check(entry, params) {
        Err(e @ Error::Scheduler { .. }) => Err(Error::Check(e.to_string())),
        other => other,
    };
    let reports = entries.iter().map(try_one).collect::<Result<Vec<_>>>()?;
    let row = |r: &contract::Report| {
        let counts = [r.worlds, r.steps, r.completed, r.rejected, r.preemptions];
        std::iter::once(r.scheduler.clone()).chain(counts.map(|n| n.to_string())).collect()
    };
    let rows: Vec<Vec<String>> = reports.iter().map(row).collect();
    let headers = ["keeps every rule", "worlds", "steps", "completed", "rejected", "preemptions"];
    console.table(&headers, &rows, &json!({ "schema": 1, "checked": reports }))
}

/// Values in braces as a scheduler's parameters.
fn parameter_values(values: toml::Table) -> Result<Params> {
    let json = |(key, value): (String, toml::Value)| Ok((key, serde_json::to_value(value)?));
    let params: serde_json::Result<Params> = values.into_iter().map(json).collect();
    params.map_err(|e| Error::Usage(e.to_string()))
}

/// `name = default` of each parameter of `schema`.
pub(super) fn parameters(schema: schemars::Schema) -> Vec<String> {
    let schema = schema.to_value();
    let properties = schema.get("properties").and_then(Value::as_object);
    let line = |(name, property): (&String, &Value)| {
        let default = property.get("default").map_or(String::new(), |d| format!(" = {d}"));
        format!("{name}{default}")
    };
    properties.into_iter().flatten().map(line).collect()
}
