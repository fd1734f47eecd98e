//! The log-normal law, the light-tailed alternative to log-t: all in closed form.

use super::tail::Score;
use std::f64::consts::{PI, SQRT_2};

/// ln X is normal with mean `mu` and standard deviation `sigma`, X in tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    /// Mean of ln(tokens).
    pub mu: f64,
    /// Standard deviation of ln(tokens), positive.
    pub sigma: f64,
}

impl LogNormal {
    /// P(X <= `x`).
    pub fn cdf(&self, x: f64) -> f64 {
        if x > 0.0 { phi((libm::log(x) - self.mu) / self.sigma) } else { 0.0 }
    }

    /// Density at `x` > 0.
    pub fn pdf(&self, x: f64) -> f64 {
        let z = (libm::log(x) - self.mu) / self.sigma;
        libm::exp(-0.5 * z * z) / (x * self.sigma * libm::sqrt(2.0 * PI))
    }

    /// The score of [`super::Tail::tie`] with outputs cut at `cap`; an infinite `cap` (here moments are finite) is
    /// the variant in TIE's released code. `alpha` in (0, 1).
    pub fn tie(&self, cap: f64, alpha: f64, beta: f64) -> Score {
        let LogNormal { mu, sigma } = *self;
        let z = (libm::log(cap) - mu) / sigma;
        let z_alpha = normal_quantile(alpha);
        let whole = libm::exp(mu + 0.5 * sigma * sigma);
        let p_cap = phi(-z);
        let cut = if p_cap > 0.0 { cap * p_cap } else { 0.0 };
        let mean = whole * phi(z - sigma) + cut;
        let cvar = match z_alpha >= z {
            true => cap,
            // A difference of upper tails, as both may be small.
            false => (whole * (phi(sigma - z_alpha) - phi(sigma - z)) + cut) / (1.0 - alpha),
        };
        let var = libm::exp(mu + sigma * z_alpha).min(cap);
        Score { p_cap, var, mean, cvar, tie: mean + beta * cvar }
    }
}

/// P(Z <= z) of the standard normal, relative accuracy in the lower tail.
pub(super) fn phi(z: f64) -> f64 {
    0.5 * libm::erfc(-z / SQRT_2)
}

/// The z with P(Z <= z) = `p`, 0 < p < 1: Newton's method on ln P, which is concave.
fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let (mut z, target) = (0.0, libm::log(p));
    for _ in 0..100 {
        let below = phi(z);
        let slope = libm::exp(-0.5 * z * z) / (libm::sqrt(2.0 * PI) * below);
        let step = (target - libm::log(below)) / slope;
        // From 0 the first step overshoots; too far out P underflows.
        z = (z + step).clamp(-37.0, 0.0);
        if step.abs() <= 1e-15 * (1.0 + z.abs()) {
            break;
        }
    }
    z
}
