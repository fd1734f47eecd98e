//! How long a request takes alone: the yardstick of slowdown.

use super::{Chunk, LatencyModel, StepShape};
use crate::error::{Error, Result};
use crate::time::Span;

/// End-to-end times of requests that have a replica to themselves, by prompt and output length.
///
/// Remembers what it has worked out: one look-up a request once lengths repeat.
pub struct Isolated {
    model: Box<dyn LatencyModel>,
    overhead_ns: u64,
    chunk_tokens: u64,
    /// Time of all prefill steps, ns, by prompt tokens; `UNKNOWN` until asked for.
    prefill_ns: Vec<u64>,
    /// Sum of the decode steps with contexts up to the index, ns.
    decode_ns: Vec<u64>,
}

const UNKNOWN: u64 = u64::MAX;

impl Isolated {
    /// Longest request, prompt and output tokens, whose steps are worth adding up.
    pub const LONGEST: u64 = 1 << 22;

    /// Times by `model` plus `overhead` a step, prompts taken in chunks of at most `chunk_tokens`.
    pub fn new(model: Box<dyn LatencyModel>, overhead: Span, chunk_tokens: u64) -> Isolated {
        let chunk_tokens = chunk_tokens.max(1);
        Isolated { model, overhead_ns: overhead.0, chunk_tokens, prefill_ns: Vec::new(), decode_ns: vec![0] }
    }

    /// Whether the model lets a request's time alone be told without running it.
    pub fn is_exact(&self) -> bool {
        self.model.is_pure()
    }

    /// End-to-end time of a request of these lengths, tokens.
    ///
    /// # Errors
    /// The model has no answer for one of its steps; the request is longer than [`Isolated::LONGEST`].
    pub fn e2e(&mut self, prompt_tokens: u32, output_tokens: u32) -> Result<Span> {
        if u64::from(prompt_tokens) + u64::from(output_tokens) > Self::LONGEST {
            return Err(Error::Usage(format!("requests over {} tokens are not timed alone", Self::LONGEST)));
        }
        let prefill = match self.prefill_ns.get(prompt_tokens as usize) {
            Some(&ns) if ns != UNKNOWN => ns,
            _ => self.prefill(prompt_tokens)?,
        };
        // Token j of the output, from 1, is emitted by a step that attends to prompt + j - 1 tokens.
        let (first, last) = (prompt_tokens as usize, (prompt_tokens + output_tokens - 1) as usize);
        while self.decode_ns.len() <= last {
            let context_sum = self.decode_ns.len() as u64;
            let shape = StepShape {
                decodes: 1,
                context_sum,
                context_max: context_sum,
                context_squares: u128::from(context_sum) * u128::from(context_sum),
                ..StepShape::default()
            };
            let step = self.model.step(&shape)?.0 + self.overhead_ns;
            self.decode_ns.push(self.decode_ns[self.decode_ns.len() - 1] + step);
        }
        Ok(Span(prefill + self.decode_ns[last] - self.decode_ns[first]))
    }

    fn prefill(&mut self, prompt_tokens: u32) -> Result<u64> {
        let (mut context, mut total) = (0, 0);
        while context < prompt_tokens {
            let new = u64::from(prompt_tokens - context).min(self.chunk_tokens) as u32;
            let chunk = [Chunk::of_prompt(context, new)];
            let shape = StepShape { prefill: &chunk, ..StepShape::default() };
            total += self.model.step(&shape)?.0 + self.overhead_ns;
            context += new;
        }
        let slot = prompt_tokens as usize;
        if slot >= self.prefill_ns.len() {
            self.prefill_ns.resize(slot + 1, UNKNOWN);
        }
        self.prefill_ns[slot] = total;
        Ok(total)
    }
}
