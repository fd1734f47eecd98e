//! `manifest.json` of a sweep, and what makes two sweeps the same.

use super::plan::Plan;
use super::spec::Spec;
use crate::error::{Error, Place, Result};
use crate::replay::{InputFile, hash_file};
use crate::scenario::Scenario;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// The schema of sweep manifests that this build reads and writes.
pub const SCHEMA: u32 = 1;
/// Kind of a whole sweep's directory.
pub const KIND: &str = "sweep";
/// Kind of a shard's.
pub const SHARD_KIND: &str = "sweep-shard";

/// Names of a sweep's files.
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const RESOLVED: &str = "sweep.resolved.toml";
pub(super) const POINTS: &str = "points.csv";
pub(super) const SUMMARY: &str = "summary.csv";

/// Files of single runs to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// None.
    #[default]
    Nothing,
    /// `runs/POINT/SCHEDULER-rREPLICATE/requests.csv`.
    Requests,
}

/// One of several parts of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Which, from 1.
    pub index: usize,
    /// Of how many.
    pub of: usize,
}

impl std::str::FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Shard> {
        let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((index, of)) if 1 <= index && index <= of => Ok(Shard { index, of }),
            _ => Err(Error::Usage(format!("--shard {text}: write I/N with 1 <= I <= N, such as 2/8"))),
        }
    }
}

/// An axis as the manifest has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxisValues {
    /// Dotted key: the column's name.
    pub key: String,
    /// Its values in order; of a sampled axis, by sample.
    pub values: Vec<serde_json::Value>,
    /// Whether it is sampled together with the other sampled axes.
    pub sampled: bool,
}

/// What a sweep was asked for: equal identities give equal bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    /// Version of foretoken.
    pub version: String,
    /// [`RESOLVED`].
    pub given: String,
    /// Files read.
    pub inputs: Vec<InputFile>,
    /// Files kept.
    pub keep: Keep,
    /// Which part.
    pub shard: Option<Shard>,
}

