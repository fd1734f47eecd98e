//! The pool: runs what the journal lacks, then writes the result directory in order of the runs.

use super::journal::{Journal, Outcome, Record};
use super::manifest::{Identity, Keep, MANIFEST, Manifest, POINTS, RESOLVED, SUMMARY, Shard};
use super::metrics::METRICS;
use super::place::{Claim, Permissions, claim};
use super::plan::{Plan, Run};
use super::shelf::Shelf;
use super::table::{PointsCsv, summary_csv};
use crate::error::{Error, Place, Result};
use crate::record::{Columns, RequestsCsv};
use crate::replay::{Finished, Listeners, Progress, hash_file, set_aside, write_hashed};
use crate::scheduler::Registry;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How to run a sweep.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Files of single runs to keep.
    pub keep: Keep,
    /// Run only this part.
    pub shard: Option<Shard>,
    /// Replace results of something else, and unfinished ones.
    pub overwrite: bool,
    /// Go on with what an earlier process left.
    pub resume: bool,
    /// Threads; 0 = one per core.
    pub threads: usize,
}

/// What a sweep gives back.
#[derive(Debug)]
pub struct Done {
    /// The manifest.
    pub manifest: Manifest,
    /// Runs in the directory.
    pub runs: usize,
    /// Whether the directory held the same already.
    pub unchanged: bool,
    /// Runs that the journal of an earlier process had.
    pub resumed: usize,
    /// Files that were not whole, where they are now.
    pub torn: Vec<PathBuf>,
}

/// Runs `plan` into the directory `out`, which appears whole or not at all.
///
/// A run that fails is recorded with its reason. Whatever the number of threads, however often the process
/// died on the way, the directory has the same bytes.
///
/// # Errors
/// `out` or the place beside it holds something else; nothing can be written; [`Error::Paused`] once
/// `progress` was told to stop: the runs at hand are finished then, and the journal has them.
pub fn run(
    plan: &Plan,
    registry: &Registry,
    out: &Path,
    options: &Options,
    progress: &Progress,
) -> Result<Done> {
    let runs = mine(plan, options.shard)?;
    let identity = Identity::of(plan, options.keep, options.shard)?;
    let permissions = Permissions { overwrite: options.overwrite, resume: options.resume };
    let place = match claim(out, &identity, permissions)? {
        Claim::Work(place) => place,
        Claim::Whole(manifest) => {
            let runs = runs.len();
            return Ok(Done { manifest: *manifest, runs, unchanged: true, resumed: 0, torn: Vec::new() });
        }
    };
    let (journal, torn) = Journal::open(&place.journal(), plan.len())?;
    let mut torn: Vec<PathBuf> = torn.into_iter().collect();
    let pool =
        Pool { plan, registry, keep: options.keep, shelf: Shelf::new(), journal, dir: place.result()? };
    torn.extend(pool.check_kept(&runs)?);
    let resumed = runs.iter().filter(|&&run| pool.journal.has(run)).count();
    progress.runs.store(runs.len(), Ordering::Relaxed);
    progress.done.store(resumed, Ordering::Relaxed);
    pool.work(&runs, options.threads, progress)?;
    if progress.interrupted.load(Ordering::Relaxed) && progress.done.load(Ordering::Relaxed) < runs.len() {
        let done = progress.done.load(Ordering::Relaxed);
        return Err(Error::Paused(format!(
            "interrupted: {done} of {} runs are done; go on with --resume",
            runs.len()
        )));
    }
    let manifest = write(&pool, &runs, &identity)?;
    drop(pool);
    torn.extend(place.publish()?);
    Ok(Done { manifest, runs: runs.len(), unchanged: false, resumed, torn })
}

/// Indices of the runs of a shard.
fn mine(plan: &Plan, shard: Option<Shard>) -> Result<Vec<usize>> {
    let Some(Shard { index, of }) = shard else { return Ok((0..plan.len()).collect()) };
    if of > plan.len() {
        let what = format!("{of} shards of {} runs: some would be empty", plan.len());
        return Err(Error::input(Place::key("--shard"), what, "choose fewer"));
    }
    Ok((index - 1..plan.len()).step_by(of).collect())
}

struct Pool<'a> {
    plan: &'a Plan,
    registry: &'a Registry,
    keep: Keep,
    shelf: Shelf,
    journal: Journal,
    dir: PathBuf,
}

