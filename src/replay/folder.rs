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
    /// Something else, which the user allowed to be replaced.
    Replaceable,
}

/// Looks at `dir` before a replay that would leave `wanted`.
///
/// # Errors
/// It holds something else and `overwrite` is not set; or it is not a result directory, which is never
/// replaced.
pub fn look(dir: &Path, wanted: &Manifest, overwrite: bool) -> Result<Existing> {
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
        Ok(found) if found.same_request(wanted) && !overwrite => Ok(Existing::Same(Box::new(found))),
        _ if overwrite => Ok(Existing::Replaceable),
        Err(e) => Err(e),
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

impl Staging {
    /// A fresh directory beside `target`.
    pub fn new(target: &Path) -> Result<Staging> {
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

    /// Moves it to its place, replacing what is there.
    pub fn publish(self) -> Result<()> {
        let io = |e| Error::io(&self.target, e);
        if !self.target.exists() {
            return fs::rename(&self.aside, &self.target).map_err(io);
        }
        let old = self.aside.with_extension("old");
        fs::rename(&self.target, &old).map_err(io)?;
        if let Err(e) = fs::rename(&self.aside, &self.target) {
            // Put things back as they were: nothing is lost.
            fs::rename(&old, &self.target).map_err(io)?;
            return Err(io(e));
        }
        fs::remove_dir_all(&old).map_err(io)
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

/// Renames a file that is not whole to the first free of `NAME.torn`, `NAME.torn2`, ..., and returns that path.
///
/// # Errors
/// It cannot be renamed.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let name = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if n == 1 { ".torn".into() } else { format!(".torn{n}") });
        PathBuf::from(name)
    };
    let aside = (1..).map(name).find(|p| !p.exists()).expect("some number is free");
    fs::rename(path, &aside).map_err(|e| Error::io(path, e))?;
    Ok(aside)
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
