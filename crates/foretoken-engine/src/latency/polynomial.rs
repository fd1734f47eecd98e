//! Step time as a quadratic in prefill tokens plus a quadratic in KV utilisation: the default timing of
//! Dynamo's replay (ai-dynamo 1.6.1, Apache-2.0).

use super::model::{Kernel, no_duration};
use super::profile::{Flaw, quantity};
use super::{Chunk, Minorant, StepLimits, StepShape};
use crate::error::{Error, Place, Result};
use crate::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A step costs a prefill part plus a decode part, each absent when nothing of its kind runs, each rounded
/// to whole nanoseconds before the sum.
///
/// Prefill: `c0 + c1·T + c2·T²` with `T = k·(⌊Σ(context + new)/k⌋ - ⌊Σ context/k⌋)` over the k chunks of the
/// step. Decode: `max(decode_min_ms, c0 + c1·u + c2·u²)` with u the share of the replica's KV capacity that
/// the decoding requests' tokens (prompt + generated) take, at most 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Polynomial {
    /// c0, c1, c2 of the prefill part: ms, ms per token, ms per token².
    pub prefill_ms: [f64; 3],
    /// c0, c1, c2 of the decode part, ms.
    pub decode_ms: [f64; 3],
    /// Least decode part, ms.
    pub decode_min_ms: f64,
}

impl Polynomial {
    pub(super) fn check(&self) -> std::result::Result<(), Flaw> {
        for (key, all) in [("prefill_ms", self.prefill_ms), ("decode_ms", self.decode_ms)] {
            if let Some(bad) = all.iter().find(|c| !c.is_finite()) {
                let what = format!("coefficient {bad} is not a finite number");
                return Err(Flaw::new(format!("timing.polynomial.{key}"), what, "correct the value"));
            }
        }
        quantity("timing.polynomial", "decode_min_ms", self.decode_min_ms)
    }
}

/// The polynomial on a replica of known KV capacity.
pub(super) struct ReplicaPolynomial {
    law: Polynomial,
    capacity_tokens: f64,
}

impl ReplicaPolynomial {
    pub fn new(law: &Polynomial, capacity_tokens: u64) -> Result<ReplicaPolynomial> {
        if capacity_tokens == 0 {
            let what = "the polynomial's decode time depends on the KV capacity, which is 0";
            return Err(Error::input(Place::key("kv.blocks"), what, "give the replica KV memory"));
        }
        Ok(ReplicaPolynomial { law: law.clone(), capacity_tokens: capacity_tokens as f64 })
    }

    /// (constant, slope) of a line under the decode part, by KV utilisation, ms: the chord of a concave
    /// quadratic, the tangent of a convex one in the middle, or the least decode part.
    fn decode_line(&self) -> (f64, f64) {
        let [c0, c1, c2] = self.law.decode_ms;
        let line = if c2 <= 0.0 { (c0, c1 + c2) } else { (c0 - 0.25 * c2, c1 + c2) };
        if line.0 >= self.law.decode_min_ms && line.1 >= 0.0 { line } else { (self.law.decode_min_ms, 0.0) }
    }

    #[inline]
    fn decode(&self, context_sum: u64) -> Result<Span> {
        let used = (context_sum as f64 / self.capacity_tokens).min(1.0);
        let ms = quadratic(&self.law.decode_ms, used).max(self.law.decode_min_ms);
        span_ms("the decode part (timing.polynomial.decode_ms)", ms)
    }

    /// Only chunks that still compute prompt count, and of those only the prompt: outputs computed again
    /// are free in the original.
    fn prefill(&self, chunks: &[Chunk]) -> Result<Span> {
        let (mut requests, mut before, mut after) = (0u64, 0u64, 0u64);
        for chunk in chunks.iter().filter(|c| c.prompt_new > 0) {
            requests += 1;
            before += u64::from(chunk.context);
            after += u64::from(chunk.context) + u64::from(chunk.prompt_new);
        }
        if requests == 0 {
            return Ok(Span::ZERO);
        }
        let tokens = requests * (after / requests - before / requests);
        let ms = quadratic(&self.law.prefill_ms, tokens as f64);
        span_ms("the prefill part (timing.polynomial.prefill_ms)", ms)
    }
}

impl Kernel for ReplicaPolynomial {
    /// The rounded-down prefill tokens T are more than (tokens - chunks), so that in a step of at most n chunks
    /// `c0 + c1·T ≥ (c0 + c1 - c1·n) + c1·tokens`.
    fn minorants(&self, limits: &StepLimits) -> Vec<Minorant> {
        let [c0, c1, c2] = self.law.prefill_ms;
        let (constant_ms, slope_ms) = self.decode_line();
        let flat = Minorant {
            prompt_step_s: c0 / 1e3,
            decode_step_s: constant_ms / 1e3,
            context_token_s: slope_ms / self.capacity_tokens / 1e3,
            resumes: true,
            ..Minorant::default()
        };
        let least_ms = c0 + c1 - c1 * limits.rows as f64;
        let sloped = Minorant { prompt_step_s: least_ms / 1e3, prefill_token_s: c1 / 1e3, ..flat };
        match (c0 >= 0.0 && c1 >= 0.0 && c2 >= 0.0, least_ms > 0.0) {
            (true, true) => vec![flat, sloped],
            (true, false) => vec![flat],
            _ => Vec::new(),
        }
    }

    #[inline]
    fn step(&self, shape: &StepShape<'_>) -> Result<Span> {
        // Who finishes a recomputation emits a token that is not its first: it counts as decoding.
        let resumed = shape.prefill.iter().filter(|c| c.resumes);
        let (rows, context) = resumed.fold((shape.decodes, shape.context_sum), |(n, sum), c| {
            (n + 1, sum + u64::from(c.context + c.new))
        });
        let decode = if rows > 0 { self.decode(context)? } else { Span::ZERO };
        if shape.prefill.is_empty() {
            return Ok(decode);
        }
        Ok(decode + self.prefill(shape.prefill)?)
    }
}

#[inline]
fn quadratic(c: &[f64; 3], x: f64) -> f64 {
    c[2] * (x * x) + c[1] * x + c[0]
}

/// Milliseconds as time, by way of seconds and to the nearest nanosecond, ties to even: as the original
/// does it, so that no step is a nanosecond off.
#[inline]
fn span_ms(quantity: &str, ms: f64) -> Result<Span> {
    let secs = ms / 1000.0;
    let ns = secs * 1e9;
    let whole = ns as u64;
    let rest = ns - whole as f64;
    // Under 2^40 ns the product is off by less than 2^-12: away from one half that decides nothing.
    if (0.0..1e12).contains(&ns) && (rest - 0.5).abs() > 1e-3 {
        return Ok(Span(whole + u64::from(rest > 0.5)));
    }
    exact(quantity, secs)
}

#[cold]
fn exact(quantity: &str, secs: f64) -> Result<Span> {
    match Duration::try_from_secs_f64(secs) {
        Ok(d) => Ok(Span(d.as_secs() * 1_000_000_000 + u64::from(d.subsec_nanos()))),
        Err(_) => Err(no_duration(quantity, secs * 1e9)),
    }
}
