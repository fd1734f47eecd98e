//! Tables in one of two forms: CSV, which every build has, and Parquet, by feature `parquet`.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::str::FromStr;

#[cfg(feature = "parquet")]
use crate::record::parquet::{self, Kind, ParquetTable};

/// The form of `requests` and `steps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TableFormat {
    /// Text, times with nanosecond digits.
    #[default]
    Csv,
    /// Typed columns, times as doubles in seconds.
    Parquet,
}

impl FromStr for TableFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<TableFormat> {
        match name {
            "csv" => Ok(TableFormat::Csv),
            "parquet" => Ok(TableFormat::Parquet),
            other => Err(Error::unknown("table format", other, ["csv", "parquet"])),
        }
    }
}

impl TableFormat {
    /// Whether this is CSV.
    pub fn is_csv(&self) -> bool {
        *self == TableFormat::Csv
    }

    /// The name of the table `stem` in this form.
    pub fn file(self, stem: &str) -> String {
        format!("{stem}.{}", if self.is_csv() { "csv" } else { "parquet" })
    }

    /// # Errors
    /// Parquet in a build without feature `parquet`.
    pub fn check(self) -> Result<()> {
        if self.is_csv() || cfg!(feature = "parquet") { Ok(()) } else { Err(lacking("writing Parquet")) }
    }
}

fn lacking(what: impl Into<String>) -> Error {
    Error::Feature { what: what.into(), feature: "parquet" }
}

/// A table being written: takes the bytes of a CSV.
pub enum TableFile {
    /// As they are.
    Csv(BufWriter<File>),
    /// Column by column.
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetTable<BufWriter<File>>>),
}

impl TableFile {
    /// Creates the file `path` for a table of requests or steps.
    ///
    /// # Errors
    /// Those of the file system; Parquet in a build without feature `parquet`.
    pub fn create(path: &Path, format: TableFormat) -> Result<TableFile> {
        format.check()?;
        let file = BufWriter::new(File::create(path).map_err(|e| Error::io(path, e))?);
        #[cfg(feature = "parquet")]
        if !format.is_csv() {
            return Ok(TableFile::Parquet(Box::new(ParquetTable::new(file, Kind::of_column))));
        }
        Ok(TableFile::Csv(file))
    }

    /// Writes what is left.
    pub fn finish(self) -> io::Result<()> {
        match self {
            TableFile::Csv(mut file) => file.flush(),
            #[cfg(feature = "parquet")]
            TableFile::Parquet(table) => table.finish().and_then(|mut file| file.flush()),
        }
    }
}

impl Write for TableFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            TableFile::Csv(file) => file.write(bytes),
            #[cfg(feature = "parquet")]
            TableFile::Parquet(table) => table.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            TableFile::Csv(file) => file.flush(),
            #[cfg(feature = "parquet")]
            TableFile::Parquet(table) => table.flush(),
        }
    }
}

/// The bytes of the table at `path` as CSV, whatever its form.
///
/// # Errors
/// Those of the file system; a damaged Parquet file, or any in a build without feature `parquet`.
pub fn read_table(path: &Path) -> Result<Vec<u8>> {
    if path.extension().is_some_and(|e| e == "parquet") {
        #[cfg(feature = "parquet")]
        return parquet::read(path);
        #[cfg(not(feature = "parquet"))]
        return Err(lacking(format!("reading {}", path.display())));
    }
    std::fs::read(path).map_err(|e| Error::io(path, e))
}
