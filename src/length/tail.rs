//! [`Tail`]: expectation, value at risk and tail expectation of a log-t length censored at a cap, and TIE of them.
//!
//! With X = exp(mu + sigma T), T Student t of nu degrees of freedom, and X~ = min(X, cap) (an output that reaches
//! the cap is cut there, so the mass beyond sits on it), z = (ln cap - mu) / sigma and
//! Psi(z) = integral of exp(sigma t) f(t) up to z:
//!
//! - E = e^mu Psi(z) + cap P(T > z)
//! - VaR = min(exp(mu + sigma t_alpha), cap)
//! - CVaR = cap where t_alpha >= z, else (e^mu (Psi(z) - Psi(t_alpha)) + cap P(T > z)) / (1 - alpha)
//! - TIE = E + beta CVaR (arXiv 2604.00499, equation 11)
//!
//! Without a cap neither expectation is finite.

use super::LogT;
use super::panels::{Ladder, Limit, Panels};
use super::student::Student;
use crate::error::{Error, Result};
use crate::rng::Stream;

/// Largest nu whose panels hold 1e-9 relative; above, the polynomials would have to follow too steep a fall.
const STEEPEST_NU: f64 = 20.0;
/// Bounds of (ln cap - mu), of sigma t and of sigma b within which the panels' rules hold 1e-9.
const GROWTH: std::ops::RangeInclusive<f64> = -8.0..=24.0;
const CORE_GROWTH: f64 = 4.0;
/// Largest level at which the tail may be had as a difference.
const HIGHEST_ALPHA: f64 = 0.999;

/// What a length's law says about its tail. Lengths in tokens, not rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// P(X > cap).
    pub p_cap: f64,
    /// Value at risk: the alpha quantile of min(X, cap).
    pub var: f64,
    /// E[min(X, cap_mean)].
    pub mean: f64,
    /// Conditional value at risk: the mean of the worst 1 - alpha of min(X, cap).
    pub cvar: f64,
    /// mean + beta cvar.
    pub tie: f64,
}

/// Everything that depends on nu and alpha alone. Building one takes under a millisecond; a score then takes
/// well under a microsecond, at 1e-9 relative.
#[derive(Clone, Debug)]
pub struct Tail {
    law: Student,
    alpha: f64,
    t_alpha: f64,
    panels: Panels,
    limit: Limit,
}

impl Tail {
    /// Prepares scores with `nu` degrees of freedom at level `alpha`.
    ///
    /// # Errors
    /// `nu` is not in 0.1..=1e9, or `alpha` not in [0, 1).
    pub fn new(nu: f64, alpha: f64) -> Result<Tail> {
        if !(0.0..1.0).contains(&alpha) {
            return Err(Error::Usage(format!("alpha is {alpha}; give a level from 0 to under 1")));
        }
        let law = Student::new(nu)?;
        let panels = Panels::new(&law);
        let t_alpha = law.quantile(alpha);
        let limit = panels.limit(&law, t_alpha.clamp(-panels.reach(), panels.reach()));
        Ok(Tail { law, alpha, t_alpha, panels, limit })
    }

    /// The law of the standardised logarithm.
    pub fn law(&self) -> &Student {
        &self.law
    }

    /// The level.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The `alpha` quantile of T.
    pub fn t_alpha(&self) -> f64 {
        self.t_alpha
    }

    /// The score of exp(`mu` + `sigma` T) with outputs cut at `cap` tokens. `cap_mean` is the cap in the mean,
    /// `cap` unless the authors' code is followed (2028 and 2048). `sigma` = 0 is a known length.
    pub fn tie(&self, mu: f64, sigma: f64, cap: f64, cap_mean: f64, beta: f64) -> Score {
        let fast = sigma > 0.0 && self.covers(mu, sigma, cap.min(cap_mean), cap.max(cap_mean));
        if !fast {
            return self.exact(mu, sigma, cap, cap_mean, beta);
        }
        let z = (libm::log(cap) - mu) / sigma;
        let z_mean = if cap_mean == cap { z } else { (libm::log(cap_mean) - mu) / sigma };
        let median = libm::exp(mu);
        let ladder = self.panels.ladder(sigma, z.max(z_mean).max(self.t_alpha));
        let p_cap = self.panels.sf(z);
        let below = median * self.panels.below(&ladder, z);
        let mean = if cap_mean == cap {
            below + cap * p_cap
        } else {
            median * self.panels.below(&ladder, z_mean) + cap_mean * self.panels.sf(z_mean)
        };
        let worst = |ladder: &Ladder| {
            let known = median * self.panels.below_limit(ladder, &self.limit);
            (below - known + cap * p_cap) / (1.0 - self.alpha)
        };
        let cvar = if self.t_alpha >= z { cap } else { worst(&ladder) };
        self.score(p_cap, mu + sigma * self.t_alpha, [cap, cap_mean], [mean, cvar], beta)
    }

