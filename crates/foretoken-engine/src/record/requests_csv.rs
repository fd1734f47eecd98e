//! `requests.csv`: one row per request, times in seconds with nanosecond digits.

use std::io::{self, Write};

use crate::error::{Error, Result};
use crate::record::RequestRecord;
use crate::record::rows::{Rows, push_secs, push_u64};
use crate::time::{MaybeTime, Span};

/// A column of `requests.csv`. Time columns are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Column {
    /// Data row of the trace.
    Id,
    /// When the server received it.
    Arrival,
    /// Prompt length.
    PromptTokens,
    /// Output length.
    OutputTokens,
    /// `completed`, `rejected` or `unfinished`.
    Status,
    /// Replica that served it.
    Replica,
    /// Start of its first step.
    FirstScheduled,
    /// Delivery of its first token.
    FirstToken,
    /// Delivery of its last token.
    Finish,
    /// Time to first token.
    Ttft,
    /// Time per output token after the first.
    Tpot,
    /// End-to-end latency.
    E2e,
    /// E2E over output tokens.
    PerToken,
    /// Times it lost its KV.
    Preemptions,
    /// Tokens computed again or thrown away.
    RecomputedTokens,
    /// Point of its belief.
    PredictedTokens,
    /// Name of its class.
    Class,
    /// Time held back by the client.
    ClientWait,
    /// Absolute deadline.
    Deadline,
    /// Tokens found in the prefix cache.
    CachedTokens,
}

/// Every column with its name, in the order of the file.
const COLUMNS: [(&str, Column); 20] = [
    ("id", Column::Id),
    ("arrival_s", Column::Arrival),
    ("prompt_tokens", Column::PromptTokens),
    ("output_tokens", Column::OutputTokens),
    ("status", Column::Status),
    ("replica", Column::Replica),
    ("first_scheduled_s", Column::FirstScheduled),
    ("first_token_s", Column::FirstToken),
    ("finish_s", Column::Finish),
    ("ttft_s", Column::Ttft),
    ("tpot_s", Column::Tpot),
    ("e2e_s", Column::E2e),
    ("per_token_s", Column::PerToken),
    ("preemptions", Column::Preemptions),
    ("recomputed_tokens", Column::RecomputedTokens),
    ("predicted_tokens", Column::PredictedTokens),
    ("class", Column::Class),
    ("client_wait_s", Column::ClientWait),
    ("deadline_s", Column::Deadline),
    ("cached_tokens", Column::CachedTokens),
];

/// The columns that every file has unless others are asked for.
const ALWAYS: usize = 15;

impl Column {
    /// The name in the header.
    pub fn name(self) -> &'static str {
        COLUMNS[self as usize].0
    }
}

/// Which columns to write, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

impl Columns {
    /// The fifteen standard columns, and `predicted_tokens`, `class`, `client_wait_s`, `deadline_s`
    /// and `cached_tokens` each if any record has a value for it.
    pub fn for_records(records: &[RequestRecord]) -> Columns {
        let mut columns: Vec<Column> = COLUMNS[..ALWAYS].iter().map(|&(_, c)| c).collect();
        let mut add = |column: Column, used: fn(&RequestRecord) -> bool| {
            if records.iter().any(used) {
                columns.push(column);
            }
        };
        add(Column::PredictedTokens, |r| r.predicted().is_some());
        add(Column::Class, |r| r.class.0 != 0);
        add(Column::ClientWait, |r| r.client_wait > Span::ZERO);
        add(Column::Deadline, |r| r.deadline.is_some());
        add(Column::CachedTokens, |r| r.cached_tokens > 0);
        Columns(columns)
    }

    /// The columns with these names, in this order.
    ///
    /// # Errors
    /// An unknown name, a name given twice, or none at all.
    pub fn pick<S: AsRef<str>>(names: &[S]) -> Result<Columns> {
        let mut columns = Vec::with_capacity(names.len());
        for name in names.iter().map(AsRef::as_ref) {
            let Some(&(_, column)) = COLUMNS.iter().find(|&&(n, _)| n == name) else {
                return Err(Error::unknown("column", name, COLUMNS.map(|(n, _)| n)));
            };
            if columns.contains(&column) {
                return Err(Error::Usage(format!("column `{name}` is given twice; name it once")));
            }
            columns.push(column);
        }
        if columns.is_empty() {
            return Err(Error::Usage("no column is given; name at least one, e.g. id".into()));
        }
        Ok(Columns(columns))
    }

