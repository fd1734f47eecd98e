//! The files of a calibration: beside each other, under one name, whole or not at all.

use crate::error::{Error, Place, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The places of a calibration's files.
pub struct Files {
    pub profile: PathBuf,
    /// The profile's path without its ending.
    stem: PathBuf,
    /// The profile's name.
    pub name: String,
}

impl Files {
    /// Those beside the profile `out`.
    ///
    /// # Errors
    /// `out` does not end in `.toml`.
    pub fn new(out: &Path) -> Result<Files> {
        let name = out.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        if out.extension().is_none_or(|e| e != "toml") || name.is_empty() {
            return Err(Error::input(
                Place::file(out),
                "a profile's file ends in .toml",
                "give --out NAME.toml",
            ));
        }
        Ok(Files { profile: out.to_path_buf(), stem: out.with_extension(""), name })
    }

    /// Makes the folder that they are to be in.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make_folder(&self) -> Result<()> {
        let parent = self.profile.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))
    }

    /// The file of this ending, such as `samples.csv`.
    pub fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.stem.clone().into_os_string();
        path.push(format!(".{ending}"));
        PathBuf::from(path)
    }

    /// Refuses to replace what is there.
    ///
    /// # Errors
    /// A finished calibration (or, unless it is `resumed`, an unfinished one) is in the way.
    pub fn check(&self, resumed: bool, overwrite: bool) -> Result<()> {
        let journal = self.beside("journal.jsonl");
        let (samples, session) = (self.beside("samples.csv"), self.beside("session.toml"));
        let finished = Some(&self.profile).filter(|p| p.exists());
        let kept = [&samples, &session].into_iter().filter(|p| p.exists() && !resumed);
        if let Some(path) = finished.into_iter().chain(kept).next().filter(|_| !overwrite) {
            let help = "choose another --out, or add --overwrite";
            return Err(Error::input(Place::file(path), "the file exists", help));
        }
        match (journal.exists(), resumed) {
            (true, false) if !overwrite => {
                let what = "an interrupted calibration is here";
                Err(Error::input(
                    Place::file(journal),
                    what,
                    "go on with --resume, or start over with --overwrite",
                ))
            }
            (false, true) => {
                let what = "there is no interrupted calibration to go on with";
                Err(Error::input(Place::file(journal), what, "leave out --resume"))
            }
            _ => Ok(()),
        }
    }
}

/// Writes files aside, then renames them, in this order; if one cannot be written, none appears.
///
/// # Errors
/// A file cannot be written.
pub fn write_all(files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
    let aside = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        PathBuf::from(name)
    };
    let written = files
        .iter()
        .try_for_each(|(path, bytes)| fs::write(aside(path), bytes).map_err(|e| Error::io(path, e)))
        .and_then(|()| {
            files
                .iter()
                .try_for_each(|(path, _)| fs::rename(aside(path), path).map_err(|e| Error::io(path, e)))
        });
    if written.is_err() {
        for (path, _) in files {
            let _ = fs::remove_file(aside(path));
        }
    }
    written
}