    /// As [`Tail::tie`] by direct quadrature: 1e-12 relative for any parameters, tens of microseconds.
    pub fn exact(&self, mu: f64, sigma: f64, cap: f64, cap_mean: f64, beta: f64) -> Score {
        let z = reach(mu, sigma, cap);
        let p_cap = self.law.sf(z);
        let mean = self.exact_mean(mu, sigma, cap_mean);
        let cvar = if self.t_alpha >= z {
            cap
        } else if z == f64::INFINITY {
            libm::exp(mu)
        } else {
            (self.law.integral(self.t_alpha, z, sigma, mu) + cap * p_cap) / (1.0 - self.alpha)
        };
        let ln_var = if sigma > 0.0 { mu + sigma * self.t_alpha } else { mu };
        self.score(p_cap, ln_var, [cap, cap_mean], [mean, cvar], beta)
    }

    /// As [`Tail::exact`] from draws, as the authors' code does it: `draws` for the mean and as many again for the
    /// rest; VaR is the percentile with linear interpolation, CVaR the mean of the draws above it, or VaR itself
    /// if none is.
    pub fn monte_carlo(
        &self,
        law: &LogT,
        cap_mean: f64,
        beta: f64,
        draws: usize,
        stream: &mut Stream,
    ) -> Score {
        let cap = f64::from(law.cap);
        let mut draw = || libm::exp(law.mu + law.sigma * self.law.sample(stream));
        let mean = (0..draws).map(|_| draw().min(cap_mean)).sum::<f64>() / draws as f64;
        let mut tail: Vec<f64> = (0..draws).map(|_| draw().min(cap)).collect();
        tail.sort_unstable_by(f64::total_cmp);
        let at = self.alpha * (draws - 1) as f64;
        let (low, high) = (tail[at as usize], tail[(at as usize + 1).min(draws - 1)]);
        let var = low + (at - libm::floor(at)) * (high - low);
        let worst = &tail[tail.partition_point(|&x| x <= var)..];
        let cvar = if worst.is_empty() { var } else { worst.iter().sum::<f64>() / worst.len() as f64 };
        let capped = draws - tail.partition_point(|&x| x < cap);
        Score { p_cap: capped as f64 / draws as f64, var, mean, cvar, tie: mean + beta * cvar }
    }

    /// E[min(X, cap)] alone.
    pub fn mean(&self, mu: f64, sigma: f64, cap: f64) -> f64 {
        if sigma > 0.0 && self.covers(mu, sigma, cap, cap) {
            let z = (libm::log(cap) - mu) / sigma;
            let ladder = self.panels.ladder(sigma, z);
            return libm::exp(mu) * self.panels.below(&ladder, z) + cap * self.panels.sf(z);
        }
        self.exact_mean(mu, sigma, cap)
    }

    /// P(X > x), x > 0.
    pub fn sf(&self, mu: f64, sigma: f64, x: f64) -> f64 {
        let z = reach(mu, sigma, x);
        if self.law.nu() <= STEEPEST_NU && z.abs() < self.panels.end() {
            self.panels.sf(z)
        } else {
            self.law.sf(z)
        }
    }

    fn exact_mean(&self, mu: f64, sigma: f64, cap: f64) -> f64 {
        let z = reach(mu, sigma, cap);
        if z.is_infinite() {
            return libm::exp(mu).min(cap);
        }
        self.law.integral(f64::NEG_INFINITY, z, sigma, mu) + cap * self.law.sf(z)
    }

    /// Whether the panels hold their accuracy for caps from `least` to `most`.
    fn covers(&self, mu: f64, sigma: f64, least: f64, most: f64) -> bool {
        let (least, most) = (libm::log(least) - mu, libm::log(most) - mu);
        let reach = sigma * self.panels.reach();
        self.law.nu() <= STEEPEST_NU
            && self.alpha <= HIGHEST_ALPHA
            && GROWTH.contains(&least)
            && GROWTH.contains(&most)
            && GROWTH.contains(&(sigma * self.t_alpha))
            && sigma * self.panels.core() <= CORE_GROWTH
            && most.max(-least) < reach
            && self.t_alpha.abs() < self.panels.reach()
    }

    /// Puts a score together; bounds that hold exactly are not left to rounding.
    fn score(&self, p_cap: f64, ln_var: f64, caps: [f64; 2], means: [f64; 2], beta: f64) -> Score {
        let [cap, cap_mean] = caps;
        let mean = means[0].min(cap_mean);
        let cvar = means[1].max(mean).min(cap);
        Score { p_cap, var: libm::exp(ln_var).min(cap), mean, cvar, tie: mean + beta * cvar }
    }
}

/// (ln x - mu) / sigma, also for a law without spread.
fn reach(mu: f64, sigma: f64, x: f64) -> f64 {
    let above = libm::log(x) - mu;
    if sigma > 0.0 {
        above / sigma
    } else if above > 0.0 {
        f64::INFINITY
    } else {
        f64::NEG_INFINITY
    }
}