    /// The columns, in order.
    pub fn as_slice(&self) -> &[Column] {
        &self.0
    }
}

/// Writes `requests.csv` row by row.
pub struct RequestsCsv<W: Write> {
    rows: Rows<W>,
    columns: Columns,
    classes: Vec<Vec<u8>>,
}

impl<W: Write> RequestsCsv<W> {
    /// A writer whose header stands already. `classes` holds the names that class ids index; an id
    /// beyond it is written as an empty cell.
    pub fn new(out: W, columns: Columns, classes: &[String]) -> RequestsCsv<W> {
        let rows = Rows::with_header(out, columns.0.iter().map(|c| c.name()));
        RequestsCsv { rows, columns, classes: classes.iter().map(|name| quoted(name)).collect() }
    }

    /// Writes one request.
    pub fn row(&mut self, record: &RequestRecord) -> io::Result<()> {
        push_row(&mut self.rows.buffer, &self.columns, record, &self.classes);
        self.rows.end_row()
    }

    /// Writes what is left and hands the output back, flushed.
    pub fn finish(self) -> io::Result<W> {
        self.rows.finish()
    }

    /// Writes a whole file.
    pub fn write(out: W, records: &[RequestRecord], columns: Columns, classes: &[String]) -> io::Result<W> {
        let mut file = RequestsCsv::new(out, columns, classes);
        for record in records {
            file.row(record)?;
        }
        file.finish()
    }
}

/// Apart from the writer's type, so that it is compiled here, optimised, and not where the file is chosen.
fn push_row(out: &mut Vec<u8>, columns: &Columns, record: &RequestRecord, classes: &[Vec<u8>]) {
    for &column in &columns.0 {
        push_cell(out, column, record, classes);
        out.push(b',');
    }
}

#[inline]
fn push_cell(out: &mut Vec<u8>, column: Column, r: &RequestRecord, classes: &[Vec<u8>]) {
    match column {
        Column::Id => push_u64(out, u64::from(r.id.0)),
        Column::Arrival => push_secs(out, r.arrival.0),
        Column::PromptTokens => push_u64(out, u64::from(r.prompt_tokens)),
        Column::OutputTokens => push_u64(out, u64::from(r.output_tokens)),
        Column::Status => out.extend_from_slice(r.status.as_str().as_bytes()),
        Column::Replica => push_u64(out, u64::from(r.replica.0)),
        Column::FirstScheduled => push_time(out, r.first_scheduled),
        Column::FirstToken => push_time(out, r.first_token),
        Column::Finish => push_time(out, r.finish),
        Column::Ttft => push_span(out, r.ttft()),
        Column::Tpot => push_span(out, r.tpot()),
        Column::E2e => push_span(out, r.e2e()),
        Column::PerToken => push_span(out, r.per_token()),
        Column::Preemptions => push_u64(out, u64::from(r.preemptions)),
        Column::RecomputedTokens => push_u64(out, r.recomputed_tokens),
        Column::PredictedTokens => push_tokens(out, r.predicted()),
        Column::Class => {
            if let Some(name) = classes.get(usize::from(r.class.0)) {
                out.extend_from_slice(name);
            }
        }
        Column::ClientWait => push_secs(out, r.client_wait.0),
        Column::Deadline => push_time(out, r.deadline),
        Column::CachedTokens => push_u64(out, u64::from(r.cached_tokens)),
    }
}

#[inline]
fn push_time(out: &mut Vec<u8>, time: MaybeTime) {
    if let Some(time) = time.get() {
        push_secs(out, time.0);
    }
}

#[inline]
fn push_span(out: &mut Vec<u8>, span: Option<Span>) {
    if let Some(span) = span {
        push_secs(out, span.0);
    }
}

/// A predicted length: whole numbers bare, others in the shortest form that reads back the same.
fn push_tokens(out: &mut Vec<u8>, tokens: Option<f32>) {
    let Some(tokens) = tokens else { return };
    if (0.0..16_777_216.0).contains(&tokens) && tokens.fract() == 0.0 {
        push_u64(out, tokens as u64);
    } else {
        out.extend_from_slice(tokens.to_string().as_bytes());
    }
}

/// A name as a CSV cell (RFC 4180).
fn quoted(name: &str) -> Vec<u8> {
    if !name.contains([',', '"', '\n', '\r']) {
        return name.as_bytes().to_vec();
    }
    format!("\"{}\"", name.replace('"', "\"\"")).into_bytes()
}
