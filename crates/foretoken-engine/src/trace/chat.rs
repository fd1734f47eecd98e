//! Conversations as requests: one per assistant message.
//!
//! By default a prompt is what was said since the assistant spoke last, usually the one user message: the
//! published LMSYS-Chat-1M card counts prompts so (69.5 tokens a prompt). With history it is all that was said
//! before, as a chat server without stored state would see it; Etalon's mean of 462 suggests that count.
//! Neither adds the tokens of a chat template. A conversation is a session; it has no times.

use super::reader::{Found, Source};
use super::tokens::Tokenizer;
use super::{Columns, ReadOptions, TraceRow, number};
use crate::error::{Error, Place, Result};

/// One message.
pub(super) struct Message {
    /// Said by the model.
    pub assistant: bool,
    pub text: String,
}

/// One conversation, whatever file it is from.
#[derive(Default)]
pub(super) struct Conversation {
    pub id: Option<Box<str>>,
    pub class: Option<Box<str>>,
    pub messages: Vec<Message>,
}

/// A file of conversations.
pub(super) trait Conversations: Send {
    /// The next one; `None` at the end.
    fn next(&mut self) -> Result<Option<Conversation>>;

    /// Where the one given last is.
    fn place(&self) -> Place;
}

pub(super) struct Chat<C> {
    file: C,
    tokenizer: Tokenizer,
    history: bool,
    conversation: Conversation,
    /// Conversations before the current one, plus one.
    number: u64,
    /// Next message of the conversation, and next turn.
    at: usize,
    turn: u32,
    /// Where the prompt of the next assistant message starts, and its length so far.
    from: usize,
    prompt_tokens: u64,
}

impl<C: Conversations> Chat<C> {
    pub fn new(file: C, options: &ReadOptions) -> Chat<C> {
        let (tokenizer, history) = (options.tokenizer, options.history);
        let conversation = Conversation::default();
        Chat { file, tokenizer, history, conversation, number: 0, at: 0, turn: 0, from: 0, prompt_tokens: 0 }
    }

    /// Turns to the next conversation; false if there is none.
    fn advance(&mut self) -> Result<bool> {
        let Some(conversation) = self.file.next()? else { return Ok(false) };
        self.conversation = conversation;
        self.number += 1;
        (self.at, self.turn, self.from, self.prompt_tokens) = (0, 0, 0, 0);
        Ok(true)
    }

    /// The request that message `at`, the assistant's, answers.
    fn request(&mut self, at: usize, row: &mut TraceRow) -> Result<Found> {
        let messages = &self.conversation.messages;
        let output = self.tokenizer.count(&messages[at].text)?;
        let said: Vec<&str> = messages[self.from..at].iter().map(|m| m.text.as_str()).collect();
        let text = said.join("\n");
        row.prompt_tokens = self.length(self.prompt_tokens)?;
        row.output_tokens = self.length(output)?;
        row.text = (!text.is_empty()).then(|| text.into_boxed_str());
        row.class = self.conversation.class.clone();
        row.session = self.conversation.id.clone().or_else(|| Some((self.number - 1).to_string().into()));
        row.turn = Some(self.turn);
        self.turn += 1;
        if self.history {
            self.prompt_tokens += output;
        } else {
            (self.from, self.prompt_tokens) = (at + 1, 0);
        }
        let answered = row.prompt_tokens > 0 && row.output_tokens > 0;
        Ok(if answered { Found::Row } else { Found::Failed })
    }

    fn length(&self, tokens: u64) -> Result<u32> {
        let length = number::check_length(tokens);
        length.map_err(|what| Error::input(self.file.place(), what, "remove the conversation"))
    }
}

impl<C: Conversations> Source for Chat<C> {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        loop {
            let at = self.at;
            let Some(message) = self.conversation.messages.get(at) else {
                if !self.advance()? {
                    return Ok(Found::End);
                }
                continue;
            };
            self.at += 1;
            if message.assistant {
                return self.request(at, row);
            }
            self.prompt_tokens += self.tokenizer.count(&message.text)?;
        }
    }

    fn place(&self) -> Place {
        self.file.place()
    }

    fn has_whole_prompts(&self) -> bool {
        self.history
    }

    fn columns(&self) -> Columns {
        Columns { class: true, session: true, turn: true, text: true, ..Columns::default() }
    }

    fn remarks(&self) -> Vec<String> {
        let prompts = match self.history {
            true => "A prompt is all that was said before in its conversation.",
            false => "A prompt is the user's message alone; with history it is all that was said before.",
        };
        vec![self.tokenizer.remark(), prompts.to_string()]
    }
}
