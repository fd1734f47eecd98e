//! Names with parameters in one line of text: `mlfq{quantum_tokens=32}`, `noisy{sigma=0.5}`.

use crate::error::{Error, Result};

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

    /// The values as JSON.
    pub fn params(&self) -> serde_json::Map<String, serde_json::Value> {
        self.values.iter().map(|(key, value)| (key.clone(), json(value))).collect()
    }
}

/// Parses `name` or `name{key=value,...}`; values are TOML, or text.
///
/// # Errors
/// Braces that do not close; a value without a key.
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

/// A TOML value; text that is none, as a string.
pub fn scalar(text: &str) -> toml::Value {
    let parsed = format!("value = {text}").parse::<toml::Table>().ok();
    parsed.and_then(|mut t| t.remove("value")).unwrap_or_else(|| toml::Value::String(text.into()))
}

/// A TOML value as JSON, which has no number for infinity and NaN: they come as null.
pub fn json(value: &toml::Value) -> serde_json::Value {
    use toml::Value::{Array, Boolean, Datetime, Float, Integer, String, Table};
    match value {
        Float(v) => serde_json::json!(v),
        Integer(v) => (*v).into(),
        Boolean(v) => (*v).into(),
        String(v) => v.clone().into(),
        Datetime(v) => v.to_string().into(),
        Array(list) => list.iter().map(json).collect(),
        Table(table) => table.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}

/// Splits at commas outside of any brackets.
pub fn split_outside_brackets(text: &str) -> Vec<&str> {
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
