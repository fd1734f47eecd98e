//! What all runs of a replay share: the trace, the profile, how much KV memory there is.

use crate::error::{Error, Place, Result};
use crate::latency::Profile;
use crate::predict::LengthSample;
use crate::scenario::Scenario;
use crate::trace::{self, Notes, ReadOptions, Reader, TraceRow};
use crate::workload::{self, Arrivals, OrInf, Rows, Scale, Workload};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A file that results depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputFile {
    /// Path as the scenario has it.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

impl InputFile {
    /// Reads and hashes `path`.
    pub fn read(path: &Path) -> Result<InputFile> {
        let mut file: Box<dyn Read> = match trace::shipped(path) {
            Some(bytes) => Box::new(bytes),
            None => Box::new(std::fs::File::open(path).map_err(|e| Error::io(path, e))?),
        };
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = file.read(&mut buffer).map_err(|e| Error::io(path, e))?;
            if n == 0 {
                break;
            }
            hash.update(&buffer[..n]);
            bytes += n as u64;
        }
        let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Ok(InputFile { path: path.into(), sha256, bytes })
    }
}

enum Feed {
    /// Read again by each run, in constant memory.
    Stream(PathBuf, ReadOptions),
    /// In memory, shared.
    Shared(Rows),
}

/// Trace, profile and memory of a replay.
pub struct Inputs {
    /// Files that the results depend on.
    pub files: Vec<InputFile>,
    /// The latency profile.
    pub profile: Profile,
    /// Usable KV blocks of a replica.
    pub kv_blocks: u64,
    /// True lengths, for predictors of stated accuracy.
    pub sample: LengthSample,
    notes: Arc<OnceLock<Notes>>,
    feed: Feed,
}

impl Inputs {
    /// Loads what `scenario` names; `runs` says how many times the trace will be read.
    ///
    /// # Errors
    /// Files that cannot be read; a profile without KV capacity when the scenario sets none; a trace
    /// without arrival times when the scenario draws none.
    pub fn load(scenario: &Scenario, runs: usize) -> Result<Inputs> {
        let path = &scenario.trace.path;
        if path.as_os_str().is_empty() {
            let help = "name a trace: --trace FILE, or key trace.path";
            return Err(Error::input(Place::key("trace.path"), "there is no trace", help));
        }
        let mut files = vec![InputFile::read(path)?];
        let profile = Profile::load(&scenario.profile)?;
        if Path::new(&scenario.profile).is_file() {
            files.push(InputFile::read(Path::new(&scenario.profile))?);
        }
        files.extend(prediction_files(scenario)?);
        let options = scenario.trace.options()?;
        let reader = trace::open(path, &options)?;
        let timed = matches!(scenario.workload.arrivals, Arrivals::Trace {});
        if timed && !reader.has_times() {
            let what = format!("{} has no arrival times", path.display());
            let help = "draw them, e.g. --set workload.arrivals.kind=poisson --set workload.rate_rps=5";
            return Err(Error::input(Place::key("workload.arrivals.kind"), what, help));
        }
        let notes = Arc::default();
        let needs_sample = scenario.predictor.as_ref().is_some_and(|p| p.needs_sample())
            || scenario.schedulers.iter().any(|s| s.predictor.as_ref().is_some_and(|p| p.needs_sample()));
        let (sample, feed) = if runs > 1 || needs_sample {
            let (mut lengths, mut laws) = (Vec::new(), Vec::new());
            let rows = Rows::load(Noted { reader, notes: Arc::clone(&notes) }.inspect(|row| {
                if let Ok(row) = row {
                    lengths.push(row.output_tokens);
                    laws.extend(row.law);
                }
            }))?;
            (LengthSample::new(&lengths, &laws), Feed::Shared(rows))
        } else {
            (LengthSample::default(), Feed::Stream(path.clone(), options))
        };
        let kv_blocks = kv_blocks(scenario, &profile)?;
        Ok(Inputs { files, kv_blocks, profile, sample, notes, feed })
    }

