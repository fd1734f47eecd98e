//! [`fit`]: a length law of a chosen family by maximum likelihood, with what stands in its way.

use super::em::{self, Normal, T};
use super::gamma::{self, Gamma, maximum};
use super::log_normal::LogNormal;
use super::panels::Quick;
use super::sample::Sample;
use super::student::Student;
use super::{Histogram, LogT};
use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// Smallest scale of ln(length) that a fit may give unless told otherwise: that of the authors' code.
pub const SIGMA_FLOOR: f64 = 1e-6;

/// A family of length laws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Family {
    /// Log-t with these degrees of freedom.
    LogT(f64),
    /// Log-t with degrees of freedom of its own.
    LogTFreeNu,
    /// Log-normal.
    LogNormal,
    /// Gamma.
    Gamma,
    /// The lengths seen.
    Empirical,
}

/// A fitted law of the length before any cap.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    /// Log-t; the cap is the sample's, or the largest there is.
    LogT(LogT),
    /// Log-normal.
    LogNormal(LogNormal),
    /// Gamma.
    Gamma(Gamma),
    /// The lengths seen.
    Empirical(Histogram),
}

/// How to fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitOptions {
    /// Least scale of ln(length).
    pub sigma_floor: f64,
    /// Give degenerate samples a law all the same: around the most frequent length, with the spread that a log-t of
    /// the sample's standard deviation has.
    pub repair: bool,
}

impl Default for FitOptions {
    fn default() -> FitOptions {
        FitOptions { sigma_floor: SIGMA_FLOOR, repair: false }
    }
}

/// What fitting a sample came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The law; `None` for a degenerate sample that was not repaired.
    pub law: Option<Law>,
    /// Whether the likelihood has no maximum.
    pub degenerate: bool,
    /// Kolmogorov-Smirnov distance between the two, below the cap.
    pub ks: Option<f64>,
    /// Why there is no law, or what was done to it.
    pub reason: Option<String>,
}

/// Fits `family` to `sample` (of at least two lengths). A scale below the floor is raised to it, and said so.
///
/// A sample is degenerate where the likelihood has no maximum: for log-t where more than nu / (nu + 1) of the lengths
/// are equal, for the others where all are, and for all but the empirical law where all are at the cap.
pub fn fit(sample: &Sample, family: Family, options: &FitOptions) -> Fit {
    let unbound = match degenerate(sample, family) {
        Some(reason) => reason,
        None => match maximum_likelihood(sample, family) {
            Some(law) => return done(sample, law, options, None),
            None => "the likelihood has no maximum that can be reached".to_string(),
        },
    };
    match repaired(sample, family).filter(|_| options.repair) {
        Some(law) => done(sample, law, options, Some(format!("repaired: {unbound}"))),
        None => Fit { law: None, degenerate: true, ks: None, reason: Some(unbound) },
    }
}

fn done(sample: &Sample, mut law: Law, options: &FitOptions, repaired: Option<String>) -> Fit {
    let raised = raise(&mut law, options.sigma_floor);
    let ks = Some(law.ks(sample));
    Fit { law: Some(law), degenerate: repaired.is_some(), ks, reason: repaired.or(raised) }
}

/// A law around the most frequent length.
fn repaired(sample: &Sample, family: Family) -> Option<Law> {
    let (mu, [_, sd]) = (sample.most_tied()?.ln, sample.moments(|s| s.ln));
    match family {
        Family::LogT(nu) => {
            let spread = if nu > 2.0 { libm::sqrt((nu - 2.0) / nu) } else { 1.0 };
            Some(Law::LogT(LogT { mu, sigma: sd * spread, nu, cap: sample.token_cap() }))
        }
        Family::LogNormal => Some(Law::LogNormal(LogNormal { mu, sigma: sd })),
        Family::LogTFreeNu | Family::Gamma | Family::Empirical => None,
    }
}

fn degenerate(sample: &Sample, family: Family) -> Option<String> {
    if family == Family::Empirical {
        return None;
    }
    let Some(tied) = sample.most_tied() else {
        return Some(format!("all {} lengths are at the cap", sample.n));
    };
    let share = tied.count / sample.n as f64;
    let most = match family {
        Family::LogT(nu) => nu / (nu + 1.0),
        Family::LogTFreeNu => MOST_NU / (2.0 + MOST_NU),
        _ => return (share >= 1.0).then(|| format!("all lengths are {} tokens", tied.x)),
    };
    let (count, n, x) = (tied.count, sample.n, tied.x);
    (share > most).then(|| {
        format!("{count} of {n} lengths are {x} tokens, over {most:.4} of them: the likelihood has no bound")
    })
}

