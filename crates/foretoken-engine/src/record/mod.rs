//! What a run leaves behind: one record per request, optionally one per step, and the event log's digest.

mod histogram;
#[cfg(feature = "parquet")]
pub mod parquet;
mod percentile;
mod read;
mod requests_csv;
mod rows;
mod steps_csv;
mod tables;
mod timeline;
mod totals;

pub use histogram::LogHistogram;
pub use percentile::{PercentileConvention, Rank};
pub use read::RequestTable;
pub use requests_csv::{Column, Columns, RequestsCsv};
pub use steps_csv::{StepsCsv, step_durations};
pub use tables::{TableFile, TableFormat, read_table};
pub use timeline::{Timeline, Window};
pub use totals::{CacheTotals, IntervalCounts, PredictionTotals, RunTotals};

use crate::error::{Error, Result};
use crate::ids::{ReplicaId, RequestId};
use crate::time::{MaybeTime, SimTime, Span};
use crate::workload::{ClassId, Visible};

/// Puts the records of a run into the order of their ids.
pub fn sort_by_id(records: &mut [RequestRecord]) {
    if records.iter().any(|r| r.id.0 as usize >= records.len()) {
        return records.sort_unstable_by_key(|r| r.id);
    }
    // Ids are distinct, so these are 0 to n - 1: every swap puts one record into its place.
    for i in 0..records.len() {
        while records[i].id.0 as usize != i {
            records.swap(i, records[i].id.0 as usize);
        }
    }
}

/// How a request's story ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Every output token was delivered.
    Completed,
    /// It could never fit.
    Rejected,
    /// Still waiting or running when the run stopped.
    #[default]
    Unfinished,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 3] = [Status::Completed, Status::Rejected, Status::Unfinished];

    /// The word written to `requests.csv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Completed => "completed",
            Status::Rejected => "rejected",
            Status::Unfinished => "unfinished",
        }
    }

    /// The status that `requests.csv` writes as `word`.
    ///
    /// # Errors
    /// A word that is none of them.
    pub fn parse(word: &str) -> Result<Status> {
        let unknown = || Error::unknown("status", word, Status::ALL.map(Status::as_str));
        Status::ALL.into_iter().find(|s| s.as_str() == word).ok_or_else(unknown)
    }
}

/// One request's story, in integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestRecord {
    /// Data row of the trace.
    pub id: RequestId,
    /// When the server received it.
    pub arrival: SimTime,
    /// Prompt length, tokens.
    pub prompt_tokens: u32,
    /// True output length, tokens.
    pub output_tokens: u32,
    /// Kind of request.
    pub class: ClassId,
    /// How it ended.
    pub status: Status,
    /// Replica that served it.
    pub replica: ReplicaId,
    /// Start of the first step that computed any of it.
    pub first_scheduled: MaybeTime,
    /// Delivery of the first output token (of the final attempt).
    pub first_token: MaybeTime,
    /// Delivery of the second output token; not kept in `requests.csv`.
    pub second_token: MaybeTime,
    /// Delivery of the last output token.
    pub finish: MaybeTime,
    /// Times it lost its KV.
    pub preemptions: u32,
    /// Tokens whose KV was computed again or thrown away.
    pub recomputed_tokens: u64,
    /// Tokens that it found in the prefix cache when it was admitted first.
    pub cached_tokens: u32,
    /// Absolute deadline, if it had one.
    pub deadline: MaybeTime,
    /// Time held back on the client's side before `arrival`.
    pub client_wait: Span,
    /// The point of its belief when it arrived; NaN if there was none.
    pub predicted_tokens: f32,
}

impl RequestRecord {
    /// A request that has only arrived.
    pub fn arrived(visible: &Visible, output_tokens: u32, client_wait: Span) -> RequestRecord {
        RequestRecord {
            id: visible.id,
            arrival: visible.arrival,
            prompt_tokens: visible.prompt_tokens,
            output_tokens,
            class: visible.class,
            status: Status::Unfinished,
            replica: ReplicaId(0),
            first_scheduled: MaybeTime::NONE,
            first_token: MaybeTime::NONE,
            second_token: MaybeTime::NONE,
            finish: MaybeTime::NONE,
            preemptions: 0,
            recomputed_tokens: 0,
            cached_tokens: 0,
            deadline: visible.deadline.into(),
            client_wait,
            predicted_tokens: f32::NAN,
        }
    }

