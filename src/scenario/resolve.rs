//! From files and `--set` to a whole [`Scenario`].

use super::{
    HARDWARE, HardwareConfig, SCHEMA, Scenario, check_path, groups, keys, measured, paths, scalar, wrong,
};
use crate::engine::{Cache, Gate, Preset, StepKind};
use crate::error::{Error, Place, Result};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Folders of replicates are numbered with three digits.
const MOST_REPLICATES: u32 = 1000;

/// The most that a count may be, beyond which a run would fill the memory, or a sum of counts overflow.
const MOST_REPLICAS: u32 = 4096;
const MOST_BLOCKS: u64 = 1 << 40;
const MOST_TOKENS: u64 = 1 << 48;
/// Counters of tokens in a block, over all replicas.
const MOST_RESIDUES: u64 = 1 << 28;
/// A hundred years, seconds.
const LONGEST_S: f64 = 3.2e9;

/// What the user gave, weakest first.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// A scenario file.
    pub file: Option<PathBuf>,
    /// Dotted keys and their values, later ones stronger.
    pub set: Vec<(String, Value)>,
}

impl Layers {
    /// Adds a `path=value` of the command line. The value is TOML; anything that is not, is a string.
    ///
    /// # Errors
    /// No `=`, or a path that no scenario has.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let Some((path, text)) = assignment.split_once('=') else {
            return Err(Error::Usage(format!(
                "--set {assignment}: write path=value, such as kv.blocks=7424"
            )));
        };
        let path = path.split('.').map(str::trim).collect::<Vec<_>>().join(".");
        if path.is_empty() {
            return Err(Error::Usage(format!(
                "--set {assignment}: no path before `=`; write kv.blocks=7424"
            )));
        }
        check_path(&path)?;
        self.set.push((path, scalar(text.trim())));
        Ok(())
    }
}

impl Layers {
    /// Whether the user said anything about the dotted `path` or what lies under it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn mention(&self, path: &str) -> Result<bool> {
        let under =
            |key: &str| key == path || key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        if self.set.iter().any(|(key, _)| under(key)) {
            return Ok(true);
        }
        let Some(file) = &self.file else { return Ok(false) };
        let text = std::fs::read_to_string(file).map_err(|e| Error::io(file, e))?;
        let mut value = Some(Value::Table(parse(file, &text)?));
        for key in path.split('.') {
            value = value.and_then(|v| v.get(key).cloned());
        }
        Ok(value.is_some())
    }
}

/// What the user gave, laid together and its keys checked, but not yet filled with built-in values: more can
/// be set, many times over.
#[derive(Clone, Debug)]
pub struct Draft {
    over: Table,
    file: Option<PathBuf>,
    text: String,
}

impl Draft {
    /// The file and the `set`s of `layers`.
    ///
    /// # Errors
    /// An unreadable file, by line; an unknown key, by line and with the nearest valid one.
    pub fn read(layers: &Layers) -> Result<Draft> {
        Ok(Draft::read_beside(layers, "")?.0)
    }

    /// The same for a file that has the section `section` beside what makes a scenario.
    ///
    /// # Errors
    /// Those of [`Draft::read`].
    pub fn read_beside(layers: &Layers, section: &str) -> Result<(Draft, Option<Value>)> {
        let (mut file, text) = match &layers.file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
                (parse(path, &text)?, text)
            }
            None => (Table::new(), String::new()),
        };
        let beside = file.remove(section);
        Ok((Draft::of(layers, file, text)?, beside))
    }

    /// The same, with the file's content at hand.
    pub(super) fn of(layers: &Layers, mut file: Table, text: String) -> Result<Draft> {
        let mut draft = Draft { over: Table::new(), file: layers.file.clone(), text };
        if let Some(schema) = file.get("schema").and_then(Value::as_integer)
            && schema != i64::from(SCHEMA)
        {
            return Err(draft.place(other_schema(schema)));
        }
        keys::check_table(&file).map_err(|e| draft.place(e))?;
        if let Some(path) = &layers.file {
            paths::find(&mut file, path);
        }
        draft.over = file;
        for (path, value) in &layers.set {
            draft.set(path, value.clone());
        }
        Ok(draft)
    }

    /// Sets a dotted path that [`check_path`] accepts.
    pub fn set(&mut self, path: &str, value: Value) {
        assign(&mut self.over, path, value);
    }

    /// Everything that was given.
    pub fn given(&self) -> &Table {
        &self.over
    }

    /// The whole scenario: built-in values of the chosen preset, and what was given.
    ///
    /// # Errors
    /// A value of the wrong type or out of range, by key.
    pub fn resolve(&self) -> Result<Scenario> {
        let preset = preset(&self.over).map_err(|e| self.place(e))?;
        let mut defaults = Scenario::defaults(preset);
        if let Some(hardware) = self.over.get("hardware") {
            // A value of the wrong type is refused below, with everything else.
            let hardware: HardwareConfig = hardware.clone().try_into().unwrap_or_default();
            hardware.limit(&mut defaults);
        }
        measured::limit(&self.over, &mut defaults);
        let mut merged = Table::try_from(defaults).expect("built-in values are plain");
        merge(&mut merged, self.over.clone());
        groups::fill(&mut merged);
        let scenario: Scenario = serde_path_to_error::deserialize(merged).map_err(|e| {
            let key = e.path().to_string();
            self.place(wrong::value(key, e.into_inner().message()))
        })?;
        check(&scenario).and_then(|()| groups::check(&scenario, check)).map_err(|e| self.place(e))?;
        Ok(scenario)
    }

    fn place(&self, error: Error) -> Error {
        locate(error, self.file.as_deref(), &self.text)
    }
}

