//! Parts of the guides that follow from the program: made here, held against what is committed.

use foretoken::engine::{EngineConfig, KvConfig, Preset};
use foretoken::scenario::Scenario;
use foretoken::scheduler::{Entry, Registry};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

/// Holds the part of `page` between the markers `name:begin` and `name:end` against `wanted`.
pub fn hold(page: &str, name: &str, wanted: &str) {
    let path = super::root().join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let (from, to) = (text.find(&begin).unwrap() + begin.len(), text.find(&end).unwrap());
    if super::blessing() {
        fs::write(&path, format!("{}{wanted}{}", &text[..from], &text[to..])).unwrap();
        return;
    }
    assert_eq!(&text[from..to], wanted, "{page} is stale: run this test with FORETOKEN_BLESS=1");
}

/// The same for a whole file.
pub fn hold_file(page: &str, wanted: &str) {
    let path = super::root().join(page);
    if super::blessing() {
        fs::write(&path, wanted).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == wanted, "{page} is stale: run this test with FORETOKEN_BLESS=1");
}

/// The table of schedulers.
pub fn schedulers() -> String {
    let mut page = String::from(
        "| name | what it does | reads output lengths | parameters | source |\n| --- | --- | --- | --- | --- |\n",
    );
    for entry in Registry::builtin().entries() {
        let reads = if entry.reads_belief { "yes" } else { "" };
        let Entry { name, summary, source, .. } = entry;
        writeln!(page, "| `{name}` | {summary} | {reads} | {} | {source} |", parameters(entry)).unwrap();
    }
    page
}

fn parameters(entry: &Entry) -> String {
    let schema = (entry.params)().to_value();
    let properties = schema.get("properties").and_then(Value::as_object);
    let one = |(name, property): (&String, &Value)| {
        let default = property.get("default").filter(|d| !d.is_null());
        let default = default.map_or(String::new(), |d| format!(" = {d}"));
        format!("`{name}`{default}: {}", lower(property["description"].as_str().unwrap()))
    };
    properties.into_iter().flatten().map(one).collect::<Vec<_>>().join("<br>")
}

/// A sentence as it reads after a colon: no capital, no full stop.
fn lower(sentence: &str) -> String {
    let sentence = sentence.replace('\n', " ");
    let sentence = sentence.trim_end_matches('.');
    let mut chars = sentence.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    let acronym = chars.clone().next().is_some_and(char::is_uppercase);
    if acronym { sentence.into() } else { first + chars.as_str() }
}

/// Tables of all scenario keys, by section, and of what sets presets apart.
pub fn scenario() -> String {
    let schema = schemars::schema_for!(Scenario).to_value();
    let defaults = serde_json::to_value(Scenario::defaults(Preset::default())).unwrap();
    let mut page = Page { schema: &schema, sections: vec![("".into(), Vec::new())] };
    page.table(&schema, "", Some(&defaults));
    let mut text = String::new();
    for (section, rows) in page.sections.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        let title = if section.is_empty() { "Top level".into() } else { format!("`[{section}]`") };
        write!(text, "## {title}\n\n| key | default | |\n| --- | --- | --- |\n").unwrap();
        for row in rows {
            writeln!(text, "{row}").unwrap();
        }
        text.push('\n');
    }
    text + &presets()
}

/// Tables of keys in the making.
struct Page<'a> {
    schema: &'a Value,
    /// Name and rows; the first one is the top level.
    sections: Vec<(String, Vec<String>)>,
}

