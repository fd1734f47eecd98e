//! The files of a result directory.

use super::figures;
use super::folder::{SCENARIO, Staging, hash_file, write_hashed};
use super::job::{Finished, Job, Listeners};
use super::manifest::{Manifest, Outputs};
use super::run::{Replay, RunResult};
use crate::bound::Certificate;
use crate::error::{Error, Place, Result};
use crate::metrics::{Comparison, Summary};
use crate::record::{
    Columns, Event, RequestsCsv, StepRecord, StepsCsv, TableFile, TableFormat, Timeline, Window,
};
use crate::report::figure::{self, Style};
use crate::scenario::Scenario;
use crate::time::SimTime;
use std::collections::BTreeMap;
use std::path::Path;

type Files = BTreeMap<String, String>;

/// Runs a job, writing the steps and `timeline.json` on the way if they were asked for.
pub(super) fn run_with_steps(
    replay: &Replay<'_>,
    job: Job,
    dir: &Path,
    files: &mut Files,
) -> Result<Finished> {
    let outputs = replay.outputs();
    if !outputs.steps && outputs.timeline.is_none() {
        return replay.execute(job, &mut Listeners::default());
    }
    let name = outputs.tables.file("steps");
    let path = dir.join(&name);
    let io = |e| Error::io(&path, e);
    let mut csv = match outputs.steps {
        true => Some(StepsCsv::new(TableFile::create(&path, outputs.tables)?)),
        false => None,
    };
    // The timeline's lanes follow from all requests, so that its steps and events wait for the end.
    let (mut steps, mut events): (Vec<StepRecord>, Vec<Event>) = Default::default();
    let window = outputs.timeline.map(|(from_s, to_s)| window(from_s, to_s)).transpose()?;
    let mut on_step = |step: &StepRecord| {
        if let Some(csv) = &mut csv {
            csv.row(step).map_err(io)?;
        }
        if window.is_some_and(|w| step.start < w.to && step.start + step.duration > w.from) {
            steps.push(*step);
        }
        Ok(())
    };
    let mut on_event = |event: &Event| {
        if window.is_some_and(|w| w.from <= event.time && event.time < w.to) {
            events.push(*event);
        }
        Ok(())
    };
    let mut listeners = Listeners { step: Some(&mut on_step), event: Some(&mut on_event), progress: None };
    let finished = replay.execute(job, &mut listeners)?;
    if let Some(csv) = csv {
        csv.finish().and_then(TableFile::finish).map_err(io)?;
        files.insert(name, hash_file(&path)?);
    }
    if let Some(window) = window {
        let totals = &finished.totals;
        let hash = write_hashed(dir, "timeline.json", |out| {
            let mut timeline =
                Timeline::new(out, window, totals.replicas, &finished.records, totals.horizon)?;
            steps.iter().try_for_each(|s| timeline.step(s))?;
            events.iter().try_for_each(|e| timeline.event(e))?;
            timeline.finish().map(|_| ())
        })?;
        files.insert("timeline.json".into(), hash);
    }
    Ok(finished)
}

fn window(from_s: f64, to_s: f64) -> Result<Window> {
    let to = if to_s == f64::INFINITY { Some(SimTime::MAX) } else { SimTime::from_secs(to_s) };
    match (SimTime::from_secs(from_s), to) {
        (Some(from), Some(to)) if from < to => Ok(Window { from, to }),
        _ => Err(Error::Usage(format!(
            "timeline window {from_s}..{to_s} is empty: give seconds, first < last"
        ))),
    }
}

/// Writes a run's own files.
pub(super) fn run_files(
    replay: &Replay<'_>,
    job: Job,
    dir: &Path,
    finished: &Finished,
    summary: &Summary,
    files: &mut Files,
) -> Result<()> {
    let outputs = replay.outputs();
    let columns = match outputs.columns.as_slice() {
        [] => Columns::for_records(&finished.records),
        names => Columns::pick(names)?,
    };
    let name = outputs.tables.file("requests");
    let hash = match outputs.tables {
        TableFormat::Csv => write_hashed(dir, &name, |out| {
            RequestsCsv::write(out, &finished.records, columns, &finished.classes).map(|_| ())
        })?,
        TableFormat::Parquet => {
            let path = dir.join(&name);
            let file = TableFile::create(&path, outputs.tables)?;
            let written = RequestsCsv::write(file, &finished.records, columns, &finished.classes);
            written.and_then(TableFile::finish).map_err(|e| Error::io(&path, e))?;
            hash_file(&path)?
        }
    };
    files.insert(name, hash);
    files.insert("summary.json".into(), json(dir, "summary.json", summary)?);
    let folder_is_run = replay.scenario.schedulers.len() * replay.scenario.replicates as usize > 1;
    if folder_is_run {
        files.insert(SCENARIO.into(), scenario(dir, &only(replay.scenario, job))?);
    }
    Ok(())
}

