//! Synthetic log-t predictors: the true law, its parameters shrunk and blurred.

use super::{Predictor, law_of};
use crate::error::{Error, Place, Result};
use crate::length::{Belief, LogT};
use crate::rng::Stream;
use crate::workload::Request;

/// Smallest predicted sigma (TIE's code).
const LEAST_SIGMA: f64 = 1e-6;

/// Mean and standard deviation (ddof 0) of mu and of ln(1 + sigma) over a trace's laws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LawSample {
    /// Of mu.
    pub mu: [f64; 2],
    /// Of ln(1 + sigma).
    pub ln_sigma: [f64; 2],
}

impl LawSample {
    /// Statistics of `laws`; `None` without any.
    pub fn new(laws: &[LogT]) -> Option<LawSample> {
        let spread = |of: fn(&LogT) -> f64| {
            let n = laws.len() as f64;
            let mean = laws.iter().map(of).sum::<f64>() / n;
            let variance = laws.iter().map(|law| (of(law) - mean) * (of(law) - mean)).sum::<f64>() / n;
            [mean, libm::sqrt(variance)]
        };
        let of = || LawSample { mu: spread(|law| law.mu), ln_sigma: spread(|law| libm::log1p(law.sigma)) };
        (!laws.is_empty()).then(of)
    }
}

/// Predicts mu and ln(1 + sigma) as calibrated regressions: with mean m, standard deviation s and coefficient of
/// determination R, the prediction of x is m + R (x - m) + s sqrt(R (1 - R)) z, whose R2 is R.
pub(super) struct NoisyLaw {
    r2: [f64; 2],
    correlation: f64,
    sample: Option<LawSample>,
    seed: u64,
    replicate: u64,
}

impl NoisyLaw {
    /// With coefficients of determination `r2` of mu and ln(1 + sigma), and errors so correlated.
    pub fn new(
        r2: [f64; 2],
        correlation: f64,
        sample: Option<LawSample>,
        seed: u64,
        replicate: u64,
    ) -> NoisyLaw {
        NoisyLaw { r2, correlation, sample, seed, replicate }
    }
}

impl Predictor for NoisyLaw {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        let law = law_of(request)?;
        let LawSample { mu, ln_sigma } = self.sample.ok_or_else(|| {
            let what = "nothing is known of how the trace's length laws are spread";
            Error::input(Place::key("predictor.kind"), what, "give LengthSample::new the trace's laws")
        })?;
        let id = u64::from(request.visible.id.0);
        let mut draw = Stream::new(self.seed, self.replicate, "predict.log-t", id);
        let (first, second) = (draw.normal(), draw.normal());
        let own = libm::sqrt(1.0 - self.correlation * self.correlation);
        let noise = [first, self.correlation * first + own * second];
        let seen = |i: usize, x: f64, [mean, sd]: [f64; 2]| {
            let r2 = self.r2[i];
            mean + r2 * (x - mean) + sd * libm::sqrt(r2 * (1.0 - r2)) * noise[i]
        };
        let sigma = libm::expm1(seen(1, libm::log1p(law.sigma), ln_sigma)).max(LEAST_SIGMA);
        Ok(Belief::LogT(LogT { mu: seen(0, law.mu, mu), sigma, ..law }))
    }
}