impl Pool<'_> {
    /// Lets threads take runs one by one, in order: neighbours share their inputs, and none idles before the
    /// last run is taken.
    fn work(&self, runs: &[usize], threads: usize, progress: &Progress) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = if threads == 0 { cores } else { threads }.min(runs.len());
        let next = AtomicUsize::new(0);
        let one = || {
            while !progress.interrupted.load(Ordering::Relaxed) {
                let Some(&run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                if self.journal.has(run) {
                    continue;
                }
                let done = self
                    .run(run, progress)
                    .and_then(|outcome| self.journal.append(&Record { run: run as u64, outcome }));
                if done.is_err() {
                    // The others have nothing to do any more.
                    next.store(runs.len(), Ordering::Relaxed);
                    return done;
                }
                progress.done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
            workers.into_iter().try_for_each(|w| match w.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    /// Runs one; what goes wrong in it is its outcome, what goes wrong in keeping it is an error.
    fn run(&self, index: usize, progress: &Progress) -> Result<Outcome> {
        let run = self.plan.run(index);
        let (finished, digest, metrics) = match self.simulate(run) {
            Ok(done) => done,
            Err(e) => return Ok(Outcome::Failed { reason: e.to_string() }),
        };
        progress.requests.fetch_add(finished.records.len() as u64, Ordering::Relaxed);
        let requests = match self.keep {
            Keep::Nothing => None,
            Keep::Requests => Some(self.keep_requests(run, &finished)?),
        };
        Ok(Outcome::Ok { digest, metrics, requests })
    }

    fn simulate(&self, run: Run) -> Result<(Finished, String, Vec<Option<f64>>)> {
        let scenario = self.plan.scenario(&self.plan.point(run.point))?;
        let inputs = self.shelf.inputs(&scenario)?;
        let job = run.job();
        let finished = job.run(&scenario, &inputs, self.registry, false, &mut Listeners::default())?;
        let summary = job.summarise(&scenario, &inputs, self.registry, &finished)?;
        let metrics = METRICS.iter().map(|m| (m.of)(&summary).filter(|v| v.is_finite())).collect();
        Ok((finished, summary.digest, metrics))
    }

    fn kept_dir(&self, run: Run) -> PathBuf {
        let label = &self.plan.schedulers[run.scheduler];
        self.dir.join(format!("runs/{}/{label}-r{:03}", run.point, run.replicate))
    }

    /// Writes `requests.csv` aside, then renames it; returns its hash.
    fn keep_requests(&self, run: Run, finished: &Finished) -> Result<String> {
        let dir = self.kept_dir(run);
        fs::create_dir_all(&dir).map_err(|e| Error::io(&dir, e))?;
        let columns = Columns::for_records(&finished.records);
        let hash = write_hashed(&dir, "requests.csv.new", |out| {
            RequestsCsv::write(out, &finished.records, columns, &finished.classes).map(|_| ())
        })?;
        fs::rename(dir.join("requests.csv.new"), dir.join("requests.csv")).map_err(|e| Error::io(&dir, e))?;
        Ok(hash)
    }

    /// Holds kept files against the journal: runs whose file is gone or torn are to be repeated. Returns where
    /// the torn ones are now.
    fn check_kept(&self, runs: &[usize]) -> Result<Vec<PathBuf>> {
        let mut torn = Vec::new();
        if self.keep == Keep::Nothing || self.journal.is_empty() {
            return Ok(torn);
        }
        let mut records = self.journal.read()?;
        for &run in runs {
            let Some(Record { outcome: Outcome::Ok { requests: Some(hash), .. }, .. }) = records(run)? else {
                continue;
            };
            let file = self.kept_dir(self.plan.run(run)).join("requests.csv");
            if hash_file(&file).ok().as_ref() == Some(&hash) {
                continue;
            }
            self.journal.forget(run);
            if file.exists() {
                // Out of what becomes the result.
                let beside = self.dir.with_file_name(format!("run{run}.requests.csv"));
                fs::rename(&file, &beside).map_err(|e| Error::io(&file, e))?;
                torn.push(set_aside(&beside)?);
            }
        }
        Ok(torn)
    }
}

/// Writes the tables and the manifest from a complete journal.
fn write(pool: &Pool<'_>, runs: &[usize], identity: &Identity) -> Result<Manifest> {
    let dir = &pool.dir;
    let mut manifest = Manifest::new(pool.plan, identity)?;
    let mut records = pool.journal.read()?;
    let mut stopped = None;
    let hash = write_hashed(dir, POINTS, |out| {
        let mut csv = PointsCsv::new(pool.plan, out)?;
        for &run in runs {
            match records(run) {
                Ok(Some(record)) => csv.row(&record)?,
                Ok(None) => unreachable!("every run has been journalled"),
                Err(e) => {
                    stopped = Some(e);
                    break;
                }
            }
        }
        manifest.failed = csv.finish()?;
        Ok(())
    })?;
    if let Some(e) = stopped {
        return Err(e);
    }
    manifest.files.insert(POINTS.into(), hash);
    finish(dir, &mut manifest, &identity.given)?;
    Ok(manifest)
}

/// Writes what follows from `points.csv`, which lies in `dir`: the other table, the spec, the manifest.
pub(super) fn finish(dir: &Path, manifest: &mut Manifest, given: &str) -> Result<()> {
    if manifest.shard.is_none() {
        let mut summary = Vec::new();
        summary_csv(&dir.join(POINTS), manifest.axes.len(), &mut summary)?;
        let hash = write_hashed(dir, SUMMARY, |out| out.write_all(&summary))?;
        manifest.files.insert(SUMMARY.into(), hash);
    }
    let hash = write_hashed(dir, RESOLVED, |out| out.write_all(given.as_bytes()))?;
    manifest.files.insert(RESOLVED.into(), hash);
    let text = serde_json::to_string_pretty(manifest).map_err(|e| Error::Usage(e.to_string()))?;
    write_hashed(dir, MANIFEST, |out| writeln!(out, "{text}")).map(|_| ())
}
