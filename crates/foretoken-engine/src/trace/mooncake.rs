//! Mooncake (Kimi, FAST 2025) and Qwen-Bailian traces: JSON lines of a time, two lengths and the hashes of the
//! prompt's blocks. Mooncake counts milliseconds and blocks of 512 tokens; Qwen seconds and blocks of 16, and
//! says which chat a request continues.

use super::input::{Input, Lines};
use super::mooncake_line::{Line, LineSeed, Number};
use super::number::check_length;
use super::reader::{Found, Source};
use super::{Columns, TimeUnit, TraceRow, clock, setting};
use crate::error::{Error, Place, Result};
use crate::time::{SimTime, Span};
use serde::de::DeserializeSeed;
use std::collections::BTreeMap;

pub(super) struct Mooncake {
    lines: Lines,
    qwen: bool,
    unit: TimeUnit,
    /// What the choice of the unit has to say.
    unit_remark: Option<String>,
    hash_block_tokens: u32,
    /// Qwen: the session of each chat id seen, the one thing here that grows with the trace.
    sessions: BTreeMap<u64, u64>,
}

impl Mooncake {
    pub fn new(input: Input, qwen: bool, hash_block_tokens: u32, unit: Option<TimeUnit>) -> Result<Mooncake> {
        let usual = if qwen { TimeUnit::S } else { TimeUnit::Ms };
        let (unit, unit_remark) = match unit {
            Some(unit) => (unit, None),
            None => clock::unit_of_lines(&input.file, &input.head, usual)?,
        };
        let sessions = BTreeMap::new();
        Ok(Mooncake { lines: Lines::new(input), qwen, unit, unit_remark, hash_block_tokens, sessions })
    }

    fn error(&self, key: &str, what: impl Into<String>, help: impl Into<String>) -> Error {
        Error::input(self.lines.place().column(key), what, help)
    }

    fn required(&self, key: &str, value: Option<Number>) -> Result<Number> {
        value.ok_or_else(|| self.error(key, "this key is missing", "every line needs it"))
    }

    fn length(&self, key: &str, value: Option<Number>) -> Result<u32> {
        let length = match self.required(key, value)? {
            Number::Whole(n) => check_length(n),
            other => Err(format!("`{other}` is not a whole number of tokens")),
        };
        match length {
            Ok(length) => Ok(length),
            Err(what) => Err(self.error(key, what, "write lengths as whole tokens, at most 2^31")),
        }
    }

    fn time(&self, value: Option<Number>) -> Result<SimTime> {
        let ns_per_unit = 10u64.pow(self.unit.exponent());
        let value = self.required("timestamp", value)?;
        let ns = match value {
            Number::Whole(n) => n.checked_mul(ns_per_unit),
            Number::Real(x) => Span::from_ns(x * ns_per_unit as f64).map(|span| span.0),
            Number::Negative(_) => None,
        };
        ns.map(SimTime).ok_or_else(|| {
            let (what, help) = clock::no_time(value.value(), &value.to_string(), self.unit);
            self.error("timestamp", what, help)
        })
    }

    fn check_hashes(&self, row: &TraceRow) -> Result<()> {
        let (n, size) = (row.prefix_hashes.len(), self.hash_block_tokens);
        let blocks = row.prompt_tokens.div_ceil(size) as usize;
        if n == 0 || n == blocks {
            return Ok(());
        }
        let what = format!("{n} hashes for the {blocks} blocks of {size} tokens that the prompt has");
        Err(self.error(
            "hash_ids",
            what,
            setting("trace.hash_block_tokens to the size of their blocks", "--hash-block-tokens"),
        ))
    }

    /// Chat, parent and turn become session and turn: a chat without a parent opens a session, named after it.
    fn chat(&mut self, object: &Line, row: &mut TraceRow) -> Result<()> {
        let whole = |key: &str, value: Option<Number>| match value {
            None | Some(Number::Negative(-1)) => Ok(None),
            Some(Number::Whole(n)) => Ok(Some(n)),
            Some(other) => {
                Err(self.error(key, format!("`{other}` is not a chat id"), "use whole numbers, -1 for none"))
            }
        };
        let (chat, parent) = (whole("chat_id", object.chat)?, whole("parent_chat_id", object.parent)?);
        // The ids of turns in the source count from 1.
        row.turn = match object.turn {
            None => None,
            Some(Number::Whole(n)) if (1..=u64::from(u32::MAX)).contains(&n) => Some((n - 1) as u32),
            Some(other) => {
                return Err(self.error("turn", format!("`{other}` is not a turn"), "count turns from 1"));
            }
        };
        if let Some(chat) = chat {
            // A parent from before the trace's start leaves its id as the session's name.
            let session = parent.map_or(chat, |p| self.sessions.get(&p).copied().unwrap_or(p));
            self.sessions.insert(chat, session);
            row.session = Some(session.to_string().into());
        }
        Ok(())
    }
}

impl Source for Mooncake {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        if !self.lines.advance()? {
            return Ok(Found::End);
        }
        let mut json = serde_json::Deserializer::from_slice(self.lines.get());
        let seed = LineSeed { hashes: &mut row.prefix_hashes };
        let object = seed.deserialize(&mut json).and_then(|object| json.end().map(|()| object));
        let object = object.map_err(|e| self.lines.json_error(&e))?;
        row.arrival = self.time(object.timestamp)?;
        row.prompt_tokens = self.length("input_length", object.input)?;
        row.output_tokens = self.length("output_length", object.output)?;
        let found = Found::answered(row);
        if matches!(found, Found::Row) && row.prompt_tokens == 0 {
            return Err(self.error(
                "input_length",
                "0 tokens",
                "every prompt has at least 1; remove the line",
            ));
        }
        self.check_hashes(row)?;
        if self.qwen {
            self.chat(&object, row)?;
            row.class = object.kind;
        }
        Ok(found)
    }

    fn place(&self) -> Place {
        self.lines.place().column("timestamp")
    }

    /// Qwen's prompts are whole requests; Mooncake has no sessions.
    fn has_whole_prompts(&self) -> bool {
        self.qwen
    }

    fn remarks(&self) -> Vec<String> {
        self.unit_remark.iter().cloned().collect()
    }

    fn columns(&self) -> Columns {
        let qwen = self.qwen;
        Columns { prefix_hashes: true, class: qwen, session: qwen, turn: qwen, ..Columns::default() }
    }
}
