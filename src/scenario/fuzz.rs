//! The property that fuzzing holds scenarios to: any text is read or refused, never a panic.

use super::{Layers, resolve::parse, resolve::resolve_text};
use std::path::Path;

/// Resolves `text`, whose lines before the first empty one are `--set` assignments and the rest TOML.
pub fn fuzz_scenario(text: &str) {
    let (sets, file) = text.split_once("\n\n").unwrap_or(("", text));
    let path = Path::new("fuzz.toml");
    let mut layers = Layers { file: Some(path.into()), set: Vec::new() };
    for assignment in sets.lines() {
        let _ = layers.set(assignment);
    }
    let Ok(table) = parse(path, file) else { return };
    if let Ok(scenario) = resolve_text(&layers, table, file) {
        let again = toml::to_string(&scenario).expect("scenarios can be written");
        let table = parse(path, &again).expect("what was written is TOML");
        let layers = Layers { file: Some(path.into()), set: Vec::new() };
        let read = resolve_text(&layers, table, &again).expect("what was written can be read");
        assert!(read == scenario || format!("{read:?}").contains("NaN"), "it is read as it was written");
    }
}
