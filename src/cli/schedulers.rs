//! `foretoken schedulers`, and how schedulers are written on the command line.

use super::Console;
use super::replay::predictor;
use crate::contract;
use crate::error::{Error, Result};
use crate::scenario::SchedulerConfig;
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
        .map(|e| vec![e.name.into(), parameters(e).join("; "), e.summary.into(), e.source.into()])
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

/// `name = default` of each parameter.
fn parameters(entry: &Entry) -> Vec<String> {
    let schema = (entry.params)().to_value();
    let properties = schema.get("properties").and_then(Value::as_object);
    let line = |(name, property): (&String, &Value)| {
        let default = property.get("default").map_or(String::new(), |d| format!(" = {d}"));
        format!("{name}{default}")
    };
    properties.into_iter().flatten().map(line).collect()
}

/// A name with values in braces: `mlfq{quantum_tokens=32,levels=4}`.
#[derive(Debug)]
pub struct Braced {
    /// What stands before the brace.
    pub name: String,
    /// What stands inside.
    pub values: toml::Table,
}

impl Braced {
    /// The values with the name as one more, called `key`.
    pub fn table(self, key: &str) -> toml::Table {
        let mut table = self.values;
        table.insert(key.into(), toml::Value::String(self.name));
        table
    }
}

/// Parses `name` or `name{key=value,...}`; values are TOML, or text.
pub fn braced(text: &str) -> Result<Braced> {
    let Some((name, rest)) = text.split_once('{') else {
        return Ok(Braced { name: text.trim().into(), values: toml::Table::new() });
    };
    let bad = || Error::Usage(format!("`{text}`: write name{{key=value,...}}"));
    let inside = rest.trim_end().strip_suffix('}').ok_or_else(bad)?;
    let mut values = toml::Table::new();
    for pair in split_outside_brackets(inside).into_iter().filter(|p| !p.trim().is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(bad)?;
        values.insert(key.trim().into(), scalar(value.trim()));
    }
    Ok(Braced { name: name.trim().into(), values })
}

fn scalar(text: &str) -> toml::Value {
    let parsed = format!("value = {text}").parse::<toml::Table>().ok();
    parsed.and_then(|mut t| t.remove("value")).unwrap_or_else(|| toml::Value::String(text.into()))
}

/// Splits at commas outside of any brackets.
fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (i, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The schedulers of repeated, comma-separated `--scheduler` flags. Keys in braces are parameters, but for
/// `predictor` and `label`.
pub fn parse_list(flags: &[String]) -> Result<Vec<SchedulerConfig>> {
    let each = flags.iter().flat_map(|flag| split_outside_brackets(flag));
    each.map(|text| {
        let braced = braced(text)?;
        if braced.name.is_empty() {
            let flags = flags.join(",");
            return Err(Error::Usage(format!(
                "--scheduler `{flags}`: a name is missing; see `foretoken schedulers`"
            )));
        }
        let mut config = SchedulerConfig::plain(&braced.name);
        for (key, value) in braced.values {
            match (key.as_str(), &value) {
                ("predictor", toml::Value::String(text)) => config.predictor = Some(predictor(text)?),
                ("label", toml::Value::String(text)) => config.label = Some(text.clone()),
                ("label", other) => config.label = Some(other.to_string()),
                _ => {
                    let value = serde_json::to_value(&value).map_err(|e| Error::Usage(e.to_string()))?;
                    config.params.insert(key, value);
                }
            }
        }
        Ok(config)
    })
    .collect()
}
