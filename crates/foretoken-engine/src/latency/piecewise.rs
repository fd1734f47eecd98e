//! Step time as a curve over packed rows, plus attention: what a measured transformer follows.
//!
//! Matrix products pack the prefill tokens and decode rows of a step into one matrix, and their time over its
//! rows has cliffs (one row is a product with a vector) and plateaus that no line follows. Attention does not
//! pack: it goes by tokens of context.

use super::model::{Kernel, span_ns};
use super::profile::{Flaw, quantity};
use super::{Minorant, StepLimits, StepShape};
use crate::error::Result;
use crate::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `c(n) + request_s·(k + B) + several_s·[k + B > 1] + prefill_s·[k > 0] + context_token_s·S +
/// prefill_pair_s·Σ new·(context + new/2)` with k prefill chunks of P tokens, B decode rows, S the sum of their contexts, and n = P + B packed rows.
///
/// c is linear between its knots, level below the first, and goes on beyond the last as between the last two,
/// but never falls there. Absent keys are 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Piecewise {
    /// Knots: packed rows, increasing.
    pub rows: Vec<u64>,
    /// Seconds at each knot.
    pub step_s: Vec<f64>,
    /// Seconds per request in the step.
    #[serde(default)]
    pub request_s: f64,
    /// Seconds of a step of more than one request: the vocabulary product, which takes a row of each, is one of
    /// matrices then, however many rows the prompt has.
    #[serde(default)]
    pub several_s: f64,
    /// Seconds of a step with prefill: an encoder runs beside the decoder.
    #[serde(default)]
    pub prefill_s: f64,
    /// Seconds per token of decode context.
    #[serde(default)]
    pub context_token_s: f64,
    /// Seconds per (query, key) pair of prefill attention.
    #[serde(default)]
    pub prefill_pair_s: f64,
}

impl Piecewise {
    pub(super) fn check(&self) -> std::result::Result<(), Flaw> {
        let table = "timing.piecewise";
        if self.rows.is_empty() || !self.rows.is_sorted_by(|a, b| a < b) {
            let what = "knots are not one or more increasing numbers";
            return Err(Flaw::new(format!("{table}.rows"), what, "sort them and remove repeats"));
        }
        if self.rows.len() != self.step_s.len() {
            let what = format!("{} knots and {} times", self.rows.len(), self.step_s.len());
            return Err(Flaw::new(format!("{table}.step_s"), what, "give one time per knot"));
        }
        self.step_s.iter().try_for_each(|&t| quantity(table, "step_s", t))?;
        quantity(table, "request_s", self.request_s)?;
        quantity(table, "several_s", self.several_s)?;
        quantity(table, "prefill_s", self.prefill_s)?;
        quantity(table, "context_token_s", self.context_token_s)?;
        quantity(table, "prefill_pair_s", self.prefill_pair_s)
    }

    /// Seconds per packed row beyond the last knot.
    fn tail_s(&self) -> f64 {
        match self.rows.len() {
            0 | 1 => 0.0,
            n => self.slope(n - 2, n - 1).max(0.0),
        }
    }

    fn slope(&self, from: usize, to: usize) -> f64 {
        (self.step_s[to] - self.step_s[from]) / (self.rows[to] - self.rows[from]) as f64
    }

    /// The curve at `n` packed rows, seconds.
    #[inline]
    pub fn curve_s(&self, n: u64) -> f64 {
        match self.rows.partition_point(|&knot| knot <= n) {
            0 => self.step_s[0],
            above if above == self.rows.len() => {
                self.step_s[above - 1] + self.tail_s() * (n - self.rows[above - 1]) as f64
            }
            above => {
                self.step_s[above - 1] + self.slope(above - 1, above) * (n - self.rows[above - 1]) as f64
            }
        }
    }

    /// Slopes of the edges under the curve: of the lower convex hull of the knots, none below 0 and none above
    /// that of the tail.
    fn hull_slopes(&self) -> Vec<f64> {
        let mut hull: Vec<usize> = Vec::new();
        for knot in 0..self.rows.len() {
            while let [.., before, last] = hull[..]
                && self.slope(before, last) >= self.slope(last, knot)
            {
                hull.pop();
            }
            hull.push(knot);
        }
        let edges = hull.windows(2).map(|w| self.slope(w[0], w[1]));
        edges.chain([0.0]).map(|slope| slope.clamp(0.0, self.tail_s())).collect()
    }

    /// The lines (constant, slope) under the curve that no constant below 0 is needed for: its convex minorant,
    /// and the steepest line from the origin.
    fn lines(&self) -> Vec<[f64; 2]> {
        let knots = || self.rows.iter().zip(&self.step_s).map(|(&n, &s)| (n as f64, s));
        let least = |value: &dyn Fn((f64, f64)) -> f64| knots().map(value).fold(f64::INFINITY, f64::min);
        let through_zero = least(&|(n, s)| s / n.max(1.0)).min(self.tail_s());
        let touching = |slope: f64| [least(&|(n, s)| s - slope * n), slope];
        let mut lines: Vec<[f64; 2]> = self.hull_slopes().into_iter().map(touching).collect();
        lines.retain(|[constant, _]| *constant > 0.0);
        lines.push([0.0, through_zero]);
        lines.dedup();
        lines
    }
}

impl Kernel for Piecewise {
    /// Each line under the curve with the other terms; a chunk counts for no request and no prefill, and no
    /// request for one of several.
    fn minorants(&self, _: &StepLimits) -> Vec<Minorant> {
        let minorant = |[constant, slope]: [f64; 2]| Minorant {
            prompt_step_s: constant,
            decode_step_s: constant,
            prefill_token_s: slope,
            prefill_pair_s: self.prefill_pair_s,
            decode_s: slope + self.request_s,
            context_token_s: self.context_token_s,
            resumes: false,
        };
        self.lines().into_iter().map(minorant).collect()
    }

    #[inline]
    fn step(&self, shape: &StepShape<'_>) -> Result<Span> {
        let requests = shape.prefill.len() as u64 + shape.decodes;
        let seconds = self.curve_s(shape.prefill_tokens() + shape.decodes)
            + self.request_s * requests as f64
            + if requests > 1 { self.several_s } else { 0.0 }
            + if shape.prefill.is_empty() { 0.0 } else { self.prefill_s }
            + self.context_token_s * shape.context_sum as f64
            + self.prefill_pair_s * shape.prefill_pairs();
        span_ns("the step's curve over packed rows", seconds * 1e9)
    }
}
