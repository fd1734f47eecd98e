//! Maximum likelihood of a gamma law with zero origin, lengths at the cap right-censored.

use super::sample::Sample;
use statrs::function::gamma::{digamma, gamma_lr, gamma_ur};

/// Rounds after which a fit that still moves is given up.
const ROUNDS: usize = 20_000;
const STILL: f64 = 1e-13;
/// Bounds of ln(shape) within which a censored fit is sought.
const LN_SHAPES: [f64; 2] = [-5.0, 9.0];

/// A gamma law of a length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    /// Shape, positive.
    pub shape: f64,
    /// Scale, tokens.
    pub scale: f64,
}

impl Gamma {
    /// P(X <= `x`).
    pub fn cdf(&self, x: f64) -> f64 {
        if x > 0.0 { gamma_lr(self.shape, x / self.scale) } else { 0.0 }
    }

    /// P(X > `x`).
    pub fn sf(&self, x: f64) -> f64 {
        if x > 0.0 { gamma_ur(self.shape, x / self.scale) } else { 1.0 }
    }

    /// Density at `x` > 0.
    pub fn pdf(&self, x: f64) -> f64 {
        libm::exp(self.ln_pdf(x, libm::log(x)))
    }

    /// E[min(X, `cap`)].
    pub fn mean(&self, cap: f64) -> f64 {
        let Gamma { shape, scale } = *self;
        shape * scale * gamma_lr(shape + 1.0, cap / scale) + cap * self.sf(cap)
    }

    fn ln_pdf(&self, x: f64, ln_x: f64) -> f64 {
        let Gamma { shape, scale } = *self;
        (shape - 1.0) * ln_x - x / scale - libm::lgamma(shape) - shape * libm::log(scale)
    }
}

/// The most likely gamma law; `None` where all lengths are equal (the likelihood has no bound) or nothing settles.
pub(super) fn fit(sample: &Sample) -> Option<Gamma> {
    if sample.seen.is_empty() || (sample.censored == 0 && sample.seen.len() == 1) {
        return None;
    }
    if sample.censored == 0 {
        return uncensored(sample);
    }
    let best = maximum(LN_SHAPES, |ln_shape| {
        let law = scale_for(sample, libm::exp(ln_shape));
        likelihood(sample, &law)
    });
    Some(scale_for(sample, libm::exp(best)))
}

/// Solves ln k - psi(k) = ln(mean) - mean(ln) by Newton's method on 1 / k, in which it is nearly straight.
fn uncensored(sample: &Sample) -> Option<Gamma> {
    let [mean, _] = sample.moments(|s| s.x);
    let [mean_ln, _] = sample.moments(|s| s.ln);
    let gap = libm::log(mean) - mean_ln;
    if gap <= 0.0 {
        return None;
    }
    // Minka's (2002) start and step.
    let mut shape = (3.0 - gap + libm::sqrt((gap - 3.0) * (gap - 3.0) + 24.0 * gap)) / (12.0 * gap);
    for _ in 0..ROUNDS {
        let error = libm::log(shape) - digamma(shape) - gap;
        let next = 1.0 / (1.0 / shape + error / (shape * shape * (1.0 / shape - trigamma(shape))));
        let still = (next - shape).abs() <= STILL * shape;
        shape = next;
        if still {
            return Some(Gamma { shape, scale: mean / shape });
        }
    }
    None
}

/// The most likely scale for a shape, by expectation-maximisation over what censored lengths would have been.
fn scale_for(sample: &Sample, shape: f64) -> Gamma {
    let n = sample.n as f64;
    let seen: f64 = sample.seen.iter().map(|s| s.count * s.x).sum();
    let cap = sample.cap.unwrap_or(0.0);
    let mut law = Gamma { shape, scale: (seen + sample.censored as f64 * cap) / (n * shape) };
    for _ in 0..ROUNDS {
        let z = cap / law.scale;
        let above = gamma_ur(shape, z);
        // Far out in the tail the mean beyond the cap is the cap itself.
        let ratio = if above > 0.0 { gamma_ur(shape + 1.0, z) / above } else { z / shape };
        let cut = sample.censored as f64 * shape * law.scale * ratio;
        let scale = (seen + cut) / (n * shape);
        let still = (scale - law.scale).abs() <= STILL * scale;
        law.scale = scale;
        if still {
            break;
        }
    }
    law
}

fn likelihood(sample: &Sample, law: &Gamma) -> f64 {
    let seen: f64 = sample.seen.iter().map(|s| s.count * law.ln_pdf(s.x, s.ln)).sum();
    let cut = sample.cap.map_or(0.0, |cap| sample.censored as f64 * libm::log(law.sf(cap)));
    seen + cut
}

/// Where `f` is largest between two bounds, by golden sections, to 1e-9.
pub(super) fn maximum([mut low, mut high]: [f64; 2], f: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_a, mut at_b) = (f(a), f(b));
    while high - low > 1e-9 {
        if at_a >= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - GOLDEN * (high - low);
            at_a = f(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + GOLDEN * (high - low);
            at_b = f(b);
        }
    }
    0.5 * (low + high)
}

/// The derivative of digamma at x > 0: its recurrence up to 8, then the asymptotic series.
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 8.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = 1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r * (1.0 / 30.0 - r * 5.0 / 66.0)));
    sum + 1.0 / x + 0.5 * r + r * series / x
}
