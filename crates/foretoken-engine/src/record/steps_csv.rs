//! `steps.csv`: one row per step, times in seconds with nanosecond digits.

use std::io::{self, Write};
use std::path::Path;

use crate::error::{Error, Place, Result};
use crate::record::rows::{Rows, push_secs, push_u64};
use crate::record::{StepRecord, read_table};
use crate::time::Span;

const COLUMNS: [&str; 10] = [
    "replica",
    "step",
    "start_s",
    "duration_s",
    "prefill_tokens",
    "prefills",
    "decodes",
    "running",
    "waiting",
    "kv_blocks_used",
];

/// The columns of a row that tell how long it took.
#[derive(serde::Deserialize)]
struct Timed {
    step: u64,
    duration_s: f64,
}

/// How long the steps of a run on one replica took, in order; `path` is its `steps` table, CSV or Parquet.
///
/// # Errors
/// An unreadable file; steps out of order, as with several replicas; what is no duration. With the line.
pub fn step_durations(path: &Path) -> Result<Vec<Span>> {
    let table = read_table(path)?;
    let mut durations = Vec::new();
    for (i, row) in csv::Reader::from_reader(table.as_slice()).into_deserialize::<Timed>().enumerate() {
        let wrong = |what: String| {
            Error::input(Place::file(path).line(i as u64 + 2), what, "the file is damaged: run it again")
        };
        let row = row.map_err(|e| wrong(e.to_string()))?;
        if row.step != i as u64 {
            return Err(wrong(format!("step {} where step {i} of one replica is to be", row.step)));
        }
        let took = Span::from_secs(row.duration_s);
        durations.push(took.ok_or_else(|| wrong(format!("{} s is no duration", row.duration_s)))?);
    }
    Ok(durations)
}

/// Writes `steps.csv` row by row, as the steps happen.
pub struct StepsCsv<W: Write> {
    rows: Rows<W>,
}

impl<W: Write> StepsCsv<W> {
    /// A writer whose header stands already.
    pub fn new(out: W) -> StepsCsv<W> {
        StepsCsv { rows: Rows::with_header(out, COLUMNS.into_iter()) }
    }

    /// Writes one step.
    pub fn row(&mut self, step: &StepRecord) -> io::Result<()> {
        let identity = [u64::from(step.replica.0), step.step];
        let times = [step.start.0, step.duration.0];
        let counts = [
            step.prefill_tokens,
            u64::from(step.prefills),
            u64::from(step.decodes),
            u64::from(step.running),
            u64::from(step.waiting),
            step.kv_blocks_used,
        ];
        push_cells(&mut self.rows.buffer, &identity, push_u64);
        push_cells(&mut self.rows.buffer, &times, push_secs);
        push_cells(&mut self.rows.buffer, &counts, push_u64);
        self.rows.end_row()
    }

    /// Writes what is left and hands the output back, flushed.
    pub fn finish(self) -> io::Result<W> {
        self.rows.finish()
    }
}

fn push_cells(out: &mut Vec<u8>, values: &[u64], push: fn(&mut Vec<u8>, u64)) {
    for &value in values {
        push(out, value);
        out.push(b',');
    }
}
