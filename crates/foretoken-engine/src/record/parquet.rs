//! Tables as Parquet: typed columns, nulls where a CSV cell is empty, one row group per 65,536 rows.
//!
//! [`ParquetTable`] takes the bytes of a CSV and [`read`] gives them back, so that both forms of a table are
//! written and checked by the same code. Seconds are doubles, which hold whole nanoseconds for 26 days; a longer
//! run is refused.

use crate::error::{Error, Place, Result};
use crate::record::rows::{push_secs, push_u64};
use csv::{ByteRecord, ReaderBuilder};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// What the Parquet library gives back.
type Encoded<T> = std::result::Result<T, ParquetError>;

const GROUP_ROWS: usize = 1 << 16;
/// Where a file says what its columns are, one word each.
const KINDS_KEY: &str = "foretoken.columns";
/// Nanoseconds below this come back whole from seconds in a double.
const MOST_NS: f64 = (1u64 << 51) as f64;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned 64-bit integers.
    Whole,
    /// Seconds with nine decimals in CSV, doubles in Parquet.
    Seconds,
    /// Other doubles.
    Number,
    /// Words, dictionary-encoded.
    Text,
}

impl Kind {
    const WORDS: [(Kind, &'static str); 4] =
        [(Kind::Whole, "whole"), (Kind::Seconds, "seconds"), (Kind::Number, "number"), (Kind::Text, "text")];

    fn word(self) -> &'static str {
        Kind::WORDS[self as usize].1
    }

    fn parse(word: &str) -> Option<Kind> {
        Kind::WORDS.iter().find(|(_, w)| *w == word).map(|(kind, _)| *kind)
    }

    /// Of a column of `requests.csv` or `steps.csv`.
    pub fn of_column(name: &str) -> Kind {
        match name {
            "status" | "class" => Kind::Text,
            "predicted_tokens" => Kind::Number,
            name if name.ends_with("_s") => Kind::Seconds,
            _ => Kind::Whole,
        }
    }

    fn physical(self) -> Physical {
        match self {
            Kind::Whole => Physical::INT64,
            Kind::Seconds | Kind::Number => Physical::DOUBLE,
            Kind::Text => Physical::BYTE_ARRAY,
        }
    }

    fn logical(self) -> Option<LogicalType> {
        match self {
            Kind::Whole => Some(LogicalType::integer(64, false)),
            Kind::Seconds | Kind::Number => None,
            Kind::Text => Some(LogicalType::String),
        }
    }
}

/// Takes the bytes of a CSV with a header, and writes them as Parquet.
pub struct ParquetTable<W: Write + Send> {
    out: Option<W>,
    file: Option<SerializedFileWriter<W>>,
    kind: Box<dyn Fn(&str) -> Kind + Send>,
    kinds: Vec<Kind>,
    /// Rows that are not written yet; the last one may be unfinished.
    pending: Vec<u8>,
    /// Whether the end of `pending` is inside quotes.
    quoted: bool,
    /// Whole rows in `pending`, and where they end.
    rows: usize,
    end: usize,
}

impl<W: Write + Send> ParquetTable<W> {
    /// A table whose columns hold what `kind` says of their names.
    pub fn new(out: W, kind: impl Fn(&str) -> Kind + Send + 'static) -> ParquetTable<W> {
        ParquetTable {
            out: Some(out),
            file: None,
            kind: Box::new(kind),
            kinds: Vec::new(),
            pending: Vec::new(),
            quoted: false,
            rows: 0,
            end: 0,
        }
    }

    /// Writes what is left and the footer, and hands the output back.
    ///
    /// # Errors
    /// Those of the output; an unfinished last row; a cell that is not what its column holds.
    pub fn finish(mut self) -> io::Result<W> {
        if self.end < self.pending.len() {
            return Err(io::Error::other("the last row does not end"));
        }
        self.write_group()?;
        let file = self.file.ok_or_else(|| io::Error::other("a table without a header"))?;
        file.into_inner().map_err(io::Error::other)
    }

