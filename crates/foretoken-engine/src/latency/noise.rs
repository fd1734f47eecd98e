//! Random deviation of single steps: factors on a model's durations.
//!
//! A first-order autoregression of standard normals runs over the steps of a replica; each step's normal is turned
//! into a factor by the quantile function of the step's size. So the factors have exactly the stated law, and
//! whoever draws with the same seed meets the same normals at the same steps.

use super::model::span_ns;
use super::profile::{Flaw, Noise, NoiseKind, Region};
use super::{LatencyModel, Minorant, Needs, StepLimits, StepShape};
use crate::error::Result;
use crate::rng::Stream;
use crate::time::Span;

/// Which random numbers the noise of a replica is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// Seed of the experiment.
    pub seed: u64,
    /// Number of the replicate.
    pub replicate: u64,
    /// Number of the replica.
    pub replica: u64,
}

/// Standard normals of a stationary first-order autoregression: a function of draws and step number.
struct Normals {
    draws: Draws,
    stream: Stream,
    correlation: f64,
    /// Share of a normal that is new: sqrt(1 - correlation²).
    fresh: f64,
    /// First step whose normal was not drawn yet.
    next: u64,
    /// The normal of the step before it.
    last: f64,
}

impl Normals {
    fn new(draws: Draws, correlation: f64) -> Normals {
        Normals {
            draws,
            stream: Stream::new(draws.seed, draws.replicate, "latency.noise", draws.replica),
            correlation,
            fresh: libm::sqrt(1.0 - correlation * correlation),
            next: 0,
            last: 0.0,
        }
    }

    /// The normal of `step`. Steps in order cost one draw each; going back begins anew.
    fn at(&mut self, step: u64) -> f64 {
        if step + 1 < self.next {
            *self = Normals::new(self.draws, self.correlation);
        }
        while self.next <= step {
            let drawn = self.stream.normal();
            let first = self.next == 0;
            self.last = if first { drawn } else { self.correlation * self.last + self.fresh * drawn };
            self.next += 1;
        }
        self.last
    }
}

/// A model whose steps take a random factor of what they would.
pub(super) struct Noisy {
    model: Box<dyn LatencyModel>,
    noise: Noise,
    normals: Normals,
}

impl Noisy {
    pub fn boxed(model: Box<dyn LatencyModel>, noise: &Noise, draws: Draws) -> Box<dyn LatencyModel> {
        Box::new(Noisy { model, normals: Normals::new(draws, noise.autocorrelation), noise: noise.clone() })
    }
}

impl LatencyModel for Noisy {
    fn step(&mut self, shape: &StepShape<'_>) -> Result<Span> {
        let plain = self.model.step(shape)?;
        let factor = self.noise.factor(self.normals.at(shape.step), shape.rows());
        span_ns("the step's time with its noise", plain.0 as f64 * factor)
    }

    fn needs(&self) -> Needs {
        self.model.needs()
    }

    fn is_pure(&self) -> bool {
        self.model.is_pure()
    }

    /// Those of the model, for steps that all get the least factor.
    fn minorants(&self, limits: &StepLimits) -> Vec<Minorant> {
        let Some(least) = self.noise.least_factor() else { return Vec::new() };
        self.model.minorants(limits).iter().map(|m| m.times(least)).collect()
    }

    fn at_peak_s(&self, shape: &StepShape<'_>) -> Option<[f64; 2]> {
        self.model.at_peak_s(shape)
    }

    fn energy_j(&self, shape: &StepShape<'_>, took: Span) -> Option<f64> {
        self.model.energy_j(shape, took)
    }

    fn in_domain(&self, shape: &StepShape<'_>) -> bool {
        self.model.in_domain(shape)
    }
}

impl Noise {
    /// The factor of a step of `rows` packed rows where the standard normal behind it is `normal`.
    pub fn factor(&self, normal: f64, rows: u64) -> f64 {
        match self.kind {
            NoiseKind::None => 1.0,
            NoiseKind::LogNormal => libm::exp(self.sigma.unwrap_or(0.0) * normal),
            NoiseKind::Regions => {
                let holds = |r: &&Region| r.max_rows.is_none_or(|most| rows <= most);
                let region = self.regions.iter().find(holds);
                let cdf = 0.5 * libm::erfc(-normal * std::f64::consts::FRAC_1_SQRT_2);
                region.map_or(1.0, |r| r.quantile(cdf))
            }
        }
    }

