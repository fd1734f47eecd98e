//! Instruction data as JSON lines: `prompt` and `response` (or Alpaca's `instruction`, `input` and `output`), with
//! counts of tokens where the file has them (`prompt_tokens*`, `output_tokens*`).

use super::input::{Input, Lines};
use super::reader::{Found, Source};
use super::tokens::Tokenizer;
use super::{Columns, TraceRow, number};
use crate::error::{Error, Place, Result};
use serde_json::{Map, Value};

pub(super) struct Instruct {
    lines: Lines,
    tokenizer: Tokenizer,
}

impl Instruct {
    pub fn new(input: Input, tokenizer: Tokenizer) -> Instruct {
        Instruct { lines: Lines::new(input), tokenizer }
    }

    fn text<'a>(&self, object: &'a Map<String, Value>, names: [&str; 2]) -> Result<&'a str> {
        let found = names.iter().find_map(|name| object.get(*name));
        found.and_then(Value::as_str).ok_or_else(|| {
            let what = format!("no text under `{}`", names[0]);
            Error::input(self.lines.place(), what, format!("write it there, or as `{}`", names[1]))
        })
    }

    /// The count under a key that starts with `name` (`output_tokens_cl100k` says who counted), else of `text`.
    fn tokens(&self, object: &Map<String, Value>, name: &str, text: &str) -> Result<u32> {
        let wrong = |key: &str, what: String| {
            let place = self.lines.place().column(key);
            Error::input(place, what, "write whole tokens, or leave the key out to have the text counted")
        };
        match object.iter().find(|(key, _)| key.starts_with(name)) {
            Some((key, value)) => {
                let count =
                    value.as_u64().ok_or_else(|| wrong(key, format!("{value} is no count of tokens")))?;
                number::check_length(count).map_err(|what| wrong(key, what))
            }
            None => number::check_length(self.tokenizer.count(text)?).map_err(|what| wrong(name, what)),
        }
    }
}

impl Source for Instruct {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        if !self.lines.advance()? {
            return Ok(Found::End);
        }
        let object: Map<String, Value> =
            serde_json::from_slice(self.lines.get()).map_err(|e| self.lines.json_error(&e))?;
        let instruction = self.text(&object, ["prompt", "instruction"])?;
        let input = object.get("input").and_then(Value::as_str).unwrap_or_default();
        let text = if input.is_empty() { instruction.to_string() } else { format!("{instruction}\n{input}") };
        let response = self.text(&object, ["response", "output"])?;
        row.prompt_tokens = self.tokens(&object, "prompt_tokens", &text)?;
        row.output_tokens = self.tokens(&object, "output_tokens", response)?;
        row.class = object.get("set").and_then(Value::as_str).map(Box::from);
        row.text = (!text.is_empty()).then(|| text.into_boxed_str());
        let answered = row.prompt_tokens > 0 && row.output_tokens > 0;
        Ok(if answered { Found::Row } else { Found::Failed })
    }

    fn place(&self) -> Place {
        self.lines.place()
    }

    fn columns(&self) -> Columns {
        Columns { class: true, text: true, ..Columns::default() }
    }

    fn remarks(&self) -> Vec<String> {
        vec![format!("Where a line has no counts of tokens: {}", self.tokenizer.remark())]
    }
}
