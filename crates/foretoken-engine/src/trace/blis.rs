//! The CSV half of a BLIS TraceV2 (the YAML header beside it only names units): times in microseconds.

use super::input::Input;
use super::reader::{Found, Source};
use super::table::Table;
use super::{Columns, TraceRow};
use crate::error::{Place, Result};
use crate::time::SimTime;

pub(super) struct Blis {
    table: Table,
    time: usize,
    prompt: usize,
    output: usize,
    class: Option<usize>,
    session: Option<usize>,
    turn: Option<usize>,
    status: Option<usize>,
}

impl Blis {
    pub fn new(input: Input) -> Result<Blis> {
        let table = Table::new(input)?;
        Ok(Blis {
            time: table.require("arrival_time_us")?,
            prompt: table.require("input_tokens")?,
            output: table.require("output_tokens")?,
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
}

impl Source for Blis {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        if !self.table.advance()? {
            return Ok(Found::End);
        }
        row.arrival = SimTime(self.table.time_ns(self.time, 3)?);
        row.class = self.table.label(self.class)?;
        row.session = self.table.label(self.session)?;
        row.turn = self.table.optional(self.turn, "a round of 0 or more")?;
        if self.failed() {
            row.prompt_tokens = self.table.length_or_zero(self.prompt)?;
            row.output_tokens = self.table.length_or_zero(self.output)?;
            return Ok(Found::Failed);
        }
        row.prompt_tokens = self.table.length(self.prompt)?;
        row.output_tokens = self.table.length(self.output)?;
        Ok(Found::Row)
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
        vec!["Deadlines and shared prefixes of TraceV2 are left out.".to_string()]
    }
}
