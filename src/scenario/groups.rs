//! `[[cluster.groups]]`: each has the engine and the memory of the scenario but for what it says itself.

use super::resolve::merge;
use super::{HARDWARE, Scenario};
use crate::engine::GroupConfig;
use crate::error::{Error, Place, Result};
use toml::{Table, Value};

/// Lays what each group says of its engine and memory on what the scenario says.
pub(super) fn fill(scenario: &mut Table) {
    let base = ["engine", "kv"].map(|section| (section, scenario.get(section).cloned()));
    let groups = scenario.get_mut("cluster").and_then(|cluster| cluster.get_mut("groups"));
    for group in groups.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_table_mut) {
        for (section, base) in &base {
            let Some(Value::Table(mut whole)) = base.clone() else { continue };
            match group.remove(*section) {
                None => {}
                Some(Value::Table(own)) => merge(&mut whole, own),
                // Refused with everything else that is of the wrong type.
                Some(other) => {
                    group.insert((*section).into(), other);
                    continue;
                }
            }
            group.insert((*section).into(), Value::Table(whole));
        }
    }
}

/// Refuses groups that make no sense; `alone` checks a scenario that is one of them.
pub(super) fn check(s: &Scenario, alone: impl Fn(&Scenario) -> Result<()>) -> Result<()> {
    let groups = &s.cluster.groups;
    let bad = |key: String, what: String, help: &str| Err(Error::input(Place::key(key), what, help));
    if groups.is_empty() {
        return s.cluster.router(0).map(|_| ());
    }
    if s.hardware.is_some() || groups.iter().any(|g| g.profile.as_deref() == Some(HARDWARE)) {
        return bad(
            "cluster.groups".into(),
            "there is one device".into(),
            "take the groups or [hardware] out",
        );
    }
    if s.cluster.replicas != 1 {
        let what = format!("{} replicas beside groups that have their own", s.cluster.replicas);
        return bad("cluster.replicas".into(), what, "leave it out");
    }
    for (i, group) in groups.iter().enumerate() {
        let key = |name: &str| format!("cluster.groups.{i}.{name}");
        if group.name.is_empty() || groups[..i].iter().any(|other| other.name == group.name) {
            return bad(key("name"), format!("`{}` is no name of its own", group.name), "give it another");
        }
        if group.engine.preset != s.engine.preset {
            let what = format!("group {} has another preset than the scenario", group.name);
            return bad(key("engine.preset"), what, "set the keys that differ instead");
        }
        alone(&s.of_group(group)).map_err(|e| inside(e, i))?;
    }
    let blocks = |i: usize| groups[i].kv.block_tokens;
    if let Some(other) = (1..groups.len()).find(|i| blocks(*i) != blocks(0))
        && s.cluster.router_entry()?.reads_prompt
    {
        let what =
            format!("{} tokens a block here and {} in group {}", blocks(other), blocks(0), groups[0].name);
        let help = "a router that looks at prompts needs blocks of one size";
        return bad(format!("cluster.groups.{other}.kv.block_tokens"), what, help);
    }
    // All of them together are not too many either.
    let together = GroupConfig { replicas: s.cluster.all_replicas(), ..groups[0].clone() };
    alone(&s.of_group(&together))?;
    s.cluster.router(0).map(|_| ())
}

/// An error about a scenario that is group `i`, as one about the group.
fn inside(error: Error, i: usize) -> Error {
    let Error::Input { place, what, help } = error else { return error };
    let own = |key: &String| {
        let of_group = ["engine.", "kv.", "profile"].iter().any(|section| key.starts_with(section));
        match key.as_str() {
            "cluster.replicas" => format!("cluster.groups.{i}.replicas"),
            key if of_group => format!("cluster.groups.{i}.{key}"),
            key => key.to_string(),
        }
    };
    let key = place.key.as_ref().map(own);
    Error::input(Place { key, ..*place }, what, help)
}
