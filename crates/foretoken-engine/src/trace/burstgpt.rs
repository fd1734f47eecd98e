//! BurstGPT (KDD 2025): `Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`, newer releases
//! with `Session ID` and `Elapsed time`. Times are whole seconds since midnight; a request without response
//! tokens failed.

use super::input::Input;
use super::reader::{Found, Source};
use super::table::Table;
use super::{Columns, TraceRow};
use crate::error::{Place, Result};
use crate::time::SimTime;

pub(super) struct BurstGpt {
    table: Table,
    time: usize,
    prompt: usize,
    output: usize,
    model: usize,
    session: Option<usize>,
}

impl BurstGpt {
    pub fn new(input: Input) -> Result<BurstGpt> {
        let table = Table::new(input)?;
        Ok(BurstGpt {
            time: table.require("Timestamp")?,
            prompt: table.require("Request tokens")?,
            output: table.require("Response tokens")?,
            model: table.require("Model")?,
            session: table.find(&["Session ID"]),
            table,
        })
    }
}

impl Source for BurstGpt {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        if !self.table.advance()? {
            return Ok(Found::End);
        }
        row.arrival = SimTime(self.table.time_ns(self.time, 9)?);
        row.class = self.table.label(Some(self.model))?;
        row.session = self.table.label(self.session)?;
        row.output_tokens = self.table.length_or_zero(self.output)?;
        if row.output_tokens == 0 {
            row.prompt_tokens = self.table.length_or_zero(self.prompt)?;
            return Ok(Found::Failed);
        }
        row.prompt_tokens = self.table.length(self.prompt)?;
        Ok(Found::Row)
    }

    fn place(&self) -> Place {
        self.table.place().column("Timestamp")
    }

    fn columns(&self) -> Columns {
        Columns { class: true, session: self.session.is_some(), ..Columns::default() }
    }
}
