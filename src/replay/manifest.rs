//! `manifest.json`: everything needed to make a result directory again, and to tell whether it still holds.

use super::folder::hash_file;
use super::inputs::InputFile;
use crate::error::{Error, Place, Result};
use crate::record::{Columns, TableFormat};
use crate::scenario::Scenario;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The schema of manifests that this build reads and writes.
pub const SCHEMA: u32 = 1;

/// Which files a replay leaves for each run, besides the summary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outputs {
    /// Columns of `requests.csv`; empty = the standard ones.
    pub columns: Vec<String>,
    /// Form of the tables of requests and steps.
    #[serde(skip_serializing_if = "TableFormat::is_csv")]
    pub tables: TableFormat,
    /// Whether to write `steps.csv`.
    pub steps: bool,
    /// Whether to write `timeline.json`, and for which part of the run, seconds.
    pub timeline: Option<(f64, f64)>,
    /// Whether to draw figures.
    pub figures: bool,
    /// Whether to write `certificate.json`.
    pub certificate: bool,
}

impl Outputs {
    /// Refuses columns that do not exist, and forms that this build cannot write.
    pub fn check(&self) -> Result<()> {
        self.tables.check()?;
        if !self.columns.is_empty() {
            Columns::pick(&self.columns)?;
        }
        Ok(())
    }
}

/// One run of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEntry {
    /// Label of the scheduler.
    pub label: String,
    /// Its place among the scenario's schedulers.
    pub scheduler: usize,
    /// Replicate.
    pub replicate: u32,
    /// Folder of its files, relative to the manifest; empty for the manifest's own.
    pub folder: String,
    /// Digest of its event log.
    pub digest: String,
    /// XXH3-128 of its files.
    pub files: BTreeMap<String, String>,
}

/// The whole manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format.
    pub schema: u32,
    /// Version of foretoken that made the directory.
    pub foretoken: String,
    /// The scenario, all keys resolved.
    pub scenario: Scenario,
    /// Files it read.
    pub inputs: Vec<InputFile>,
    /// Which files were asked for.
    pub outputs: Outputs,
    /// XXH3-128 of the files that belong to all runs.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The runs.
    pub runs: Vec<RunEntry>,
}

impl Manifest {
    /// Reads the manifest of `dir`.
    ///
    /// # Errors
    /// There is none, it is not one of ours, or of a newer schema.
    pub fn read(dir: &Path) -> Result<Manifest> {
        let path = dir.join("manifest.json");
        if !path.is_file() {
            let help = "name a directory that `foretoken replay` wrote";
            return Err(Error::input(Place::file(dir), "there is no manifest.json", help));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
        let bad = |e: serde_json::Error| {
            Error::input(Place::file(&path).line(e.line() as u64), e.to_string(), "replay the scenario again")
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(bad)?;
        if let Some(schema) = value.get("schema").filter(|s| s.as_u64() != Some(SCHEMA.into())) {
            let what = format!("this is schema {schema}; this build reads {SCHEMA}");
            return Err(Error::input(Place::file(&path), what, "use a newer foretoken"));
        }
        serde_json::from_value(value).map_err(bad)
    }

    /// Files of `dir` that are gone or not as they were written, relative to it.
    pub fn changed_files(&self, dir: &Path) -> Vec<String> {
        let own = self.files.iter().map(|(name, hash)| (name.clone(), hash));
        let of_run = |run: &RunEntry, name: &str| match run.folder.as_str() {
            "" => name.to_string(),
            folder => format!("{folder}/{name}"),
        };
        let of_runs = self.runs.iter().flat_map(|r| r.files.iter().map(move |(n, h)| (of_run(r, n), h)));
        let changed = |(name, hash): (String, &String)| {
            (hash_file(&dir.join(&name)).ok().as_ref() != Some(hash)).then_some(name)
        };
        own.chain(of_runs).filter_map(changed).collect()
    }

    /// Whether `other` was asked for the same: scenario, inputs and files.
    pub fn same_request(&self, other: &Manifest) -> bool {
        self.scenario == other.scenario && self.inputs == other.inputs && self.outputs == other.outputs
    }
}
