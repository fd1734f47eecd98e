//! What the CSV formats share: a header, cells by name, errors that say where.

use super::input::{Input, ShortLines, read_error};
use super::reader::Found;
use super::{TimeUnit, TraceRow, clock, number};
use crate::error::{Error, Place, Result};
use std::path::Path;
use std::sync::Arc;

/// A CSV file, read a record at a time into one buffer.
pub(super) struct Table {
    reader: csv::Reader<ShortLines>,
    record: csv::ByteRecord,
    headers: Vec<String>,
    file: Arc<Path>,
    /// Whether lines end in CR LF: the parser then stands before the LF when a record is over.
    crlf: bool,
    /// The parser's line before and after the current record.
    lines: [u64; 2],
}

impl Table {
    /// Reads the header line.
    pub fn new(input: Input) -> Result<Table> {
        let end = input.head.iter().position(|&b| b == b'\n').unwrap_or_default();
        let crlf = input.head[..end].ends_with(b"\r");
        let mut builder = csv::ReaderBuilder::new();
        let bytes = ShortLines::new(input.bytes);
        let mut reader = builder.has_headers(false).buffer_capacity(1 << 16).from_reader(bytes);
        let mut record = csv::ByteRecord::new();
        reader.read_byte_record(&mut record).map_err(|e| csv_error(Place::file(&input.file).line(1), e))?;
        let headers = record.iter().map(|name| String::from_utf8_lossy(name).trim().to_string()).collect();
        Ok(Table { reader, record, headers, file: input.file, crlf, lines: [0, 1 + u64::from(!crlf)] })
    }

    /// Position of the first column called any of `names`.
    pub fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.headers.iter().position(|h| h == name))
    }

    /// Position of column `name`, which must be there.
    pub fn require(&self, name: &'static str) -> Result<usize> {
        self.find(&[name]).ok_or_else(|| {
            let near = crate::error::nearest(name, self.headers.iter().map(String::as_str));
            let near = near.map_or(String::new(), |n| format!("; is `{n}` meant?"));
            Error::input(
                Place::file(&self.file).line(1).column(name),
                "this column is missing",
                format!("the header has {}{near}", self.headers.join(", ")),
            )
        })
    }

    /// Column names in file order.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Moves to the next record; false at the end.
    pub fn advance(&mut self) -> Result<bool> {
        let before = self.reader.position().line();
        let more = self.reader.read_byte_record(&mut self.record);
        self.lines = [before, self.reader.position().line()];
        more.map_err(|e| csv_error(self.place(), e))
    }

    /// A cell of the current record.
    pub fn cell(&self, column: usize) -> &[u8] {
        self.record.get(column).unwrap_or_default()
    }

    /// Where the current record starts.
    pub fn place(&self) -> Place {
        // Blank lines may lie before the record, line ends within its cells, and none after the last one.
        let inside = self.record.as_slice().iter().filter(|&&b| b == b'\n').count() as u64;
        let [before, after] = self.lines;
        let from_end = after.saturating_sub(inside + u64::from(!self.crlf));
        Place::file(&self.file).line(from_end.max(before + u64::from(self.crlf)))
    }

    /// An error about a cell of the current record.
    pub fn error(&self, column: usize, what: impl Into<String>, help: impl Into<String>) -> Error {
        Error::input(self.place().column(self.headers[column].clone()), what, help)
    }

    /// A count of tokens that may be 0.
    pub fn length_or_zero(&self, column: usize) -> Result<u32> {
        let found = number::length(self.cell(column));
        found.map_err(|what| self.error(column, what, "write lengths as whole tokens, at most 2^31"))
    }

    /// A count of tokens, at least 1.
    pub fn length(&self, column: usize) -> Result<u32> {
        match self.length_or_zero(column)? {
            0 => {
                Err(self.error(column, "0 tokens", "every request has at least 1 token here; remove the row"))
            }
            length => Ok(length),
        }
    }

    /// Prompt and output of a request into `row`; one without output tokens was not answered, and may lack a
    /// prompt too.
    pub fn lengths(&self, prompt: usize, output: usize, row: &mut TraceRow) -> Result<Found> {
        row.output_tokens = self.length_or_zero(output)?;
        row.prompt_tokens = match row.output_tokens {
            0 => self.length_or_zero(prompt)?,
            _ => self.length(prompt)?,
        };
        Ok(Found::answered(row))
    }

    /// A time in `unit`, as nanoseconds.
    pub fn time_ns(&self, column: usize, unit: TimeUnit) -> Result<u64> {
        let cell = self.cell(column);
        number::time_ns(cell, unit.exponent()).map_err(|what| match number::parse::<f64>(cell) {
            Some(value) => {
                let (what, help) = clock::no_time(value, &String::from_utf8_lossy(cell), unit);
                self.error(column, what, help)
            }
            None => self.error(column, what, "write times as plain decimal numbers"),
        })
    }

    /// A number of any other kind.
    pub fn number<T: std::str::FromStr>(&self, column: usize, wanted: &str) -> Result<T> {
        let cell = self.cell(column);
        let found = number::parse(cell);
        found.ok_or_else(|| self.error(column, number::not(wanted, cell), "correct or empty the cell"))
    }

    /// Text, `None` where the cell is empty.
    pub fn text(&self, column: usize) -> Result<Option<&str>> {
        match std::str::from_utf8(self.cell(column)) {
            Ok(text) => Ok((!text.is_empty()).then_some(text)),
            Err(_) => Err(self.error(column, "the text is not UTF-8", "convert the file to UTF-8 (`iconv`)")),
        }
    }

    /// Text of an optional column.
    pub fn label(&self, column: Option<usize>) -> Result<Option<Box<str>>> {
        match column {
            Some(column) => Ok(self.text(column)?.map(Box::from)),
            None => Ok(None),
        }
    }

    /// A whole number of an optional column; `None` too where the cell is empty.
    pub fn optional<T: std::str::FromStr>(&self, column: Option<usize>, wanted: &str) -> Result<Option<T>> {
        match column.filter(|&c| !self.cell(c).is_empty()) {
            Some(column) => self.number(column, wanted).map(Some),
            None => Ok(None),
        }
    }
}

fn csv_error(place: Place, error: csv::Error) -> Error {
    let text = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(source) => read_error(place, source),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => Error::input(
            place,
            format!("{len} cells where the header has {expected_len}"),
            "correct the line; cells with commas or line ends need quotes",
        ),
        _ => Error::input(place, text, "correct the line"),
    }
}
