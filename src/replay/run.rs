//! From a scenario to a result directory.

use super::floor::{self, Found};
use super::folder::{self, Existing, Staging};
use super::hardware;
use super::inputs::{InputFile, Inputs, input_paths};
use super::job::{Finished, Job, Listeners};
use super::manifest::{Manifest, Outputs, RunEntry, SCHEMA};
use super::reference::References;
use super::{remarks, write};
use crate::error::{Error, Place, Result};
use crate::metrics::{Comparison, Contestant, Run, Summary, compare};
use crate::record::RequestRecord;
use crate::scenario::Scenario;
use crate::scheduler::Registry;
use crate::workload::Counts;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Confidence level of every interval.
pub const LEVEL: f64 = 0.95;

/// How far a replay is; written by it, read by whoever draws a progress bar, who may also stop it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Runs there are; 0 until known.
    pub runs: AtomicUsize,
    /// Runs done.
    pub done: AtomicUsize,
    /// Requests that have left, over all runs.
    pub requests: AtomicU64,
    /// Set from outside to stop: the replay ends with [`Error::Interrupted`] and leaves nothing.
    pub interrupted: AtomicBool,
}

impl Progress {
    /// # Errors
    /// [`Error::Interrupted`], once somebody asked for it.
    pub(super) fn check(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// How to replay.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Files to leave.
    pub outputs: Outputs,
    /// Replace other results.
    pub overwrite: bool,
    /// Take every step one by one.
    pub stepwise: bool,
}

/// One run, summarised.
pub struct RunResult {
    /// Which.
    pub job: Job,
    /// Label of its scheduler.
    pub label: String,
    /// Its numbers.
    pub summary: Summary,
    /// Points of its distributions.
    pub curves: super::figures::Curves,
    /// Its records, where a comparison needs them (a single replicate).
    pub records: Vec<RequestRecord>,
    /// What the workload did to over-long requests.
    pub counts: Counts,
    pub(super) entry: RunEntry,
}

/// What a replay gives back.
pub struct Replayed {
    /// The runs of the scenario, scheduler by scheduler, replicate by replicate.
    pub runs: Vec<RunResult>,
    /// Where there are several schedulers.
    pub comparison: Option<Comparison>,
    /// Whether the directory held the same already, and still does.
    pub unchanged: bool,
    /// Things the user should know.
    pub remarks: Vec<String>,
}

/// Runs of `scenario`, scheduler by scheduler, replicate by replicate.
pub fn jobs(scenario: &Scenario) -> Vec<Job> {
    let replicates = |scheduler| {
        (0..scenario.replicates).map(move |replicate| Job { scheduler, replicate, rate_rps: None })
    };
    (0..scenario.schedulers.len()).flat_map(replicates).collect()
}

/// Runs of the rate list.
fn load_jobs(scenario: &Scenario) -> Vec<Job> {
    let at = |&rate: &f64| jobs(scenario).into_iter().map(move |job| Job { rate_rps: Some(rate), ..job });
    scenario.load.rates_rps.iter().flat_map(at).collect()
}

/// Replays `scenario` into the directory `out`, which appears whole or not at all.
///
/// If `out` holds the same already, the runs are repeated, their digests compared and nothing is written.
///
/// # Errors
/// Anything wrong with the scenario's inputs; `out` holds something else; a digest that differs from the
/// stored one ([`Error::Check`]).
pub fn replay(
    scenario: &Scenario,
    registry: &Registry,
    out: &Path,
    options: &Options,
    progress: &Progress,
) -> Result<Replayed> {
    let mut options = options.clone();
    // The only record of what a device did.
    options.outputs.steps |= scenario.hardware.is_some();
    options.outputs.check()?;
    for config in &scenario.schedulers {
        registry.make(&config.name, &config.params, scenario.seed)?;
    }
    let (jobs, loads) = (jobs(scenario), load_jobs(scenario));
    let references = References::of(scenario, registry)?;
    let runs = jobs.len() + loads.len() + references.jobs.len();
    progress.runs.store(runs, Ordering::Relaxed);
    if let Some(config) = &scenario.hardware {
        hardware::check(config, scenario, registry)?;
    }
    let files = input_paths(scenario)?.into_iter().map(InputFile::read).collect::<Result<_>>()?;
    let inputs = Inputs::load(scenario, runs)?;
    let mut manifest = Manifest {
        schema: SCHEMA,
        foretoken: env!("CARGO_PKG_VERSION").into(),
        scenario: scenario.clone(),
        inputs: files,
        outputs: options.outputs.clone(),
        files: BTreeMap::new(),
        runs: Vec::new(),
    };
    let existing = folder::look(out, &manifest, options.overwrite)?;
    if let (Existing::Same(_), Some(_)) = (&existing, &scenario.hardware) {
        let what = "this directory holds a run of the same, and no two runs on hardware are alike";
        return Err(Error::input(
            Place::file(out),
            what,
            "replace it with --overwrite, or choose another --out",
        ));
    }
    let staging = Staging::new(out)?;
    let replay =
        Replay { scenario, registry, inputs: &inputs, options: &options, staging: &staging, progress };
    let single = jobs.len() == 1;
    let runs = replay.each(&jobs, |job| replay.run(job, single))?;
    manifest.runs = runs.iter().map(|r| r.entry.clone()).collect();
    let best = references.best(&replay, &runs)?;
    let comparison = (runs.len() > 1).then(|| comparison(scenario, &runs, best)).transpose()?;
    if let Existing::Same(stored) = &existing {
        // Made again only to be held against what is there.
        unchanged(out, stored, &manifest)?;
        let remarks = remarks::of(scenario, &inputs, &runs);
        return Ok(Replayed { runs, comparison, unchanged: true, remarks });
    }
    let loads = replay.each(&loads, |job| replay.measure(job))?;
    write::shared(&staging, &mut manifest, comparison.as_ref(), &runs, &loads)?;
    progress.check()?;
    let mut remarks = remarks::of(scenario, &inputs, &runs);
    let torn = if let Existing::Torn(files) = existing { files } else { Vec::new() };
    let not_whole =
        |file: &String| format!("{}: not as it was written; made again", out.join(file).display());
    remarks.extend(torn.iter().map(not_whole));
    let aside = |path: PathBuf| format!("what was there of it is {}", path.display());
    remarks.extend(staging.publish(&torn)?.into_iter().map(aside));
    Ok(Replayed { runs, comparison, unchanged: false, remarks })
}

/// One replay at work.
pub(super) struct Replay<'a> {
    pub scenario: &'a Scenario,
    registry: &'a Registry,
    inputs: &'a Inputs,
    options: &'a Options,
    staging: &'a Staging,
    progress: &'a Progress,
}