    /// Opens the file once the header is known.
    fn start(&mut self, header: &ByteRecord) -> Encoded<()> {
        let names: Vec<&str> = header
            .iter()
            .map(std::str::from_utf8)
            .collect::<std::result::Result<_, _>>()
            .map_err(external)?;
        self.kinds = names.iter().map(|name| (self.kind)(name)).collect();
        let field = |(name, kind): (&&str, &Kind)| {
            let column = Type::primitive_type_builder(name, kind.physical());
            let column = column.with_repetition(Repetition::OPTIONAL).with_logical_type(kind.logical());
            column.build().map(Arc::new)
        };
        let fields = names.iter().zip(&self.kinds).map(field).collect::<Encoded<Vec<_>>>()?;
        let schema = Type::group_type_builder("foretoken").with_fields(fields).build()?;
        let words: Vec<&str> = self.kinds.iter().map(|kind| kind.word()).collect();
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_key_value_metadata(Some(vec![KeyValue::new(KINDS_KEY.to_string(), words.join(","))]))
            .build();
        if let Some(out) = self.out.take() {
            self.file = Some(SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?);
        }
        Ok(())
    }

    /// Writes the whole rows as a row group.
    fn write_group(&mut self) -> io::Result<()> {
        let rows: Vec<u8> = self.pending.drain(..self.end).collect();
        (self.rows, self.end) = (0, 0);
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(rows.as_slice());
        let mut records = reader.byte_records();
        if self.file.is_none() {
            let Some(header) = records.next() else { return Ok(()) };
            self.start(&header.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let records = records.collect::<csv::Result<Vec<_>>>().map_err(io::Error::other)?;
        let Some(file) = self.file.as_mut().filter(|_| !records.is_empty()) else { return Ok(()) };
        let mut write = || {
            let mut group = file.next_row_group()?;
            for (i, &kind) in self.kinds.iter().enumerate() {
                write_column(&mut group, kind, records.iter().map(|r| r.get(i).unwrap_or_default()))?;
            }
            group.close().map(|_| ())
        };
        write().map_err(io::Error::other)
    }
}

impl<W: Write + Send> Write for ParquetTable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            self.pending.push(byte);
            self.quoted ^= byte == b'"';
            if byte == b'\n' && !self.quoted {
                (self.rows, self.end) = (self.rows + 1, self.pending.len());
                if self.rows > GROUP_ROWS {
                    self.write_group()?;
                }
            }
        }
        Ok(bytes.len())
    }

    /// Does nothing: rows go out in groups.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn external(e: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(e))
}

fn write_column<'a, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    kind: Kind,
    cells: impl Iterator<Item = &'a [u8]>,
) -> Encoded<()> {
    match kind {
        Kind::Whole => typed::<Int64Type, W>(group, cells, |text| Ok(number::<u64>(text)? as i64)),
        Kind::Number => typed::<DoubleType, W>(group, cells, number),
        Kind::Seconds => typed::<DoubleType, W>(group, cells, |text| {
            let seconds: f64 = number(text)?;
            let fits = (0.0..MOST_NS).contains(&(seconds * 1e9));
            let what = format!("{seconds} s is too long for whole nanoseconds in Parquet; write CSV");
            if fits { Ok(seconds) } else { Err(ParquetError::General(what)) }
        }),
        Kind::Text => typed::<ByteArrayType, W>(group, cells, |text| Ok(ByteArray::from(text.to_vec()))),
    }
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Encoded<T> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed
        .ok_or_else(|| ParquetError::General(format!("`{}` is not a number", String::from_utf8_lossy(text))))
}

fn typed<'a, T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: impl Iterator<Item = &'a [u8]>,
    parse: impl Fn(&[u8]) -> Encoded<T::T>,
) -> Encoded<()> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        levels.push(i16::from(!cell.is_empty()));
        if !cell.is_empty() {
            values.push(parse(cell)?);
        }
    }
    let missing = || ParquetError::General("more columns than the schema has".into());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}

/// Writes the table at `from`, any CSV with a header, as Parquet at `to`, aside and then renamed. A column holds
/// whole numbers if all of its cells are such, else numbers, else words; empty cells are nulls.
///
/// # Errors
/// A damaged CSV, with its line; I/O.
pub fn from_csv(from: &Path, to: &Path) -> Result<()> {
    let torn = |e: csv::Error| {
        let mut place = Place::file(from);
        place.line = e.position().map(csv::Position::line);
        Error::input(place, e.to_string(), "the file is damaged: make it again")
    };
    let mut reader = csv::Reader::from_path(from).map_err(torn)?;
    let names: Vec<String> = reader.headers().map_err(torn)?.iter().map(str::to_owned).collect();
    let mut kinds = vec![Kind::Whole; names.len()];
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(torn)? {
        for (kind, cell) in kinds.iter_mut().zip(&record) {
            *kind = widened(*kind, cell);
        }
    }
    let named: Vec<(String, Kind)> = names.into_iter().zip(kinds).collect();
    let kind = move |name: &str| named.iter().find(|(n, _)| n == name).map_or(Kind::Text, |n| n.1);
    let aside = to.with_extension("parquet.tmp");
    let io = |e| Error::io(&aside, e);
    let mut table = ParquetTable::new(BufWriter::new(File::create(&aside).map_err(io)?), kind);
    let mut source = File::open(from).map_err(|e| Error::io(from, e))?;
    io::copy(&mut source, &mut table).map_err(io)?;
    table.finish().and_then(|mut out| out.flush()).map_err(io)?;
    std::fs::rename(&aside, to).map_err(|e| Error::io(to, e))
}

