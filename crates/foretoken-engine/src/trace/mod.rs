//! Traces: files of requests, one reader per format, all streamed into [`TraceRow`]s.
//!
//! A trace says what was asked and when; turning it into a run's ordered stream of requests
//! (scaling, arrival processes, sessions) is the business of [`crate::workload`].

mod azure;
mod blis;
mod burstgpt;
mod chat;
mod clock;
mod csv;
mod format;
mod fuzz;
mod info;
mod input;
mod instruct;
mod join;
mod lmsys;
#[cfg(feature = "parquet")]
mod lmsys_parquet;
mod mooncake;
mod mooncake_line;
mod number;
mod reader;
mod samples;
mod sharegpt;
mod table;
mod tokens;
mod vidur;
mod write;

pub use clock::{TimeUnit, Window};
pub use format::Format;
#[doc(hidden)]
pub use fuzz::fuzz_read;
pub use info::{Arrivals, Dispersion, Info, Lengths, WINDOWS_S};
pub use join::Join;
pub use reader::{Notes, Reader};
pub use tokens::Tokenizer;
pub use write::{Columns, Writer, write};

use crate::error::{Error, Place, Result};
use crate::length::LogT;
use crate::time::SimTime;
use input::Input;
use std::io::Read;
use std::path::Path;

/// How to read a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// The format; `None`: told by the content.
    pub format: Option<Format>,
    /// Pass over unknown columns of foretoken CSV instead of refusing them.
    pub ignore_extra: bool,
    /// Keep requests that the recorded system failed to answer, with one output token, instead of dropping them.
    pub keep_failed: bool,
    /// Samples: pass over answers of 0 tokens, and count them as dropped, instead of refusing them.
    pub skip_empty: bool,
    /// Put rows into order of arrival (in memory) instead of refusing times that run backwards.
    pub sort: bool,
    /// The unit of times that are plain numbers; `None`: the format's, and for JSON lines of Mooncake's and
    /// Qwen's keys, which some tools write in the other's, what the first lines make likely.
    pub time_unit: Option<TimeUnit>,
    /// The part of the trace that is wanted.
    pub window: Window,
    /// Stop after this many requests.
    pub limit: Option<u64>,
    /// Tokens that a prefix hash stands for; `None`: 512, for Qwen 16.
    pub hash_block_tokens: Option<u32>,
    /// Limit that the recorded system put on outputs, tokens: the `max_tokens` of rows that have none.
    pub output_cap: Option<u32>,
    /// Chats: a prompt is all that was said before in its conversation, not the user's message alone.
    pub history: bool,
    /// Chats: how tokens are counted.
    pub tokenizer: Tokenizer,
    /// Hash the raw file while reading, for [`Reader::sha256`].
    pub hash: bool,
}

/// Opens the trace `path`, plain or gzip.
///
/// # Errors
/// The file cannot be read, its content is of no known format, or lacks a column. Wrong rows are reported
/// by the [`Reader`] when it meets them.
pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Reader> {
    Reader::new(Input::open(path.as_ref(), options.hash)?, options)
}

/// The bytes of the trace that comes with foretoken, if `path` is its name (`lmsys-like`) and no file's.
pub fn shipped(path: &Path) -> Option<&'static [u8]> {
    const LMSYS_LIKE: &[u8] = include_bytes!("../../traces/lmsys-like.csv.gz");
    (path == Path::new("lmsys-like") && !path.exists()).then_some(LMSYS_LIKE)
}

/// All bytes of `path`, decompressed.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = Input::open(path, false)?.bytes.read_to_end(&mut bytes);
    read.map_err(|e| input::read_error(Place::file(path), e))?;
    Ok(bytes)
}

