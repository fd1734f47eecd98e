//! The bench as a device in the loop, and the clock on the wall.

use super::{Bench, refused};
use crate::error::Result;
use crate::in_the_loop::{Executed, Executor, Part, Room, Task, Wall};
use crate::time::{SimTime, Span};
use foretoken_nn::{Row, Work};
use std::time::{Duration, Instant};

impl Executor for Bench {
    fn name(&self) -> String {
        format!("{} on {}", self.runner.shape().name, self.runner.backend())
    }

    fn vocabulary(&self) -> u32 {
        self.runner.shape().vocab as u32
    }

    fn room(&self) -> Room {
        let foretoken_nn::Room { slots, context } = self.runner.room();
        Room { slots, context }
    }

    fn has_encoder(&self) -> bool {
        self.runner.shape().is_encoder_decoder()
    }

    fn execute(&mut self, parts: &[Part<'_>]) -> Result<Executed> {
        let rows: Vec<Row<'_>> = parts.iter().map(row).collect();
        let (timed, tokens) = self.step(&rows)?;
        Ok(Executed { seconds: timed.seconds(self.clock), tokens })
    }

    fn take_back(&mut self, slot: usize, context: usize, prompt_tokens: usize) -> Result<()> {
        let (own, encoded) = match self.has_encoder() {
            // The decoder holds its start token and the outputs but the last.
            true => (self.runner.context(slot) - 1, prompt_tokens),
            false => (context, 0),
        };
        self.runner.hold(slot, own, encoded).map_err(refused)
    }

    fn release(&mut self, slot: usize) {
        self.runner.release(slot);
    }
}

/// A part in the words of the runner.
fn row<'a>(part: &Part<'a>) -> Row<'a> {
    let work = match part.task {
        Task::Prompt { tokens, last } => Work::Prompt { tokens, last },
        Task::Decode { token } => Work::Decode { token },
    };
    Row { slot: part.slot, work }
}

/// The clock on the wall, started when it is first looked at: opening a device takes a while.
#[derive(Default)]
pub struct StoppedWall(Option<Instant>);

impl Wall for StoppedWall {
    fn elapsed(&self) -> Span {
        Span(self.0.map_or(0, |start| start.elapsed().as_nanos() as u64))
    }

    fn wait(&mut self, until: SimTime) {
        self.0.get_or_insert_with(Instant::now);
        std::thread::sleep(Duration::from_nanos(until.since(SimTime(self.elapsed().0)).0));
    }
}