/// The narrowest kind that holds what `kind` does and `cell`, in a form that reads back the same.
fn widened(kind: Kind, cell: &[u8]) -> Kind {
    let text = std::str::from_utf8(cell).unwrap_or("-");
    let whole = text.parse::<u64>().is_ok_and(|v| v.to_string() == text);
    let number = text.parse::<f64>().is_ok_and(|v| v.is_finite());
    match kind {
        kind if text.is_empty() => kind,
        Kind::Whole if whole => Kind::Whole,
        Kind::Whole | Kind::Number if number => Kind::Number,
        _ => Kind::Text,
    }
}

/// The table at `path`, which this program wrote, as the bytes of its CSV.
///
/// # Errors
/// A file that is not Parquet, is cut off, or is none of ours.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let wrong = |what: String| Error::input(Place::file(path), what, "the file is damaged: run it again");
    let damaged = |e: ParquetError| wrong(format!("not readable as Parquet: {e}"));
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let metadata = reader.metadata().file_metadata();
    let names: Vec<&str> = metadata.schema().get_fields().iter().map(|f| f.name()).collect();
    let entry = metadata.key_value_metadata().and_then(|all| all.iter().find(|kv| kv.key == KINDS_KEY));
    let words = entry.and_then(|kv| kv.value.as_deref()).unwrap_or_default();
    let kinds: Option<Vec<Kind>> = words.split(',').map(Kind::parse).collect();
    let kinds = kinds.filter(|kinds| kinds.len() == names.len());
    let kinds = kinds.ok_or_else(|| wrong("its columns are not those of a foretoken table".into()))?;
    let mut csv = csv::Writer::from_writer(Vec::new());
    let unwritten = |e: csv::Error| wrong(e.to_string());
    csv.write_record(&names).map_err(unwritten)?;
    for i in 0..reader.num_row_groups() {
        let group = reader.get_row_group(i).map_err(damaged)?;
        let columns = kinds.iter().enumerate().map(|(j, &kind)| read_column(group.as_ref(), j, kind));
        let columns = columns.collect::<Encoded<Vec<_>>>().map_err(damaged)?;
        for row in 0..group.metadata().num_rows() as usize {
            let cells = columns.iter().map(|cells| cells.get(row).map_or(&[][..], Vec::as_slice));
            csv.write_record(cells).map_err(unwritten)?;
        }
    }
    csv.into_inner().map_err(|e| wrong(e.to_string()))
}

/// The cells of a column as they stand in a CSV.
fn read_column(group: &dyn RowGroupReader, index: usize, kind: Kind) -> Encoded<Vec<Vec<u8>>> {
    let pushed = |push: fn(&mut Vec<u8>, u64), value: u64| {
        let mut text = Vec::new();
        push(&mut text, value);
        text
    };
    match kind {
        Kind::Whole => cells::<Int64Type>(group, index, |v| pushed(push_u64, *v as u64)),
        Kind::Seconds => cells::<DoubleType>(group, index, |v| pushed(push_secs, (v * 1e9).round() as u64)),
        Kind::Number => cells::<DoubleType>(group, index, |v| v.to_string().into_bytes()),
        Kind::Text => cells::<ByteArrayType>(group, index, |v| v.data().to_vec()),
    }
}

fn cells<T: DataType>(
    group: &dyn RowGroupReader,
    index: usize,
    text: impl Fn(&T::T) -> Vec<u8>,
) -> Encoded<Vec<Vec<u8>>> {
    let rows = group.metadata().num_rows() as usize;
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(index)?);
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    let mut values = values.iter();
    let cell = |level: i16| if level > 0 { values.next().map_or(Vec::new(), &text) } else { Vec::new() };
    Ok(levels.into_iter().map(cell).collect())
}