/// Writes `certificate.json`.
///
/// # Errors
/// There is none: the profile gives no lower bound.
pub(super) fn certificate(
    dir: &Path,
    certificate: Option<&Certificate>,
    profile: &str,
    files: &mut Files,
) -> Result<()> {
    let Some(certificate) = certificate else {
        let what = format!("profile {profile} gives no lower bound to certify");
        let help = "leave out --certificate; docs/theory.md says which profiles give one";
        return Err(Error::input(Place::key("profile"), what, help));
    };
    files.insert("certificate.json".into(), json(dir, "certificate.json", certificate)?);
    Ok(())
}

/// The scenario of one scheduler alone.
fn only(scenario: &Scenario, job: Job) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.schedulers = vec![job.config(&scenario).clone()];
    scenario.load.rates_rps.clear();
    scenario
}

fn scenario(dir: &Path, scenario: &Scenario) -> Result<String> {
    let text = toml::to_string(scenario).map_err(|e| Error::Usage(e.to_string()))?;
    write_hashed(dir, SCENARIO, |out| out.write_all(text.as_bytes()))
}

fn json(dir: &Path, name: &str, value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::Usage(e.to_string()))?;
    write_hashed(dir, name, |out| writeln!(out, "{text}"))
}

/// Writes what belongs to the directory as a whole.
pub(super) fn shared(
    staging: &Staging,
    manifest: &mut Manifest,
    comparison: Option<&Comparison>,
    runs: &[RunResult],
    loads: &[(Job, String, Summary)],
) -> Result<()> {
    let dir = staging.path();
    scenario(dir, &manifest.scenario)?;
    if let Some(comparison) = comparison {
        write_hashed(dir, "comparison.csv", |out| comparison.write_csv(out).map_err(std::io::Error::other))?;
    }
    if !loads.is_empty() {
        write_hashed(dir, "load.csv", |out| load_csv(out, loads))?;
    }
    let drawn = runs.len() > 1 || !loads.is_empty();
    if manifest.outputs.figures && drawn {
        let spec = figures::response(&manifest.scenario, runs, loads)?;
        figure::write(&staging.folder("figures")?, "response", &spec, Style::Paper)?;
    }
    manifest.files = hashes(dir)?;
    json(dir, "manifest.json", manifest).map(|_| ())
}

/// Hashes of the files that lie in `dir` for all runs together.
fn hashes(dir: &Path) -> Result<Files> {
    let mut names: Vec<String> = [SCENARIO, "comparison.csv", "load.csv"].map(String::from).into();
    let figures = dir.join("figures");
    if figures.is_dir() {
        let io = |e| Error::io(&figures, e);
        for entry in std::fs::read_dir(&figures).map_err(io)? {
            names.push(format!("figures/{}", entry.map_err(io)?.file_name().to_string_lossy()));
        }
    }
    names.retain(|name| dir.join(name).is_file());
    names.into_iter().map(|name| hash_file(&dir.join(&name)).map(|hash| (name, hash))).collect()
}

/// One row per run of the rate list.
fn load_csv(out: &mut dyn std::io::Write, loads: &[(Job, String, Summary)]) -> std::io::Result<()> {
    writeln!(
        out,
        "rate_rps,scheduler,replicate,e2e_mean_s,e2e_p99_s,ttft_mean_s,ttft_p99_s,\
         per_token_mean_s,per_token_p90_s,requests_per_s,goodput_rps"
    )?;
    for (job, label, s) in loads {
        let (rate, l) = (job.rate_rps.unwrap_or(f64::NAN), &s.latencies);
        let goodput = s.slo.map_or(String::new(), |slo| slo.goodput_rps.to_string());
        writeln!(
            out,
            "{rate},{label},{},{},{},{},{},{},{},{},{goodput}",
            job.replicate,
            l.e2e_s.mean,
            l.e2e_s.p99,
            l.ttft_s.mean,
            l.ttft_s.p99,
            l.per_token_s.mean,
            l.per_token_s.p90,
            s.throughput.requests_per_s
        )?;
    }
    Ok(())
}

impl Outputs {
    /// What `replay` leaves when it is told nothing.
    pub fn usual() -> Outputs {
        Outputs { figures: true, ..Outputs::default() }
    }
}