    /// The requests of one replicate, at `rate_rps` instead of the scenario's rate if given.
    pub fn workload(&self, scenario: &Scenario, replicate: u64, rate_rps: Option<f64>) -> Result<Workload> {
        let mut spec = scenario.workload.clone();
        if scenario.engine.max_model_len > 0 && spec.max_model_len.is_none() {
            spec.max_model_len = Some(scenario.engine.max_model_len);
        }
        if let Some(rate) = rate_rps {
            spec.rate_rps = Some(OrInf(rate));
            if matches!(spec.arrivals, Arrivals::Trace {}) {
                spec.scale = Some(Scale::RateMatch {});
            }
        }
        match &self.feed {
            Feed::Shared(rows) => rows.build(&spec, scenario.seed, replicate),
            Feed::Stream(path, options) => {
                let rows = Noted { reader: trace::open(path, options)?, notes: Arc::clone(&self.notes) };
                workload::build(&spec, rows, scenario.seed, replicate)
            }
        }
    }

    /// What the reader of the trace noted, once it was read.
    pub fn notes(&self) -> Option<&Notes> {
        self.notes.get()
    }

    /// Tokens that a replica's KV memory holds.
    pub fn kv_capacity_tokens(&self, scenario: &Scenario) -> u64 {
        self.kv_blocks.saturating_mul(u64::from(scenario.kv.block_tokens))
    }
}

/// Arrival rate that is drawn for a trace without times when nobody says otherwise, requests/s.
const DRAWN_RATE_RPS: f64 = 5.0;

/// Lets a trace without arrival times, for which the user chose no arrivals, arrive as a Poisson process.
/// Returns what to tell the user, if so.
///
/// # Errors
/// The trace cannot be opened.
pub fn draw_arrivals(scenario: &mut Scenario) -> Result<Option<String>> {
    let path = &scenario.trace.path;
    if path.as_os_str().is_empty() || trace::open(path, &scenario.trace.options()?)?.has_times() {
        return Ok(None);
    }
    let rate = scenario.workload.rate_rps.get_or_insert(OrInf(DRAWN_RATE_RPS)).0;
    scenario.workload.arrivals = Arrivals::Poisson {};
    Ok(Some(format!(
        "{} has no arrival times: Poisson arrivals at {rate} requests/s are drawn; choose others with \
         workload.arrivals.kind and workload.rate_rps",
        path.display()
    )))
}

/// A reader that leaves its notes behind.
struct Noted {
    reader: Reader,
    notes: Arc<OnceLock<Notes>>,
}

impl Iterator for Noted {
    type Item = Result<TraceRow>;

    fn next(&mut self) -> Option<Self::Item> {
        self.reader.next()
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        // Every run reads the same file: the first one's notes stand for all.
        let _ = self.notes.set(self.reader.notes().clone());
    }
}

fn prediction_files(scenario: &Scenario) -> Result<Vec<InputFile>> {
    let own = scenario.schedulers.iter().filter_map(|s| s.predictor.as_ref());
    let mut paths: Vec<&Path> = scenario.predictor.iter().chain(own).filter_map(|p| p.path()).collect();
    paths.sort();
    paths.dedup();
    paths.into_iter().map(InputFile::read).collect()
}

fn kv_blocks(scenario: &Scenario, profile: &Profile) -> Result<u64> {
    if let Some(blocks) = scenario.kv.blocks {
        return Ok(blocks);
    }
    match &profile.kv {
        Some(kv) => Ok((kv.capacity_tokens / u64::from(scenario.kv.block_tokens)).max(1)),
        None => Err(Error::input(
            Place::key("kv.blocks"),
            format!("profile {} does not say how much KV memory there is", profile.name),
            "set it, e.g. --set kv.blocks=7424",
        )),
    }
}
