//! A model on a device, one step at a time.

use crate::error::{Error, Result};
use crate::probe::PartTime;
use crate::shape::ModelShape;
use serde::{Deserialize, Serialize};

/// How KV lies in memory and attention reads it; outputs are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Attention row by row over exactly the context there is: cost follows the sum of contexts.
    #[default]
    Ragged,
    /// All decode rows in one batched product, padded to the longest: few kernels, cost follows batch
    /// times longest context.
    Padded,
}

/// Room for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Requests at a time.
    pub slots: usize,
    /// Tokens of context each may reach.
    pub context: usize,
}

/// What a step does for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work<'a> {
    /// The next tokens of its prompt. Only an encoder needs the prompt whole.
    Prompt {
        /// The tokens.
        tokens: &'a [u32],
        /// Whether they end the prompt, so that the step yields the first output token.
        last: bool,
    },
    /// One more output token.
    Decode {
        /// The one before it.
        token: u32,
    },
}

/// One request's part in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Whose KV; free slots are taken by their first prompt chunk.
    pub slot: usize,
    /// What to do.
    pub work: Work<'a>,
}

/// A model on a device. Prompt chunks and decodes mix freely in a step.
pub trait Runner: Send {
    /// The model.
    fn shape(&self) -> &ModelShape;
    /// Name of the backend, such as `candle-cpu`.
    fn backend(&self) -> String;
    /// Room for requests.
    fn room(&self) -> Room;
    /// Bytes of KV laid out on the device, cross-attention included.
    fn kv_bytes(&self) -> u64;
    /// By how much memory in use grew when KV was laid out, bytes; `None` where that cannot be told.
    fn kv_bytes_measured(&self) -> Option<u64>;
    /// Bytes of weights on the device.
    fn weight_bytes(&self) -> u64;
    /// The tensor library, with its version.
    fn software(&self) -> String;
    /// Executes one step: for each row its next token (the likeliest), `None` for a prompt that goes on.
    ///
    /// # Errors
    /// [`Error::Step`] where a row asks for what cannot be (nothing is changed then), else the device's.
    fn step(&mut self, rows: &[Row<'_>]) -> Result<Vec<Option<u32>>>;
    /// The same with a stopwatch inside: also how long each part of each layer took, the device waited for
    /// after each.
    ///
    /// # Errors
    /// As [`Runner::step`].
    fn step_by_part(&mut self, rows: &[Row<'_>]) -> Result<(Vec<Option<u32>>, Vec<PartTime>)>;
    /// Seconds of each operation of the backend since the last call; empty unless it was opened by
    /// [`open_traced`](crate::open_traced).
    fn operations(&self) -> Vec<f64>;
    /// Tokens of a slot's own context; 0 when it is free.
    fn context(&self, slot: usize) -> usize;
    /// Frees a slot.
    fn release(&mut self, slot: usize);
    /// Lets a slot hold `own` tokens of its own context and an encoded prompt of `encoded` (0 without an
    /// encoder): its first ones, as they were last written. This is how a stopwatch comes by any context
    /// without computing it again; the tokens that follow mean nothing.
    ///
    /// # Errors
    /// [`Error::Step`] where the slot never held that many.
    fn hold(&mut self, slot: usize, own: usize, encoded: usize) -> Result<()>;
    /// Seconds that a copy of this many bytes takes to the device, and back.
    ///
    /// # Errors
    /// The device's.
    fn transfer(&self, bytes: usize) -> Result<[f64; 2]>;
    /// Waits until the device is done.
    fn synchronize(&self) -> Result<()>;
}

/// What the slots hold: tokens of the decoder's context, and of the encoded prompt.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    pub decoder: Vec<usize>,
    pub encoder: Vec<usize>,
    /// The most that each ever held, (decoder, encoder).
    most: Vec<(usize, usize)>,
}

/// A run of tokens of one request in a pass through a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub slot: usize,
    /// Tokens before it.
    pub context: usize,
    /// First row among the packed ones.
    pub start: usize,
    pub len: usize,
}

impl Slots {
    pub fn new(n: usize) -> Slots {
        Slots { decoder: vec![0; n], encoder: vec![0; n], most: vec![(0, 0); n] }
    }

    /// Notes that a slot's context grew by `tokens`.
    pub fn grow(&mut self, slot: usize, tokens: usize) {
        self.decoder[slot] += tokens;
        let (own, encoded) = self.most[slot];
        self.most[slot] = (own.max(self.decoder[slot]), encoded.max(self.encoder[slot]));
    }

    /// As [`Runner::hold`].
    pub fn hold(&mut self, slot: usize, own: usize, encoded: usize) -> Result<()> {
        let most = self.most.get(slot).copied().unwrap_or_default();
        if own > most.0 || encoded > most.1 {
            let what = format!("slot {slot}: it never held {own} tokens and an encoded prompt of {encoded}");
            return Err(Error::Step(what));
        }
        (self.decoder[slot], self.encoder[slot]) = (own, encoded);
        Ok(())
    }

    /// Whether these rows can be executed.
    pub fn check(&self, shape: &ModelShape, room: Room, rows: &[Row<'_>]) -> Result<()> {
        let mut seen = vec![false; room.slots];
        for row in rows {
            let bad = |what: String| Err(Error::Step(format!("slot {}: {what}", row.slot)));
            let Some(seen) = seen.get_mut(row.slot) else {
                return bad(format!("there are only {}", room.slots));
            };
            if std::mem::replace(seen, true) {
                return bad("appears twice".to_string());
            }
            let held = self.decoder[row.slot];
            let (tokens, decodes) = match &row.work {
                Work::Prompt { tokens, .. } => (*tokens, false),
                Work::Decode { token } => (std::slice::from_ref(token), true),
            };
            if tokens.is_empty() {
                return bad("a chunk of no tokens".to_string());
            }
            if decodes && held == 0 {
                return bad("decodes without a prompt".to_string());
            }
            if let Some(token) = tokens.iter().find(|t| **t as usize >= shape.vocab) {
                return bad(format!("token {token} is not in a vocabulary of {}", shape.vocab));
            }
            if shape.is_encoder_decoder() && !decodes {
                if held > 0 || matches!(row.work, Work::Prompt { last: false, .. }) {
                    return bad("an encoder needs its prompt in one piece".to_string());
                }
                if tokens.len() > room.context {
                    return bad(format!("a prompt of {} tokens in room for {}", tokens.len(), room.context));
                }
            } else if held + tokens.len() > room.context {
                return bad(format!("{} tokens in room for {}", held + tokens.len(), room.context));
            }
        }
        Ok(())
    }
}
