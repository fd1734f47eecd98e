//! Synthetic predictors of stated accuracy: the true ln(length), shrunk and blurred.

use super::{LengthSample, Predictor};
use crate::error::Result;
use crate::length::Belief;
use crate::rng::Stream;
use crate::workload::Request;

/// Predicts exp(centre + slope (ln o - centre) + noise z).
pub(super) struct Noisy {
    centre: f64,
    slope: f64,
    noise: f64,
    seed: u64,
    replicate: u64,
}

impl Noisy {
    /// The true length times exp(sigma z).
    pub fn multiplicative(sigma: f64, seed: u64, replicate: u64) -> Noisy {
        Noisy { centre: 0.0, slope: 1.0, noise: sigma, seed, replicate }
    }

    /// A calibrated regression with coefficient of determination `r2`: with L = ln(length) of mean m and
    /// standard deviation s, P = m + r2 (L - m) + s sqrt(r2 (1 - r2)) z has Var(L - P) = (1 - r2) s^2 and
    /// E[L | P] = P for normal L.
    pub fn with_r2(r2: f64, sample: &LengthSample, seed: u64, replicate: u64) -> Noisy {
        let noise = sample.log_sd * libm::sqrt(r2 * (1.0 - r2));
        Noisy { centre: sample.log_mean, slope: r2, noise, seed, replicate }
    }

    /// Blur such that Kendall's tau between prediction and truth is `tau` on the sample (bisection).
    pub fn with_tau(tau: f64, sample: &LengthSample, seed: u64, replicate: u64) -> Noisy {
        let mut stream = Stream::new(0, 0, "predict.tau", 0);
        let blur: Vec<f64> = sample.logs.iter().map(|_| stream.normal()).collect();
        let scale = sample.log_sd.max(f64::MIN_POSITIVE);
        // With slope cos(a) and noise sin(a), a from 0 to a quarter turn leads from tau 1 to tau 0.
        let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
        let mix = |angle: f64| (libm::cos(angle), libm::sin(angle) * scale);
        for _ in 0..20 {
            let middle = 0.5 * (low + high);
            let (slope, noise) = mix(middle);
            let blurred: Vec<f64> = sample
                .logs
                .iter()
                .zip(&blur)
                .map(|(l, z)| slope * (l - sample.log_mean) + noise * z)
                .collect();
            if kendall_tau(&sample.logs, &blurred) > tau { low = middle } else { high = middle }
        }
        let (slope, noise) = match tau {
            1.0 => (1.0, 0.0),
            0.0 => (0.0, scale),
            _ => mix(0.5 * (low + high)),
        };
        Noisy { centre: sample.log_mean, slope, noise, seed, replicate }
    }
}

impl Predictor for Noisy {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        let id = u64::from(request.visible.id.0);
        let log = libm::log(f64::from(request.truth.reveal()));
        let mut predicted = self.centre + self.slope * (log - self.centre);
        if self.noise > 0.0 {
            predicted += self.noise * Stream::new(self.seed, self.replicate, "predict.noisy", id).normal();
        }
        Ok(Belief::Point(libm::exp(predicted)))
    }
}

/// Kendall's tau-a over pairs whose true values differ (ties in the truth carry no order to agree with).
fn kendall_tau(truth: &[f64], predicted: &[f64]) -> f64 {
    let (mut agree, mut pairs) = (0i64, 0i64);
    for i in 0..truth.len() {
        for j in 0..i {
            if truth[i] != truth[j] {
                pairs += 1;
                let same = (truth[i] > truth[j]) == (predicted[i] > predicted[j]);
                agree += if same { 1 } else { -1 };
            }
        }
    }
    if pairs == 0 { 1.0 } else { agree as f64 / pairs as f64 }
}
