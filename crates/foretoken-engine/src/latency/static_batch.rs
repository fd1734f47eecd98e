//! Step time of a server that pads a batch to its longest member.

use super::model::{Kernel, span_ns};
use super::profile::{Flaw, quantity};
use super::{Chunk, Minorant, StepLimits, StepShape};
use crate::error::Result;
use crate::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A batch of k prompts padded to the longest L takes `prefill_s + prefill_token_s·k·L + prefill_square_s·k·L²`;
/// a decode step of B rows takes `decode_s + decode_row_s·B + decode_context_s·B·C` with C their largest context.
///
/// A step that does both takes the sum. Chunks on top of context count k·N·(2M + N) for k·L², with N the longest
/// chunk and M the largest context under one: the same for whole prompts. Absent keys are 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaticBatch {
    /// Seconds of any prefill.
    pub prefill_s: f64,
    /// Seconds per prompt token, padding included.
    #[serde(default)]
    pub prefill_token_s: f64,
    /// Seconds per squared token of padded length and prompt.
    #[serde(default)]
    pub prefill_square_s: f64,
    /// Seconds of any decode.
    pub decode_s: f64,
    /// Seconds per row.
    #[serde(default)]
    pub decode_row_s: f64,
    /// Seconds per token of padded context and row.
    #[serde(default)]
    pub decode_context_s: f64,
}

/// What padding makes of prefill chunks: their padded tokens k·N, and k·N·(2M + N).
pub fn padded(chunks: &[Chunk]) -> [f64; 2] {
    let longest = |of: fn(&Chunk) -> u32| f64::from(chunks.iter().map(of).max().unwrap_or(0));
    let (new, context) = (longest(|c| c.new), longest(|c| c.context));
    let tokens = chunks.len() as f64 * new;
    [tokens, tokens * (2.0 * context + new)]
}

impl StaticBatch {
    pub(super) fn check(&self) -> std::result::Result<(), Flaw> {
        let table = "timing.static-batch";
        quantity(table, "prefill_s", self.prefill_s)?;
        quantity(table, "prefill_token_s", self.prefill_token_s)?;
        quantity(table, "prefill_square_s", self.prefill_square_s)?;
        quantity(table, "decode_s", self.decode_s)?;
        quantity(table, "decode_row_s", self.decode_row_s)?;
        quantity(table, "decode_context_s", self.decode_context_s)
    }
}

impl Kernel for StaticBatch {
    /// Padding only adds: k·L is at least the tokens, k·N·(2M + N) at least twice the pairs, B·C at least S.
    fn minorants(&self, _: &StepLimits) -> Vec<Minorant> {
        let constant = self.prefill_s.min(self.decode_s);
        vec![Minorant {
            prompt_step_s: constant,
            decode_step_s: constant,
            prefill_token_s: self.prefill_token_s,
            prefill_pair_s: 2.0 * self.prefill_square_s,
            decode_s: self.decode_row_s,
            context_token_s: self.decode_context_s,
            resumes: false,
        }]
    }

    fn reads_max(&self) -> bool {
        true
    }

    #[inline]
    fn step(&self, shape: &StepShape<'_>) -> Result<Span> {
        let mut seconds = 0.0;
        if shape.decodes > 0 {
            let rows = shape.decodes as f64;
            let each = self.decode_row_s + self.decode_context_s * shape.context_max as f64;
            seconds += self.decode_s + rows * each;
        }
        if !shape.prefill.is_empty() {
            let [tokens, squares] = padded(shape.prefill);
            seconds += self.prefill_s + self.prefill_token_s * tokens + self.prefill_square_s * squares;
        }
        span_ns("the padded batch's sum", seconds * 1e9)
    }
}