/// The whole manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format.
    pub schema: u32,
    /// [`KIND`] or [`SHARD_KIND`].
    pub kind: String,
    /// Version of foretoken that made the directory.
    pub version: String,
    /// The axes: columns of the tables.
    pub axes: Vec<AxisValues>,
    /// Labels of the schedulers.
    pub schedulers: Vec<String>,
    /// Replicates of each point and scheduler.
    pub replicates: u32,
    /// The scenario of the first point, all keys resolved.
    pub scenario: Scenario,
    /// Files it read.
    pub inputs: Vec<InputFile>,
    /// What was varied, as asked for.
    pub sweep: Spec,
    /// Points of the whole sweep, filtered.
    pub points: u64,
    /// Runs of the whole sweep, filtered.
    pub runs: u64,
    /// Runs that failed, in this directory.
    pub failed: u64,
    /// Files of single runs that are kept.
    pub keep: Keep,
    /// Which part this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// XXH3-128 of the tables.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of `plan`, its files not yet written.
    pub(super) fn new(plan: &Plan, identity: &Identity) -> Result<Manifest> {
        let json = |v: &Value| serde_json::to_value(v).map_err(|e| Error::Usage(e.to_string()));
        let axis = |a: &super::Axis| {
            let values = a.values.iter().map(json).collect::<Result<_>>()?;
            Ok(AxisValues { key: a.key.clone(), values, sampled: a.sampled })
        };
        let mut points = 0;
        let mut last = None;
        for i in 0..plan.len() {
            let point = Some(plan.run(i).point);
            points += u64::from(point != last);
            last = point;
        }
        Ok(Manifest {
            schema: SCHEMA,
            kind: if identity.shard.is_some() { SHARD_KIND } else { KIND }.into(),
            version: identity.version.clone(),
            axes: plan.axes.iter().map(axis).collect::<Result<_>>()?,
            schedulers: plan.schedulers.clone(),
            replicates: plan.replicates,
            scenario: plan.scenario.clone(),
            inputs: plan.inputs.clone(),
            sweep: plan.spec.clone(),
            points,
            runs: plan.len() as u64,
            failed: 0,
            keep: identity.keep,
            shard: identity.shard,
            files: BTreeMap::new(),
        })
    }

    /// Reads the manifest of `dir`, a sweep's or a shard's.
    ///
    /// # Errors
    /// There is none, it is not a sweep's, or of a newer schema.
    pub fn read(dir: &Path) -> Result<Manifest> {
        let path = dir.join(MANIFEST);
        if !path.is_file() {
            let help = "name a directory that `foretoken sweep run` wrote";
            return Err(Error::input(Place::file(dir), "there is no manifest.json", help));
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
        let bad = |e: serde_json::Error| {
            Error::input(Place::file(&path).line(e.line() as u64), e.to_string(), "run the sweep again")
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(bad)?;
        let kind = value.get("kind").and_then(|k| k.as_str());
        if !kind.is_some_and(|k| [KIND, SHARD_KIND].contains(&k)) {
            let help = "name a directory that `foretoken sweep run` wrote";
            return Err(Error::input(Place::file(&path), "this is no manifest of a sweep", help));
        }
        if let Some(schema) = value.get("schema").filter(|s| s.as_u64() != Some(SCHEMA.into())) {
            let what = format!("this is schema {schema}; this build reads {SCHEMA}");
            return Err(Error::input(Place::file(&path), what, "use a newer foretoken"));
        }
        serde_json::from_value(value).map_err(bad)
    }

    /// What the sweep in `dir` was asked for.
    pub(super) fn identity(&self, dir: &Path) -> Result<Identity> {
        let path = dir.join(RESOLVED);
        Ok(Identity {
            version: self.version.clone(),
            given: std::fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?,
            inputs: self.inputs.clone(),
            keep: self.keep,
            shard: self.shard,
        })
    }

    /// Tables of `dir` that are gone or not as they were written.
    pub fn changed_files(&self, dir: &Path) -> Vec<String> {
        let changed =
            |(name, hash): &(&String, &String)| hash_file(&dir.join(name)).ok().as_ref() != Some(hash);
        self.files.iter().filter(changed).map(|(name, _)| name.clone()).collect()
    }
}

impl Identity {
    pub fn of(plan: &Plan, keep: Keep, shard: Option<Shard>) -> Result<Identity> {
        Ok(Identity {
            version: env!("CARGO_PKG_VERSION").into(),
            given: plan.to_toml()?,
            inputs: plan.inputs.clone(),
            keep,
            shard,
        })
    }

    /// What differs between a sweep that is there and the one that is wanted, in words; none if nothing does.
    pub fn difference(&self, wanted: &Identity) -> Option<String> {
        if self.version != wanted.version {
            return Some(format!("foretoken {} made it, and this is {}", self.version, wanted.version));
        }
        if self.shard != wanted.shard {
            let say =
                |s: Option<Shard>| s.map_or("no shard".into(), |s| format!("shard {}/{}", s.index, s.of));
            return Some(format!("it is {}, and {} is wanted", say(self.shard), say(wanted.shard)));
        }
        if self.keep != wanted.keep {
            return Some("--keep differs".into());
        }
        let table = |text: &str| text.parse::<Table>().map_or(Value::Boolean(false), Value::Table);
        if let Some(key) = differing(&table(&self.given), &table(&wanted.given), "") {
            return Some(key);
        }
        let (mut old, mut new) = (self.inputs.iter(), wanted.inputs.iter());
        loop {
            match (old.next(), new.next()) {
                (None, None) => return None,
                (a, b) if a == b => {}
                (Some(f), _) | (None, Some(f)) => {
                    return Some(format!("input {} is not what it was", f.path.display()));
                }
            }
        }
    }
}

/// The first key whose value differs, with both values.
fn differing(old: &Value, new: &Value, path: &str) -> Option<String> {
    if let (Value::Table(a), Value::Table(b)) = (old, new) {
        let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        return keys.into_iter().find_map(|key| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match (a.get(key), b.get(key)) {
                (Some(a), Some(b)) => differing(a, b, &path),
                (Some(table @ Value::Table(_)), None) => differing(table, &Value::Table(Table::new()), &path),
                (None, Some(table @ Value::Table(_))) => differing(&Value::Table(Table::new()), table, &path),
                (Some(a), None) => Some(format!("key {path} was {a}, and is not set now")),
                (None, Some(b)) => Some(format!("key {path} was not set, and is {b} now")),
                (None, None) => None,
            }
        });
    }
    (old != new).then(|| format!("key {path} was {old}, and is {new} now"))
}
