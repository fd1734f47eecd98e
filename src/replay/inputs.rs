//! What all runs of a replay share: the trace, the profile, how much KV memory there is.

use super::timing::Timing;
use crate::engine::{Cache, Group, GroupConfig, KvConfig};
use crate::error::{Error, Place, Result};
use crate::ids::ReplicaId;
use crate::latency::{Draws, LatencyModel, Profile};
use crate::predict::LengthSample;
use crate::scenario::{Scenario, TraceConfig};
use crate::trace::{self, Notes, ReadOptions, Reader, TraceRow};
use crate::workload::{self, Arrivals, OrInf, PromptLaws, Rows, Scale, Workload};
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

#[derive(Clone)]
enum Feed {
    /// Read again by each run, in constant memory.
    Stream(PathBuf, ReadOptions, Option<PromptLaws>),
    /// In memory, shared.
    Shared(Rows),
}

/// A trace, opened or in memory; clones share it.
#[derive(Clone)]
pub struct Trace {
    sample: Arc<LengthSample>,
    notes: Arc<OnceLock<Notes>>,
    feed: Feed,
    has_times: bool,
    /// Tokens that a prefix hash stands for, where there are such.
    hash_tokens: Option<u32>,
    has_sessions: bool,
    /// Whether prompts hold all that was said before in their session.
    whole_prompts: bool,
}

impl Trace {
    /// Opens the trace that `config` names, to be read again by each run.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(config: &TraceConfig) -> Result<Trace> {
        let (reader, options) = open(config)?;
        Ok(Trace {
            sample: Arc::default(),
            notes: Arc::default(),
            has_times: reader.has_times(),
            hash_tokens: hash_tokens(&reader),
            has_sessions: reader.columns().session,
            whole_prompts: reader.has_whole_prompts(),
            feed: Feed::Stream(config.path.clone(), options, config.laws),
        })
    }

    /// Reads the whole trace that `config` names.
    ///
    /// # Errors
    /// A row of it cannot be read.
    pub fn load(config: &TraceConfig) -> Result<Trace> {
        let (reader, _) = open(config)?;
        let (has_times, whole_prompts) = (reader.has_times(), reader.has_whole_prompts());
        let hash_tokens = hash_tokens(&reader);
        let has_sessions = reader.columns().session;
        let notes = Arc::default();
        let (mut lengths, mut laws) = (Vec::new(), Vec::new());
        let rows = Noted { reader, notes: Arc::clone(&notes), laws: config.laws, hashes: true };
        let rows = Rows::load(rows.inspect(|row| {
            if let Ok(row) = row {
                lengths.push(row.output_tokens);
                laws.extend(row.law);
            }
        }))?;
        Ok(Trace {
            sample: Arc::new(LengthSample::new(&lengths, &laws)),
            notes,
            feed: Feed::Shared(rows),
            has_times,
            hash_tokens,
            has_sessions,
            whole_prompts,
        })
    }

    /// A trace of `rows`, without arrival times.
    ///
    /// # Errors
    /// More classes than there can be.
    pub fn of_rows(rows: Vec<TraceRow>) -> Result<Trace> {
        let lengths: Vec<u32> = rows.iter().map(|row| row.output_tokens).collect();
        Ok(Trace {
            sample: Arc::new(LengthSample::new(&lengths, &[])),
            notes: Arc::default(),
            feed: Feed::Shared(Rows::load(rows.into_iter().map(Ok))?),
            has_times: false,
            hash_tokens: None,
            has_sessions: false,
            whole_prompts: false,
        })
    }

    /// Rows that are held in memory.
    pub fn rows_held(&self) -> usize {
        match &self.feed {
            Feed::Shared(rows) => rows.len(),
            Feed::Stream(..) => 0,
        }
    }
}

fn hash_tokens(reader: &Reader) -> Option<u32> {
    reader.columns().prefix_hashes.then(|| reader.hash_block_tokens())
}

fn open(config: &TraceConfig) -> Result<(Reader, ReadOptions)> {
    let options = config.options()?;
    Ok((trace::open(&config.path, &options)?, options))
}

/// Trace, step times and memory of a replay.
pub struct Inputs {
    /// Where step times come from; with groups, those of the first.
    pub timing: Timing,
    /// Usable KV blocks of a replica; with groups, of one of the first.
    pub kv_blocks: u64,
    /// Those of the scenario's groups.
    groups: Vec<Part>,
    trace: Trace,
}

/// Step times and memory of a group of replicas.
#[derive(Clone)]
struct Part {
    timing: Timing,
    /// The name of those.
    name: String,
    kv_blocks: u64,
    /// The scenario as the group has it.
    scenario: Scenario,
}

