//! Whether a result directory still holds: its files are as they were written, and the same scenario on
//! the same inputs gives the same digests.

use super::floor;
use super::inputs::{InputFile, Inputs};
use super::job::{Job, Listeners};
use super::manifest::{Manifest, RunEntry};
use crate::error::{Error, Result};
use crate::record::Event;
use crate::scenario::Scenario;
use crate::scheduler::Registry;
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
/// No readable manifest; an input that has changed since, by name; a certificate that does not hold.
pub fn verify(dir: &Path, registry: &Registry) -> Result<Verified> {
    let manifest = Manifest::read(dir)?;
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
    let inputs = Inputs::load(&manifest.scenario, manifest.runs.len())?;
    let check = |entry: &RunEntry| {
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
