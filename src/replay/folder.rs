//! Result directories: written aside, then renamed, so that they appear whole or not at all.

use super::manifest::Manifest;
use crate::error::{Error, Place, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A directory under construction. Dropped before [`Staging::publish`], it leaves nothing.
pub struct Staging {
    target: PathBuf,
    aside: PathBuf,
    /// Folders above it that were not there before, innermost first.
    made: Vec<PathBuf>,
}

/// What is at the place where results are to go.
pub enum Existing {
    /// Nothing.
    Nothing,
    /// Results of the very same request.
    Same(Box<Manifest>),
    /// The same, but for these files, which are gone or not as they were written.
    Torn(Vec<String>),
    /// Something else, which the user allowed to be replaced.
    Replaceable,
}

/// Looks at `dir` before a replay that would leave `wanted`.
///
/// # Errors
/// It holds something else and `overwrite` is not set; or it is not a result directory, which is never
/// replaced.
pub fn look(dir: &Path, wanted: &Manifest, overwrite: bool) -> Result<Existing> {
    tidy(dir);
    if !dir.exists() {
        return Ok(Existing::Nothing);
    }
    if !dir.is_dir() {
        let what = "this is a file, and results need a directory";
        return Err(Error::input(Place::file(dir), what, "choose another --out"));
    }
    let empty = fs::read_dir(dir).map_err(|e| Error::io(dir, e))?.next().is_none();
    if empty {
        return Ok(Existing::Replaceable);
    }
    if !dir.join("manifest.json").is_file() {
        let what = "this directory holds something that is no result of foretoken";
        return Err(Error::input(Place::file(dir), what, "choose another --out"));
    }
    match Manifest::read(dir) {
        _ if overwrite => Ok(Existing::Replaceable),
        Ok(found) if found.same_request(wanted) => match found.changed_files(dir) {
            files if files.is_empty() => Ok(Existing::Same(Box::new(found))),
            files => Ok(Existing::Torn(files)),
        },
        // A torn manifest does not say what it is of; the scenario beside it does.
        Err(e) => match toml::to_string(&wanted.scenario) {
            Ok(text) if fs::read_to_string(dir.join(SCENARIO)).is_ok_and(|there| there == text) => {
                Ok(Existing::Torn(vec!["manifest.json".into()]))
            }
            _ => Err(e),
        },
        Ok(_) => {
            let what = "this directory holds results of another scenario, other inputs or other options";
            Err(Error::input(
                Place::file(dir),
                what,
                "choose another --out, or replace them with --overwrite",
            ))
        }
    }
}

/// Name of the file that holds the scenario of a result directory.
pub(super) const SCENARIO: &str = "scenario.resolved.toml";

/// Removes what dead processes left beside `target`. Results that one of them had moved out of the way, and did
/// not live to replace, return. What cannot be removed stays: it is in nobody's way.
fn tidy(target: &Path) {
    let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = target.file_name().map(|n| format!(".{}.", n.to_string_lossy())) else { return };
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let left = entry.file_name().to_string_lossy().into_owned();
        let Some((pid, kind)) = left.strip_prefix(&name).and_then(|rest| rest.split_once('.')) else {
            continue;
        };
        if !["tmp", "old"].contains(&kind) || !pid.parse().is_ok_and(is_dead) {
            continue;
        }
        let _ = match kind {
            "old" if !target.exists() => fs::rename(entry.path(), target),
            _ => fs::remove_dir_all(entry.path()),
        };
    }
}

/// Whether no process has this number; a living namesake, or a system that does not tell, counts as alive.
fn is_dead(pid: u32) -> bool {
    let processes = Path::new("/proc");
    pid == std::process::id()
        || (processes.join("self").exists() && !processes.join(pid.to_string()).exists())
}