    /// What no factor is below; `None` where they come arbitrarily near to 0.
    pub fn least_factor(&self) -> Option<f64> {
        match self.kind {
            NoiseKind::None => Some(1.0),
            NoiseKind::LogNormal => (self.sigma == Some(0.0)).then_some(1.0),
            NoiseKind::Regions => self.regions.iter().map(|r| r.min).reduce(f64::min),
        }
    }

    pub(super) fn check(&self) -> std::result::Result<(), Flaw> {
        let flaw = |key: &str, what: String, help| Err(Flaw::new(format!("noise.{key}"), what, help));
        if !(0.0..1.0).contains(&self.autocorrelation) {
            let what = format!("{} is not in [0, 1)", self.autocorrelation);
            return flaw("autocorrelation", what, "give a correlation of 0 or more, below 1");
        }
        if self.autocorrelation > 0.0 && self.kind == NoiseKind::None {
            return flaw("autocorrelation", "there is no noise to correlate".into(), "remove the key");
        }
        match (self.kind, self.sigma) {
            (NoiseKind::LogNormal, None) => {
                return flaw("sigma", "log-normal noise has no sigma".into(), "add it");
            }
            (NoiseKind::LogNormal, Some(sigma)) if !(sigma.is_finite() && sigma >= 0.0) => {
                return flaw("sigma", format!("{sigma} is not a finite number >= 0"), "correct the value");
            }
            (NoiseKind::None | NoiseKind::Regions, Some(_)) => {
                return flaw("sigma", "only log-normal noise has a sigma".into(), "remove the key");
            }
            _ => {}
        }
        match (self.kind, self.regions.is_empty()) {
            (NoiseKind::Regions, true) => {
                flaw("regions", "there is none".into(), "add at least one [[noise.regions]]")
            }
            (NoiseKind::None | NoiseKind::LogNormal, false) => {
                let what = "only noise of kind `regions` has regions".into();
                flaw("regions", what, "remove them, or set kind = \"regions\"")
            }
            _ => self.check_regions(),
        }
    }

    fn check_regions(&self) -> std::result::Result<(), Flaw> {
        let mut before = None;
        for (i, region) in self.regions.iter().enumerate() {
            let flaw =
                |key: &str, what, help| Err(Flaw::new(format!("noise.regions[{i}].{key}"), what, help));
            let last = i + 1 == self.regions.len();
            match region.max_rows {
                Some(most) if last => {
                    let what = format!("steps of more than {most} rows have no noise");
                    return flaw("max_rows", what, "remove the key: the last region has no limit");
                }
                None if !last => {
                    let what = "a region without a limit is followed by another".into();
                    return flaw("max_rows", what, "add the key; only the last region goes without");
                }
                Some(most) if before >= Some(most) => {
                    let what = format!("{most} rows are not more than in the region before");
                    return flaw("max_rows", what, "sort the regions and remove repeats");
                }
                _ => before = region.max_rows,
            }
            if let Some((key, what)) = region.disorder() {
                return flaw(key, what, "give factors above 0, min <= p10 <= median <= p90 <= max");
            }
        }
        Ok(())
    }
}

/// Probabilities of the stated quantiles.
const PROBABILITIES: [f64; 5] = [0.0, 0.1, 0.5, 0.9, 1.0];

impl Region {
    fn factors(&self) -> [f64; 5] {
        [self.min, self.p10, self.median, self.p90, self.max]
    }

    /// Quantile of the factor at probability `p`, from 0 to 1.
    fn quantile(&self, p: f64) -> f64 {
        let factors = self.factors();
        let i = PROBABILITIES[1..4].partition_point(|&q| q <= p);
        let (from, to) = (PROBABILITIES[i], PROBABILITIES[i + 1]);
        let factor = factors[i] + (factors[i + 1] - factors[i]) * ((p - from) / (to - from));
        // Rounding must not lead out of the piece: bounds rest on the least factor.
        factor.max(factors[i]).min(factors[i + 1])
    }

    /// The first key whose factor is unusable, and why.
    fn disorder(&self) -> Option<(&'static str, String)> {
        let keys = ["min", "p10", "median", "p90", "max"];
        let mut before = f64::MIN_POSITIVE;
        for (key, factor) in keys.into_iter().zip(self.factors()) {
            if !(factor.is_finite() && factor >= before) {
                return Some((key, format!("{factor} is no factor, or less than the one before")));
            }
            before = factor;
        }
        None
    }
}
