//! A file's bytes: plain or gzip by its first bytes, without a byte order mark, hashed on the way if wanted.

use crate::error::{Error, Place, Result};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const BUFFER: usize = 1 << 16;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A stream of decompressed bytes.
pub(super) type Bytes = Box<dyn BufRead + Send>;

/// An opened trace.
pub(super) struct Input {
    /// Its name, for messages.
    pub file: Arc<Path>,
    /// Decompressed content from the start.
    pub bytes: Bytes,
    /// The first bytes of `bytes`, to tell the format by.
    pub head: Vec<u8>,
    /// Set where hashing was asked for.
    pub hash: Option<Hash>,
}

impl Input {
    /// Opens `path`; with `hash` every raw byte read is hashed.
    pub fn open(path: &Path, hash: bool) -> Result<Input> {
        if let (Some(bytes), false) = (super::shipped(path), hash) {
            return Input::from_bytes(path, bytes.to_vec());
        }
        let io = |e| Error::io(path, e);
        let file = Arc::new(File::open(path).map_err(io)?);
        if file.metadata().map_err(io)?.is_dir() {
            return Err(Error::input(Place::file(path), "is a directory", "name a trace file"));
        }
        let hash = hash.then(|| Hash { file: Arc::clone(&file), state: Arc::default() });
        let raw = Raw { file, state: hash.as_ref().map(|h| Arc::clone(&h.state)) };
        Input::of(path, Box::new(BufReader::with_capacity(BUFFER, raw)), hash)
    }

    /// Wraps raw bytes that are already there.
    pub fn from_bytes(name: &Path, bytes: Vec<u8>) -> Result<Input> {
        Input::of(name, Box::new(Cursor::new(bytes)), None)
    }

    fn of(path: &Path, mut raw: Bytes, hash: Option<Hash>) -> Result<Input> {
        let start = read_head(path, &mut raw, GZIP.len())?;
        let packed = start == GZIP;
        let raw = Cursor::new(start).chain(raw);
        let mut bytes: Bytes = match packed {
            true => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))),
            false => Box::new(raw),
        };
        let head = read_head(path, &mut bytes, BUFFER)?;
        let start = Cursor::new(head.clone());
        Ok(Input { file: path.into(), bytes: Box::new(start.chain(bytes)), head, hash })
    }
}

/// Up to `size` bytes from the front, without a byte order mark.
fn read_head(path: &Path, bytes: &mut Bytes, size: usize) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    bytes.take(size as u64).read_to_end(&mut head).map_err(|e| read_error(Place::file(path).line(1), e))?;
    if head.starts_with(b"\xef\xbb\xbf") {
        head.drain(..3);
    }
    Ok(head)
}

/// What a failed read at `place` means.
pub(super) fn read_error(place: Place, error: io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match error.kind() {
        io::ErrorKind::FileTooLarge => too_long(place),
        UnexpectedEof | InvalidData | InvalidInput => Error::input(
            place,
            format!("the gzip data is cut short or damaged ({error})"),
            "fetch the file again; `gzip -t FILE` checks it",
        ),
        _ => Error::io(place.file.unwrap_or_default(), error),
    }
}

/// The SHA-256 of a file's raw bytes, gathered while it is read.
pub(super) struct Hash {
    file: Arc<File>,
    state: Arc<Mutex<Sha256>>,
}

impl Hash {
    /// 64 hexadecimal digits. What has not been read yet is read now.
    pub fn hex(&self) -> io::Result<String> {
        let mut rest = Raw { file: Arc::clone(&self.file), state: Some(Arc::clone(&self.state)) };
        io::copy(&mut rest, &mut io::sink())?;
        let digest = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone().finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

struct Raw {
    file: Arc<File>,
    state: Option<Arc<Mutex<Sha256>>>,
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = (&*self.file).read(buffer)?;
        if let Some(state) = &self.state {
            state.lock().unwrap_or_else(PoisonError::into_inner).update(&buffer[..n]);
        }
        Ok(n)
    }
}

/// Longest line, bytes: whatever is longer is no trace of requests, and would fill the memory.
pub(super) const LONGEST_LINE: u64 = 1 << 26;

/// The error of a line at `place` beyond [`LONGEST_LINE`].
fn too_long(place: Place) -> Error {
    let what = format!("a line of over {} MiB", LONGEST_LINE >> 20);
    Error::input(place, what, "write one request a line; is this a file of another kind?")
}

/// Passes bytes on, and fails on a line beyond [`LONGEST_LINE`] before it fills anybody's memory.
pub(super) struct ShortLines {
    bytes: Bytes,
    since: u64,
}

impl ShortLines {
    pub fn new(bytes: Bytes) -> ShortLines {
        ShortLines { bytes, since: 0 }
    }
}

impl Read for ShortLines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read(buffer)?;
        self.since = match buffer[..n].iter().rposition(|&byte| byte == b'\n') {
            Some(last) => (n - last - 1) as u64,
            None => self.since + n as u64,
        };
        if self.since > LONGEST_LINE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(n)
    }
}

/// Lines of a file, without their ends and without blank ones.
pub(super) struct Lines {
    file: Arc<Path>,
    bytes: Bytes,
    buffer: Vec<u8>,
    line: u64,
}

impl Lines {
    pub fn new(input: Input) -> Lines {
        Lines { file: input.file, bytes: input.bytes, buffer: Vec::new(), line: 0 }
    }

    /// Moves to the next line that is not blank; false at the end.
    pub fn advance(&mut self) -> Result<bool> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let read = self.bytes.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.buffer);
            if read.map_err(|e| read_error(Place::file(&self.file).line(self.line), e))? == 0 {
                return Ok(false);
            }
            if self.buffer.len() as u64 == LONGEST_LINE {
                return Err(too_long(self.place()));
            }
            if !self.buffer.iter().all(u8::is_ascii_whitespace) {
                return Ok(true);
            }
        }
    }

    /// The current line.
    pub fn get(&self) -> &[u8] {
        self.buffer.trim_ascii_end()
    }

    /// Where the current line is.
    pub fn place(&self) -> Place {
        Place::file(&self.file).line(self.line)
    }

    /// The error of a line that is no JSON of the wanted shape.
    pub fn json_error(&self, error: &serde_json::Error) -> Error {
        json_error(self.place().column(error.column().to_string()), error)
    }
}

/// The error of a value at `place` that is no JSON of the wanted shape.
pub(super) fn json_error(place: Place, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    Error::input(
        place,
        format!("not the JSON of this format: {what}"),
        "one JSON object per request is wanted; if the file is of another format, name it",
    )
}
