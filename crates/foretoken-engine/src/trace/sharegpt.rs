//! ShareGPT: a JSON array (or a sequence) of objects with `conversations`, a list of `from` and `value`.

use super::chat::{Conversation, Conversations, Message};
use super::input::{Bytes, Input, json_error, read_error};
use crate::error::{Error, Place, Result};
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

#[derive(Deserialize)]
struct Element {
    id: Option<Box<str>>,
    conversations: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    from: String,
    value: Option<String>,
}

/// Who speaks for the model in the copies of ShareGPT that go round.
const ASSISTANTS: [&str; 6] = ["gpt", "chatgpt", "assistant", "bing", "bard", "model"];
const OTHERS: [&str; 4] = ["human", "user", "system", "tool"];

pub(super) struct ShareGpt {
    elements: Elements,
}

impl ShareGpt {
    pub fn new(input: Input) -> ShareGpt {
        let bytes = BufReader::with_capacity(1 << 16, input.bytes);
        let elements = Elements { file: input.file, bytes, buffer: Vec::new(), at: [1, 0], start: [1, 0] };
        ShareGpt { elements }
    }

    fn message(&self, said: Said) -> Result<Message> {
        let assistant = ASSISTANTS.contains(&said.from.as_str());
        if !assistant && !OTHERS.contains(&said.from.as_str()) {
            let what = format!("unknown speaker `{}`", said.from);
            let help = format!("known: {}, {}", OTHERS.join(", "), ASSISTANTS.join(", "));
            return Err(Error::input(self.place().column("from"), what, help));
        }
        Ok(Message { assistant, text: said.value.unwrap_or_default() })
    }
}

impl Conversations for ShareGpt {
    fn next(&mut self) -> Result<Option<Conversation>> {
        if !self.elements.advance()? {
            return Ok(None);
        }
        let parsed = serde_json::from_slice(&self.elements.buffer);
        let element: Element = parsed.map_err(|e| {
            // The parser's position is from the start of the object.
            let [line, column] = self.elements.start;
            let place = match e.line() as u64 {
                0 | 1 => self.place().line(line).column((column - 1 + e.column() as u64).to_string()),
                later => self.place().line(line + later - 1).column(e.column().to_string()),
            };
            json_error(place, &e)
        })?;
        let messages: Result<Vec<Message>> =
            element.conversations.into_iter().map(|s| self.message(s)).collect();
        Ok(Some(Conversation { id: element.id, class: None, messages: messages? }))
    }

    fn place(&self) -> Place {
        Place::file(&self.elements.file).line(self.elements.start[0])
    }
}

/// The objects of a JSON array, one at a time: serde can only read an array whole.
struct Elements {
    file: Arc<Path>,
    bytes: BufReader<Bytes>,
    buffer: Vec<u8>,
    /// 1-based line and column of the last byte, and of the first one of the current object.
    at: [u64; 2],
    start: [u64; 2],
}

impl Elements {
    /// Copies the next object into the buffer; false at the end.
    fn advance(&mut self) -> Result<bool> {
        self.buffer.clear();
        loop {
            match self.byte()? {
                None => return Ok(false),
                Some(b'{') => break,
                Some(b'[' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n') => {}
                Some(other) => {
                    let what = format!("`{}` where a conversation (an object) should be", char::from(other));
                    let place = Place::file(&self.file).line(self.at[0]);
                    return Err(Error::input(place, what, "ShareGPT is a JSON array of objects"));
                }
            }
        }
        self.start = self.at;
        self.buffer.push(b'{');
        self.rest()?;
        Ok(true)
    }

    /// Copies up to the brace that closes the object, passing over those in strings.
    fn rest(&mut self) -> Result<()> {
        let (mut depth, mut string, mut escaped) = (1u32, false, false);
        while depth > 0 {
            let Some(byte) = self.byte()? else {
                let place = Place::file(&self.file).line(self.start[0]);
                return Err(Error::input(place, "the file ends within this object", "fetch the file again"));
            };
            self.buffer.push(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if string => escaped = true,
                b'"' => string = !string,
                b'{' if !string => depth += 1,
                b'}' if !string => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<Option<u8>> {
        let next = self.bytes.fill_buf().map(|b| b.first().copied());
        let next = next.map_err(|e| read_error(Place::file(&self.file).line(self.at[0]), e))?;
        if let Some(byte) = next {
            self.bytes.consume(1);
            let [line, column] = self.at;
            self.at = if byte == b'\n' { [line + 1, 0] } else { [line, column + 1] };
        }
        Ok(next)
    }
}
