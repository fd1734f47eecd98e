//! Reads `requests.csv` back into records.

use std::path::{Path, PathBuf};

use csv::ByteRecord;

use crate::error::{Error, Place, Result};
use crate::ids::{ReplicaId, RequestId};
use crate::record::{Column, Columns, RequestRecord, Status, read_table};
use crate::time::{MaybeTime, SimTime, Span};
use crate::workload::{ClassId, Visible};

/// Columns that cannot be computed from others.
const REQUIRED: [Column; 11] = [
    Column::Id,
    Column::Arrival,
    Column::PromptTokens,
    Column::OutputTokens,
    Column::Status,
    Column::Replica,
    Column::FirstScheduled,
    Column::FirstToken,
    Column::Finish,
    Column::Preemptions,
    Column::RecomputedTokens,
];

/// The contents of a `requests.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestTable {
    /// Requests, in file order.
    pub records: Vec<RequestRecord>,
    /// Names that class ids index: the unnamed class, then the others as they first appear.
    pub classes: Vec<String>,
}

impl RequestTable {
    /// Reads `path`, a CSV, or Parquet if its name says so.
    ///
    /// # Errors
    /// An unreadable file; a missing or unknown column; a torn or inconsistent row, with its line.
    pub fn read(path: &Path) -> Result<RequestTable> {
        RequestTable::parse(&read_table(path)?, path)
    }

    /// Parses the bytes of a file; `path` is for messages only.
    ///
    /// # Errors
    /// As [`RequestTable::read`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<RequestTable> {
        let mut reader = csv::Reader::from_reader(bytes);
        let header = header(&mut reader, path)?;
        let mut table = RequestTable { records: Vec::new(), classes: vec![String::new()] };
        let mut cells = ByteRecord::new();
        while reader.read_byte_record(&mut cells).map_err(|e| torn(path, &e))? {
            let line = cells.position().map_or(0, csv::Position::line);
            let row = Row { cells: &cells, header: &header, path, line };
            let record = row.record(&mut table.classes)?;
            table.records.push(record);
        }
        if !bytes.ends_with(b"\n") {
            let line = bytes.iter().filter(|&&b| b == b'\n').count() as u64 + 1;
            let what = "the last row does not end: the file was cut off";
            return Err(Error::input(Place::file(path).line(line), what, "run it again"));
        }
        Ok(table)
    }
}

/// Index of each column in the file.
struct Header {
    at: Vec<(Column, usize)>,
}

impl Header {
    fn find(&self, column: Column) -> Option<usize> {
        self.at.iter().find(|(c, _)| *c == column).map(|&(_, i)| i)
    }
}

fn header(reader: &mut csv::Reader<&[u8]>, path: &Path) -> Result<Header> {
    let names: Vec<String> =
        reader.headers().map_err(|e| torn(path, &e))?.iter().map(str::to_owned).collect();
    let place = || Place::file(path).line(1);
    let columns = Columns::pick(&names)
        .map_err(|e| Error::input(place(), e.to_string(), "is this a requests.csv of foretoken?"))?;
    let header = Header { at: columns.as_slice().iter().copied().zip(0..).collect() };
    for column in REQUIRED {
        if header.find(column).is_none() {
            let what = format!("column `{}` is missing", column.name());
            return Err(Error::input(place(), what, "write the file again without --columns"));
        }
    }
    Ok(header)
}

fn torn(path: &Path, error: &csv::Error) -> Error {
    let mut place = Place::file(path);
    place.line = error.position().map(csv::Position::line);
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells where the header has {expected_len}")
        }
        _ => error.to_string(),
    };
    Error::input(place, what, "the file is damaged: run it again")
}

/// One row and where it is.
struct Row<'a> {
    cells: &'a ByteRecord,
    header: &'a Header,
    path: &'a Path,
    line: u64,
}

