//! Writes foretoken CSV, the one format that holds everything a [`TraceRow`] may say.

use super::TraceRow;
use crate::error::{Error, Result};
use crate::time::SimTime;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Which optional columns of foretoken CSV a file has; `arrival_s,prompt_tokens,output_tokens` are always there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// `id`.
    pub id: bool,
    /// `class`.
    pub class: bool,
    /// `session`.
    pub session: bool,
    /// `turn`.
    pub turn: bool,
    /// `priority`.
    pub priority: bool,
    /// `deadline_s`.
    pub deadline: bool,
    /// `max_tokens`.
    pub max_tokens: bool,
    /// `text`.
    pub text: bool,
    /// `prefix_hashes`.
    pub prefix_hashes: bool,
    /// `length_mu,length_sigma,length_nu,length_cap`.
    pub law: bool,
}

impl Columns {
    /// The columns that some row of `rows` uses; `id` where a row's id is not its position.
    pub fn scan<'a>(rows: impl IntoIterator<Item = &'a TraceRow>) -> Columns {
        let mut used = Columns::default();
        for (position, row) in rows.into_iter().enumerate() {
            used.id |= row.id as usize != position;
            used.class |= row.class.is_some();
            used.session |= row.session.is_some();
            used.turn |= row.turn.is_some();
            used.priority |= row.priority.is_some();
            used.deadline |= row.deadline_s.is_some();
            used.max_tokens |= row.max_tokens.is_some();
            used.text |= row.text.is_some();
            used.prefix_hashes |= !row.prefix_hashes.is_empty();
            used.law |= row.law.is_some();
        }
        used
    }

    /// Names in file order.
    pub fn names(self) -> Vec<&'static str> {
        let optional = [
            (self.class, "class"),
            (self.session, "session"),
            (self.turn, "turn"),
            (self.priority, "priority"),
            (self.deadline, "deadline_s"),
            (self.max_tokens, "max_tokens"),
            (self.text, "text"),
            (self.prefix_hashes, "prefix_hashes"),
            (self.law, "length_mu"),
            (self.law, "length_sigma"),
            (self.law, "length_nu"),
            (self.law, "length_cap"),
        ];
        let first = self.id.then_some("id").into_iter();
        let required = ["arrival_s", "prompt_tokens", "output_tokens"];
        first
            .chain(required)
            .chain(optional.into_iter().filter_map(|(used, name)| used.then_some(name)))
            .collect()
    }
}

/// Where the bytes go: as they are, or through gzip with nothing in its header that changes between runs.
enum Sink {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(w) => w.write(bytes),
            Sink::Gzip(w) => w.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Plain(w) => w.flush(),
            Sink::Gzip(w) => w.flush(),
        }
    }
}

/// A foretoken CSV file being written beside its final name; [`Writer::finish`] puts it in place.
/// Dropped before that, it leaves nothing behind.
pub struct Writer {
    csv: Option<csv::Writer<Sink>>,
    columns: Columns,
    rows: u64,
    cell: String,
    path: PathBuf,
    aside: PathBuf,
    placed: bool,
}

