//! Where a sweep works and where its results go. It works beside the result directory `DIR`, in `.DIR.sweep`:
//!
//! ```text
//! lock       held by the process at work
//! plan.json  what the sweep was asked for
//! journal    finished runs
//! result/    becomes DIR by one rename
//! old/       what DIR held before
//! ```

use super::manifest::{Identity, MANIFEST, Manifest, RESOLVED};
use crate::error::{Error, Place as Where, Result};
use crate::replay::keep_torn;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// What may be done with what is there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Permissions {
    /// Replace results of something else, and unfinished ones.
    pub overwrite: bool,
    /// Go on with unfinished ones.
    pub resume: bool,
}

/// What a look at the result directory found.
pub(super) enum Claim {
    /// The very sweep, whole.
    Whole(Box<Manifest>),
    /// Work to do.
    Work(Workplace),
}

/// A place to work in, held against other processes.
pub(super) struct Workplace {
    target: PathBuf,
    side: PathBuf,
    /// Files of the result directory that are gone or not as they were written.
    pub torn: Vec<String>,
    _lock: File,
}

/// Looks at `out` and takes the place beside it.
///
/// # Errors
/// Something else is there, or at work there; what is there differs from what is wanted, by name.
pub(super) fn claim(out: &Path, wanted: &Identity, may: Permissions) -> Result<Claim> {
    let target = if out.is_absolute() { out.to_path_buf() } else { Path::new(".").join(out) };
    let Some(name) = target.file_name().map(|n| n.to_string_lossy().into_owned()) else {
        return Err(Error::input(
            Where::file(out),
            "this cannot name a result directory",
            "choose another --out",
        ));
    };
    let side = target.with_file_name(format!(".{name}.sweep"));
    let mut torn = Vec::new();
    match look(&target, wanted, may.overwrite)? {
        Found::Whole(manifest) => {
            if same_plan(&side, wanted) {
                // Its process died after the rename.
                fs::remove_dir_all(&side).map_err(|e| Error::io(&side, e))?;
            }
            return Ok(Claim::Whole(manifest));
        }
        Found::Torn(files) => torn = files,
        Found::Free => {}
    }
    let lock = open(&side, wanted, may)?;
    Ok(Claim::Work(Workplace { target, side, torn, _lock: lock }))
}

enum Found {
    /// Nothing, or what may be replaced.
    Free,
    Whole(Box<Manifest>),
    /// The very sweep, but for these files.
    Torn(Vec<String>),
}

fn look(out: &Path, wanted: &Identity, overwrite: bool) -> Result<Found> {
    let refuse = |what: String, help: &str| Err(Error::input(Where::file(out), what, help));
    if !out.exists() {
        return Ok(Found::Free);
    }
    if !out.is_dir() {
        return refuse("this is a file, and results need a directory".into(), "choose another --out");
    }
    if fs::read_dir(out).map_err(|e| Error::io(out, e))?.next().is_none() {
        return Ok(Found::Free);
    }
    if !out.join(MANIFEST).is_file() {
        let what = "this directory holds something that is no result of foretoken".into();
        return refuse(what, "choose another --out");
    }
    if overwrite {
        return Ok(Found::Free);
    }
    let help = "choose another --out, or replace it with --overwrite";
    match Manifest::read(out) {
        Ok(manifest) => match manifest.identity(out)?.difference(wanted) {
            Some(difference) => refuse(format!("this directory holds another sweep: {difference}"), help),
            None => match manifest.changed_files(out) {
                files if files.is_empty() => Ok(Found::Whole(Box::new(manifest))),
                files => Ok(Found::Torn(files)),
            },
        },
        // What it was asked for is told by the other file.
        Err(e) => match fs::read_to_string(out.join(RESOLVED)) {
            Ok(given) if given == wanted.given => Ok(Found::Torn(vec![MANIFEST.into()])),
            _ => Err(e),
        },
    }
}

fn plan_path(side: &Path) -> PathBuf {
    side.join("plan.json")
}

fn stored_plan(side: &Path) -> Option<Identity> {
    serde_json::from_str(&fs::read_to_string(plan_path(side)).ok()?).ok()
}

fn same_plan(side: &Path, wanted: &Identity) -> bool {
    stored_plan(side).is_some_and(|plan| plan.difference(wanted).is_none())
}

/// Makes `side`, or takes what a process left that is no more.
fn open(side: &Path, wanted: &Identity, may: Permissions) -> Result<File> {
    let io = |e| Error::io(side, e);
    if plan_path(side).exists() && !may.resume && !may.overwrite {
        let help = "go on with --resume, or start anew with --overwrite";
        return Err(Error::input(Where::file(side), "an unfinished sweep is there", help));
    }
    fs::create_dir_all(side).map_err(|e| {
        let what = format!("results cannot be written there ({e})");
        Error::input(Where::file(side), what, "choose another --out")
    })?;
    let lock = File::create(side.join("lock")).map_err(io)?;
    if lock.try_lock().is_err() {
        let help = "wait for it, or choose another --out";
        return Err(Error::input(Where::file(side), "another process is at work here", help));
    }
    match stored_plan(side) {
        Some(plan) if may.resume => {
            if let Some(difference) = plan.difference(wanted) {
                let help = "resume with what it was started with, or start anew with --overwrite alone";
                let what = format!("the unfinished sweep is another one: {difference}");
                return Err(Error::input(Where::file(side), what, help));
            }
        }
        _ => {
            clear(side).map_err(io)?;
            let text = serde_json::to_string_pretty(wanted).map_err(|e| Error::Usage(e.to_string()))?;
            let beside = side.join("plan.new");
            fs::write(&beside, text).and_then(|()| fs::rename(&beside, plan_path(side))).map_err(io)?;
        }
    }
    Ok(lock)
}

/// Empties a place of work, the plan first and the lock not at all.
fn clear(side: &Path) -> std::io::Result<()> {
    let plan = plan_path(side);
    if plan.exists() {
        fs::remove_file(plan)?;
    }
    for entry in fs::read_dir(side)? {
        let entry = entry?;
        if entry.file_name() == "lock" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Workplace {
    /// The journal's path.
    pub fn journal(&self) -> PathBuf {
        self.side.join("journal")
    }

    /// What will be the result directory.
    pub fn result(&self) -> Result<PathBuf> {
        let path = self.side.join("result");
        fs::create_dir_all(&path).map_err(|e| Error::io(&path, e))?;
        Ok(path)
    }

    /// Moves the result to its place and leaves the place of work. Files that were torn are set aside there;
    /// returns where they are.
    ///
    /// # Errors
    /// Something cannot be moved; `--resume` ends it.
    pub fn publish(self) -> Result<Vec<PathBuf>> {
        let io = |e| Error::io(&self.target, e);
        let old = self.side.join("old");
        if self.target.exists() {
            if old.exists() {
                fs::remove_dir_all(&old).map_err(io)?;
            }
            fs::rename(&self.target, &old).map_err(io)?;
        }
        fs::rename(self.side.join("result"), &self.target).map_err(io)?;
        let torn = keep_torn(&old, &self.target, &self.torn)?;
        fs::remove_dir_all(&self.side).map_err(io)?;
        Ok(torn)
    }
}