/// The scenario that `layers` describe: built-in values of the chosen preset, the file, the `set`s.
///
/// # Errors
/// An unreadable file, by line; an unknown key, by line and with the nearest valid one; a value of the
/// wrong type or out of range, by key.
pub fn resolve(layers: &Layers) -> Result<Scenario> {
    Draft::read(layers)?.resolve()
}

/// The same, with the file's content at hand.
pub(super) fn resolve_text(layers: &Layers, file: Table, text: &str) -> Result<Scenario> {
    Draft::of(layers, file, text.into())?.resolve()
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Table> {
    text.parse::<Table>().map_err(|e| {
        let line = e.span().map_or(1, |span| line_at(text, span.start));
        let scenario = path.extension().is_some_and(|x| x == "toml");
        let help =
            if scenario { "mend the TOML" } else { "scenarios are TOML; for a trace write --trace FILE" };
        Error::input(Place::file(path).line(line), e.message(), help)
    })
}

fn line_at(text: &str, byte: usize) -> u64 {
    text[..byte.min(text.len())].matches('\n').count() as u64 + 1
}

/// Adds file and line to an error about a key, if the file holds that key.
fn locate(error: Error, file: Option<&Path>, text: &str) -> Error {
    let (Some(file), Error::Input { place, what, help }) = (file, &error) else { return error };
    let Some(line) = place.key.as_deref().and_then(|key| line_of(text, key)) else { return error };
    let place = Place { file: Some(file.into()), line: Some(line), ..(**place).clone() };
    Error::input(place, what.clone(), help.clone())
}

/// 1-based line on which `key` is set.
fn line_of(text: &str, key: &str) -> Option<u64> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.into_inner();
    let mut line = None;
    for part in key.split('.') {
        // Inside arrays of tables the first one stands for all.
        let name = part.split('[').next().unwrap_or(part);
        let (found, value) = table.into_iter().find(|(k, _)| k.get_ref().as_ref() == name)?;
        line = Some(line_at(text, found.span().start));
        table = match value.into_inner() {
            toml::de::DeValue::Table(inner) => inner,
            _ => return line,
        };
    }
    line
}

/// Entries that a list can be given by their numbers.
const MOST_ENTRIES: usize = 1 << 12;

/// Sets a dotted path; a number in it is a place in a list of tables. A new `kind` makes a table of another sort: its old keys go.
fn assign(table: &mut Table, path: &str, value: Value) {
    let (parents, key) = path.rsplit_once('.').map_or((None, path), |(p, k)| (Some(p), k));
    let mut at = table;
    let mut parts = parents.iter().flat_map(|p| p.split('.')).peekable();
    while let Some(part) = parts.next() {
        let index = parts.peek().and_then(|next| next.parse::<usize>().ok());
        let empty = || if index.is_some() { Value::Array(Vec::new()) } else { Value::Table(Table::new()) };
        let mut child = at.entry(part).or_insert_with(empty);
        if let (Some(index), true) = (index, child.is_array()) {
            parts.next();
            let list = child.as_array_mut().expect("it is one");
            // A gap becomes entries that lack everything, which is refused by name.
            let index = index.min(MOST_ENTRIES);
            list.resize(list.len().max(index + 1), Value::Table(Table::new()));
            child = &mut list[index];
        }
        if !child.is_table() {
            *child = Value::Table(Table::new());
        }
        at = child.as_table_mut().expect("made one just now");
    }
    if key == "kind" && at.get("kind") != Some(&value) {
        at.clear();
    }
    at.insert(key.into(), value);
}