impl Staging {
    /// A fresh directory beside `target`.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub fn new(target: &Path) -> Result<Staging> {
        tidy(target);
        let target = if target.is_absolute() { target.to_path_buf() } else { Path::new(".").join(target) };
        let parent = target.parent().unwrap_or(Path::new("."));
        let name = target.file_name().ok_or_else(|| {
            Error::input(Place::file(&target), "this cannot name a result directory", "choose another --out")
        })?;
        let aside = parent.join(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
        let made = parent.ancestors().take_while(|p| !p.exists()).map(Path::to_path_buf).collect();
        let staging = Staging { target: target.clone(), aside, made };
        let unwritable = |e: std::io::Error| {
            let what = format!("results cannot be written there ({e})");
            Error::input(Place::file(&target), what, "choose another --out")
        };
        fs::create_dir_all(&staging.aside).map_err(unwritable)?;
        Ok(staging)
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.aside
    }

    /// Makes a folder inside.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.aside.join(name);
        fs::create_dir_all(&path).map_err(|e| Error::io(&path, e))?;
        Ok(path)
    }

    /// Moves it to its place, replacing what is there but for the files `torn`, which are set aside; returns
    /// where they are.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn publish(self, torn: &[String]) -> Result<Vec<PathBuf>> {
        let io = |e| Error::io(&self.target, e);
        if !self.target.exists() {
            fs::rename(&self.aside, &self.target).map_err(io)?;
            return Ok(Vec::new());
        }
        let old = self.aside.with_extension("old");
        fs::rename(&self.target, &old).map_err(io)?;
        if let Err(e) = fs::rename(&self.aside, &self.target) {
            // Put things back as they were: nothing is lost.
            fs::rename(&old, &self.target).map_err(io)?;
            return Err(io(e));
        }
        let kept = keep_torn(&old, &self.target, torn)?;
        fs::remove_dir_all(&old).map_err(io)?;
        Ok(kept)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.aside.exists() {
            let _ = fs::remove_dir_all(&self.aside);
        }
        // Those that results now lie in are not empty, and stay.
        for folder in &self.made {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Moves `files`, which are not whole, from `old` to the directory `new` that took its place, under names that
/// [`set_aside`] gives; returns where they are. Those that are gone are passed over.
pub fn keep_torn(old: &Path, new: &Path, files: &[String]) -> Result<Vec<PathBuf>> {
    let there = files.iter().filter(|file| old.join(file).exists());
    there
        .map(|file| {
            let aside = aside_name(&new.join(file));
            fs::rename(old.join(file), &aside).map_err(|e| Error::io(&aside, e))?;
            Ok(aside)
        })
        .collect()
}

/// Renames a file that is not whole to the first free of `NAME.torn`, `NAME.torn2`, ..., and returns that path.
///
/// # Errors
/// It cannot be renamed.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let aside = aside_name(path);
    fs::rename(path, &aside).map_err(|e| Error::io(path, e))?;
    Ok(aside)
}

fn aside_name(path: &Path) -> PathBuf {
    let name = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if n == 1 { ".torn".into() } else { format!(".torn{n}") });
        PathBuf::from(name)
    };
    (1..).map(name).find(|p| !p.exists()).expect("some number is free")
}

/// Creates `dir/name`, lets `fill` write it, and returns the XXH3-128 of what was written.
pub fn write_hashed(
    dir: &Path,
    name: &str,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<String> {
    let path = dir.join(name);
    let io = |e| Error::io(&path, e);
    let mut out = Hashing {
        file: BufWriter::with_capacity(1 << 16, File::create(&path).map_err(io)?),
        hash: xxhash_rust::xxh3::Xxh3::new(),
    };
    fill(&mut out).and_then(|()| out.file.flush()).map_err(io)?;
    Ok(format!("{:032x}", out.hash.digest128()))
}

/// XXH3-128 of a file, as [`write_hashed`] gives it.
pub fn hash_file(path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
    Ok(format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes)))
}

struct Hashing {
    file: BufWriter<File>,
    hash: xxhash_rust::xxh3::Xxh3,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hash.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
