//! Azure LLM inference traces (Splitwise, ISCA 2024; and the week of 2024): `TIMESTAMP,ContextTokens,
//! GeneratedTokens`. The time stamp is a wall clock with up to 100 ns digits, with or without a zone.

use super::TraceRow;
use super::input::Input;
use super::reader::{Found, Source};
use super::table::Table;
use crate::error::{Place, Result};
use crate::time::SimTime;
use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};

pub(super) struct Azure {
    table: Table,
    time: usize,
    prompt: usize,
    output: usize,
}

impl Azure {
    pub fn new(input: Input) -> Result<Azure> {
        let table = Table::new(input)?;
        let (time, prompt) = (table.require("TIMESTAMP")?, table.require("ContextTokens")?);
        Ok(Azure { time, prompt, output: table.require("GeneratedTokens")?, table })
    }
}

impl Source for Azure {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        if !self.table.advance()? {
            return Ok(Found::End);
        }
        let ns = wall_clock_ns(self.table.cell(self.time)).ok_or_else(|| {
            let what = super::number::not("a time stamp", self.table.cell(self.time));
            self.table.error(
                self.time,
                what,
                "write it as 2023-11-16 18:15:46.6805900, with +00:00 after it or not",
            )
        })?;
        row.arrival = SimTime(ns);
        self.table.lengths(self.prompt, self.output, row)
    }

    fn place(&self) -> Place {
        self.table.place().column("TIMESTAMP")
    }
}

/// Nanoseconds since 1970; a stamp without a zone is in UTC.
fn wall_clock_ns(cell: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(cell).ok()?.trim();
    let time = match text.parse::<Timestamp>() {
        Ok(time) => time,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    u64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_keep_100_ns_and_zones() {
        let base = wall_clock_ns(b"2023-11-16 18:15:46.6805900").unwrap();
        assert_eq!(wall_clock_ns(b"2023-11-16 18:15:46.6805901").unwrap() - base, 100);
        assert_eq!(wall_clock_ns(b"2023-11-16 19:15:46.680590+01:00"), Some(base));
        assert_eq!(wall_clock_ns(b"2023-11-16T18:15:46.68059Z"), Some(base));
        assert_eq!(wall_clock_ns(b"1950-01-01 00:00:00"), None);
        assert_eq!(wall_clock_ns(b"yesterday"), None);
    }
}