/// Paths of the files that the results of `scenario` depend on.
///
/// # Errors
/// It names no trace.
pub fn input_paths(scenario: &Scenario) -> Result<Vec<&Path>> {
    if scenario.trace.path.as_os_str().is_empty() {
        let help = "name a trace: --trace FILE, or key trace.path";
        return Err(Error::input(Place::key("trace.path"), "there is no trace", help));
    }
    let mut paths = vec![scenario.trace.path.as_path()];
    let model = scenario.hardware.as_ref().map(|h| &h.model);
    let groups = scenario.cluster.groups.iter().filter_map(|group| group.profile.as_ref());
    let files = [Some(&scenario.profile), model].into_iter().flatten().chain(groups).map(Path::new);
    paths.extend(files.filter(|path| path.is_file()));
    let own = scenario.schedulers.iter().filter_map(|s| s.predictor.as_ref());
    let mut predictions: Vec<&Path> = scenario.predictor.iter().chain(own).filter_map(|p| p.path()).collect();
    predictions.sort();
    predictions.dedup();
    paths.extend(predictions);
    Ok(paths)
}

impl Inputs {
    /// Loads what `scenario` names; `runs` says how many times the trace will be read.
    ///
    /// # Errors
    /// Files that cannot be read; a profile without KV capacity when the scenario sets none; a trace
    /// without arrival times when the scenario draws none.
    pub fn load(scenario: &Scenario, runs: usize) -> Result<Inputs> {
        let needs_sample = scenario.predictor.as_ref().is_some_and(|p| p.needs_sample())
            || scenario.schedulers.iter().any(|s| s.predictor.as_ref().is_some_and(|p| p.needs_sample()));
        let timing = Timing::load(scenario)?;
        let trace = match runs > 1 || needs_sample {
            true => Trace::load(&scenario.trace)?,
            false => Trace::open(&scenario.trace)?,
        };
        Inputs::with(scenario, trace, timing)
    }

    /// The same with trace and step times at hand.
    ///
    /// # Errors
    /// A profile without KV capacity when the scenario sets none; a trace without arrival times when the
    /// scenario draws none.
    pub fn with(scenario: &Scenario, trace: Trace, timing: Timing) -> Result<Inputs> {
        if matches!(scenario.workload.arrivals, Arrivals::Trace {}) && !trace.has_times {
            let what = format!("{} has no arrival times", scenario.trace.path.display());
            let help = "draw them, e.g. --set workload.arrivals.kind=poisson --set workload.rate_rps=5";
            return Err(Error::input(Place::key("workload.arrivals.kind"), what, help));
        }
        routable(scenario, &trace)?;
        let part = |group: &GroupConfig| {
            let scenario = scenario.of_group(group);
            let timing = match group.profile {
                Some(_) => Timing::load(&scenario)?,
                None => timing.clone(),
            };
            let name = timing.name();
            Ok(Part { kv_blocks: kv_blocks(&scenario, &timing)?, timing, name, scenario })
        };
        let groups = scenario.cluster.groups.iter().map(part).collect::<Result<Vec<_>>>()?;
        if let Some(Part { timing, kv_blocks, .. }) = groups.first().cloned() {
            return Ok(Inputs { timing, kv_blocks, groups, trace });
        }
        Ok(Inputs { kv_blocks: kv_blocks(scenario, &timing)?, timing, groups, trace })
    }

    /// The same trace and memory, with other step times.
    pub fn timed_by(&self, timing: Timing) -> Inputs {
        Inputs { timing, kv_blocks: self.kv_blocks, groups: self.groups.clone(), trace: self.trace.clone() }
    }

    /// True lengths, for predictors of stated accuracy.
    pub fn sample(&self) -> &LengthSample {
        &self.trace.sample
    }

    /// The requests of one replicate, at `rate_rps` instead of the scenario's rate if given.
    pub fn workload(&self, scenario: &Scenario, replicate: u64, rate_rps: Option<f64>) -> Result<Workload> {
        let mut spec = scenario.workload.clone();
        spec.sessions = spec.sessions.with_whole_prompts(self.trace.whole_prompts)?;
        if scenario.engine.max_model_len > 0 && spec.max_model_len.is_none() {
            spec.max_model_len = Some(scenario.engine.max_model_len);
        }
        if let Some(rate) = rate_rps {
            spec.rate_rps = Some(OrInf(rate));
            if matches!(spec.arrivals, Arrivals::Trace {}) {
                spec.scale = Some(Scale::RateMatch {});
            }
        }
        match &self.trace.feed {
            Feed::Shared(rows) => rows.build(&spec, scenario.seed, replicate),
            Feed::Stream(path, options, laws) => {
                let reader = trace::open(path, options)?;
                let hashes = wants_prompts(scenario)?;
                let rows = Noted { reader, notes: Arc::clone(&self.trace.notes), laws: *laws, hashes };
                workload::build(&spec, rows, scenario.seed, replicate)
            }
        }
    }

    /// Tokens that a prefix hash of the trace stands for.
    pub fn hash_tokens(&self) -> u32 {
        self.trace.hash_tokens.unwrap_or(1)
    }

