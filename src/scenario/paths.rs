//! Files that a scenario names: they may lie beside it.

use std::path::Path;
use toml::{Table, Value};

/// Replaces paths in `table` that do not exist by the same below the folder of `scenario`, or the one above,
/// where they do.
pub(super) fn find(table: &mut Table, scenario: &Path) {
    if let Some(path) = table.get_mut("trace").and_then(|t| t.get_mut("path")) {
        found(path, scenario);
    }
    if let Some(profile) = table.get_mut("profile") {
        found(profile, scenario);
    }
    let groups = table.get_mut("cluster").and_then(|cluster| cluster.get_mut("groups"));
    for group in groups.and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(profile) = group.get_mut("profile") {
            found(profile, scenario);
        }
    }
    for key in ["model", "weights"] {
        if let Some(path) = table.get_mut("hardware").and_then(|h| h.get_mut(key)) {
            found(path, scenario);
        }
    }
    if let Some(predictor) = table.get_mut("predictor") {
        of_predictor(predictor, scenario);
    }
    for entry in table.get_mut("schedulers").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(predictor) = entry.get_mut("predictor") {
            of_predictor(predictor, scenario);
        }
    }
}

fn of_predictor(predictor: &mut Value, scenario: &Path) {
    if let Some(path) = predictor.get_mut("path") {
        found(path, scenario);
    }
}

fn found(value: &mut Value, scenario: &Path) {
    let Value::String(text) = value else { return };
    if text.is_empty() || Path::new(text.as_str()).exists() {
        return;
    }
    let beside = scenario.ancestors().skip(1).take(2).map(|folder| folder.join(text.as_str()));
    if let Some(file) = { beside }.find(|p| p.exists()) {
        *text = file.to_string_lossy().into_owned();
    }
}