/// Lays `over` on `base`: tables are merged, unless their `kind` differs; all else is replaced.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => {
                if new.get("kind").is_some_and(|kind| Some(kind) != old.get("kind")) {
                    *old = new;
                } else {
                    merge(old, new);
                }
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn preset(table: &Table) -> Result<Preset> {
    let Some(value) = table.get("engine").and_then(|e| e.get("preset")) else { return Ok(Preset::default()) };
    let name = value.as_str().unwrap_or_default();
    Preset::ALL.into_iter().find(|p| p.name() == name).ok_or_else(|| {
        Error::unknown("engine preset", value.as_str().unwrap_or("(no text)"), Preset::ALL.map(Preset::name))
    })
}

/// A scenario of `schema`, which this build does not read.
fn other_schema(schema: i64) -> Error {
    let what = format!("this is schema {schema}; this build reads {SCHEMA}");
    let help = if schema > i64::from(SCHEMA) { "use a newer foretoken" } else { "there is none before 1" };
    Error::input(Place::key("schema"), what, help)
}

/// Refuses counts that no machine holds.
fn check_counts(s: &Scenario) -> Result<()> {
    let residues = u64::from(s.kv.block_tokens) * u64::from(s.cluster.replicas);
    let most: [(&str, u64, u64); 5] = [
        ("replicates", u64::from(s.replicates), u64::from(MOST_REPLICATES)),
        ("cluster.replicas", u64::from(s.cluster.replicas), u64::from(MOST_REPLICAS)),
        ("kv.block_tokens", residues, MOST_RESIDUES),
        ("kv.blocks", s.kv.blocks.unwrap_or(1), MOST_BLOCKS),
        ("engine.max_tokens_per_step", s.engine.max_tokens_per_step, MOST_TOKENS),
    ];
    for (key, value, limit) in most {
        if value > limit {
            let of = if key == "kv.block_tokens" { " tokens of a block over all replicas" } else { "" };
            let what = format!("{value}{of} are too many");
            return Err(Error::input(Place::key(key), what, format!("choose at most {limit}")));
        }
    }
    Ok(())
}

/// Refuses values that have the right type but make no sense.
fn check(s: &Scenario) -> Result<()> {
    let bad = |key: &str, what: String, help: &str| Err(Error::input(Place::key(key), what, help));
    if s.schema != SCHEMA {
        return Err(other_schema(i64::from(s.schema)));
    }
    match &s.hardware {
        Some(hardware) => hardware.check(s)?,
        None if s.profile == HARDWARE => {
            let what = "profile \"hardware\" stands for [hardware], and there is none".to_string();
            return bad("profile", what, "name a profile, or add [hardware] with a model");
        }
        None => {}
    }
    let positive: [(&str, u64); 6] = [
        ("replicates", u64::from(s.replicates)),
        ("engine.max_tokens_per_step", s.engine.max_tokens_per_step),
        ("engine.max_seqs", u64::from(s.engine.max_seqs)),
        ("kv.block_tokens", u64::from(s.kv.block_tokens)),
        ("kv.blocks", s.kv.blocks.unwrap_or(1)),
        ("cluster.replicas", u64::from(s.cluster.replicas)),
    ];
    for (key, value) in positive {
        if value == 0 {
            return bad(key, "0 leaves nothing to run with".into(), "choose at least 1");
        }
    }
    check_counts(s)?;
    if s.kv.block_tokens > 1 << 20 {
        return bad(
            "kv.block_tokens",
            format!("{} tokens a block", s.kv.block_tokens),
            "choose at most 1048576",
        );
    }
    if !(0.0..1.0).contains(&s.kv.watermark) {
        return bad(
            "kv.watermark",
            format!("{} is no share of the blocks", s.kv.watermark),
            "choose 0 or more, under 1",
        );
    }
    if !(0.0..=LONGEST_S).contains(&s.engine.host_overhead_s) {
        let what = format!("{} is no length of time", s.engine.host_overhead_s);
        return bad("engine.host_overhead_s", what, "choose 0 or more seconds");
    }
    if s.kv.gate == Gate::MaxLen && s.engine.max_model_len == 0 {
        return bad("engine.max_model_len", "gate max-len reserves it, and it is not set".into(), "set it");
    }
    check_cache(s)?;
    if s.engine.step == StepKind::Lockstep {
        if s.kv.gate != Gate::MaxLen {
            return bad(
                "kv.gate",
                "a lock-step batch cannot lose members to a shortage".into(),
                "use \"max-len\"",
            );
        }
        if s.engine.chunked_prefill || s.engine.long_prefill_threshold > 0 {
            let what = "a lock-step batch takes whole prompts".to_string();
            return bad("engine.chunked_prefill", what, "use false, and long_prefill_threshold = 0");
        }
    }
    check_lists(s)
}

