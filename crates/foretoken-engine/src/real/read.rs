//! Files of reference scenarios: JSON values one after the other, plain or gzip, or one list of them.

use crate::error::{Error, Place, Result};
use crate::trace;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads every scenario of a `.json`, `.jsonl` or `.jsonl.gz` file.
///
/// # Errors
/// A file that cannot be read; a value that is no scenario of the wanted kind; no value at all.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let bytes = trace::read_bytes(path)?;
    let bad = |e: serde_json::Error| {
        let text = e.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        let place = Place::file(path).line(e.line() as u64);
        Error::input(
            place,
            format!("not a reference scenario: {what}"),
            "docs/engines.md says what one looks like",
        )
    };
    let found: Vec<T> = if bytes.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(&bytes).map_err(bad)?
    } else {
        serde_json::Deserializer::from_slice(&bytes)
            .into_iter()
            .collect::<serde_json::Result<_>>()
            .map_err(bad)?
    };
    if found.is_empty() {
        return Err(Error::input(
            Place::file(path),
            "holds no scenario",
            "name a file of reference scenarios",
        ));
    }
    Ok(found)
}