impl Writer {
    /// Starts the file `path`, gzip if its name ends in `.gz`. The bytes depend on the rows alone.
    pub fn create(path: impl AsRef<Path>, columns: Columns) -> Result<Writer> {
        let path = path.as_ref().to_path_buf();
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".tmp");
        let aside = path.with_file_name(name);
        let file = BufWriter::with_capacity(1 << 16, File::create(&aside).map_err(|e| Error::io(&path, e))?);
        let sink = if path.extension().is_some_and(|e| e == "gz") {
            Sink::Gzip(Box::new(GzBuilder::new().mtime(0).write(file, Compression::new(6))))
        } else {
            Sink::Plain(file)
        };
        let mut csv = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(sink);
        let written = csv.write_record(columns.names());
        let writer =
            Writer { csv: Some(csv), columns, rows: 0, cell: String::new(), path, aside, placed: false };
        written.map_err(|e| writer.failed(e))?;
        Ok(writer)
    }

    /// Adds one row; fields without a column are left out.
    pub fn row(&mut self, row: &TraceRow) -> Result<()> {
        self.put(row).map_err(|e| self.failed(e))?;
        self.rows += 1;
        Ok(())
    }

    /// Completes the file, puts it in place and returns the number of rows.
    pub fn finish(mut self) -> Result<u64> {
        let Some(csv) = self.csv.take() else { return Ok(self.rows) };
        let sink = csv.into_inner().map_err(|e| Error::io(&self.path, e.into_error()))?;
        let ended = match sink {
            Sink::Plain(file) => file.into_inner().map_err(|e| e.into_error()),
            Sink::Gzip(gzip) => gzip.finish().and_then(|file| file.into_inner().map_err(|e| e.into_error())),
        };
        ended.and_then(|_| fs::rename(&self.aside, &self.path)).map_err(|e| Error::io(&self.path, e))?;
        self.placed = true;
        Ok(self.rows)
    }

    fn failed(&self, error: csv::Error) -> Error {
        let text = error.to_string();
        let source = match error.into_kind() {
            csv::ErrorKind::Io(source) => source,
            _ => io::Error::other(text),
        };
        Error::io(&self.path, source)
    }

    fn put(&mut self, row: &TraceRow) -> csv::Result<()> {
        let used = self.columns;
        if used.id {
            self.number(Some(row.id))?;
        }
        self.number(Some(Seconds(row.arrival)))?;
        self.number(Some(row.prompt_tokens))?;
        self.number(Some(row.output_tokens))?;
        for (used, text) in [(used.class, &row.class), (used.session, &row.session)] {
            self.text(used, text.as_deref())?;
        }
        self.optional(used.turn, row.turn)?;
        self.optional(used.priority, row.priority)?;
        self.optional(used.deadline, row.deadline_s)?;
        self.optional(used.max_tokens, row.max_tokens)?;
        self.text(used.text, row.text.as_deref())?;
        if used.prefix_hashes {
            self.number(Some(Hashes(&row.prefix_hashes)))?;
        }
        self.optional(used.law, row.law.map(|l| l.mu))?;
        self.optional(used.law, row.law.map(|l| l.sigma))?;
        self.optional(used.law, row.law.map(|l| l.nu))?;
        self.optional(used.law, row.law.map(|l| l.cap))?;
        self.csv.as_mut().map_or(Ok(()), |csv| csv.write_record(None::<&[u8]>))
    }

    fn optional(&mut self, used: bool, value: Option<impl std::fmt::Display>) -> csv::Result<()> {
        if used { self.number(value) } else { Ok(()) }
    }

    fn number(&mut self, value: Option<impl std::fmt::Display>) -> csv::Result<()> {
        self.cell.clear();
        if let Some(value) = value {
            let _ = write!(self.cell, "{value}");
        }
        self.csv.as_mut().map_or(Ok(()), |csv| csv.write_field(&self.cell))
    }

    fn text(&mut self, used: bool, value: Option<&str>) -> csv::Result<()> {
        match &mut self.csv {
            Some(csv) if used => csv.write_field(value.unwrap_or_default()),
            _ => Ok(()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.csv = None;
        if !self.placed {
            let _ = fs::remove_file(&self.aside);
        }
    }
}

/// Writes `rows` to `path` as foretoken CSV with `columns` and returns how many there were.
/// The first failing row ends it, and leaves an older file of that name as it was.
pub fn write(
    path: impl AsRef<Path>,
    columns: Columns,
    rows: impl IntoIterator<Item = Result<TraceRow>>,
) -> Result<u64> {
    let mut writer = Writer::create(path, columns)?;
    for row in rows {
        writer.row(&row?)?;
    }
    writer.finish()
}

/// Seconds from integer nanoseconds, without trailing zeros.
struct Seconds(SimTime);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, mut fraction) = (self.0.0 / 1_000_000_000, self.0.0 % 1_000_000_000);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let mut digits = 9;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{whole}.{fraction:0digits$}")
    }
}

/// Hashes joined by semicolons.
struct Hashes<'a>(&'a [u64]);

impl std::fmt::Display for Hashes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, hash) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { ";" };
            write!(f, "{separator}{hash}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_no_trailing_zeros() {
        let print = |ns| Seconds(SimTime(ns)).to_string();
        assert_eq!(print(0), "0");
        assert_eq!(print(1_500_000_000), "1.5");
        assert_eq!(print(10_000_000_001), "10.000000001");
        assert_eq!(print(3_000_000_000), "3");
    }
}
