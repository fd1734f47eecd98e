//! `steps.csv`: one row per step, times in seconds with nanosecond digits.

use std::io::{self, Write};

use crate::record::StepRecord;
use crate::record::rows::{Rows, push_secs, push_u64};

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
        self.cells(&identity, push_u64);
        self.cells(&times, push_secs);
        self.cells(&counts, push_u64);
        self.rows.end_row()
    }

    fn cells(&mut self, values: &[u64], push: fn(&mut Vec<u8>, u64)) {
        for &value in values {
            push(&mut self.rows.buffer, value);
            self.rows.buffer.push(b',');
        }
    }

    /// Writes what is left and hands the output back, flushed.
    pub fn finish(self) -> io::Result<W> {
        self.rows.finish()
    }
}
