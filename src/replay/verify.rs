//! Whether a result directory still holds: its files are as they were written, and the same scenario on
//! the same inputs gives the same digests.

use super::floor;
use super::inputs::{InputFile, Inputs};
use super::job::{Job, Listeners};
use super::manifest::{Manifest, RunEntry};
use super::timing::Timing;
use crate::error::{Error, Place, Result};
use crate::record::{Event, step_durations};
use crate::scenario::Scenario;
use crate::scheduler::Registry;
use crate::time::Span;
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;

/// What became of one run of a directory.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// Label of its scheduler.
    pub label: String,
    /// Replicate.
    pub replicate: u32,
    /// Digest in the manifest.
    pub stored: String,
    /// Digest of the repeated run.
    pub repeated: String,
    /// Mean E2E latency that its `certificate.json` proves, seconds; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proved_mean_e2e_s: Option<f64>,
}

/// What became of a result directory.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// Its runs, repeated.
    pub runs: Vec<Verdict>,
    /// Files that are gone or not as they were written, relative to the directory.
    pub changed_files: Vec<String>,
}

impl Verdict {
    /// Whether the repeated run had the same events.
    pub fn holds(&self) -> bool {
        self.stored == self.repeated
    }
}

/// Repeats every run of `dir`.
///
/// # Errors
/// No readable manifest; an input that has changed since, by name; a certificate that does not hold; runs on
/// hardware, which nobody can repeat.
pub fn verify(dir: &Path, registry: &Registry) -> Result<Verified> {
    let manifest = Manifest::read(dir)?;
    if let Some(hardware) = &manifest.scenario.hardware {
        let what =
            format!("{} takes other times in every run, so no digest can be compared", hardware.label());
        let help = "replay the step times that were recorded: foretoken verify --recorded";
        return Err(Error::input(Place::file(dir), what, help));
    }
    let inputs = Inputs::load(&manifest.scenario, manifest.runs.len())?;
    repeat(dir, registry, &manifest, &|_| Ok(inputs.timed_by(inputs.timing.clone())))
}

/// Repeats every run of `dir`, which ran on hardware, with the step times that were recorded.
///
/// # Errors
/// No readable manifest; an input that has changed since, by name; a table of steps that is gone or damaged; runs
/// on a profile, which need no record.
pub fn verify_recorded(dir: &Path, registry: &Registry) -> Result<Verified> {
    let manifest = Manifest::read(dir)?;
    let Some(hardware) = manifest.scenario.hardware.clone() else {
        let what = "these runs took their step times from a profile";
        return Err(Error::input(Place::file(dir), what, "leave out --recorded"));
    };
    let inputs = Inputs::load(&manifest.scenario, manifest.runs.len())?;
    let overhead = Span::from_secs(manifest.scenario.engine.host_overhead_s).unwrap_or_default();
    let recorded = |entry: &RunEntry| {
        let path = dir.join(&entry.folder).join(manifest.outputs.tables.file("steps"));
        let steps = step_durations(&path)?;
        let own: Vec<Span> = steps.iter().map(|step| Span(step.0.saturating_sub(overhead.0))).collect();
        Ok(inputs.timed_by(Timing::recorded(hardware.clone(), own)))
    };
    repeat(dir, registry, &manifest, &recorded)
}

/// Repeats every run of `dir` on what `inputs` gives it.
fn repeat(
    dir: &Path,
    registry: &Registry,
    manifest: &Manifest,
    inputs: &(dyn Fn(&RunEntry) -> Result<Inputs> + Sync),
) -> Result<Verified> {
    for input in &manifest.inputs {
        let now = InputFile::read(&input.path)?;
        if now != *input {
            return Err(Error::Check(format!(
                "{} has changed since: SHA-256 was {}, is {}",
                input.path.display(),
                input.sha256,
                now.sha256
            )));
        }
    }
    let check = |entry: &RunEntry| {
        let inputs = inputs(entry)?;
        let job = Job { scheduler: entry.scheduler, replicate: entry.replicate, rate_rps: None };
        let finished = job.run(&manifest.scenario, &inputs, registry, false, &mut Listeners::default())?;
        let certificate = dir.join(&entry.folder).join("certificate.json");
        let proved = entry
            .files
            .contains_key("certificate.json")
            .then(|| floor::check(&certificate, &manifest.scenario, &inputs, &finished.records));
        Ok(Verdict {
            label: entry.label.clone(),
            replicate: entry.replicate,
            stored: entry.digest.clone(),
            repeated: finished.totals.digest,
            proved_mean_e2e_s: proved.transpose()?,
        })
    };
    let runs = manifest.runs.par_iter().map(check).collect::<Result<_>>()?;
    Ok(Verified { runs, changed_files: manifest.changed_files(dir) })
}

/// Runs every job of `scenario` twice, once the usual way and once step by step, and compares the events.
///
/// # Errors
/// [`Error::Check`] with the first event that differs, and its neighbours.
pub fn check_determinism(scenario: &Scenario, registry: &Registry) -> Result<usize> {
    if scenario.hardware.is_some() {
        let what = "no two runs on hardware are alike";
        let help =
            "check with a profile; a run on hardware can be replayed with `foretoken verify --recorded`";
        return Err(Error::input(Place::key("hardware"), what, help));
    }
    let jobs = super::run::jobs(scenario);
    let inputs = Inputs::load(scenario, 2 * jobs.len())?;
    for job in &jobs {
        let events = |stepwise| {
            let mut events: Vec<Event> = Vec::new();
            let mut on_event = |event: &Event| {
                events.push(*event);
                Ok(())
            };
            let mut listeners = Listeners { event: Some(&mut on_event), ..Listeners::default() };
            let digest = job.run(scenario, &inputs, registry, stepwise, &mut listeners)?.totals.digest;
            Ok::<_, Error>((events, digest))
        };
        let ((first, digest), (second, other)) = (events(false)?, events(true)?);
        if digest == other {
            continue;
        }
        let at = first.iter().zip(&second).take_while(|(a, b)| a == b).count();
        let show = |events: &[Event]| {
            let near = events.iter().enumerate().skip(at.saturating_sub(1)).take(3);
            near.map(|(i, e)| format!("  {i}: {e:?}")).collect::<Vec<_>>().join("\n")
        };
        return Err(Error::Check(format!(
            "{}, replicate {}: event {at} differs\nfirst run:\n{}\nstep by step:\n{}",
            job.config(scenario).label(),
            job.replicate,
            show(&first),
            show(&second)
        )));
    }
    Ok(jobs.len())
}
