//! Parts of the guides that follow from the program: made here, held against what is committed.

use foretoken::engine::{EngineConfig, KvConfig, Preset};
use foretoken::router;
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
        let params = parameters((entry.params)());
        writeln!(page, "| `{name}` | {summary} | {reads} | {params} | {source} |").unwrap();
    }
    page
}

/// The table of routers.
pub fn routers() -> String {
    let mut page = String::from(
        "| name | sends a request to | looks at | parameters | source |\n| --- | --- | --- | --- | --- |\n",
    );
    for entry in router::Registry::builtin().entries() {
        let router::Entry { name, summary, source, .. } = entry;
        let looks = [
            (entry.reads_prompt, "prompts"),
            (entry.reads_session, "sessions"),
            (entry.reads_belief, "beliefs"),
        ];
        let looks: Vec<&str> = looks.into_iter().filter(|(reads, _)| *reads).map(|(_, what)| what).collect();
        let (looks, params) = (looks.join(", "), parameters((entry.params)()));
        writeln!(page, "| `{name}` | {summary} | {looks} | {params} | {source} |").unwrap();
    }
    page
}

fn parameters(schema: schemars::Schema) -> String {
    let schema = schema.to_value();
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
    let mut page =
        Page { schema: &schema, sections: vec![("Top level".into(), Vec::new())], seen: Vec::new() };
    page.table(&schema, "", Some(&defaults), true);
    let mut text = String::new();
    for (title, rows) in page.sections.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        let rows = rows.join("\n");
        write!(text, "## {title}\n\n| key | default | |\n| --- | --- | --- |\n{rows}\n\n").unwrap();
    }
    text + &presets()
}

/// Tables of keys in the making.
struct Page<'a> {
    schema: &'a Value,
    /// Titles and rows.
    sections: Vec<(String, Vec<String>)>,
    /// Tables of several sorts that have their section already.
    seen: Vec<&'a Value>,
}

impl<'a> Page<'a> {
    fn resolve(&self, node: &'a Value) -> &'a Value {
        match node.get("$ref").and_then(Value::as_str) {
            Some(name) => self.schema.pointer(name.trim_start_matches('#')).unwrap(),
            None => node,
        }
    }

    /// What a node stands for: itself, or the alternatives that are not null; the items of a list of tables.
    fn options(&self, node: &'a Value) -> Vec<&'a Value> {
        let node = self.resolve(node);
        if let Some(items) = node.get("items").map(|i| self.resolve(i)).filter(|i| is_table(i)) {
            return vec![items];
        }
        let groups = ["oneOf", "anyOf"].iter().filter_map(|g| node.get(*g).and_then(Value::as_array));
        let options: Vec<&Value> =
            groups.flatten().filter(|o| o["type"] != "null").map(|o| self.resolve(o)).collect();
        match options.as_slice() {
            [] => vec![node],
            [only] if only.get("const").is_none() => self.options(only),
            _ => options,
        }
    }

    /// The keys of a table; those of tables in it follow in `sections` of their own, or here.
    fn table(&mut self, node: &'a Value, path: &str, defaults: Option<&Value>, sections: bool) {
        let properties = node["properties"].as_object().into_iter().flatten();
        let required = |key: &str| {
            let names = node["required"].as_array();
            defaults.is_none() && names.is_some_and(|names| names.iter().any(|n| n == key))
        };
        let mut later = Vec::new();
        for (key, child) in properties.filter(|(key, _)| *key != "kind") {
            let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let default = defaults.and_then(|d| d.get(key)).or_else(|| child.get("default"));
            let options = self.options(child);
            if !is_table(options[0]) || self.seen.contains(&options[0]) {
                let note = if required(key) { "required".into() } else { shown(default) };
                self.row(&full, child, &note);
            } else if sections {
                later.push((full, child, default));
            } else {
                self.row(&full, child, "required");
                self.table(options[0], &format!("{full}[]"), None, false);
            }
        }
        for (path, child, default) in later {
            self.section(&path, child, default);
        }
    }

    /// A section for the table or the list of tables at `path`.
    fn section(&mut self, path: &str, child: &'a Value, default: Option<&Value>) {
        let options = self.options(child);
        let list = child.get("items").is_some();
        let title = if list { format!("`[[{path}]]`") } else { format!("`[{path}]`") };
        let unset = if default.is_none() && !list { ", unset by default" } else { "" };
        self.sections.push((title + unset, Vec::new()));
        if options[0]["properties"].get("kind").is_none() {
            self.seen.push(options[0]);
            return self.table(options[0], path, default.filter(|_| !list), true);
        }
        self.seen.push(options[0]);
        for option in options {
            let name = &option["properties"]["kind"]["const"];
            let mark = if default.is_some_and(|d| d["kind"] == *name) { "default" } else { "" };
            let what = option["description"].as_str().unwrap_or_default().replace('\n', " ");
            self.push(format!("| `{path}.kind` = {name} | {mark} | {what} |"));
            self.table(option, path, None, false);
        }
    }

    fn row(&mut self, path: &str, child: &'a Value, default: &str) {
        let what = child.get("description").or_else(|| self.resolve(child).get("description"));
        let mut what = what.and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        for option in self.options(child).into_iter().filter(|o| o.get("const").is_some()) {
            if let Some(meaning) = option.get("description").and_then(Value::as_str) {
                write!(what, "<br>`{}`: {}.", option["const"], lower(meaning)).unwrap();
            }
        }
        self.push(format!("| `{path}` | {default} | {what} |"));
    }

    fn push(&mut self, row: String) {
        self.sections.last_mut().expect("there is a top level").1.push(row);
    }
}

fn is_table(node: &Value) -> bool {
    node.get("properties").is_some()
}

fn shown(default: Option<&Value>) -> String {
    default.filter(|d| !d.is_null()).map_or("unset".into(), |d| format!("`{d}`"))
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
