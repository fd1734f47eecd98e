//! Slots set up for a step that is to be timed.
//!
//! A step wants its requests to hold certain contexts, and computing those would cost more than the step. So
//! every slot is filled to the brim once; from then on a slot is told to hold only its first tokens
//! ([`Runner::hold`]), which costs nothing.

use crate::calibrate::{Extent, Point};
use foretoken_nn::{Result, Row, Runner, Work};

/// Output tokens that decodes of an encoder-decoder have behind them, where their context has room; the rest
/// of it is the encoded prompt.
const OUTPUT_TOKENS: u32 = 32;

/// Filled slots.
pub(super) struct Stage {
    tokens: Vec<u32>,
    encodes: bool,
}

impl Stage {
    /// Fills every slot of `runner` to the context of `extent`, unless it was that full before.
    pub fn fill(runner: &mut dyn Runner, extent: &Extent) -> Result<Stage> {
        let context = extent.context as usize;
        let stage = Stage::new(runner, context);
        if stage.encodes {
            stage.fill_encoder(runner, context)?;
            return Ok(stage);
        }
        for slot in 0..extent.slots as usize {
            if runner.hold(slot, context, 0).is_ok() {
                continue;
            }
            runner.release(slot);
            for chunk in stage.tokens.chunks(extent.step_tokens as usize) {
                runner.step(&[Row { slot, work: Work::Prompt { tokens: chunk, last: false } }])?;
            }
        }
        Ok(stage)
    }

    /// A stage whose slots are not filled: for prompts from the start alone.
    pub fn new(runner: &dyn Runner, context: usize) -> Stage {
        let vocab = runner.shape().vocab as u64;
        let tokens = (0..context as u64).map(|i| (i * 7919 % vocab) as u32).collect();
        Stage { tokens, encodes: runner.shape().is_encoder_decoder() }
    }

    fn fill_encoder(&self, runner: &mut dyn Runner, context: usize) -> Result<()> {
        let slots = runner.room().slots;
        let own = (OUTPUT_TOKENS as usize).min(context);
        if (0..slots).all(|slot| runner.hold(slot, own, context).is_ok()) {
            return Ok(());
        }
        for slot in 0..slots {
            runner.release(slot);
            let work = Work::Prompt { tokens: &self.tokens[..context], last: true };
            runner.step(&[Row { slot, work }])?;
        }
        for _ in 1..own {
            let decode = |slot| Row { slot, work: Work::Decode { token: self.tokens[slot % context] } };
            runner.step(&(0..slots).map(decode).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Sets the slots `seats` up for `point`: the rows of its step.
    pub fn set(&self, runner: &mut dyn Runner, point: &Point, seats: &[usize]) -> Result<Vec<Row<'_>>> {
        let mut seats = seats.iter().copied();
        let mut rows = Vec::with_capacity(point.requests());
        for (part, slot) in point.prefill.iter().zip(&mut seats) {
            runner.hold(slot, part.context as usize, 0)?;
            let tokens = &self.tokens[part.context as usize..(part.context + part.new) as usize];
            rows.push(Row { slot, work: Work::Prompt { tokens, last: true } });
        }
        for group in &point.decode {
            let (own, encoded) = self.split(group.context);
            for slot in seats.by_ref().take(group.rows as usize) {
                runner.hold(slot, own, encoded)?;
                rows.push(Row { slot, work: Work::Decode { token: self.tokens[slot % self.tokens.len()] } });
            }
        }
        Ok(rows)
    }

    /// What a slot holds before a decode that attends to `context` tokens, its own new one included: tokens of
    /// its own context, and of the encoded prompt.
    fn split(&self, context: u32) -> (usize, usize) {
        let held = context - 1;
        if !self.encodes {
            return (held as usize, 0);
        }
        let own = OUTPUT_TOKENS.min(context / 2);
        (own as usize, (held - own) as usize)
    }
}
