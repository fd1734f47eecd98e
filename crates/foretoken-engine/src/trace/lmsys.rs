//! Raw LMSYS-Chat-1M as JSON lines: `conversation` is a list of `content` and `role`. Moderation and the other
//! fields are passed over.

use super::chat::{Conversation, Conversations, Message};
use super::input::{Input, Lines};
use crate::error::{Place, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    conversation_id: Option<Box<str>>,
    model: Option<Box<str>>,
    conversation: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    role: Role,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    System,
    Assistant,
}

pub(super) struct Lmsys(Lines);

impl Lmsys {
    pub fn new(input: Input) -> Lmsys {
        Lmsys(Lines::new(input))
    }
}

impl Conversations for Lmsys {
    fn next(&mut self) -> Result<Option<Conversation>> {
        if !self.0.advance()? {
            return Ok(None);
        }
        let line: Line = serde_json::from_slice(self.0.get()).map_err(|e| self.0.json_error(&e))?;
        let message = |said: Said| Message {
            assistant: matches!(said.role, Role::Assistant),
            text: said.content.unwrap_or_default(),
        };
        let messages = line.conversation.into_iter().map(message).collect();
        Ok(Some(Conversation { id: line.conversation_id, class: line.model, messages }))
    }

    fn place(&self) -> Place {
        self.0.place()
    }
}