impl<'a> Page<'a> {
    fn resolve(&self, node: &'a Value) -> &'a Value {
        match node.get("$ref").and_then(Value::as_str) {
            Some(name) => self.schema.pointer(name.trim_start_matches('#')).unwrap(),
            None => node,
        }
    }

    /// What a node stands for: itself, or the alternatives that are not null.
    fn options(&self, node: &'a Value) -> Vec<&'a Value> {
        let node = self.resolve(node);
        let groups = ["oneOf", "anyOf"].iter().filter_map(|g| node.get(*g).and_then(Value::as_array));
        let options: Vec<&Value> =
            groups.flatten().filter(|o| o["type"] != "null").map(|o| self.resolve(o)).collect();
        match options.as_slice() {
            [] => vec![node],
            [only] if only.get("const").is_none() => self.options(only),
            _ => options,
        }
    }

    /// The keys of a table, and those of the tables in it.
    fn table(&mut self, node: &'a Value, path: &str, defaults: Option<&Value>) {
        let empty = serde_json::Map::new();
        let properties = node["properties"].as_object().unwrap_or(&empty);
        let mut tables = Vec::new();
        for (key, child) in properties.iter().filter(|(key, _)| *key != "kind") {
            let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let default = defaults.and_then(|d| d.get(key)).or_else(|| child.get("default"));
            let options = self.options(child);
            let is_table = options.iter().any(|o| o.get("properties").is_some());
            let is_list = child.get("items").map(|items| self.resolve(items));
            match (is_table, is_list.filter(|items| items.get("properties").is_some())) {
                (false, None) => self.row(&full, child, default),
                (false, Some(items)) => tables.push((format!("[{full}]"), full, child, vec![items], None)),
                (true, _) => tables.push((full.clone(), full, child, options, default)),
            }
        }
        for (title, path, child, options, default) in tables {
            self.sections.push((title, Vec::new()));
            let kinds = options.iter().any(|o| o["properties"].get("kind").is_some());
            for option in options {
                if kinds {
                    self.kind(&path, option, default);
                } else {
                    self.table(option, &path, default.or_else(|| child.get("default")));
                }
            }
        }
    }

    /// One kind of a table of several sorts: its name, then its keys.
    fn kind(&mut self, path: &str, option: &'a Value, default: Option<&Value>) {
        let name = &option["properties"]["kind"]["const"];
        let mark = if default.is_some_and(|d| d["kind"] == *name) { "default" } else { "" };
        let what = option["description"].as_str().unwrap_or_default().replace('\n', " ");
        self.push(format!("| `{path}.kind` = {name} | {mark} | {what} |"));
        self.table(option, path, None);
    }

    fn row(&mut self, path: &str, child: &'a Value, default: Option<&Value>) {
        let default = match default {
            None | Some(Value::Null) => "unset".into(),
            Some(value) => format!("`{value}`"),
        };
        let what = child.get("description").or_else(|| self.resolve(child).get("description"));
        let mut what = what.and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        for option in self.options(child).into_iter().filter(|o| o.get("const").is_some_and(Value::is_string))
        {
            let meaning = option.get("description").and_then(Value::as_str).unwrap_or_default();
            write!(what, "<br>`{}`: {}.", option["const"], lower(meaning)).unwrap();
        }
        self.push(format!("| `{path}` | {default} | {what} |"));
    }

    fn push(&mut self, row: String) {
        self.sections.last_mut().expect("there is a top level").1.push(row);
    }
}

/// What sets presets apart: the keys whose values differ.
fn presets() -> String {
    let of = |preset| {
        let engine = serde_json::to_value(EngineConfig::preset(preset)).unwrap();
        let kv = serde_json::to_value(KvConfig::preset(preset)).unwrap();
        let keys = [("engine", engine), ("kv", kv)].into_iter().flat_map(|(section, table)| {
            let table = table.as_object().unwrap().clone();
            table.into_iter().map(move |(key, value)| (format!("{section}.{key}"), value.to_string()))
        });
        let mut keys: BTreeMap<String, String> = keys.collect();
        keys.insert("profile".into(), format!("{:?}", preset.default_profile()));
        keys
    };
    let tables = Preset::ALL.map(of);
    let names = Preset::ALL.map(|p| format!("`{}`", p.name())).join(" | ");
    let mut text = format!("## Presets\n\n| key | {names} |\n| --- | --- | --- | --- | --- |\n");
    let differs = |key: &&String| tables.iter().any(|t| t[*key] != tables[0][*key]);
    for key in tables[0].keys().filter(differs).filter(|key| *key != "engine.preset") {
        let values = tables.each_ref().map(|t| format!("`{}`", t[key])).join(" | ");
        writeln!(text, "| `{key}` | {values} |").unwrap();
    }
    text
}
