//! Shards back into one sweep.

use super::manifest::{Keep, Manifest, POINTS, SHARD_KIND};
use super::run::finish;
use super::table::bad;
use crate::error::{Error, Place, Result};
use crate::replay::{Staging, write_hashed};
use std::fs;
use std::path::{Path, PathBuf};

/// Joins the result directories of all shards of a sweep into `out`, with the bytes that one run gives.
///
/// # Errors
/// A shard is missing, there twice, torn, or of another sweep; `out` holds something else.
pub fn merge(shards: &[PathBuf], out: &Path, overwrite: bool) -> Result<Manifest> {
    let (mut manifest, shards) = check(shards)?;
    check_out(out, overwrite)?;
    let staging = Staging::new(out)?;
    let dir = staging.path();
    let mut readers = Vec::new();
    for shard in &shards {
        let path = shard.join(POINTS);
        readers.push((csv::Reader::from_path(&path).map_err(|e| bad(&path, &e))?, path));
    }
    let mut stopped = None;
    let hash = write_hashed(dir, POINTS, |out| {
        stopped = interleave(&mut readers, manifest.runs, out).err();
        Ok(())
    })?;
    if let Some(e) = stopped {
        return Err(e);
    }
    manifest.files.insert(POINTS.into(), hash);
    if manifest.keep == Keep::Requests {
        shards.iter().try_for_each(|shard| copy(&shard.join("runs"), &dir.join("runs")))?;
    }
    let given = manifest.identity(&shards[0])?.given;
    finish(dir, &mut manifest, &given)?;
    staging.publish(&[])?;
    Ok(manifest)
}

/// The manifest of the whole, its files not yet written, and the shards in order.
fn check(shards: &[PathBuf]) -> Result<(Manifest, Vec<PathBuf>)> {
    let refuse = |dir: &Path, what: String, help: &str| Err(Error::input(Place::file(dir), what, help));
    let mut found: Vec<(usize, PathBuf)> = Vec::new();
    let mut whole: Option<Manifest> = None;
    let mut failed = 0;
    for dir in shards {
        let manifest = Manifest::read(dir)?;
        let Some(shard) = manifest.shard.filter(|_| manifest.kind == SHARD_KIND) else {
            return refuse(
                dir,
                "this is a whole sweep, not a shard".into(),
                "name directories of --shard I/N",
            );
        };
        if let Some(file) = manifest.changed_files(dir).first() {
            return refuse(&dir.join(file), "not as it was written".into(), "run that shard again");
        }
        if let Some((_, other)) = found.iter().find(|(index, _)| *index == shard.index) {
            let what = format!("this is shard {} again, as {}", shard.index, other.display());
            return refuse(dir, what, "name each shard once");
        }
        failed += manifest.failed;
        if let Some(first) = &whole {
            let mut wanted = first.identity(&found[0].1)?;
            wanted.shard = Some(shard);
            let of = first.shard.map_or(0, |s| s.of);
            if of != shard.of {
                let what = format!("this is one of {} shards, and the first is one of {of}", shard.of);
                return refuse(dir, what, "name the shards of one sweep");
            }
            if let Some(difference) = manifest.identity(dir)?.difference(&wanted) {
                let what = format!("this is a shard of another sweep: {difference}");
                return refuse(dir, what, "name the shards of one sweep");
            }
        }
        found.push((shard.index, dir.clone()));
        whole.get_or_insert(manifest);
    }
    let Some(mut manifest) = whole else {
        return Err(Error::Usage("name the shards to merge".into()));
    };
    let of = manifest.shard.map_or(0, |s| s.of);
    found.sort();
    if let Some(missing) = (1..=of).find(|index| found.iter().all(|(i, _)| i != index)) {
        return Err(Error::Usage(format!("shard {missing} of {of} is missing; name all of them")));
    }
    manifest.kind = super::KIND.into();
    manifest.shard = None;
    manifest.failed = failed;
    manifest.files.clear();
    Ok((manifest, found.into_iter().map(|(_, dir)| dir).collect()))
}

fn check_out(out: &Path, overwrite: bool) -> Result<()> {
    let empty = !out.exists() || fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_none());
    if empty || (overwrite && out.join("manifest.json").is_file()) {
        return Ok(());
    }
    let help = "choose another --out, or replace results with --overwrite";
    Err(Error::input(Place::file(out), "something is there already", help))
}

type Reader = (csv::Reader<fs::File>, PathBuf);

/// Row k of shard i of n is row k * n + i of the whole.
fn interleave(readers: &mut [Reader], rows: u64, out: &mut dyn std::io::Write) -> Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    let header = {
        let (reader, path) = &mut readers[0];
        reader.headers().map_err(|e| bad(path, &e))?.clone()
    };
    let write = |e: csv::Error| Error::io(POINTS, e.into());
    csv.write_record(&header).map_err(write)?;
    let mut row = csv::StringRecord::new();
    for i in 0..rows as usize {
        let at = i % readers.len();
        let (reader, path) = &mut readers[at];
        if !reader.read_record(&mut row).map_err(|e| bad(path, &e))? {
            return Err(Error::input(Place::file(path), "rows are missing", "run that shard again"));
        }
        csv.write_record(&row).map_err(write)?;
    }
    csv.flush().map_err(|e| Error::io(POINTS, e))
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(|e| Error::io(to, e))?;
    for entry in fs::read_dir(from).map_err(|e| Error::io(from, e))? {
        let entry = entry.map_err(|e| Error::io(from, e))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(|e| Error::io(&source, e))?;
        }
    }
    Ok(())
}
