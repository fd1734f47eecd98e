//! Affine functions that a model's step time never falls below: what certified lower bounds rest on.

use serde::{Deserialize, Serialize};

/// Most that one step of a replica can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepLimits {
    /// Requests.
    pub rows: u64,
    /// Tokens computed.
    pub tokens: u64,
}

/// An affine lower bound on step times, seconds.
///
/// A step within its [`StepLimits`] takes, up to the rounding to whole nanoseconds, at least
/// `x·prompt_step_s + y·decode_step_s + prefill_token_s·P + prefill_pair_s·pairs + decode_s·B +
/// context_token_s·S` for every x, y ≥ 0 with x + y ≤ 1, where P are its prefill tokens, pairs =
/// Σ new·(context + new/2) over its chunks, B its decode rows and S the sum of their contexts.
///
/// Without `resumes`, x and y may be anything in every step. With it, x must be 0 in steps that compute no
/// prompt token, and y in steps that emit no token but first ones; P and the pairs count prompt tokens only, and
/// B and S count a chunk that ends a recomputation as the decode that it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minorant {
    /// Least time of a step that computes prompt tokens.
    pub prompt_step_s: f64,
    /// Least time of a step that emits a token other than a request's first.
    pub decode_step_s: f64,
    /// Per prefill token.
    pub prefill_token_s: f64,
    /// Per (query, key) pair of prefill attention.
    pub prefill_pair_s: f64,
    /// Per decode row.
    pub decode_s: f64,
    /// Per token of decode context.
    pub context_token_s: f64,
    /// Whether a chunk that ends a recomputation costs what a decode does.
    pub resumes: bool,
}

/// A model's own rounding to whole nanoseconds, with as much again for the last bits of floats.
const ROUNDING_S: f64 = 1e-9;

impl Minorant {
    /// The same under steps that take `factor` times as long, after they were rounded.
    pub(super) fn times(&self, factor: f64) -> Minorant {
        Minorant {
            prompt_step_s: (self.prompt_step_s - ROUNDING_S) * factor,
            decode_step_s: (self.decode_step_s - ROUNDING_S) * factor,
            prefill_token_s: self.prefill_token_s * factor,
            prefill_pair_s: self.prefill_pair_s * factor,
            decode_s: self.decode_s * factor,
            context_token_s: self.context_token_s * factor,
            resumes: self.resumes,
        }
    }
}
