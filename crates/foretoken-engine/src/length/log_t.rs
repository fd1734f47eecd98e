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

    /// The smallest whole number of tokens, in 1..=cap, that a draw stays at or below with probability `p`.
    pub fn token_quantile(&self, p: f64) -> u32 {
        // Draws are rounded: at most k means below k + 1/2.
        libm::ceil(self.quantile(p) - 0.5).clamp(1.0, f64::from(self.cap.max(1))) as u32
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_quantiles_invert_the_law_of_draws() {
        let up_to = |law: &LogT, k: u32| if k >= law.cap { 1.0 } else { law.cdf(f64::from(k) + 0.5) };
        for (mu, sigma, nu, cap) in
            [(3.0, 1.0, 3.0, 500), (0.0, 0.0, 1.0, 9), (5.0, 2.0, 0.7, 40), (2.0, 0.1, 50.0, 99)]
        {
            let law = LogT { mu, sigma, nu, cap };
            for i in 1..100 {
                let p = f64::from(i) / 100.0;
                let k = law.token_quantile(p);
                assert!((1..=cap).contains(&k) && up_to(&law, k) >= p - 1e-12, "{law:?} {p}: {k}");
                assert!(k == 1 || up_to(&law, k - 1) < p + 1e-12, "{law:?} {p}: {k}");
            }
        }
    }
}
