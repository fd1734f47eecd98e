//! Output lengths from a file.

use crate::error::{Error, Place, Result};
use crate::trace;
use std::io::Read;
use std::path::Path;

/// The column that is read.
const COLUMN: &str = "output_tokens";

/// The output lengths of the CSV `file`, plain or gzip, or of the trace that comes with foretoken.
///
/// # Errors
/// I/O; no such column; a length that is no whole number from 1; no lengths.
pub(super) fn read(file: Option<&Path>) -> Result<Vec<u32>> {
    let shipped = Path::new("lmsys-like");
    let (path, bytes) = match file {
        Some(path) => (path, std::fs::read(path).map_err(|e| Error::io(path, e))?),
        None => (shipped, trace::shipped(shipped).unwrap_or_default().to_vec()),
    };
    let text = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => {
            let mut text = Vec::new();
            let mut decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
            decoder.read_to_end(&mut text).map_err(|e| Error::io(path, e))?;
            text
        }
        false => bytes,
    };
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let wrong = |what: String| Error::input(Place::file(path).column(COLUMN), what, "see docs/compete.md");
    let header = reader.headers().map_err(|e| wrong(e.to_string()))?;
    let Some(at) = header.iter().position(|name| name == COLUMN) else {
        return Err(wrong("this column is missing".into()));
    };
    let mut lengths = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| wrong(e.to_string()))?;
        match record[at].parse() {
            Ok(length) if length >= 1 => lengths.push(length),
            _ => {
                let line = record.position().map_or(1, csv::Position::line);
                let what = format!("line {line}: `{}` is no whole number of tokens", &record[at]);
                return Err(wrong(what));
            }
        }
    }
    if lengths.is_empty() {
        return Err(wrong("no lengths".into()));
    }
    Ok(lengths)
}
