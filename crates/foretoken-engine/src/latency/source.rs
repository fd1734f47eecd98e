//! A TOML text that knows its places: turns dotted keys and byte offsets into file, line and key.

use crate::error::{Error, Place, Result, nearest};
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A parsed TOML text and where it came from.
pub struct Source<'t> {
    file: PathBuf,
    text: &'t str,
    tree: Spanned<DeTable<'t>>,
}

impl<'t> Source<'t> {
    /// Parses `text`, read from `file`. Bad syntax is an error with its line.
    pub fn parse(file: impl AsRef<Path>, text: &'t str) -> Result<Source<'t>> {
        let file = file.as_ref().to_path_buf();
        match DeTable::parse(text) {
            Ok(tree) => Ok(Source { file, text, tree }),
            Err(e) => {
                let place = Place::file(&file).line(line_of(text, e.span().map_or(0, |s| s.start)));
                Err(Error::input(place, e.message(), "correct the TOML syntax"))
            }
        }
    }

    /// Refuses a text whose `schema` is missing, or another than `ours`.
    pub fn require_schema(&self, ours: u32) -> Result<()> {
        let found = self.tree.get_ref().get("schema").and_then(|v| v.get_ref().as_integer());
        let found = found.and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok());
        match found {
            Some(n) if n == i64::from(ours) => Ok(()),
            Some(n) if n > i64::from(ours) => Err(self.refuse(
                "schema",
                format!("the file is of schema {n}, this version reads schema {ours}"),
                "use a newer foretoken",
            )),
            _ => Err(self.refuse(
                "schema",
                "no valid schema number",
                format!("add `schema = {ours}` at the top"),
            )),
        }
    }

    /// The whole text as a `T`. Errors name file, line and key, and the nearest valid name.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(self.text).map_err(|e| {
            let span = e.span().unwrap_or(0..0);
            let mut key = key_at(self.tree.get_ref(), &span).unwrap_or_default();
            let names: Vec<&str> = e.message().split('`').skip(1).step_by(2).collect();
            let help = match names.split_first() {
                Some((missing, [])) if e.message().starts_with("missing field") => {
                    key = join(&key, missing);
                    "add it".to_string()
                }
                Some((wrong, known)) => match nearest(wrong, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "correct the key".to_string(),
                },
                None => "correct the value".to_string(),
            };
            Error::input(self.place(key, line_of(self.text, span.start)), e.message(), help)
        })
    }

    /// An error about the value of dotted `key`, at its line (or at that of the nearest table above it).
    pub fn refuse(&self, key: &str, what: impl Into<String>, help: impl Into<String>) -> Error {
        let line = line_of(self.text, offset_of(self.tree.get_ref(), key).unwrap_or(0));
        Error::input(self.place(key.to_string(), line), what, help)
    }

    fn place(&self, key: String, line: u64) -> Place {
        Place { key: (!key.is_empty()).then_some(key), ..Place::file(&self.file).line(line) }
    }
}

fn line_of(text: &str, offset: usize) -> u64 {
    1 + text.bytes().take(offset).filter(|&b| b == b'\n').count() as u64
}

fn join(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_string() } else { format!("{table}.{key}") }
}

/// The innermost key whose name or value covers `span`.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let covers = |s: Range<usize>| s.start <= span.start && span.end <= s.end;
    table.iter().find_map(|(key, value)| {
        let name: &str = key.get_ref();
        let within = |name: &str, value: &DeValue<'_>| match value {
            DeValue::Table(inner) => key_at(inner, span).map(|below| join(name, &below)),
            _ => None,
        };
        let below = match value.get_ref() {
            DeValue::Array(items) => {
                items.iter().enumerate().find_map(|(i, item)| within(&format!("{name}[{i}]"), item.get_ref()))
            }
            one => within(name, one),
        };
        below.or_else(|| (covers(key.span()) || covers(value.span())).then(|| name.to_string()))
    })
}

/// Byte offset of dotted `key`, or of the innermost table on its way that exists. `name[2]` is the third of an
/// array of tables.
fn offset_of(table: &DeTable<'_>, key: &str) -> Option<usize> {
    let (head, rest) = key.split_once('.').unwrap_or((key, ""));
    let (head, index) = head.split_once('[').unwrap_or((head, ""));
    let (name, value) = table.iter().find(|(k, _)| &**k.get_ref() == head)?;
    let here = name.span().start;
    let index = index.trim_end_matches(']').parse::<usize>().ok();
    let value = match value.get_ref() {
        DeValue::Array(items) => index.and_then(|i| items.get(i)).unwrap_or(value),
        _ => value,
    };
    match value.get_ref() {
        DeValue::Table(inner) if !rest.is_empty() => Some(offset_of(inner, rest).unwrap_or(here)),
        _ => Some(here),
    }
}
