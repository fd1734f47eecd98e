//! Hardware in the loop: a latency model that has every step executed by a device, request by request, and says
//! how long that took. Engine and schedulers are the very ones of a simulation.
//!
//! [`InTheLoop`] gives every running request a slot of an [`Executor`], makes up its prompt, feeds back the
//! tokens that come out, and frees the slot when the engine takes the memory back. A request that was preempted
//! computes its prompt and the outputs it had again. Members of a lock-step batch that are done go on computing:
//! their last token, again and again, as such systems feed padding to them; that is also what the engine counts.

mod seats;

use crate::error::{Error, Result};
use crate::ids::RequestId;
use crate::latency::{LatencyModel, Needs, Row, StepShape, Work};
use crate::time::{SimTime, Span};
use seats::Seats;

/// Room for requests on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Requests at a time.
    pub slots: usize,
    /// Tokens of context each may reach.
    pub context: usize,
}

/// What a step does in one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task<'a> {
    /// Computes these tokens, which are known.
    Prompt {
        /// The tokens.
        tokens: &'a [u32],
        /// Whether the next token is wanted.
        last: bool,
    },
    /// Computes the latest output token.
    Decode {
        /// That token.
        token: u32,
    },
}

/// One slot's part in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Which slot; a free one is taken by the first part for it.
    pub slot: usize,
    /// What to do.
    pub task: Task<'a>,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Executed {
    /// How long it took, seconds on the device's clock of choice.
    pub seconds: f64,
    /// The next token of each part; `None` where a prompt goes on.
    pub tokens: Vec<Option<u32>>,
}

/// Something that executes steps.
pub trait Executor: Send {
    /// Its name in messages.
    fn name(&self) -> String;
    /// Tokens are below this.
    fn vocabulary(&self) -> u32;
    /// Room for requests.
    fn room(&self) -> Room;
    /// Whether an encoder reads the prompt, so that it must come in one piece and outputs cannot be computed again.
    fn has_encoder(&self) -> bool;
    /// Executes one step.
    ///
    /// # Errors
    /// The device's.
    fn execute(&mut self, parts: &[Part<'_>]) -> Result<Executed>;
    /// Takes back the last token of a slot that holds `context` tokens of KV, `prompt_tokens` of them prompt.
    ///
    /// # Errors
    /// The device's.
    fn take_back(&mut self, slot: usize, context: usize, prompt_tokens: usize) -> Result<()>;
    /// Frees a slot.
    fn release(&mut self, slot: usize);
}

/// The clock on the wall, started with the run.
pub trait Wall: Send {
    /// Time since the run began.
    fn elapsed(&self) -> Span;
    /// Waits until `elapsed` is at least `until`.
    fn wait(&mut self, until: SimTime);
}

/// Whose time a run's clock is.
pub enum Pace {
    /// Steps take what was measured; idle time costs nothing.
    Virtual,
    /// The run's clock is the one on the wall: arrivals are waited for, and the time that the engine and its
    /// scheduler take between steps counts in the step that follows.
    Real(Box<dyn Wall>),
}

/// A device as a latency model; see the [module](self).
pub struct InTheLoop<E> {
    device: E,
    seats: Seats,
    pace: Pace,
}

impl<E: Executor> InTheLoop<E> {
    /// Puts `device` in the loop; `seed` makes up the prompts.
    pub fn new(device: E, seed: u64, pace: Pace) -> InTheLoop<E> {
        let seats = Seats::new(device.room().slots, device.vocabulary(), seed);
        InTheLoop { device, seats, pace }
    }

    /// Has the rows executed, and keeps the tokens that come out. Returns seconds.
    fn execute(&mut self, rows: &[Row]) -> Result<f64> {
        for row in rows {
            if row.work == Work::Prefill {
                self.check(row)?;
                self.seats.take(row)?;
            }
        }
        let parts: Vec<Part<'_>> = rows.iter().map(|row| self.seats.part(row)).collect();
        let Executed { seconds, tokens } = self.device.execute(&parts)?;
        for (row, token) in rows.iter().zip(tokens) {
            match row.work {
                Work::Padding => {
                    let (context, prompt) = (row.context as usize, row.prompt_tokens as usize);
                    self.device.take_back(self.seats.slot(row.request), context, prompt)?;
                }
                _ if row.emits => self.seats.emitted(row, token.ok_or_else(|| self.mute(row))?),
                _ => {}
            }
        }
        Ok(seconds)
    }

    /// Refuses what an encoder cannot do.
    fn check(&self, row: &Row) -> Result<()> {
        if !self.device.has_encoder() || (row.context == 0 && row.new == row.prompt_tokens) {
            return Ok(());
        }
        let what = match row.new > row.prompt_tokens {
            true => {
                "its encoder reads prompts, not outputs, so a preempted request cannot go on; choose a scheduler \
                     that does not preempt, and kv.blocks for all"
            }
            false => "its encoder reads a prompt in one piece; set engine.chunked_prefill = false",
        };
        Err(Error::Usage(format!("request {} on {}: {what}", row.request, self.device.name())))
    }

    fn mute(&self, row: &Row) -> Error {
        Error::Usage(format!("{} gave no token for request {}", self.device.name(), row.request))
    }
}

impl<E: Executor> LatencyModel for InTheLoop<E> {
    fn step(&mut self, shape: &StepShape<'_>) -> Result<Span> {
        if let Pace::Real(wall) = &mut self.pace {
            wall.wait(shape.start);
        }
        let seconds = self.execute(shape.by_request)?;
        match &self.pace {
            Pace::Virtual => Span::from_secs(seconds)
                .ok_or_else(|| Error::Usage(format!("{} measured {seconds} s", self.device.name()))),
            Pace::Real(wall) => Ok(SimTime(wall.elapsed().0).since(shape.start)),
        }
    }

    fn needs(&self) -> Needs {
        Needs { rows: true, ..Needs::default() }
    }

    fn is_pure(&self) -> bool {
        false
    }

    fn released(&mut self, request: RequestId) {
        if let Some(slot) = self.seats.give_back(request) {
            self.device.release(slot);
        }
    }
}