fn maximum_likelihood(sample: &Sample, family: Family) -> Option<Law> {
    match family {
        Family::LogT(nu) => log_t(sample, nu),
        Family::LogTFreeNu => log_t(sample, best_nu(sample)),
        Family::LogNormal => {
            let (place, _) = em::fit(sample, &Normal)?;
            Some(Law::LogNormal(LogNormal { mu: place.mu, sigma: place.sigma }))
        }
        Family::Gamma => gamma::fit(sample).map(Law::Gamma),
        Family::Empirical => Some(Law::Empirical(Histogram::of(sample))),
    }
}

fn log_t(sample: &Sample, nu: f64) -> Option<Law> {
    let (place, _) = em::fit(sample, &T::new(nu, sample.censored > 0))?;
    Some(Law::LogT(LogT { mu: place.mu, sigma: place.sigma, nu, cap: sample.token_cap() }))
}

/// Largest degrees of freedom that are tried; the law is then normal for all that a sample can tell.
const MOST_NU: f64 = 200.0;

/// The most likely degrees of freedom, from the larger of 1 and twice what ties forbid, to [`MOST_NU`].
fn best_nu(sample: &Sample) -> f64 {
    let n = sample.n as f64;
    let tied = sample.most_tied().map_or(0.0, |s| s.count);
    let least = (2.0 * tied / (n - tied)).clamp(1.0, MOST_NU);
    let profile = |ln_nu: f64| {
        let shape = T::new(libm::exp(ln_nu), sample.censored > 0);
        em::fit(sample, &shape).map_or(f64::NEG_INFINITY, |(_, likelihood)| likelihood)
    };
    libm::exp(maximum([libm::log(least), libm::log(MOST_NU)], profile))
}

/// Raises a scale of ln(length) to `floor`.
fn raise(law: &mut Law, floor: f64) -> Option<String> {
    let sigma = match law {
        Law::LogT(law) => &mut law.sigma,
        Law::LogNormal(law) => &mut law.sigma,
        Law::Gamma(_) | Law::Empirical(_) => return None,
    };
    let low = *sigma < floor;
    let reason = low.then(|| format!("sigma {sigma:e} is raised to the floor {floor:e}"));
    *sigma = sigma.max(floor);
    reason
}

impl Law {
    /// P(X <= `x`), X before any cap.
    pub fn cdf(&self, x: f64) -> f64 {
        match self {
            Law::LogT(law) => Student::of(law.nu).cdf(law.standard(x)),
            Law::LogNormal(law) => law.cdf(x),
            Law::Gamma(law) => law.cdf(x),
            Law::Empirical(law) => law.cdf(x),
        }
    }

    /// Density at `x` > 0 tokens; `None` for the empirical law, which has none.
    pub fn pdf(&self, x: f64) -> Option<f64> {
        match self {
            Law::LogT(law) => Some(libm::exp(law.ln_pdf(x))),
            Law::LogNormal(law) => Some(law.pdf(x)),
            Law::Gamma(law) => Some(law.pdf(x)),
            Law::Empirical(_) => None,
        }
    }

    /// The Kolmogorov-Smirnov distance to `sample`.
    pub fn ks(&self, sample: &Sample) -> f64 {
        match self {
            Law::LogT(law) => {
                let table = Quick::new(Student::of(law.nu));
                sample.ks(|x| table.sf(-law.standard(x)))
            }
            // Steps meet steps: what counts is the gap at the lengths, not on both sides of them.
            Law::Empirical(law) => {
                let mut below = 0.0;
                let gaps = sample.seen.iter().map(|s| {
                    below += s.count;
                    (law.cdf(s.x) - below / sample.n as f64).abs()
                });
                gaps.fold(0.0, f64::max)
            }
            other => sample.ks(|x| other.cdf(x)),
        }
    }
}

/// Families by their names.
const NAMES: [&str; 5] = ["log-t", "log-t-free", "log-normal", "gamma", "empirical"];

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Family::LogT(_) => NAMES[0],
            Family::LogTFreeNu => NAMES[1],
            Family::LogNormal => NAMES[2],
            Family::Gamma => NAMES[3],
            Family::Empirical => NAMES[4],
        })
    }
}

/// Log-t comes with nu = 3.5, the paper's.
impl FromStr for Family {
    type Err = Error;

    fn from_str(name: &str) -> Result<Family, Error> {
        match name {
            "log-t" => Ok(Family::LogT(3.5)),
            "log-t-free" => Ok(Family::LogTFreeNu),
            "log-normal" => Ok(Family::LogNormal),
            "gamma" => Ok(Family::Gamma),
            "empirical" => Ok(Family::Empirical),
            other => Err(Error::unknown("family", other, NAMES)),
        }
    }
}
