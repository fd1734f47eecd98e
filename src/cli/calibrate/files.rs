//! The files of a calibration: beside each other, under one name, whole or not at all.

use crate::error::{Error, Place, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The places of a calibration's files.
pub struct Files {
    pub profile: PathBuf,
    folder: PathBuf,
    /// The profile's name.
    pub name: String,
}

/// Files under construction, aside. Dropped before [`Staged::publish`], they leave nothing.
pub struct Staged<'a> {
    files: &'a Files,
    aside: PathBuf,
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
        let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Files { profile: out.to_path_buf(), folder: folder.to_path_buf(), name })
    }

    /// Makes the folder that they are to be in.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make_folder(&self) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, e))
    }

    /// Samples while they are taken.
    pub fn journal(&self) -> PathBuf {
        self.beside("journal.jsonl")
    }

    /// The file of this ending, such as `samples.csv`.
    pub fn beside(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }

    /// Refuses to replace what is there.
    ///
    /// # Errors
    /// A finished calibration (or, unless it is `resumed`, an unfinished one) is in the way.
    pub fn check(&self, resumed: bool, overwrite: bool) -> Result<()> {
        let journal = self.journal();
        let kept = ["samples.csv", "session.toml"].map(|e| self.beside(e)).into_iter().filter(|_| !resumed);
        let there = std::iter::once(self.profile.clone()).chain(kept).find(|p| p.exists());
        if journal.exists() && !resumed && !overwrite {
            let help = "go on with --resume, or start over with --overwrite";
            return Err(Error::input(Place::file(journal), "an interrupted calibration is here", help));
        }
        if let Some(path) = there.filter(|_| !overwrite) {
            let help = "choose another --out, or add --overwrite";
            return Err(Error::input(Place::file(path), "the file exists", help));
        }
        if resumed && !journal.exists() {
            let what = "there is no interrupted calibration to go on with";
            return Err(Error::input(Place::file(journal), what, "leave out --resume"));
        }
        Ok(())
    }

    /// A place aside to write them to.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn stage(&self) -> Result<Staged<'_>> {
        let aside = self.folder.join(format!(".{}.{}.tmp", self.name, std::process::id()));
        fs::create_dir_all(&aside).map_err(|e| Error::io(&aside, e))?;
        Ok(Staged { files: self, aside })
    }
}

impl Staged<'_> {
    /// Where the file of this ending is to be written for now.
    pub fn path(&self, ending: &str) -> PathBuf {
        self.aside.join(format!("{}.{ending}", self.files.name))
    }

    /// Writes the file of this ending.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, ending: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(ending);
        fs::write(&path, bytes).map_err(|e| Error::io(path, e))
    }

    /// Moves all files to their places, the profile last.
    ///
    /// # Errors
    /// One cannot be moved.
    pub fn publish(self) -> Result<()> {
        let io = |e| Error::io(&self.aside, e);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.aside).map_err(io)? {
            names.push(entry.map_err(io)?.file_name());
        }
        names.sort_by_key(|name| *name == *self.files.profile.file_name().unwrap_or_default());
        for name in names {
            let target = self.files.folder.join(&name);
            fs::rename(self.aside.join(&name), &target).map_err(|e| Error::io(target, e))?;
        }
        Ok(())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_dir_all(&self.aside);
    }
}