    /// Whether the trace says of prompts how they begin.
    pub fn has_hashes(&self) -> bool {
        self.trace.hash_tokens.is_some()
    }

    /// What the reader of the trace noted, once it was read.
    pub fn notes(&self) -> Option<&Notes> {
        self.trace.notes.get()
    }

    /// The latency model of a replica in one replicate, with the noise that `scenario` asks for.
    ///
    /// # Errors
    /// A profile that does not fit the memory; the device's.
    pub fn model(
        &self,
        scenario: &Scenario,
        replicate: u64,
        replica: ReplicaId,
    ) -> Result<Box<dyn LatencyModel>> {
        let draws = Draws { seed: scenario.seed, replicate, replica: replica.0.into() };
        let mut first = 0;
        for part in &self.groups {
            first += part.scenario.cluster.replicas;
            if replica.0 < first {
                let capacity = part.kv_blocks.saturating_mul(u64::from(part.scenario.kv.block_tokens));
                return part.timing.model(&part.scenario, capacity, draws);
            }
        }
        self.timing.model(scenario, self.kv_capacity_tokens(scenario), draws)
    }

    /// The groups of replicas that a run of `scenario` has; `name` is that of its step times.
    pub fn groups<'a>(&'a self, scenario: &'a Scenario, name: &'a str) -> Vec<Group<'a>> {
        if self.groups.is_empty() {
            return vec![group(scenario, self.kv_blocks, name)];
        }
        self.groups.iter().map(|part| group(&part.scenario, part.kv_blocks, &part.name)).collect()
    }

    /// The model without noise, for whoever asks about steps that no run took; none for a device.
    ///
    /// # Errors
    /// A profile that does not fit the memory.
    pub fn estimate(&self, scenario: &Scenario) -> Result<Option<Box<dyn LatencyModel>>> {
        self.timing.estimate(self.kv_capacity_tokens(scenario))
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

/// A reader that leaves its notes behind; outputs are those of `laws` where there are some.
struct Noted {
    reader: Reader,
    notes: Arc<OnceLock<Notes>>,
    laws: Option<PromptLaws>,
    /// Whether prefix hashes are wanted: a stream keeps what it gets.
    hashes: bool,
}

impl Iterator for Noted {
    type Item = Result<TraceRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut row = self.reader.next();
        if let (Some(Ok(row)), Some(laws)) = (&mut row, &self.laws) {
            laws.redraw(row);
        }
        if let (Some(Ok(row)), false) = (&mut row, self.hashes) {
            row.prefix_hashes.clear();
        }
        row
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        // Every run reads the same file: the first one's notes stand for all.
        let _ = self.notes.set(self.reader.notes().clone());
    }
}

fn group<'a>(scenario: &'a Scenario, kv_blocks: u64, profile_name: &'a str) -> Group<'a> {
    let Scenario { engine, kv, cluster, .. } = scenario;
    Group { replicas: cluster.replicas, engine, kv, kv_blocks, profile_name }
}

/// Whether anything in a run of `scenario` looks at what prompts say.
///
/// # Errors
/// A router that is not in the list.
pub(super) fn wants_prompts(scenario: &Scenario) -> Result<bool> {
    let caches = |kv: &KvConfig| kv.cache != Cache::Off;
    let caches = caches(&scenario.kv) || scenario.cluster.groups.iter().any(|group| caches(&group.kv));
    Ok(caches || scenario.cluster.router_entry()?.reads_prompt)
}

/// Refuses a router that looks at what the trace does not have.
fn routable(scenario: &Scenario, trace: &Trace) -> Result<()> {
    let entry = scenario.cluster.router_entry()?;
    let lacks = if entry.reads_prompt && trace.hash_tokens.is_none() && !trace.has_sessions {
        "prefix hashes or sessions"
    } else if entry.reads_session && !trace.has_sessions {
        "sessions"
    } else {
        return Ok(());
    };
    let what = format!("{} needs {lacks}, and {} has none", entry.name, scenario.trace.path.display());
    Err(Error::input(Place::key("cluster.router"), what, "take another trace, or least-outstanding"))
}

fn kv_blocks(scenario: &Scenario, timing: &Timing) -> Result<u64> {
    if let Some(blocks) = scenario.kv.blocks {
        return Ok(blocks);
    }
    let profile: &Profile = match timing {
        Timing::Device(config, _) => return Ok(config.kv_blocks(scenario.kv.block_tokens)),
        Timing::Profile(profile) => profile,
    };
    match &profile.kv {
        Some(kv) => Ok((kv.capacity_tokens / u64::from(scenario.kv.block_tokens)).max(1)),
        None => Err(Error::input(
            Place::key("kv.blocks"),
            format!("profile {} does not say how much KV memory there is", profile.name),
            "set it, e.g. --set kv.blocks=7424",
        )),
    }
}