impl Replay<'_> {
    /// Does all of `jobs`: at once, or one after the other where they share a device.
    fn each<T: Send>(&self, jobs: &[Job], run: impl Fn(Job) -> Result<T> + Sync) -> Result<Vec<T>> {
        match self.inputs.timing.is_exclusive() {
            true => jobs.iter().map(|&job| run(job)).collect(),
            false => jobs.par_iter().map(|&job| run(job)).collect(),
        }
    }

    /// Runs one job and writes its files.
    fn run(&self, job: Job, single: bool) -> Result<RunResult> {
        let label = job.config(self.scenario).label();
        let folder = match (single, self.scenario.replicates) {
            (true, _) => String::new(),
            (false, 1) => label.clone(),
            (false, _) => format!("{label}-r{:03}", job.replicate),
        };
        let dir = self.staging.folder(&folder)?;
        let mut files = BTreeMap::new();
        let finished = write::run_with_steps(self, job, &dir, &mut files)?;
        let floor = floor::of(self.scenario, self.inputs, &finished.records)?;
        let (summary, counts) = (self.summary(job, &finished, floor.as_ref())?, finished.counts);
        write::run_files(self, job, &dir, &finished, &summary, &mut files)?;
        if self.options.outputs.certificate {
            let certificate = floor.as_ref().map(Found::certificate);
            write::certificate(&dir, certificate.as_ref(), &self.inputs.timing.name(), &mut files)?;
        }
        let curves = super::figures::Curves::of(&finished.records);
        let records = if self.scenario.replicates == 1 && !single { finished.records } else { Vec::new() };
        let digest = summary.digest.clone();
        let entry = RunEntry {
            label: label.clone(),
            scheduler: job.scheduler,
            replicate: job.replicate,
            folder,
            digest,
            files,
        };
        self.progress.done.fetch_add(1, Ordering::Relaxed);
        Ok(RunResult { job, label, summary, curves, records, counts, entry })
    }

    /// Runs one job for its numbers alone.
    pub fn measure(&self, job: Job) -> Result<(Job, String, Summary)> {
        let label = job.config(self.scenario).label();
        let finished = self.execute(job, &mut Listeners::default())?;
        let floor = floor::of(self.scenario, self.inputs, &finished.records)?;
        let summary = self.summary(job, &finished, floor.as_ref())?;
        self.progress.done.fetch_add(1, Ordering::Relaxed);
        Ok((job, label, summary))
    }

    pub fn execute<'l>(&'l self, job: Job, listeners: &mut Listeners<'l>) -> Result<Finished> {
        listeners.progress = Some(self.progress);
        job.run(self.scenario, self.inputs, self.registry, self.options.stepwise, listeners)
    }

    /// Runs a job of another scenario on the same inputs for its mean E2E latency.
    pub fn mean_e2e_s(&self, scenario: &Scenario, job: Job) -> Result<f64> {
        let mut listeners = Listeners { progress: Some(self.progress), ..Listeners::default() };
        let finished = job.run(scenario, self.inputs, self.registry, false, &mut listeners)?;
        let times: Vec<u64> = finished.records.iter().filter_map(|r| r.e2e()).map(|s| s.0).collect();
        let sum: u128 = times.iter().map(|&ns| u128::from(ns)).sum();
        self.progress.done.fetch_add(1, Ordering::Relaxed);
        Ok(sum as f64 / times.len() as f64 / 1e9)
    }

    fn summary(&self, job: Job, finished: &Finished, floor: Option<&Found>) -> Result<Summary> {
        job.summarise_above(floor, self.scenario, self.inputs, self.registry, finished)
    }

    pub fn outputs(&self) -> &Outputs {
        &self.options.outputs
    }
}

/// Holds the digests of a repeated replay against the stored ones.
fn unchanged(out: &Path, stored: &Manifest, made: &Manifest) -> Result<()> {
    for (old, new) in stored.runs.iter().zip(&made.runs) {
        if old.digest != new.digest {
            return Err(Error::Check(format!(
                "{}: run {} has digest {}, and the same scenario now gives {} (made by foretoken {}); \
                 replace it with --overwrite",
                out.display(),
                old.label,
                old.digest,
                new.digest,
                stored.foretoken
            )));
        }
    }
    Ok(())
}

fn comparison(scenario: &Scenario, runs: &[RunResult], best_known_e2e_s: Vec<f64>) -> Result<Comparison> {
    let contestants: Vec<Contestant<'_>> = runs
        .chunks(scenario.replicates as usize)
        .map(|runs| Contestant {
            label: &runs[0].label,
            runs: runs.iter().map(|r| Run { summary: &r.summary, requests: &r.records }).collect(),
        })
        .collect();
    let references = crate::metrics::References { best_known_e2e_s, lower_bound_e2e_s: Vec::new() };
    compare(&contestants, &references, LEVEL)
}
