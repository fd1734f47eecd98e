//! The log-t law of an output length, censored at its cap: an output that reaches the cap is cut there, so
//! min(X, cap) has an atom at the cap. Lengths here are continuous; only draws are whole tokens.

use super::{LogT, Student};
use crate::rng::Stream;

impl LogT {
    /// Density at `x` tokens, 0 < x < cap; 0 elsewhere (the cap's mass is no density).
    pub fn pdf(&self, x: f64) -> f64 {
        if x > 0.0 && x < f64::from(self.cap) { libm::exp(self.ln_pdf(x)) } else { 0.0 }
    }

    /// Logarithm of the density of the uncensored X at `x` > 0 tokens.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        let ln_x = libm::log(x);
        Student::of(self.nu).ln_pdf((ln_x - self.mu) / self.sigma) - libm::log(self.sigma) - ln_x
    }

    /// P(min(X, cap) <= `x`).
    pub fn cdf(&self, x: f64) -> f64 {
        if x >= f64::from(self.cap) { 1.0 } else { Student::of(self.nu).cdf(self.standard(x)) }
    }

    /// P(min(X, cap) > `x`), relative accuracy in the tail.
    pub fn sf(&self, x: f64) -> f64 {
        if x >= f64::from(self.cap) { 0.0 } else { Student::of(self.nu).sf(self.standard(x)) }
    }

    /// P(X >= cap): the share of outputs that are cut.
    pub fn p_cap(&self) -> f64 {
        Student::of(self.nu).sf(self.standard(f64::from(self.cap)))
    }

    /// The `p` quantile of min(X, cap), tokens.
    pub fn quantile(&self, p: f64) -> f64 {
        let t = Student::of(self.nu).quantile(p);
        let spread = if self.sigma > 0.0 { self.sigma * t } else { 0.0 };
        libm::exp(self.mu + spread).min(f64::from(self.cap))
    }

    /// A draw, whole tokens in 1..=cap.
    pub fn sample(&self, stream: &mut Stream) -> u32 {
        let x = libm::exp(self.mu + self.sigma * stream.student_t(self.nu));
        libm::round(x).clamp(1.0, f64::from(self.cap)) as u32
    }

    /// (ln x - mu) / sigma; infinite for a law without spread.
    pub(super) fn standard(&self, x: f64) -> f64 {
        let above = if x > 0.0 { libm::log(x) - self.mu } else { f64::NEG_INFINITY };
        match (self.sigma > 0.0, above >= 0.0) {
            (true, _) => above / self.sigma,
            (false, true) => f64::INFINITY,
            (false, false) => f64::NEG_INFINITY,
        }
    }
}
