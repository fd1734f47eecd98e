//! Joins two traces: when requests come from one, what they ask from another.

use super::{Columns, Reader, TraceRow};
use crate::error::{Error, Result};
use crate::rng::Stream;

/// A joined trace, in order of arrival.
///
/// Arrival, priority and deadline are those of the first trace; lengths, class, output limit, text, prefix
/// hashes and length law those of a row of the second, drawn at random. Sessions and turns of neither are kept:
/// draws would tear them apart.
pub struct Join {
    arrivals: Reader,
    lengths: Vec<TraceRow>,
    lengths_columns: Columns,
    draws: Stream,
    replacement: bool,
    drawn: usize,
}

impl Join {
    /// Joins the arrivals of one trace to the lengths of another, which is read into memory. With
    /// `replacement` a length may be drawn again; without, each is used at most once.
    ///
    /// # Errors
    /// Arrivals without times, lengths without prompt lengths, or a row that cannot be read. Without replacement the iterator
    /// fails where the lengths run out.
    pub fn new(arrivals: Reader, lengths: &mut Reader, seed: u64, replacement: bool) -> Result<Join> {
        let usage = |reader: &Reader, lacks: &str| {
            Error::Usage(format!("format {} has no {lacks}; give another trace", reader.format()))
        };
        if !arrivals.has_times() {
            return Err(usage(&arrivals, "arrival times"));
        }
        if !lengths.has_prompts() {
            return Err(usage(lengths, "prompt lengths"));
        }
        let lengths_columns = lengths.columns();
        let lengths = lengths.collect::<Result<Vec<TraceRow>>>()?;
        let draws = Stream::new(seed, 0, "trace join", 0);
        Ok(Join { arrivals, lengths, lengths_columns, draws, replacement, drawn: 0 })
    }

    /// The columns that foretoken CSV needs to keep all that these rows may say.
    pub fn columns(&self) -> Columns {
        let when = self.arrivals.columns();
        Columns {
            id: false,
            session: false,
            turn: false,
            priority: when.priority,
            deadline: when.deadline,
            ..self.lengths_columns
        }
    }

    /// The trace that arrivals come from.
    pub fn arrivals(&self) -> &Reader {
        &self.arrivals
    }

    fn draw(&mut self) -> Result<&TraceRow> {
        let n = self.lengths.len();
        if self.replacement {
            self.drawn += 1;
            let at = self.draws.below(n as u64) as usize;
            return Ok(&self.lengths[at]);
        }
        if self.drawn == n {
            return Err(Error::Usage(format!(
                "there are more arrivals than the {n} lengths; draw with replacement, or set --limit {n}"
            )));
        }
        // Fisher and Yates, as far as it is needed.
        let at = self.drawn + self.draws.below((n - self.drawn) as u64) as usize;
        self.lengths.swap(self.drawn, at);
        self.drawn += 1;
        Ok(&self.lengths[self.drawn - 1])
    }
}

impl Iterator for Join {
    type Item = Result<TraceRow>;

    fn next(&mut self) -> Option<Result<TraceRow>> {
        let when = match self.arrivals.next()? {
            Ok(when) => when,
            Err(e) => return Some(Err(e)),
        };
        let id = self.drawn as u32;
        let row = self.draw().map(|what| TraceRow {
            id,
            arrival: when.arrival,
            priority: when.priority,
            deadline_s: when.deadline_s,
            session: None,
            turn: None,
            ..what.clone()
        });
        Some(row)
    }
}
