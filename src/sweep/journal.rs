//! The journal: one line per finished run, each with a checksum of its own, so that a process that dies at any
//! moment loses the line that it was writing and no other.

use crate::error::{Error, Result};
use crate::replay::set_aside;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// Hexadecimal digits of a checksum.
const DIGITS: usize = 16;

/// How a run went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// To its end.
    Ok {
        /// Digest of its event log.
        digest: String,
        /// Its numbers, by [`super::METRICS`].
        metrics: Vec<Option<f64>>,
        /// XXH3-128 of its `requests.csv`, if that is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        requests: Option<String>,
    },
    /// It could not.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its index in the plan.
    pub run: u64,
    /// How it went.
    pub outcome: Outcome,
}

/// An open journal, and where in it each run's line stands.
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    places: Mutex<Vec<Option<u64>>>,
}

impl Record {
    /// Its line, with the checksum and the line break.
    pub fn line(&self) -> Result<String> {
        let text = serde_json::to_string(self).map_err(|e| Error::Usage(e.to_string()))?;
        Ok(format!("{:0DIGITS$x} {text}\n", xxh3_64(text.as_bytes())))
    }

    /// Reads a line; none if it is not whole.
    pub fn parse(line: &[u8]) -> Option<Record> {
        let line = line.strip_suffix(b"\n")?;
        let (sum, text) = line.split_at_checked(DIGITS)?;
        let text = text.strip_prefix(b" ")?;
        let sum = u64::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
        if sum != xxh3_64(text) {
            return None;
        }
        serde_json::from_slice(text).ok()
    }
}

impl Journal {
    /// Opens the journal `path` of `runs` runs, or starts it. A line that is not whole, or tells of a run that
    /// there is not, is left out of what follows: the file is set aside as `.torn` and the whole lines are
    /// copied; then its path is told.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path, runs: usize) -> Result<(Journal, Option<PathBuf>)> {
        let io = |e| Error::io(path, e);
        let copy = path.with_extension("new");
        if !path.exists() && copy.exists() {
            // A process died between the two renames below; the copy was finished before them.
            fs::rename(&copy, path).map_err(io)?;
        }
        let mut torn = None;
        if path.exists() && !is_whole(path, runs).map_err(io)? {
            copy_whole(path, &copy, runs).map_err(io)?;
            torn = Some(set_aside(path)?);
            fs::rename(&copy, path).map_err(io)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(io)?;
        let mut places = vec![None; runs];
        let mut at = 0;
        each_line(path, |line| {
            if let Some(record) = Record::parse(line) {
                places[record.run as usize] = Some(at);
            }
            at += line.len() as u64;
            Ok(())
        })
        .map_err(io)?;
        Ok((Journal { path: path.into(), file: Mutex::new(file), places: Mutex::new(places) }, torn))
    }

    /// Whether a run is in it.
    pub fn has(&self, run: usize) -> bool {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)[run].is_some()
    }

    /// How many runs are in it.
    pub fn len(&self) -> usize {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.iter().filter(|p| p.is_some()).count()
    }

    /// Whether no run is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Strikes a run out of this process's view: it is to be repeated.
    pub fn forget(&self, run: usize) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)[run] = None;
    }

    /// Appends a record by one write.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&self, record: &Record) -> Result<()> {
        let line = record.line()?;
        let io = |e| Error::io(&self.path, e);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let at = file.seek(SeekFrom::End(0)).map_err(io)?;
        file.write_all(line.as_bytes()).map_err(io)?;
        self.places.lock().unwrap_or_else(PoisonError::into_inner)[record.run as usize] = Some(at);
        Ok(())
    }

    /// A reader of its records by run.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> Result<impl FnMut(usize) -> Result<Option<Record>> + '_> {
        let io = |e| Error::io(&self.path, e);
        let mut file = BufReader::new(File::open(&self.path).map_err(io)?);
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut line = Vec::new();
        Ok(move |run: usize| {
            let Some(at) = places[run] else { return Ok(None) };
            line.clear();
            file.seek(SeekFrom::Start(at)).and_then(|_| file.read_until(b'\n', &mut line)).map_err(io)?;
            let torn = || Error::Check(format!("{}: the line of run {run} has changed", self.path.display()));
            Record::parse(&line).map(Some).ok_or_else(torn)
        })
    }
}

/// Calls `f` with each line, its break included.
fn each_line(path: &Path, mut f: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    // No whole line is as long as this: a file of something else is not read into memory.
    while file.by_ref().take(1 << 20).read_until(b'\n', &mut line)? > 0 {
        f(&line)?;
        line.clear();
    }
    Ok(())
}

fn whole(line: &[u8], runs: usize) -> bool {
    Record::parse(line).is_some_and(|r| r.run < runs as u64)
}

fn is_whole(path: &Path, runs: usize) -> std::io::Result<bool> {
    let mut all = true;
    each_line(path, |line| {
        all &= whole(line, runs);
        Ok(())
    })?;
    Ok(all)
}

/// Copies the whole lines of `from` to `to`.
fn copy_whole(from: &Path, to: &Path, runs: usize) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(File::create(to)?);
    each_line(from, |line| if whole(line, runs) { out.write_all(line) } else { Ok(()) })?;
    out.into_inner().map_err(|e| e.into_error())?.sync_all()
}
