//! Step time as a sum of terms linear in the aggregates of a step.

use super::model::{Kernel, span_ns};
use super::profile::{Flaw, quantity};
use super::{Minorant, StepLimits, StepShape};
use crate::error::Result;
use crate::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `step_s + prefill_token_s·P + decode_s·B + context_token_s·S + prefill_pair_s·Σ new·(context + new/2)`
/// with P prefill tokens, B decode rows, S the sum of decode contexts; the last sum runs over the prefill
/// chunks and counts the (query, key) pairs of causal attention. Absent keys are 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Seconds of any step.
    pub step_s: f64,
    /// Seconds per prefill token.
    #[serde(default)]
    pub prefill_token_s: f64,
    /// Seconds per decode row.
    #[serde(default)]
    pub decode_s: f64,
    /// Seconds per token of decode context.
    #[serde(default)]
    pub context_token_s: f64,
    /// Seconds per (query, key) pair of prefill attention.
    #[serde(default)]
    pub prefill_pair_s: f64,
}

impl Linear {
    pub(super) fn check(&self) -> std::result::Result<(), Flaw> {
        let table = "timing.linear";
        quantity(table, "step_s", self.step_s)?;
        quantity(table, "prefill_token_s", self.prefill_token_s)?;
        quantity(table, "decode_s", self.decode_s)?;
        quantity(table, "context_token_s", self.context_token_s)?;
        quantity(table, "prefill_pair_s", self.prefill_pair_s)
    }
}

impl Kernel for Linear {
    /// The sum itself.
    fn minorants(&self, _: &StepLimits) -> Vec<Minorant> {
        vec![Minorant {
            prompt_step_s: self.step_s,
            decode_step_s: self.step_s,
            prefill_token_s: self.prefill_token_s,
            prefill_pair_s: self.prefill_pair_s,
            decode_s: self.decode_s,
            context_token_s: self.context_token_s,
            resumes: false,
        }]
    }

    #[inline]
    fn step(&self, shape: &StepShape<'_>) -> Result<Span> {
        let decode = self.decode_s * shape.decodes as f64 + self.context_token_s * shape.context_sum as f64;
        let prefill = self.prefill_token_s * shape.prefill_tokens() as f64
            + self.prefill_pair_s * shape.prefill_pairs();
        span_ns("the step's linear sum", (self.step_s + decode + prefill) * 1e9)
    }
}
