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
use super::panels::{Limit, Panels, Quick};
use super::student::Student;
use crate::error::{Error, Result};
use crate::rng::Stream;

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
    law: Quick,
    alpha: f64,
    t_alpha: f64,
    /// The alpha quantile as a limit of the law's panels, where it is within their reach.
    limit: Option<Limit>,
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
        let law = Quick::new(Student::new(nu)?);
        let t_alpha = law.quantile(alpha);
        let panels = law.panels().filter(|p| alpha <= HIGHEST_ALPHA && t_alpha.abs() < p.reach());
        let limit = panels.map(|p| p.limit(&law, t_alpha));
        Ok(Tail { law, alpha, t_alpha, limit })
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
        let caps = [cap, cap_mean];
        let (Some(panels), Some(limit)) = (self.panels(mu, sigma, caps), &self.limit) else {
            return self.exact(mu, sigma, cap, cap_mean, beta);
        };
        let [z, z_mean] = caps.map(|cap| (libm::log(cap) - mu) / sigma);
        let median = libm::exp(mu);
        let ladder = panels.ladder(sigma, z.max(z_mean).max(self.t_alpha));
        let p_cap = panels.sf(z);
        let uncut = median * panels.below(&ladder, z) + cap * p_cap;
        let mean = match cap_mean == cap {
            true => uncut,
            false => median * panels.below(&ladder, z_mean) + cap_mean * panels.sf(z_mean),
        };
        let cvar = match self.t_alpha >= z {
            true => cap,
            false => (uncut - median * panels.below_limit(&ladder, limit)) / (1.0 - self.alpha),
        };
        self.score(p_cap, mu + sigma * self.t_alpha, caps, [mean, cvar], beta)
    }

    /// As [`Tail::tie`] by direct quadrature: 1e-12 relative for any parameters, tens of microseconds.
    pub fn exact(&self, mu: f64, sigma: f64, cap: f64, cap_mean: f64, beta: f64) -> Score {
        let z = reach(mu, sigma, cap);
        let p_cap = Student::sf(&self.law, z);
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
        let Some(panels) = self.panels(mu, sigma, [cap, cap]) else {
            return self.exact_mean(mu, sigma, cap);
        };
        let z = (libm::log(cap) - mu) / sigma;
        libm::exp(mu) * panels.below(&panels.ladder(sigma, z), z) + cap * panels.sf(z)
    }

    /// E[min(X, cap) | X > given]: the expected length of an output that is still running after `given` tokens.
    /// With nothing but rounding left beyond `given` it is the lesser of `given` and the cap.
    pub fn mean_given(&self, mu: f64, sigma: f64, cap: f64, given: f64) -> f64 {
        let beyond = self.sf(mu, sigma, given);
        if given >= cap || beyond <= 0.0 {
            return given.min(cap);
        }
        // E[min(X, cap)] - E[min(X, given)] is the part of the mean between the two.
        let between = self.mean(mu, sigma, cap) - self.mean(mu, sigma, given);
        (given + between / beyond).clamp(given, cap)
    }

    /// P(X > x), x > 0.
    pub fn sf(&self, mu: f64, sigma: f64, x: f64) -> f64 {
        self.law.sf(reach(mu, sigma, x))
    }

    fn exact_mean(&self, mu: f64, sigma: f64, cap: f64) -> f64 {
        let z = reach(mu, sigma, cap);
        if z.is_infinite() {
            return libm::exp(mu).min(cap);
        }
        self.law.integral(f64::NEG_INFINITY, z, sigma, mu) + cap * Student::sf(&self.law, z)
    }

    /// The law's panels, if they hold their accuracy for these `caps`.
    fn panels(&self, mu: f64, sigma: f64, caps: [f64; 2]) -> Option<&Panels> {
        let panels = self.law.panels()?;
        let within = |ln_cap: f64| {
            let above = ln_cap - mu;
            GROWTH.contains(&above) && above.abs() < sigma * panels.reach()
        };
        let gentle = GROWTH.contains(&(sigma * self.t_alpha)) && sigma * panels.core() <= CORE_GROWTH;
        (gentle && caps.iter().all(|&cap| within(libm::log(cap)))).then_some(panels)
    }

    /// Puts a score together; bounds that hold exactly are not left to rounding.
    fn score(&self, p_cap: f64, ln_var: f64, caps: [f64; 2], means: [f64; 2], beta: f64) -> Score {
        let [cap, cap_mean] = caps;
        let mean = means[0].min(cap_mean);
        let var = libm::exp(ln_var).min(cap);
        let least = if cap_mean <= cap { mean.max(var) } else { var };
        let cvar = means[1].max(least).min(cap);
        Score { p_cap, var, mean, cvar, tie: mean + beta * cvar }
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
