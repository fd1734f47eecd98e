//! No key of a scenario is parsed and ignored: for each there is a micro-scenario in which changing it changes
//! the run, or a reason why it cannot.

mod cases;
mod micro;

use cases::{CASES, EXCEPTIONS, Outcome};
use foretoken::scheduler::{Entry, Registry};
use micro::Micro;
use serde_json::Value;
use std::collections::BTreeSet;

/// Every key of the schema: `a.b`, `a{variant}.b` inside one variant of a tagged table, `a[].b` inside arrays,
/// and `a.b=value` for each value of a closed list.
fn keys() -> BTreeSet<String> {
    let schema = schemars::schema_for!(foretoken::scenario::Scenario).to_value();
    let mut found = BTreeSet::new();
    walk(&schema, &schema, "", &mut found);
    for Entry { name, params, .. } in Registry::builtin().entries() {
        let schema = params().to_value();
        walk(&schema, &schema, &format!("schedulers[].params{{{name}}}"), &mut found);
    }
    found
}

fn walk(root: &Value, node: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = node["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).expect("references resolve");
        // As `engine`, `kv`, `predictor`, `prediction` and tie's `aging`, which are walked.
        let alike = [
            "cluster.groups[].engine",
            "cluster.groups[].kv",
            "schedulers[].predictor",
            "schedulers[].prediction",
        ];
        let alike = alike.contains(&path);
        if alike || (path.ends_with(".aging") && !path.contains("{tie}")) {
            found.insert(path.into());
            return;
        }
        return walk(root, target, path, found);
    }
    if let Some(properties) = node["properties"].as_object() {
        for (key, child) in properties {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            walk(root, child, &path, found);
        }
        return;
    }
    if node["additionalProperties"] == false {
        // A table that holds no keys.
        return;
    }
    let options = ["oneOf", "anyOf"].iter().filter_map(|group| node[group].as_array()).flatten();
    let options: Vec<&Value> = options.filter(|o| o["type"] != "null").collect();
    let tagged: Vec<&&Value> =
        options.iter().filter(|o| o["properties"]["kind"]["const"].is_string()).collect();
    for option in &tagged {
        let kind = option["properties"]["kind"]["const"].as_str().unwrap();
        found.insert(format!("{path}.kind={kind}"));
        for (key, child) in option["properties"].as_object().unwrap().iter().filter(|(key, _)| *key != "kind")
        {
            walk(root, child, &format!("{path}{{{kind}}}.{key}"), found);
        }
    }
    let refs: Vec<&&Value> = options.iter().filter(|o| o["$ref"].is_string()).collect();
    if !tagged.is_empty() || !refs.is_empty() {
        refs.iter().for_each(|option| walk(root, option, path, found));
        return;
    }
    let listed = node["enum"].as_array().into_iter().flatten();
    let consts =
        options.iter().flat_map(|o| o["enum"].as_array().into_iter().flatten().chain(o.get("const")));
    let values: Vec<&str> = listed.chain(consts).filter_map(Value::as_str).collect();
    // A number that may be "inf" is no list.
    if values.is_empty() || options.iter().any(|o| o["type"] == "number") {
        let items = &node["items"];
        if items["$ref"].is_string() {
            return walk(root, items, &format!("{path}[]"), found);
        }
        found.insert(path.into());
        return;
    }
    found.extend(values.iter().map(|value| format!("{path}={value}")));
}

#[test]
fn every_key_has_a_case_or_a_reason() {
    let keys = keys();
    let covered: BTreeSet<String> = CASES.iter().flat_map(cases::Case::covers).collect();
    let excepted: BTreeSet<String> = EXCEPTIONS.iter().map(|(key, _)| (*key).to_string()).collect();
    let missing: Vec<_> = keys.iter().filter(|k| !covered.contains(*k) && !excepted.contains(*k)).collect();
    assert!(missing.is_empty(), "neither tested nor excepted: {missing:#?}");
    let gone: Vec<_> = covered.union(&excepted).filter(|k| !keys.contains(*k)).collect();
    assert!(gone.is_empty(), "no such keys: {gone:#?}");
    let both: Vec<_> = covered.intersection(&excepted).collect();
    assert!(both.is_empty(), "tested and excepted: {both:?}");
    assert!(EXCEPTIONS.iter().all(|(_, reason)| reason.len() > 20) && keys.len() > 100, "{}", keys.len());
}

#[test]
fn changing_a_key_changes_the_run() {
    let micro = Micro::new();
    let mut ignored = Vec::new();
    for case in CASES {
        let outcomes: Vec<String> = case.values.iter().map(|value| micro.outcome(case, value)).collect();
        let refused = outcomes.iter().filter(|o| o.starts_with("refused")).count();
        let expected = if case.outcome == Outcome::Refused { 1 } else { 0 };
        let distinct: BTreeSet<&String> = outcomes.iter().collect();
        if distinct.len() < outcomes.len() || refused > expected {
            ignored.push(format!("{} {:?}: {outcomes:#?}", case.key, case.values));
        }
    }
    assert!(ignored.is_empty(), "{}", ignored.join("\n"));
}

#[test]
fn every_scheduler_differs_from_fcfs() {
    let micro = Micro::new();
    let digest = |name: &str| micro.digests(&[format!("schedulers=[{{name=\"{name}\"}}]")]).unwrap();
    let fcfs = digest("fcfs");
    for entry in Registry::builtin().entries().iter().filter(|e| e.name != "fcfs") {
        assert_ne!(digest(entry.name), fcfs, "{}", entry.name);
    }
}
