//! Reads result directories back, and tells whether two of them saw the same requests.

use crate::error::{Error, Place, Result};
use crate::metrics::Summary;
use crate::record::RequestTable;
use crate::replay::{Manifest, RunEntry, SCHEMA, hash_file};
use crate::scenario;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What `foretoken replay` left.
    Replay,
    /// What `foretoken sweep` left.
    Sweep,
}

impl Kind {
    /// Looks into the manifest of `dir`.
    ///
    /// # Errors
    /// `dir` is no result of foretoken, or one of another schema; both versions are named.
    pub fn of(dir: &Path) -> Result<Kind> {
        let manifest = manifest(dir)?;
        match manifest.get("kind").map(|kind| kind.as_str().unwrap_or_default()) {
            None => Ok(Kind::Replay),
            Some("sweep") => Ok(Kind::Sweep),
            Some("sweep-shard") => Err(Error::input(
                Place::file(dir),
                "this is one shard of a sweep",
                "put the shards together with `foretoken sweep merge`",
            )),
            Some(other) => Err(Error::input(
                Place::file(dir.join("manifest.json")).column("kind"),
                format!("results of kind `{other}` cannot be compared"),
                "name directories that `foretoken replay` or `foretoken sweep` wrote",
            )),
        }
    }
}

/// The manifest of `dir` as it stands, of a schema that this build reads.
pub(super) fn manifest(dir: &Path) -> Result<Value> {
    if !dir.is_dir() {
        let what = if dir.exists() { "this is a file" } else { "there is no such directory" };
        return Err(Error::input(Place::file(dir), what, "name a result directory"));
    }
    let path = dir.join("manifest.json");
    if !path.is_file() {
        let help = match dir.join("summary.json").is_file() {
            true => "this is one run of several: name the directory above, which has the manifest",
            false => "name a directory that `foretoken replay` or `foretoken sweep` wrote",
        };
        return Err(Error::input(Place::file(dir), "there is no manifest.json", help));
    }
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
    let manifest: Value = serde_json::from_str(&text).map_err(|e| damaged(&path, &e))?;
    let versions = [
        ("result", manifest.get("schema"), SCHEMA),
        ("scenario", manifest.get("scenario").and_then(|s| s.get("schema")), scenario::SCHEMA),
    ];
    for (of, found, ours) in versions {
        if let Some(found) = found.filter(|v| v.as_u64() != Some(ours.into())) {
            let what = format!("its {of} schema is {found}, and this build reads {ours}");
            let help = "run it again with this foretoken, or compare with the one that made it";
            return Err(Error::input(Place::file(&path), what, help));
        }
    }
    Ok(manifest)
}

fn damaged(path: &Path, e: &serde_json::Error) -> Error {
    let place = Place::file(path).line(e.line() as u64);
    Error::input(place, format!("the file is damaged: {e}"), "run it again with --overwrite")
}

/// A replay directory.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Where it is.
    pub dir: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
}

impl Stored {
    /// Opens `dir`.
    ///
    /// # Errors
    /// As [`Kind::of`]; a damaged manifest.
    pub fn open(dir: &Path) -> Result<Stored> {
        manifest(dir)?;
        Ok(Stored { dir: dir.to_path_buf(), manifest: Manifest::read(dir)? })
    }

    /// The file `name` of a run.
    fn path(&self, run: &RunEntry, name: &str) -> PathBuf {
        self.dir.join(&run.folder).join(name)
    }

    /// Refuses a file that is gone, or not as it was written.
    fn check(&self, run: &RunEntry, name: &str) -> Result<()> {
        let path = self.path(run, name);
        if run.files.get(name).is_some_and(|hash| hash_file(&path).ok().as_ref() != Some(hash)) {
            let what = "this is not the file that was written: its hash differs from the manifest's";
            return Err(Error::input(Place::file(path), what, "run it again with --overwrite"));
        }
        Ok(())
    }

    /// The summary of a run.
    ///
    /// # Errors
    /// A file that is gone, damaged or edited.
    pub fn summary(&self, run: &RunEntry) -> Result<Summary> {
        let path = self.path(run, "summary.json");
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
        let summary = serde_json::from_str(&text).map_err(|e| damaged(&path, &e))?;
        self.check(run, "summary.json")?;
        Ok(summary)
    }

    /// The requests of a run, from whichever table it has.
    ///
    /// # Errors
    /// A file that is gone, torn (with its line) or edited; Parquet in a build without it.
    pub fn requests(&self, run: &RunEntry) -> Result<RequestTable> {
        let name = ["requests.parquet", "requests.csv"].into_iter().find(|n| run.files.contains_key(*n));
        let name = name.unwrap_or("requests.csv");
        let table = RequestTable::read(&self.path(run, name))?;
        self.check(run, name)?;
        Ok(table)
    }

    /// Refuses to compare with `other` if the two did not serve the same requests, or measured differently.
    ///
    /// # Errors
    /// Every key that differs, with both values.
    pub fn comparable(&self, other: &Stored) -> Result<()> {
        let (ours, theirs) = (self.requests_served()?, other.requests_served()?);
        let keys = ours.keys().chain(theirs.keys().filter(|k| !ours.contains_key(*k)));
        let value = |of: &BTreeMap<String, Value>, key: &str| of.get(key).map_or("unset".into(), told);
        let differing: Vec<String> = keys
            .filter(|k| ours.get(*k) != theirs.get(*k))
            .map(|k| format!("{k} is {} here and {} there", value(&ours, k), value(&theirs, k)))
            .collect();
        if differing.is_empty() {
            return Ok(());
        }
        let what = format!("it cannot be compared with {}: {}", other.dir.display(), differing.join("; "));
        let help = "compare results of one trace, [workload], [metrics], seed and number of replicates";
        Err(Error::input(Place::file(&self.dir), what, help))
    }

    /// What decides which requests come and how they are measured, by dotted key.
    fn requests_served(&self) -> Result<BTreeMap<String, Value>> {
        let scenario = &self.manifest.scenario;
        let mut trace = scenario.trace.clone();
        // The same file may lie elsewhere: its bytes count.
        trace.path = PathBuf::new();
        let hash = self.manifest.inputs.first().map(|file| file.sha256.clone());
        let decisive = json!({
            "seed": scenario.seed,
            "replicates": scenario.replicates,
            "trace": trace,
            "trace file (SHA-256)": hash,
            "workload": scenario.workload,
            "metrics": scenario.metrics,
        });
        let mut flat = BTreeMap::new();
        flatten(String::new(), decisive, &mut flat);
        Ok(flat)
    }
}

fn flatten(key: String, value: Value, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                flatten(key, value, out);
            }
        }
        value => {
            out.insert(key, value);
        }
    }
}

/// A value in an error message; hashes by their first digits.
fn told(value: &Value) -> String {
    match value {
        Value::String(text) if text.len() == 64 => format!("{}...", &text[..12]),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
