//! Keys of a configuration: where they lie, what their absence means, and errors that name them.

use crate::error::{Error, Place, Result};
use serde_json::Value;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Where wrappers of several modalities keep the keys of their language model.
const NESTS: [&str; 4] = ["text_config", "llm_config", "language_config", "thinker_config"];

/// A configuration and the file to name in errors.
pub(super) struct Config {
    file: PathBuf,
    top: Value,
    /// Key of `top` under which the language model's keys are.
    nest: Option<&'static str>,
    /// What the class assumes where a key is absent; 0 and 1 for flags.
    pub defaults: &'static [(&'static str, u64)],
    /// The class's own names of keys: usual name, its name.
    pub names: &'static [(&'static str, &'static str)],
    /// Defaults that were used.
    filled: RefCell<Vec<String>>,
}

impl Config {
    /// The configuration `text`, read from `file`.
    pub fn parse(file: &Path, text: &str) -> Result<Config> {
        let top: Value = serde_json::from_str(&without_infinity(text)).map_err(|e| {
            let place = Place::file(file).line(e.line() as u64);
            Error::input(place, e.to_string(), "give the model's config.json")
        })?;
        let nest = NESTS.into_iter().find(|n| top[*n].is_object());
        Ok(Config {
            file: file.to_path_buf(),
            top,
            nest,
            defaults: &[],
            names: &[],
            filled: RefCell::default(),
        })
    }

    /// The class name.
    pub fn class(&self) -> Result<&str> {
        let name = self.top["architectures"][0].as_str().or(self.text()["architectures"][0].as_str());
        name.ok_or_else(|| self.missing("architectures", "a list with the class name"))
    }

    /// The value at `key` of the outermost level.
    pub fn outer(&self, key: &str) -> &Value {
        &self.top[key]
    }

    fn text(&self) -> &Value {
        self.nest.map_or(&self.top, |n| &self.top[n])
    }

    /// The value of `key` as written; null where it is not.
    pub fn value(&self, key: &str) -> &Value {
        self.written(key).unwrap_or(&Value::Null)
    }

    /// The value of `key` under the class's name for it; a dot leads into a table.
    fn written(&self, key: &str) -> Option<&Value> {
        let own = self.names.iter().find(|(usual, _)| *usual == key).map_or(key, |(_, own)| own);
        own.split('.').try_fold(self.text(), |table, part| table.get(part))
    }

    /// The list at `key`, if there is one.
    pub fn list(&self, key: &str) -> Option<&Vec<Value>> {
        self.value(key).as_array()
    }

    /// Whether `key` is true; the outermost level counts too.
    pub fn flag(&self, key: &str) -> bool {
        let written = self.value(key).as_bool().or(self.top[key].as_bool());
        written.unwrap_or_else(|| self.default(key).is_some_and(|n| n != 0))
    }

    /// A whole number; `None` where it is null, or absent without a default.
    pub fn number(&self, key: &str) -> Result<Option<u64>> {
        let alike = |list: &Vec<Value>| list.windows(2).all(|pair| pair[0] == pair[1]);
        match self.written(key) {
            None => Ok(self.default(key)),
            Some(Value::Null) => Ok(None),
            // One entry a layer, all the same.
            Some(Value::Array(list)) if alike(list) => Ok(list.first().and_then(Value::as_u64)),
            // Bounded so that products of a few of them stay exact.
            Some(found) => match found.as_u64().filter(|&n| n < 1 << 24) {
                Some(n) => Ok(Some(n)),
                None => Err(self.refuse(key, &format!("{found} is not a whole number below 2^24"))),
            },
        }
    }

    /// A whole number above zero.
    pub fn count(&self, key: &str) -> Result<u64> {
        self.count_of(&[key])
    }

    /// The first of `keys` that is written, else the first that has a default: synonyms.
    pub fn first(&self, keys: &[&str]) -> Result<Option<u64>> {
        match keys.iter().find(|k| !self.value(k).is_null()) {
            Some(key) => self.number(key),
            None => Ok(keys.iter().filter(|k| self.written(k).is_none()).find_map(|k| self.default(k))),
        }
    }

    /// As [`Config::first`], above zero.
    pub fn count_of(&self, keys: &[&str]) -> Result<u64> {
        match self.first(keys)? {
            Some(n) if n > 0 => Ok(n),
            Some(_) => Err(self.refuse(keys[0], "it is 0")),
            None => Err(self.missing(keys[0], "a whole number")),
        }
    }

    fn default(&self, key: &str) -> Option<u64> {
        let (_, value) = self.defaults.iter().find(|(k, _)| *k == key)?;
        let told = format!("{key} {value}");
        let mut filled = self.filled.borrow_mut();
        if !filled.contains(&told) {
            filled.push(told);
        }
        Some(*value)
    }

    /// A remark on the defaults that were used, if any was.
    pub fn remark(&self) -> Option<String> {
        let filled = self.filled.borrow();
        (!filled.is_empty())
            .then(|| format!("not in the file, so the class's defaults: {}", filled.join(", ")))
    }

    /// Where `key` is, for errors.
    pub fn place(&self, key: &str) -> Place {
        Place { key: Some(key.to_string()), ..Place::file(&self.file) }
    }

    /// `key` is missing; `wanted` describes it.
    pub fn missing(&self, key: &str, wanted: &str) -> Error {
        Error::input(self.place(key), "the key is missing", format!("add it: {wanted}"))
    }

    /// A shape that nobody here can count.
    pub fn refuse(&self, key: &str, what: &str) -> Error {
        Error::input(self.place(key), what, "use another model, or measure a profile of this one")
    }
}

/// Python writes infinite numbers bare, which JSON does not know; null in their place.
fn without_infinity(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let bare = ["-Infinity", "Infinity", "NaN"].into_iter().find(|w| !quoted && rest.starts_with(w));
        let taken = match bare {
            Some(word) => {
                out.push_str("null");
                word.len()
            }
            None => {
                let taken = if quoted && c == '\\' {
                    rest.chars().take(2).map(char::len_utf8).sum()
                } else {
                    c.len_utf8()
                };
                quoted ^= c == '"';
                out.push_str(&rest[..taken]);
                taken
            }
        };
        rest = &rest[taken..];
    }
    out
}
