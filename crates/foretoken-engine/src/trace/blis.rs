//! The CSV half of a BLIS TraceV2 (the YAML header beside it only names units): times in microseconds.
//!
//! `input_tokens` counts what comes after a shared prefix of `prefix_length` tokens. Where a real server was
//! observed, `server_input_tokens` is its own count of the whole prompt, and stands before the sum.

use super::input::Input;
use super::reader::{Found, Source};
use super::table::Table;
use super::{Columns, TimeUnit, TraceRow, number};
use crate::error::{Place, Result};
use crate::time::SimTime;

pub(super) struct Blis {
    table: Table,
    time: usize,
    unit: TimeUnit,
    prompt: usize,
    output: usize,
    prefix: Option<usize>,
    served: Option<usize>,
    class: Option<usize>,
    session: Option<usize>,
    turn: Option<usize>,
    status: Option<usize>,
}

impl Blis {
    pub fn new(input: Input, unit: Option<TimeUnit>) -> Result<Blis> {
        let table = Table::new(input)?;
        Ok(Blis {
            unit: unit.unwrap_or(TimeUnit::Us),
            time: table.require("arrival_time_us")?,
            prompt: table.require("input_tokens")?,
            output: table.require("output_tokens")?,
            prefix: table.find(&["prefix_length"]),
            served: table.find(&["server_input_tokens"]),
            class: table.find(&["slo_class"]),
            session: table.find(&["session_id"]),
            turn: table.find(&["round_index"]),
            status: table.find(&["status"]),
            table,
        })
    }

    fn failed(&self) -> bool {
        self.status.is_some_and(|c| !matches!(self.table.cell(c), b"" | b"ok"))
    }

    /// Tokens of the whole prompt.
    fn prompt_tokens(&self) -> Result<u32> {
        let count = |column: Option<usize>| {
            let filled = column.filter(|&c| !self.table.cell(c).is_empty());
            filled.map_or(Ok(0), |c| self.table.length_or_zero(c))
        };
        match count(self.served)? {
            0 => {
                let whole =
                    u64::from(self.table.length_or_zero(self.prompt)?) + u64::from(count(self.prefix)?);
                let help = "write lengths as whole tokens, at most 2^31";
                number::check_length(whole).map_err(|what| self.table.error(self.prompt, what, help))
            }
            served => Ok(served),
        }
    }
}

impl Source for Blis {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        if !self.table.advance()? {
            return Ok(Found::End);
        }
        row.arrival = SimTime(self.table.time_ns(self.time, self.unit)?);
        row.class = self.table.label(self.class)?;
        row.session = self.table.label(self.session)?;
        row.turn = self.table.optional(self.turn, "a round of 0 or more")?;
        row.output_tokens = self.table.length_or_zero(self.output)?;
        row.prompt_tokens = self.prompt_tokens()?;
        if self.failed() {
            return Ok(Found::Failed);
        }
        match row.prompt_tokens {
            0 if row.output_tokens > 0 => {
                Err(self.table.error(self.prompt, "0 tokens", "every prompt has at least 1; remove the row"))
            }
            _ => Ok(Found::answered(row)),
        }
    }

    fn place(&self) -> Place {
        self.table.place().column("arrival_time_us")
    }

    fn columns(&self) -> Columns {
        Columns {
            class: self.class.is_some(),
            session: self.session.is_some(),
            turn: self.turn.is_some(),
            ..Columns::default()
        }
    }

    fn remarks(&self) -> Vec<String> {
        vec![
            "Deadlines of TraceV2 are left out; shared prefixes count as prompt, and nothing is shared."
                .to_string(),
        ]
    }
}
