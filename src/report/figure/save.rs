//! Figures on disk: pictures with their data, and stored specs.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{FigureSpec, Style, data, render};
use crate::error::{Error, Place, Result};

/// Version of stored specs that this build reads and writes.
const SCHEMA: u32 = 1;

/// A format of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Vectors for pages.
    Svg,
    /// Dots, 300 per inch.
    Png,
    /// Vectors for papers, with the face embedded.
    Pdf,
}

impl Picture {
    /// Every format.
    pub const ALL: [Picture; 3] = [Picture::Svg, Picture::Png, Picture::Pdf];

    /// Its file name extension.
    pub fn extension(self) -> &'static str {
        match self {
            Picture::Svg => "svg",
            Picture::Png => "png",
            Picture::Pdf => "pdf",
        }
    }
}

impl FromStr for Picture {
    type Err = Error;

    fn from_str(name: &str) -> Result<Picture> {
        let found = Picture::ALL.into_iter().find(|p| p.extension() == name);
        found.ok_or_else(|| Error::unknown("picture format", name, Picture::ALL.map(Picture::extension)))
    }
}

/// Writes the pictures `STEM.EXTENSION` and the data `STEM.csv` (see [`data`]), each aside and then renamed, and
/// returns their paths. The folder is made if it is not there. Nothing is written unless all can be drawn.
///
/// # Errors
/// As [`render`], and I/O.
pub fn save(stem: &Path, spec: &FigureSpec, style: Style, pictures: &[Picture]) -> Result<Vec<PathBuf>> {
    let svg = render(spec, style)?;
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for picture in pictures {
        let bytes = match picture {
            Picture::Svg => svg.xml.clone().into_bytes(),
            Picture::Png => svg.png()?,
            Picture::Pdf => svg.pdf()?,
        };
        files.push((picture.extension(), bytes));
    }
    files.push(("csv", data(spec)?.into_bytes()));
    files.iter().map(|(extension, bytes)| put(&with_extension(stem, extension), bytes)).collect()
}

/// `STEM.extension`, dots in the stem kept.
fn with_extension(stem: &Path, extension: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// Writes `path` aside, then renames. Its folder is made if it is not there.
///
/// # Errors
/// I/O.
pub fn put(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.part"));
    fs::write(&aside, bytes).map_err(|e| Error::io(&aside, e))?;
    fs::rename(&aside, path).map_err(|e| Error::io(path, e))?;
    Ok(path.to_path_buf())
}

/// A stored spec.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: u32,
    figure: FigureSpec,
}

/// `spec` as JSON that [`stored`] reads: `{"schema": 1, "figure": {...}}`.
///
/// # Errors
/// A number in it that cannot be drawn: JSON has none for it.
pub fn to_json(spec: &FigureSpec) -> Result<String> {
    super::check::check(spec)?;
    let stored = Stored { schema: SCHEMA, figure: spec.clone() };
    let text =
        serde_json::to_string_pretty(&stored).map_err(|e| Error::Usage(format!("figure spec: {e}")))?;
    Ok(text + "\n")
}

/// Reads a spec that [`to_json`] wrote, or somebody by hand: keys that are left out have their defaults.
///
/// # Errors
/// An unreadable file; text that is no spec, with its line and key; another schema.
pub fn stored(path: &Path) -> Result<FigureSpec> {
    let text = fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let mut json = serde_json::Deserializer::from_str(&text);
    let stored: Stored = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let mut place = Place::key(e.path().to_string());
        place.file = Some(path.to_path_buf());
        let place = place.line(e.inner().line() as u64);
        Error::input(place, e.inner().to_string(), "docs/figures.md says what a spec holds")
    })?;
    if stored.schema != SCHEMA {
        let what = format!("this is schema {}; this build reads {SCHEMA}", stored.schema);
        return Err(Error::input(Place::file(path), what, "write it again with --spec"));
    }
    Ok(stored.figure)
}