fn source(format: Format, input: Input, options: &ReadOptions) -> Result<Box<dyn reader::Source>> {
    need_text(format, options.tokenizer)?;
    let hash_block_tokens = hash_block_tokens(format, options)?;
    let unit = options.time_unit;
    if unit.is_some() && (!format.has_times() || format == Format::Azure) {
        let what = format!("the times of {format} traces have no unit to choose");
        return Err(Error::input(Place::key("trace.time_unit"), what, "leave it out"));
    }
    options.window.check()?;
    Ok(match format {
        Format::Foretoken => Box::new(csv::Foretoken::new(input, options, hash_block_tokens)?),
        Format::Azure => Box::new(azure::Azure::new(input)?),
        Format::BurstGpt => Box::new(burstgpt::BurstGpt::new(input, unit)?),
        Format::Mooncake => Box::new(mooncake::Mooncake::new(input, false, hash_block_tokens, unit)?),
        Format::Qwen => Box::new(mooncake::Mooncake::new(input, true, hash_block_tokens, unit)?),
        Format::Vidur => Box::new(vidur::Vidur::new(input, Some(unit.unwrap_or(TimeUnit::S)))?),
        Format::VidurLengths => Box::new(vidur::Vidur::new(input, None)?),
        Format::Blis => Box::new(blis::Blis::new(input, unit)?),
        Format::ShareGpt => Box::new(chat::Chat::new(sharegpt::ShareGpt::new(input), options)),
        Format::Lmsys => Box::new(chat::Chat::new(lmsys::Lmsys::new(input), options)),
        Format::LmsysParquet => parquet_source(&input, options)?,
        Format::Instruct => Box::new(instruct::Instruct::new(input, options.tokenizer)),
        Format::Samples => Box::new(samples::Samples::new(input, options.skip_empty)?),
    })
}

/// How to set what a message asks for: as a key of a scenario or as a flag.
fn setting(key: &str, flag: &str) -> String {
    format!("set {key} (for the `trace` commands: {flag})")
}

/// Tokens that a prefix hash of `format` stands for.
fn hash_block_tokens(format: Format, options: &ReadOptions) -> Result<u32> {
    match options.hash_block_tokens {
        Some(0) => {
            Err(Error::Usage("hash_block_tokens is 0; a hash stands for at least 1 token".to_string()))
        }
        Some(tokens) => Ok(tokens),
        None => Ok(if format == Format::Qwen { 16 } else { 512 }),
    }
}

/// Refuses a tokenizer that this build lacks where the format has text to count.
fn need_text(format: Format, tokenizer: Tokenizer) -> Result<()> {
    let counts = matches!(format, Format::Lmsys | Format::ShareGpt | Format::LmsysParquet | Format::Instruct);
    if counts && tokenizer.needs_text() && !cfg!(feature = "text") {
        return Err(lacking(format, tokenizer));
    }
    Ok(())
}

/// The error that names the one feature with all that such a file needs.
fn lacking(format: Format, tokenizer: Tokenizer) -> Error {
    let (what, feature) = match (format == Format::LmsysParquet, tokenizer.needs_text()) {
        (true, true) => (format!("a Parquet trace counted with tokenizer {tokenizer}"), "full"),
        (true, false) => ("a Parquet trace".to_string(), "parquet"),
        (false, _) => (format!("tokenizer {tokenizer}"), "text"),
    };
    Error::Feature { what, feature }
}

#[cfg(feature = "parquet")]
fn parquet_source(input: &Input, options: &ReadOptions) -> Result<Box<dyn reader::Source>> {
    Ok(Box::new(chat::Chat::new(lmsys_parquet::LmsysParquet::new(input)?, options)))
}

#[cfg(not(feature = "parquet"))]
fn parquet_source(_: &Input, options: &ReadOptions) -> Result<Box<dyn reader::Source>> {
    Err(lacking(Format::LmsysParquet, options.tokenizer))
}

/// One request of a trace, with everything any format may say about it.
///
/// Formats with a wall clock (Azure, BurstGPT) count `arrival` from the file's first request that is kept (that
/// one is at time 0); formats whose times are from a start keep them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceRow {
    /// 0-based data row in the file, before any filtering.
    pub id: u32,
    /// Arrival time; zero for formats without times.
    pub arrival: SimTime,
    /// Prompt length, tokens (at least 1).
    pub prompt_tokens: u32,
    /// True output length, tokens (at least 1).
    pub output_tokens: u32,
    /// Label of the request's kind.
    pub class: Option<Box<str>>,
    /// Conversation the request belongs to.
    pub session: Option<Box<str>>,
    /// 0-based turn within the session.
    pub turn: Option<u32>,
    /// Priority, smaller is more urgent.
    pub priority: Option<i32>,
    /// Deadline relative to arrival, seconds.
    pub deadline_s: Option<f64>,
    /// Limit the client put on the output, tokens.
    pub max_tokens: Option<u32>,
    /// Prompt text.
    pub text: Option<Box<str>>,
    /// Hashes of the prompt's leading blocks; empty means nothing is shared.
    pub prefix_hashes: Vec<u64>,
    /// The law that this prompt's output length was drawn from, where the trace is synthetic.
    pub law: Option<LogT>,
}
