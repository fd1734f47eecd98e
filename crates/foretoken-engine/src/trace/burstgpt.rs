//! BurstGPT (KDD 2025): `Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type`, newer releases
//! with `Session ID` and `Elapsed time`. Times are whole seconds since midnight; a request without response
//! tokens failed.

use super::input::Input;
use super::reader::{Found, Source};
use super::table::Table;
use super::{Columns, TimeUnit, TraceRow};
use crate::error::{Place, Result};
use crate::time::SimTime;

pub(super) struct BurstGpt {
    table: Table,
    time: usize,
    unit: TimeUnit,
    prompt: usize,
    output: usize,
    model: usize,
    session: Option<usize>,
}

impl BurstGpt {
    pub fn new(input: Input, unit: Option<TimeUnit>) -> Result<BurstGpt> {
        let table = Table::new(input)?;
        Ok(BurstGpt {
            unit: unit.unwrap_or(TimeUnit::S),
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
        row.arrival = SimTime(self.table.time_ns(self.time, self.unit)?);
        row.class = self.table.label(Some(self.model))?;
        row.session = self.table.label(self.session)?;
        self.table.lengths(self.prompt, self.output, row)
    }

    fn place(&self) -> Place {
        self.table.place().column("Timestamp")
    }

    fn columns(&self) -> Columns {
        Columns { class: true, session: self.session.is_some(), ..Columns::default() }
    }
}
