//! Stored CSV files: read row by row, refused where they are torn, with file, line and column.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::error::{Error, Place, Result, nearest};

/// A stored file being read.
pub struct Table {
    path: PathBuf,
    /// Which command writes it, for messages.
    made_by: &'static str,
    header: Vec<String>,
    reader: csv::Reader<BufReader<File>>,
}

/// A row with its line.
pub struct Row<'a> {
    cells: &'a StringRecord,
    path: &'a Path,
    header: &'a [String],
    line: u64,
}

impl Table {
    /// Opens `path`, which `made_by` says how to make.
    ///
    /// # Errors
    /// It is not there or empty, or its last row does not end.
    pub fn open(path: &Path, made_by: &'static str) -> Result<Table> {
        if !path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let place = Place::file(path.parent().unwrap_or(Path::new(".")));
            return Err(Error::input(place, format!("there is no {name}"), made_by));
        }
        let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
        if !ends_with_newline(&mut file).map_err(|e| Error::io(path, e))? {
            return Err(cut_off(path));
        }
        let mut reader = csv::Reader::from_reader(BufReader::with_capacity(1 << 18, file));
        let header = reader.headers().map_err(|e| torn(path, &e))?.iter().map(str::to_owned).collect();
        Ok(Table { path: path.to_path_buf(), made_by, header, reader })
    }

    /// Names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Where the column `name` is.
    ///
    /// # Errors
    /// There is none, naming the nearest.
    pub fn column(&self, name: &str) -> Result<usize> {
        self.find(name).ok_or_else(|| {
            let near = nearest(name, self.header.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |n| format!("; it has `{n}`"));
            let what = format!("there is no column `{name}`{near}");
            Error::input(Place::file(&self.path).line(1), what, self.made_by)
        })
    }

    /// Where the column `name` is, if there is one.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|h| h == name)
    }

    /// Hands every row to `take`, in file order.
    ///
    /// # Errors
    /// A torn row, and those of `take`.
    pub fn each(mut self, mut take: impl FnMut(Row<'_>) -> Result<()>) -> Result<()> {
        let mut cells = StringRecord::new();
        while self.reader.read_record(&mut cells).map_err(|e| torn(&self.path, &e))? {
            let line = cells.position().map_or(0, csv::Position::line);
            take(Row { cells: &cells, path: &self.path, header: &self.header, line })?;
        }
        Ok(())
    }
}

impl Row<'_> {
    /// A cell as it stands.
    pub fn text(&self, column: usize) -> &str {
        self.cells.get(column).unwrap_or_default()
    }

    /// A number; `None` for an empty cell.
    ///
    /// # Errors
    /// Anything else.
    pub fn number(&self, column: usize) -> Result<Option<f64>> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let value = text.parse::<f64>().ok().filter(|v| v.is_finite());
        value.map(Some).ok_or_else(|| {
            let place = Place::file(self.path).line(self.line).column(&self.header[column]);
            Error::input(place, format!("`{text}` is not a number"), "the file is damaged: make it again")
        })
    }
}

fn ends_with_newline(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    file.rewind()?;
    Ok(last == *b"\n")
}

fn cut_off(path: &Path) -> Error {
    let text = std::fs::read(path).unwrap_or_default();
    let line = text.iter().filter(|&&b| b == b'\n').count() as u64 + 1;
    let what = "the last row does not end: the file was cut off";
    Error::input(Place::file(path).line(line), what, "make it again")
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
    Error::input(place, what, "the file is damaged: make it again")
}
