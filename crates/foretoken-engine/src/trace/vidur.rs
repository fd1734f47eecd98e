//! Vidur and Etalon: `num_prefill_tokens,num_decode_tokens`, with `arrived_at` in seconds where there are times.
//! Other columns (totals, ratios) follow from these and are passed over.

use super::input::Input;
use super::reader::{Found, Source};
use super::table::Table;
use super::{TimeUnit, TraceRow};
use crate::error::{Place, Result};
use crate::time::SimTime;

pub(super) struct Vidur {
    table: Table,
    time: Option<(usize, TimeUnit)>,
    prompt: usize,
    output: usize,
}

impl Vidur {
    pub fn new(input: Input, times: Option<TimeUnit>) -> Result<Vidur> {
        let table = Table::new(input)?;
        let time = times.map(|unit| Ok((table.require("arrived_at")?, unit))).transpose()?;
        let prompt = table.require("num_prefill_tokens")?;
        Ok(Vidur { time, prompt, output: table.require("num_decode_tokens")?, table })
    }
}

impl Source for Vidur {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        if !self.table.advance()? {
            return Ok(Found::End);
        }
        if let Some((time, unit)) = self.time {
            row.arrival = SimTime(self.table.time_ns(time, unit)?);
        }
        self.table.lengths(self.prompt, self.output, row)
    }

    fn place(&self) -> Place {
        match self.time {
            Some(_) => self.table.place().column("arrived_at"),
            None => self.table.place(),
        }
    }
}