impl Row<'_> {
    fn record(&self, classes: &mut Vec<String>) -> Result<RequestRecord> {
        let visible = Visible {
            id: RequestId(self.whole(Column::Id)?),
            arrival: SimTime(self.needed(Column::Arrival)?),
            prompt_tokens: self.whole(Column::PromptTokens)?,
            class: self.class(classes)?,
            deadline: self.time(Column::Deadline)?.get(),
            ..Visible::default()
        };
        let wait = self.secs(Column::ClientWait)?.unwrap_or(0);
        let record = RequestRecord {
            status: Status::parse(self.text(Column::Status)?)
                .map_err(|e| self.wrong(Column::Status, e.to_string()))?,
            replica: ReplicaId(self.whole(Column::Replica)?),
            first_scheduled: self.time(Column::FirstScheduled)?,
            first_token: self.time(Column::FirstToken)?,
            finish: self.time(Column::Finish)?,
            preemptions: self.whole(Column::Preemptions)?,
            recomputed_tokens: self.whole(Column::RecomputedTokens)?,
            cached_tokens: self.cached()?,
            predicted_tokens: self.predicted()?,
            ..RequestRecord::arrived(&visible, self.whole(Column::OutputTokens)?, Span(wait))
        };
        self.check(&record)?;
        Ok(record)
    }

    /// Times in order, an end for completed requests alone, derived columns that follow from the others.
    fn check(&self, r: &RequestRecord) -> Result<()> {
        let times = [
            (Column::FirstScheduled, r.first_scheduled),
            (Column::FirstToken, r.first_token),
            (Column::Finish, r.finish),
        ];
        let mut before = Some(r.arrival);
        for (column, time) in times {
            let in_order = time.get().is_none_or(|t| before.is_some_and(|b| b <= t));
            if !in_order {
                return Err(self.wrong(column, "a time before the one of the previous stage, or without it"));
            }
            before = time.get();
        }
        if r.finish.is_some() != (r.status == Status::Completed) {
            return Err(self.wrong(Column::Finish, format!("a {} request", r.status.as_str())));
        }
        let derived = [
            (Column::Ttft, r.ttft()),
            (Column::Tpot, r.tpot()),
            (Column::E2e, r.e2e()),
            (Column::PerToken, r.per_token()),
        ];
        for (column, span) in derived {
            if self.header.find(column).is_some() && self.secs(column)? != span.map(|s| s.0) {
                return Err(self.wrong(column, "it does not follow from the row's times"));
            }
        }
        Ok(())
    }

    fn text(&self, column: Column) -> Result<&str> {
        let cell = self.header.find(column).and_then(|i| self.cells.get(i)).unwrap_or(b"");
        std::str::from_utf8(cell).map_err(|_| self.wrong(column, "bytes that are not UTF-8"))
    }

    fn whole<T: std::str::FromStr>(&self, column: Column) -> Result<T> {
        let text = self.text(column)?;
        let plain = text.bytes().all(|b| b.is_ascii_digit());
        let value = if plain { text.parse().ok() } else { None };
        value.ok_or_else(|| self.wrong(column, format!("`{text}` is not a whole number in range")))
    }

    fn cached(&self) -> Result<u32> {
        self.header.find(Column::CachedTokens).map_or(Ok(0), |_| self.whole(Column::CachedTokens))
    }

    /// Nanoseconds; `None` for an empty cell.
    fn secs(&self, column: Column) -> Result<Option<u64>> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        let ns = parse_secs(text);
        ns.map(Some).ok_or_else(|| self.wrong(column, format!("`{text}` is not seconds with nine decimals")))
    }

    fn needed(&self, column: Column) -> Result<u64> {
        self.secs(column)?.ok_or_else(|| self.wrong(column, "the cell is empty"))
    }

    fn time(&self, column: Column) -> Result<MaybeTime> {
        Ok(self.secs(column)?.map(SimTime).into())
    }

    fn predicted(&self) -> Result<f32> {
        let text = self.text(Column::PredictedTokens)?;
        if text.is_empty() {
            return Ok(f32::NAN);
        }
        let what = || self.wrong(Column::PredictedTokens, format!("`{text}` is not a number"));
        text.parse().map_err(|_| what())
    }

    fn class(&self, classes: &mut Vec<String>) -> Result<ClassId> {
        let name = self.text(Column::Class)?;
        let index = classes.iter().position(|c| c == name).unwrap_or_else(|| {
            classes.push(name.to_owned());
            classes.len() - 1
        });
        let too_many = |_| self.wrong(Column::Class, "more than 65,536 classes");
        Ok(ClassId(u16::try_from(index).map_err(too_many)?))
    }

    fn wrong(&self, column: Column, what: impl Into<String>) -> Error {
        let place = Place::file(PathBuf::from(self.path)).line(self.line).column(column.name());
        Error::input(place, what, "the file is damaged or was edited: run it again")
    }
}

/// `S.NNNNNNNNN` as nanoseconds.
fn parse_secs(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.')?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() != 9 {
        return None;
    }
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction.parse().ok()?)
}
