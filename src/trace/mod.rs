//! Traces: files of requests, one reader per format, all streamed into [`TraceRow`]s.
//!
//! A trace says what was asked and when; turning it into a run's ordered stream of requests
//! (scaling, arrival processes, sessions) is the business of [`crate::workload`].

mod azure;
mod csv;
mod format;
mod input;
mod mooncake;
mod mooncake_line;
mod number;
mod reader;
mod table;
mod write;

pub use format::Format;
pub use reader::{Notes, Reader};
pub use write::{Columns, Writer, write};

use crate::error::Result;
use crate::length::LogT;
use crate::time::SimTime;
use input::Input;
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
    /// Put rows into order of arrival (in memory) instead of refusing times that run backwards.
    pub sort: bool,
    /// Stop after this many requests.
    pub limit: Option<u64>,
    /// Tokens that a prefix hash stands for; `None`: 512, for Qwen 16.
    pub hash_block_tokens: Option<u32>,
    /// Limit that the recorded system put on outputs, tokens: the `max_tokens` of rows that have none.
    pub output_cap: Option<u32>,
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

fn source(format: Format, input: Input, options: &ReadOptions) -> Result<Box<dyn reader::Source>> {
    let hash_block_tokens = |usual| options.hash_block_tokens.unwrap_or(usual);
    Ok(match format {
        Format::Foretoken => Box::new(csv::Foretoken::new(input, options, hash_block_tokens(512))?),
        Format::Azure => Box::new(azure::Azure::new(input)?),
        Format::Mooncake => Box::new(mooncake::Mooncake::new(input, false, hash_block_tokens(512))),
        Format::Qwen => Box::new(mooncake::Mooncake::new(input, true, hash_block_tokens(16))),
        other => return Err(crate::error::Error::Usage(format!("trace format {other} cannot be read yet"))),
    })
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
