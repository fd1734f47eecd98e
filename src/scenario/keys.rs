//! Which keys a scenario can have, told from its JSON schema: unknown ones are errors that name the
//! nearest valid one.

use super::Scenario;
use crate::error::{Error, Place, Result, nearest};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::OnceLock;

fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| schemars::schema_for!(Scenario).to_value())
}

/// The alternatives that a schema node stands for, references resolved.
fn alternatives<'a>(node: &'a Value, out: &mut Vec<&'a Value>) {
    if let Some(name) = node.get("$ref").and_then(Value::as_str) {
        let target = schema().pointer(name.trim_start_matches('#'));
        return alternatives(target.expect("references of our own schema resolve"), out);
    }
    for group in ["oneOf", "anyOf", "allOf"] {
        for option in node.get(group).and_then(Value::as_array).into_iter().flatten() {
            alternatives(option, out);
        }
    }
    out.push(node);
}

/// Keys a table may hold, each with its schema; `None` if it may hold anything or is no table.
fn children<'a>(nodes: &[&'a Value]) -> Option<BTreeMap<&'a str, Vec<&'a Value>>> {
    let mut keys: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for properties in nodes.iter().filter_map(|n| n.get("properties").and_then(Value::as_object)) {
        for (key, child) in properties {
            alternatives(child, keys.entry(key).or_default());
        }
    }
    (!keys.is_empty()).then_some(keys)
}

/// The schemas of the entries of lists.
fn items<'a>(nodes: &[&'a Value]) -> Vec<&'a Value> {
    let mut inner = Vec::new();
    for node in nodes.iter().filter_map(|n| n.get("items")) {
        alternatives(node, &mut inner);
    }
    inner
}

fn root() -> Vec<&'static Value> {
    let mut nodes = Vec::new();
    alternatives(schema(), &mut nodes);
    nodes
}

fn unknown_key(path: &str, key: &str, known: &[&str]) -> Error {
    if path == "sweep" {
        let help = "run it with `foretoken sweep run`, or take the section out";
        return Error::input(Place::key(path), "this file describes a sweep, not one experiment", help);
    }
    let prefix = path.strip_suffix(key).unwrap_or("");
    let help = match nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean {prefix}{near}? known here: {}", known.join(", ")),
        None => format!("known here: {}", known.join(", ")),
    };
    Error::input(Place::key(path), "there is no such key", help)
}

/// Refuses a dotted path that no scenario has.
///
/// # Errors
/// The first part that does not exist, with the nearest that does.
pub fn check_path(path: &str) -> Result<()> {
    walk(path).map(|_| ())
}

/// Whether the dotted `path` holds whole numbers.
///
/// # Errors
/// Those of [`check_path`].
pub fn is_integer(path: &str) -> Result<bool> {
    Ok(walk(path)?.iter().any(|node| says_integer(node)))
}

/// Whether a schema node is of type integer, alone or among others.
fn says_integer(node: &Value) -> bool {
    match &node["type"] {
        Value::Array(types) => types.iter().any(|t| t == "integer"),
        one => one == "integer",
    }
}

/// The schema nodes of a dotted path; none below a table that may hold anything.
fn walk(path: &str) -> Result<Vec<&'static Value>> {
    let mut nodes = root();
    let mut so_far = String::new();
    for key in path.split('.') {
        so_far = if so_far.is_empty() { key.into() } else { format!("{so_far}.{key}") };
        let tables = items(&nodes);
        if children(&tables).is_some() && key.parse::<usize>().is_ok() && so_far.len() < path.len() {
            nodes = tables;
            continue;
        }
        let Some(mut known) = children(&nodes) else {
            let open = nodes.iter().any(|n| n.get("additionalProperties").is_some_and(|a| a != false));
            if open {
                return Ok(Vec::new());
            }
            return Err(Error::input(
                Place::key(&so_far),
                "there is no such key",
                "its parent holds no keys",
            ));
        };
        nodes = match known.remove(key) {
            Some(child) => child,
            None => return Err(unknown_key(&so_far, key, &known.into_keys().collect::<Vec<_>>())),
        };
    }
    Ok(nodes)
}

/// Refuses keys of `table` that no scenario has.
///
/// # Errors
/// The first one, with the nearest that exists.
pub(super) fn check_table(table: &toml::Table) -> Result<()> {
    check_value(&root(), &toml::Value::Table(table.clone()), "")
}

fn check_value(nodes: &[&Value], value: &toml::Value, path: &str) -> Result<()> {
    match value {
        toml::Value::Table(table) => {
            let Some(known) = children(nodes) else { return Ok(()) };
            for (key, child) in table {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match known.get(key.as_str()) {
                    Some(nodes) => check_value(nodes, child, &path)?,
                    None => return Err(unknown_key(&path, key, &known.keys().copied().collect::<Vec<_>>())),
                }
            }
            Ok(())
        }
        toml::Value::Array(items) => {
            let inner = self::items(nodes);
            items.iter().try_for_each(|item| check_value(&inner, item, path))
        }
        _ => Ok(()),
    }
}
