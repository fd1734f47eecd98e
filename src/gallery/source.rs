//! Result directories: what they hold and which version wrote them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Place, Result};

/// The schema of result directories that this build draws.
const SCHEMA: u64 = 1;

/// A result directory.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where.
    pub dir: PathBuf,
    /// What it holds.
    pub content: Content,
    /// Version of its scenario's keys, where it is stated.
    scenario: Option<u64>,
}

/// What a result directory holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// Runs of a replay.
    Replay(Vec<StoredRun>),
    /// Points of a sweep over these keys.
    Sweep(Vec<String>),
}

/// One run of a replay.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// Label of its scheduler.
    pub label: String,
    /// Where its files lie.
    pub dir: PathBuf,
}

/// All runs under one name.
#[derive(Clone, Debug)]
pub struct Group {
    /// The scheduler's label; with the directory where two directories have the same.
    pub name: String,
    /// One folder per replicate.
    pub dirs: Vec<PathBuf>,
}

impl Source {
    /// Reads the manifest of `dir`, or that of the directory around it if `dir` is one run of a comparison.
    ///
    /// # Errors
    /// There is none, it is torn, or of another schema.
    pub fn open(dir: &Path) -> Result<Source> {
        let own = dir.join("manifest.json");
        if own.is_file() {
            let manifest = manifest(&own)?;
            let content = match manifest.get("kind").and_then(Value::as_str) {
                None => Content::Replay(runs(&manifest, dir, &own)?),
                Some("sweep") => Content::Sweep(axes(&manifest, &own)?),
                Some(kind) => {
                    let what = format!("these are results of kind `{kind}`, which cannot be drawn");
                    let help = "name a whole sweep (`foretoken sweep merge` joins shards) or a replay";
                    return Err(Error::input(Place::file(&own), what, help));
                }
            };
            return Ok(Source { dir: dir.to_path_buf(), content, scenario: version(&manifest) });
        }
        let (parent, folder) = (dir.parent(), dir.file_name().map(|n| n.to_string_lossy().into_owned()));
        let around = parent.map(|p| p.join("manifest.json")).filter(|p| p.is_file());
        if let (Some(parent), Some(folder), Some(path)) = (parent, folder, around) {
            let manifest = manifest(&path)?;
            let mut runs = runs(&manifest, parent, &path)?;
            runs.retain(|r| r.dir == parent.join(&folder));
            if !runs.is_empty() {
                let content = Content::Replay(runs);
                return Ok(Source { dir: dir.to_path_buf(), content, scenario: version(&manifest) });
            }
        }
        let help = "name a directory that `foretoken replay` or `foretoken sweep run` wrote";
        Err(Error::input(Place::file(dir), "there is no manifest.json", help))
    }

    /// Opens all of `dirs`.
    ///
    /// # Errors
    /// As [`Source::open`]; scenarios of different versions, which cannot be compared.
    pub fn open_all(dirs: &[PathBuf]) -> Result<Vec<Source>> {
        let sources: Vec<Source> = dirs.iter().map(|d| Source::open(d)).collect::<Result<_>>()?;
        let known = || sources.iter().filter_map(|s| Some((s, s.scenario?)));
        if let Some((first, version)) = known().next()
            && let Some((other, theirs)) = known().find(|(_, v)| *v != version)
        {
            let what =
                format!("its scenario is of schema {theirs}, that of {} of {version}", first.dir.display());
            let help = "run both with one version of foretoken";
            return Err(Error::input(Place::file(&other.dir), what, help));
        }
        Ok(sources)
    }
}

/// Runs of all `sources` by name, in order. `only` keeps the named labels, if there are any.
///
/// # Errors
/// A sweep, which keeps no single requests; a name that no run has.
pub fn groups(sources: &[Source], only: &[String]) -> Result<Vec<Group>> {
    let mut groups: Vec<(usize, String, Vec<PathBuf>)> = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let Content::Replay(runs) = &source.content else {
            let what = "a sweep keeps no request of its points";
            let help = "replay a point alone: `foretoken replay SCENARIO --set KEY=VALUE --out DIR`";
            return Err(Error::input(Place::file(&source.dir), what, help));
        };
        for run in runs {
            match groups.iter_mut().find(|(i, label, _)| *i == index && *label == run.label) {
                Some((_, _, dirs)) => dirs.push(run.dir.clone()),
                None => groups.push((index, run.label.clone(), vec![run.dir.clone()])),
            }
        }
    }
    let labels: Vec<String> = groups.iter().map(|(_, label, _)| label.clone()).collect();
    keep(&mut groups, only, |g| &g.1)?;
    let name = |index: usize, label: &str| match labels.iter().filter(|l| *l == label).count() {
        1 => label.to_owned(),
        _ => format!("{label} ({})", short(&sources[index].dir)),
    };
    Ok(groups.into_iter().map(|(i, label, dirs)| Group { name: name(i, &label), dirs }).collect())
}

/// Drops what `only` does not name; an empty list names all.
pub fn keep<T>(all: &mut Vec<T>, only: &[String], label: impl Fn(&T) -> &String) -> Result<()> {
    if let Some(wrong) = only.iter().find(|name| !all.iter().any(|t| label(t) == *name)) {
        let mut known: Vec<String> = all.iter().map(|t| label(t).clone()).collect();
        known.dedup();
        return Err(Error::unknown("label", wrong, known));
    }
    all.retain(|t| only.is_empty() || only.contains(label(t)));
    Ok(())
}

/// The last part of a path.
pub fn short(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn manifest(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let bad = |e: serde_json::Error| {
        Error::input(Place::file(path).line(e.line() as u64), e.to_string(), "run it again")
    };
    let manifest: Value = serde_json::from_str(&text).map_err(bad)?;
    match manifest.get("schema").and_then(Value::as_u64) {
        Some(SCHEMA) => Ok(manifest),
        other => {
            let found = other.map_or_else(|| "no schema".to_owned(), |n| format!("schema {n}"));
            let what = format!("this has {found}; this build draws schema {SCHEMA}");
            Err(Error::input(
                Place::file(path),
                what,
                "draw it with the version that made it, or run it again",
            ))
        }
    }
}

fn version(manifest: &Value) -> Option<u64> {
    manifest.pointer("/scenario/schema").and_then(Value::as_u64)
}

/// Keys that a sweep varied: the names of its columns.
fn axes(manifest: &Value, path: &Path) -> Result<Vec<String>> {
    let key = |axis: &Value| axis.get("key").and_then(Value::as_str).map(str::to_owned);
    let keys = manifest.get("axes").and_then(Value::as_array).and_then(|axes| axes.iter().map(key).collect());
    keys.ok_or_else(|| {
        let what = "a sweep without `axes`, or one of them without `key`";
        Error::input(Place::file(path), what, "run it again")
    })
}

fn runs(manifest: &Value, dir: &Path, path: &Path) -> Result<Vec<StoredRun>> {
    let run = |run: &Value| {
        let word = |key: &str| run.get(key).and_then(Value::as_str);
        Some(StoredRun { label: word("label")?.to_owned(), dir: dir.join(word("folder")?) })
    };
    let runs: Option<Vec<StoredRun>> =
        manifest.get("runs").and_then(Value::as_array).and_then(|runs| runs.iter().map(run).collect());
    runs.filter(|r| !r.is_empty()).ok_or_else(|| {
        let what = "it names no runs, or runs without `label` and `folder`";
        Error::input(Place::file(path), what, "run it again")
    })
}
