//! How single steps scatter around the law.

use super::quantile;
use super::target::Target;
use crate::calibrate::{Clock, Samples};
use crate::latency::{Noise, NoiseKind, Region};
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;

/// Packed rows up to which a region goes, where it has samples enough.
const BOUNDS: [u64; 5] = [1, 4, 16, 64, 256];
/// Fewest samples of a region: its 10% and 90% quantiles rest on three.
const FEWEST: usize = 30;
/// Normal quantile of 0.9.
const Z90: f64 = 1.281_551_565_544_600_4;
/// Largest autocorrelation that is stated.
const MOST: f64 = 0.99;

/// Factors of single steps on the law's time.
#[derive(Clone, Debug)]
pub struct Scatter {
    /// (packed rows, factor), for every sample of a target.
    factors: Vec<(u64, f64)>,
    autocorrelation: f64,
}

impl Scatter {
    /// Scatter of the steps of `targets` around `law`, seconds for each; `samples` have them in the order taken.
    pub fn new(targets: &[&Target], law: &[f64], samples: &Samples, clock: Clock) -> Scatter {
        let of = |(t, l): (&&Target, &f64)| {
            let (rows, l) = (t.work.rows, *l);
            t.seconds.iter().map(move |s| (rows, s / l)).collect::<Vec<_>>()
        };
        let factors = targets.iter().zip(law).flat_map(of).collect();
        Scatter { factors, autocorrelation: autocorrelation(targets, samples, clock) }
    }

    /// All factors.
    pub fn factors(&self) -> impl Iterator<Item = f64> + '_ {
        self.factors.iter().map(|f| f.1)
    }

    /// Noise of this scatter, of one `kind`.
    pub fn noise(&self, kind: NoiseKind) -> Noise {
        let (autocorrelation, none) = (self.autocorrelation, Noise::default());
        match kind {
            NoiseKind::None => none,
            NoiseKind::LogNormal => {
                let f = sorted(self.factors());
                let sigma = libm::log(quantile(&f, 0.9) / quantile(&f, 0.1)) / (2.0 * Z90);
                Noise { kind, sigma: Some(sigma), autocorrelation, ..none }
            }
            NoiseKind::Regions => Noise { kind, autocorrelation, regions: self.regions(), ..none },
        }
    }

    /// Quantiles by packed rows; bounds without samples enough below them fall away.
    pub fn regions(&self) -> Vec<Region> {
        let mut regions = Vec::new();
        let mut rest: Vec<(u64, f64)> = self.factors.clone();
        for bound in BOUNDS {
            let (below, above): (Vec<_>, Vec<_>) = rest.iter().partition(|(rows, _)| *rows <= bound);
            if below.len() >= FEWEST && above.len() >= FEWEST {
                regions.push(region(Some(bound), &below));
                rest = above;
            }
        }
        regions.push(region(None, &rest));
        regions
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn region(max_rows: Option<u64>, factors: &[(u64, f64)]) -> Region {
    let f = sorted(factors.iter().map(|f| f.1));
    let [min, p10, median, p90, max] = [0.0, 0.1, 0.5, 0.9, 1.0].map(|q| quantile(&f, q));
    Region { max_rows, min, p10, median, p90, max }
}

/// Correlation of one step's normal score with the next one's, in the order taken; 0 to 0.99. Scores are those of
/// the ranks of seconds over the point's median, so that a misfit of the law is no correlation.
fn autocorrelation(targets: &[&Target], samples: &Samples, clock: Clock) -> f64 {
    let medians: BTreeMap<_, f64> = targets.iter().map(|t| (&t.point, t.median_s)).collect();
    let ratio = |s: &crate::calibrate::Sample| Some(s.seconds(clock)? / medians.get(&s.point)?);
    let ratios: Vec<f64> = samples.rows.iter().filter_map(ratio).collect();
    let ranked = sorted(ratios.iter().copied());
    // Equal ratios, such as those of the medians themselves, share a rank.
    let score = |r: &f64| {
        let (below, up_to) = (ranked.partition_point(|x| x < r), ranked.partition_point(|x| x <= r));
        Normal::standard().inverse_cdf((below + up_to) as f64 / (2 * ranked.len()) as f64)
    };
    let scores: Vec<f64> = ratios.iter().map(score).collect();
    let square: f64 = scores.iter().map(|z| z * z).sum();
    let product: f64 = scores.windows(2).map(|w| w[0] * w[1]).sum();
    if square > 0.0 { (product / square).clamp(0.0, MOST) } else { 0.0 }
}
