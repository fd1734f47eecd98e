//! Maximum likelihood of location and scale of ln(length) by expectation-maximisation, lengths at the cap
//! right-censored.
//!
//! Student's t is a normal law whose precision is a gamma variable of mean 1. Given a standardised value t, its
//! expected precision is w(t) = (nu + 1) / (nu + t^2); given T > z only,
//!
//! - E\[w\] = P(T_{nu+2} > z sqrt((nu+2)/nu)) / P(T > z)
//! - E\[w T\] = f(z) / P(T > z)
//! - E\[w T^2\] = nu + 1 - nu E\[w\]
//!
//! The scale is divided by the sum of the weights, not by n (parameter expansion, Liu, Rubin and Wu 1998): the fixed
//! point is the same, and it is reached in fewer rounds.

use super::panels::Quick;
use super::sample::Sample;
use super::student::Student;
use std::f64::consts::{PI, SQRT_2};

/// Rounds after which a fit that still moves is given up.
const ROUNDS: usize = 50_000;
/// Moves below this share of sigma are rounding.
const STILL: f64 = 1e-14;
/// A scale this far below that of the data has collapsed onto ties.
const COLLAPSED: f64 = 1e-12;

/// Location and scale of ln(length).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub mu: f64,
    pub sigma: f64,
}

/// What fitting needs of a standardised law.
pub(super) trait Shape {
    /// Expected precision at `t`.
    fn weight(&self, t: f64) -> f64;
    /// E\[w\], E\[w T\], E\[w T^2\] given T > `z`.
    fn beyond(&self, z: f64) -> [f64; 3];
    /// Logarithm of the density.
    fn ln_pdf(&self, t: f64) -> f64;
    /// P(T > t).
    fn sf(&self, t: f64) -> f64;
}

/// Student's t.
pub(super) struct T {
    law: Quick,
    wider: Quick,
}

/// The normal law.
pub(super) struct Normal;

impl T {
    pub fn new(nu: f64, censored: bool) -> T {
        // Tables pay only where survival functions are asked for.
        let make = |nu| if censored { Quick::new(Student::of(nu)) } else { Quick::plain(Student::of(nu)) };
        T { law: make(nu), wider: make(nu + 2.0) }
    }
}

impl Shape for T {
    fn weight(&self, t: f64) -> f64 {
        let nu = self.law.nu();
        (nu + 1.0) / (nu + t * t)
    }

    fn beyond(&self, z: f64) -> [f64; 3] {
        let nu = self.law.nu();
        let above = self.law.sf(z);
        let w = self.wider.sf(z * libm::sqrt((nu + 2.0) / nu)) / above;
        [w, self.law.pdf(z) / above, nu + 1.0 - nu * w]
    }

    fn ln_pdf(&self, t: f64) -> f64 {
        self.law.ln_pdf(t)
    }

    fn sf(&self, t: f64) -> f64 {
        self.law.sf(t)
    }
}

impl Shape for Normal {
    fn weight(&self, _: f64) -> f64 {
        1.0
    }

    fn beyond(&self, z: f64) -> [f64; 3] {
        // Mills' ratio; where the tail underflows it is z to all digits.
        let above = self.sf(z);
        let h = if above > 0.0 { libm::exp(self.ln_pdf(z)) / above } else { z };
        [1.0, h, 1.0 + z * h]
    }

    fn ln_pdf(&self, t: f64) -> f64 {
        -0.5 * (t * t + libm::log(2.0 * PI))
    }

    fn sf(&self, t: f64) -> f64 {
        0.5 * libm::erfc(t / SQRT_2)
    }
}

/// The most likely location and scale of several local ones, and the log-likelihood of ln(length) there. `None`
/// where every start collapses or none settles.
pub(super) fn fit(sample: &Sample, shape: &impl Shape) -> Option<(Place, f64)> {
    let settled = starts(sample).into_iter().filter_map(|start| climb(sample, shape, start));
    let scored = settled.map(|place| (place, likelihood(sample, shape, place)));
    scored.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Log-likelihood of ln(length).
pub(super) fn likelihood(sample: &Sample, shape: &impl Shape, at: Place) -> f64 {
    let ln_sigma = libm::log(at.sigma);
    let seen = sample.seen.iter().map(|s| s.count * (shape.ln_pdf((s.ln - at.mu) / at.sigma) - ln_sigma));
    let cut = match sample.cap {
        Some(cap) if sample.censored > 0 => {
            sample.censored as f64 * libm::log(shape.sf((libm::log(cap) - at.mu) / at.sigma))
        }
        _ => 0.0,
    };
    seen.sum::<f64>() + cut
}

/// Where to climb from: a heavy-tailed likelihood has a hill at every cluster.
fn starts(sample: &Sample) -> Vec<Place> {
    let [mean, sd] = sample.moments(|s| s.ln);
    let cut = sample.cap.map_or(0.0, |cap| (libm::log(cap) - mean).abs());
    let wide = if sd > 0.0 { sd } else { cut.max(0.1) };
    let [low, quarter, median, three, high] = [0.05, 0.25, 0.5, 0.75, 0.95].map(|p| sample.ln_quantile(p));
    let mut starts = vec![Place { mu: mean, sigma: wide }];
    for (mu, spread) in [
        (median, 0.5 * (three - quarter)),
        (quarter, 0.5 * (median - low)),
        (three, 0.5 * (high - median)),
        (sample.most_tied().map_or(median, |s| s.ln), 0.01 * wide),
    ] {
        starts.push(Place { mu, sigma: if spread > 0.0 { spread } else { 0.1 * wide } });
    }
    starts
}

/// Climbs from `at` until rounding is all that moves.
fn climb(sample: &Sample, shape: &impl Shape, mut at: Place) -> Option<Place> {
    let floor = COLLAPSED * at.sigma.max(1e-3);
    let ln_cap = sample.cap.map_or(0.0, libm::log);
    for _ in 0..ROUNDS {
        let mut sums = [0.0; 3];
        let mut add = |count: f64, moments: [f64; 3]| {
            sums.iter_mut().zip(moments).for_each(|(sum, m)| *sum += count * m);
        };
        for s in &sample.seen {
            let t = (s.ln - at.mu) / at.sigma;
            let w = shape.weight(t);
            add(s.count, [w, w * t, w * t * t]);
        }
        if sample.censored > 0 {
            add(sample.censored as f64, shape.beyond((ln_cap - at.mu) / at.sigma));
        }
        let shift = sums[1] / sums[0];
        let scale = libm::sqrt(((sums[2] - shift * sums[1]) / sums[0]).max(0.0));
        let moved = shift.abs().max((scale - 1.0).abs()) * at.sigma;
        let still = moved <= (STILL * at.sigma).max(f64::EPSILON * at.mu.abs());
        at = Place { mu: at.mu + at.sigma * shift, sigma: at.sigma * scale };
        if !(at.sigma > floor && at.sigma.is_finite()) {
            return None;
        }
        if still {
            return Some(at);
        }
    }
    None
}