    /// Time to first token.
    pub fn ttft(&self) -> Option<Span> {
        self.first_token.get().map(|t| t - self.arrival)
    }

    /// End-to-end latency.
    pub fn e2e(&self) -> Option<Span> {
        self.finish.get().map(|t| t - self.arrival)
    }

    /// Time per output token after the first, (a_n - a_1) / (n - 1), rounded half up to whole
    /// nanoseconds; `None` for a single token.
    pub fn tpot(&self) -> Option<Span> {
        let decode = self.finish.get()? - self.first_token.get()?;
        let gaps = u64::from(self.output_tokens).checked_sub(1).filter(|&gaps| gaps > 0)?;
        Some(divide(decode, gaps))
    }

    /// Normalised latency, E2E over output tokens (Orca, vLLM), rounded half up to whole nanoseconds.
    pub fn per_token(&self) -> Option<Span> {
        self.e2e().map(|e2e| divide(e2e, u64::from(self.output_tokens.max(1))))
    }

    /// The point of its belief when it arrived, if it had one.
    pub fn predicted(&self) -> Option<f32> {
        (!self.predicted_tokens.is_nan()).then_some(self.predicted_tokens)
    }

    /// Time to second token, from the first (AIPerf's TTST).
    pub fn ttst(&self) -> Option<Span> {
        Some(self.second_token.get()? - self.first_token.get()?)
    }

    /// First schedule to first token.
    pub fn prefill(&self) -> Option<Span> {
        Some(self.first_token.get()? - self.first_scheduled.get()?)
    }

    /// First to last token.
    pub fn decode(&self) -> Option<Span> {
        Some(self.finish.get()? - self.first_token.get()?)
    }

    /// First schedule to last token.
    pub fn inference(&self) -> Option<Span> {
        Some(self.finish.get()? - self.first_scheduled.get()?)
    }

    /// Time from arrival to first schedule.
    pub fn queue(&self) -> Option<Span> {
        self.first_scheduled.get().map(|t| t - self.arrival)
    }
}

/// `span / by`, rounded half up.
fn divide(span: Span, by: u64) -> Span {
    let (whole, rest) = (span.0 / by, span.0 % by);
    Span(whole + u64::from(rest >= by.div_ceil(2)))
}

/// One step of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepRecord {
    /// Replica.
    pub replica: ReplicaId,
    /// 0-based step on that replica.
    pub step: u64,
    /// When it began.
    pub start: SimTime,
    /// How long it took.
    pub duration: Span,
    /// Prompt tokens computed.
    pub prefill_tokens: u64,
    /// Requests prefilling.
    pub prefills: u32,
    /// Requests decoding one token.
    pub decodes: u32,
    /// Requests in the batch or holding a seat.
    pub running: u32,
    /// Requests waiting.
    pub waiting: u32,
    /// KV blocks in use after scheduling.
    pub kv_blocks_used: u64,
}

/// Kinds of event in the log, with the number each has in the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum EventKind {
    /// A request reached the server; value = prompt tokens.
    Arrival = 1,
    /// A request got (back) into the running batch; value = KV tokens it starts with.
    Admission = 2,
    /// Its first output token was delivered; value = prompt tokens.
    FirstToken = 3,
    /// It lost its KV and will be recomputed; value = tokens thrown away.
    Preemption = 4,
    /// Its attempt was ended and it starts again from nothing; value = tokens thrown away.
    Kill = 5,
    /// Its last output token was delivered; value = output tokens.
    Finish = 6,
    /// It was refused; value = tokens it would have needed at least.
    Rejection = 7,
}

/// One event. `steps` and `busy_ns` are the replica's totals at that point (zero for arrivals).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: SimTime,
    /// What.
    pub kind: EventKind,
    /// Where.
    pub replica: ReplicaId,
    /// Whom.
    pub request: RequestId,
    /// How much; see [`EventKind`].
    pub value: u64,
    /// Steps that replica has finished.
    pub steps: u64,
    /// Exact sum of their durations, ns.
    pub busy_ns: u64,
}
