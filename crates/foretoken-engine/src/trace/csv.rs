//! foretoken CSV: the format that [`super::write()`] writes.

use super::input::Input;
use super::reader::{Found, Source};
use super::table::Table;
use super::{Columns, ReadOptions, TimeUnit, TraceRow, number, setting};
use crate::error::{Place, Result};
use crate::length::LogT;
use crate::time::SimTime;

const KNOWN: [&str; 16] = [
    "id",
    "arrival_s",
    "prompt_tokens",
    "output_tokens",
    "class",
    "session",
    "turn",
    "priority",
    "deadline_s",
    "max_tokens",
    "text",
    "prefix_hashes",
    "length_mu",
    "length_sigma",
    "length_nu",
    "length_cap",
];

/// Where the columns are.
struct Places {
    id: Option<usize>,
    arrival: usize,
    prompt: usize,
    output: usize,
    class: Option<usize>,
    session: Option<usize>,
    turn: Option<usize>,
    priority: Option<usize>,
    deadline: Option<usize>,
    max_tokens: Option<usize>,
    text: Option<usize>,
    prefix_hashes: Option<usize>,
    law: Option<[usize; 4]>,
}

pub(super) struct Foretoken {
    table: Table,
    at: Places,
    hash_block_tokens: u32,
    unit: TimeUnit,
}

impl Foretoken {
    pub fn new(input: Input, options: &ReadOptions, hash_block_tokens: u32) -> Result<Foretoken> {
        let table = Table::new(input)?;
        check_headers(&table, options.ignore_extra)?;
        let law = ["length_mu", "length_sigma", "length_nu", "length_cap"];
        let find = |name: &'static str| table.find(&[name]);
        let at = Places {
            id: find("id"),
            arrival: table.require("arrival_s")?,
            prompt: table.require("prompt_tokens")?,
            output: table.require("output_tokens")?,
            class: find("class"),
            session: find("session"),
            turn: find("turn"),
            priority: find("priority"),
            deadline: find("deadline_s"),
            max_tokens: find("max_tokens"),
            text: find("text"),
            prefix_hashes: find("prefix_hashes"),
            law: match law.iter().any(|name| find(name).is_some()) {
                true => Some([
                    table.require(law[0])?,
                    table.require(law[1])?,
                    table.require(law[2])?,
                    table.require(law[3])?,
                ]),
                false => None,
            },
        };
        let unit = options.time_unit.unwrap_or(TimeUnit::S);
        Ok(Foretoken { table, at, hash_block_tokens, unit })
    }

    fn optional_columns(&mut self, row: &mut TraceRow) -> Result<()> {
        let (table, at) = (&self.table, &self.at);
        if let Some(id) = at.id {
            row.id = table.number(id, "an id of 0 to 2^32-2")?;
            if row.id == u32::MAX {
                return Err(table.error(id, "the id is over 2^32-2", "number requests from 0"));
            }
        }
        row.class = table.label(at.class)?;
        row.session = table.label(at.session)?;
        row.turn = table.optional(at.turn, "a turn of 0 or more")?;
        row.priority = table.optional(at.priority, "a whole number")?;
        row.deadline_s = table.optional(at.deadline, "a number of seconds")?;
        if let (Some(value), Some(column)) = (row.deadline_s, at.deadline)
            && !(value.is_finite() && value >= 0.0)
        {
            let what = number::not("a time of 0 or later", table.cell(column));
            return Err(table.error(column, what, "give seconds after arrival, or leave it empty"));
        }
        if let Some(column) = at.max_tokens.filter(|&c| !table.cell(c).is_empty()) {
            row.max_tokens = Some(table.length(column)?);
        }
        row.text = table.label(at.text)?;
        row.law = self.law()?;
        self.hashes(row)
    }

    fn hashes(&self, row: &mut TraceRow) -> Result<()> {
        let Some(column) = self.at.prefix_hashes else { return Ok(()) };
        let cell = self.table.cell(column);
        if cell.is_empty() {
            return Ok(());
        }
        for part in cell.split(|&b| b == b';') {
            let hash = number::parse(part).ok_or_else(|| {
                let what = number::not("a hash (whole number under 2^64)", part);
                self.table.error(column, what, "write hashes as 1;2;3")
            })?;
            row.prefix_hashes.push(hash);
        }
        let blocks = row.prompt_tokens.div_ceil(self.hash_block_tokens) as usize;
        if row.prefix_hashes.len() > blocks {
            let (n, size) = (row.prefix_hashes.len(), self.hash_block_tokens);
            let what = format!("{n} hashes for the {blocks} blocks of {size} tokens that the prompt has");
            return Err(self.table.error(
                column,
                what,
                setting("trace.hash_block_tokens to the size of their blocks", "--hash-block-tokens"),
            ));
        }
        Ok(())
    }

    /// The law of the row, `None` where its four cells are empty.
    fn law(&self) -> Result<Option<LogT>> {
        let Some([mu, sigma, nu, cap]) = self.at.law else { return Ok(None) };
        let table = &self.table;
        if [mu, sigma, nu, cap].iter().all(|&c| table.cell(c).is_empty()) {
            return Ok(None);
        }
        let real = |column: usize, wanted: &str, holds: fn(f64) -> bool| -> Result<f64> {
            let value = table.number(column, wanted)?;
            let good = f64::is_finite(value) && holds(value);
            let what = || number::not(wanted, table.cell(column));
            good.then_some(value).ok_or_else(|| table.error(column, what(), "correct the law of this row"))
        };
        Ok(Some(LogT {
            mu: real(mu, "a number", |_| true)?,
            sigma: real(sigma, "a number of 0 or more", |v| v >= 0.0)?,
            nu: real(nu, "a positive number", |v| v > 0.0)?,
            cap: table.length(cap)?,
        }))
    }
}

fn check_headers(table: &Table, ignore_extra: bool) -> Result<()> {
    for (i, name) in table.headers().iter().enumerate() {
        if table.headers()[..i].contains(name) {
            return Err(table.error(i, "this column is there twice", "remove one of them"));
        }
        if !KNOWN.contains(&name.as_str()) && !ignore_extra {
            let near = crate::error::nearest(name, KNOWN);
            let near = near.map_or(String::new(), |n| format!("is `{n}` meant? "));
            let pass = setting("trace.ignore_extra = true", "--ignore-extra");
            let help = format!("{near}to pass over it, {pass}; known: {}", KNOWN.join(", "));
            return Err(table.error(i, "unknown column", help));
        }
    }
    Ok(())
}

impl Source for Foretoken {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        if !self.table.advance()? {
            return Ok(Found::End);
        }
        row.arrival = SimTime(self.table.time_ns(self.at.arrival, self.unit)?);
        let found = self.table.lengths(self.at.prompt, self.at.output, row)?;
        if self.table.headers().len() > 3 {
            self.optional_columns(row)?;
        }
        Ok(found)
    }

    fn place(&self) -> Place {
        self.table.place().column("arrival_s")
    }

    fn columns(&self) -> Columns {
        Columns {
            id: self.at.id.is_some(),
            class: self.at.class.is_some(),
            session: self.at.session.is_some(),
            turn: self.at.turn.is_some(),
            priority: self.at.priority.is_some(),
            deadline: self.at.deadline.is_some(),
            max_tokens: self.at.max_tokens.is_some(),
            text: self.at.text.is_some(),
            prefix_hashes: self.at.prefix_hashes.is_some(),
            law: self.at.law.is_some(),
        }
    }
}