/// Refuses prefix caching where nothing could be found again.
fn check_cache(s: &Scenario) -> Result<()> {
    let why = match s.kv.cache {
        Cache::Off => return Ok(()),
        Cache::Hash if s.engine.preset == Preset::Theory => "theory has no prefill that a hit could save",
        Cache::Hash if s.engine.step == StepKind::Lockstep => "a lock-step batch computes every prompt",
        Cache::Hash if s.kv.gate == Gate::MaxLen => {
            "gate max-len reserves memory for whole requests, found or not"
        }
        Cache::Hash if s.hardware.is_some() => "the device computes every prompt",
        Cache::Hash => return Ok(()),
    };
    let help = "use \"off\", or an engine that caches, such as vllm-v1";
    Err(Error::input(Place::key("kv.cache"), format!("nothing can be found again: {why}"), help))
}

fn check_lists(s: &Scenario) -> Result<()> {
    let bad = |key: &str, what: String, help: &str| Err(Error::input(Place::key(key), what, help));
    s.trace.laws.iter().try_for_each(|laws| laws.check("trace.laws"))?;
    s.prediction.check("prediction")?;
    let own = s.schedulers.iter().filter_map(|one| one.prediction.as_ref());
    own.into_iter().try_for_each(|prediction| prediction.check("schedulers[].prediction"))?;
    if s.schedulers.is_empty() {
        return bad("schedulers", "there is none".into(), "name at least one of `foretoken schedulers`");
    }
    let mut labels: Vec<String> = s.schedulers.iter().map(super::SchedulerConfig::label).collect();
    labels.sort();
    if let Some(twice) = labels.windows(2).find(|w| w[0] == w[1]) {
        return bad("schedulers", format!("two are called `{}`", twice[0]), "give one of them a label");
    }
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.=+,".contains(c));
    if let Some(label) = labels.iter().find(|l| l.is_empty() || l.starts_with('.') || l.contains(odd)) {
        let what = format!("the label `{label}` cannot name a directory");
        return bad("schedulers", what, "use letters, digits, '-', '_', '.', '=', '+' and ','");
    }
    if let Some(rate) = s.load.rates_rps.iter().find(|r| !(r.is_finite() && **r > 0.0)) {
        return bad(
            "load.rates_rps",
            format!("{rate} is no arrival rate"),
            "choose positive requests per second",
        );
    }
    let m = &s.metrics;
    for (key, share) in
        [("metrics.warmup_share", m.warmup_share), ("metrics.cooldown_share", m.cooldown_share)]
    {
        if !(0.0..1.0).contains(&share) || m.warmup_share + m.cooldown_share >= 1.0 {
            return bad(
                key,
                format!("{share} leaves nothing of the run"),
                "choose shares that add up to less than 1",
            );
        }
    }
    if !(0.0..=1.0).contains(&m.max_outside_domain) {
        let what = format!("{} is no share of the steps", m.max_outside_domain);
        return bad("metrics.max_outside_domain", what, "choose 0 to 1");
    }
    m.slo()?;
    if m.time_at.contains(&0) {
        return bad("metrics.time_at", "0 requests are completed from the start".into(), "choose 1 or more");
    }
    if let Some(t) = m.finished_by_s.iter().find(|t| !(t.is_finite() && **t > 0.0)) {
        return bad("metrics.finished_by_s", format!("{t} is no length of time"), "choose positive seconds");
    }
    if let Some(h) = m.horizon_s.filter(|h| !(h.is_finite() && *h > 0.0)) {
        return bad("metrics.horizon_s", format!("{h} is no length of time"), "choose positive seconds");
    }
    Ok(())
}
