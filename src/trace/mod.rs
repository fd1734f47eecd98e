//! Traces: files of requests, one reader per format, all streamed into [`TraceRow`]s.
//!
//! A trace says what was asked and when; turning it into a run's ordered stream of requests
//! (scaling, arrival processes, sessions) is the business of [`crate::workload`].

mod write;

pub use write::{Columns, Writer, write};

use crate::length::LogT;
use crate::time::SimTime;

/// One request of a trace, with everything any format may say about it.
///
/// `arrival` is relative to the first arrival of the file (that one is at time 0) unless the format has
/// explicit times from a start (foretoken CSV), which are kept.
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
