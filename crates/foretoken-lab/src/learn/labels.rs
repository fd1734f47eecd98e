//! What a model learns to say of a prompt: mu and sigma of the log-t law of its answers' lengths.

use super::NU;
use super::data::Prompt;
use crate::error::{Error, Place, Result};
use crate::length::{Family, FitOptions, Law, Sample, fit};
use serde::{Deserialize, Serialize};

/// Samples a prompt from which its own law is fitted.
const ENOUGH: usize = 8;
/// Least sigma of a fitted label: that of the reproduction of TIE.
const LEAST_SIGMA: f64 = 0.01;

/// Where labels come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// Maximum-likelihood fits to each prompt's lengths (every prompt has 8 or more).
    Fits,
    /// ln(length), its mean over a prompt's few lengths; sigma from residuals.
    Lengths,
    /// mu and sigma of the file.
    Given,
}

/// The label of one prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// Location of ln(tokens).
    pub mu: f64,
    /// Scale of ln(tokens), where it is known.
    pub sigma: Option<f64>,
}

/// Labels of `prompts`, in their order; `None` for a prompt whose lengths are all at `cap` and were to be fitted.
/// Lengths of `cap` tokens or more were cut there.
///
/// # Errors
/// Every length is at the cap.
pub fn labels(prompts: &[&Prompt], cap: u32) -> Result<(Labels, Vec<Option<Label>>)> {
    if prompts.iter().all(|p| p.law.is_some()) {
        let given = |law: [f64; 2]| Label { mu: law[0], sigma: Some(law[1]) };
        return Ok((Labels::Given, prompts.iter().map(|p| p.law.map(given)).collect()));
    }
    if prompts.iter().all(|p| p.lengths.iter().all(|&l| l >= cap)) {
        let n: usize = prompts.iter().map(|p| p.lengths.len()).sum();
        let file = prompts.first().and_then(|p| p.place.file.clone()).unwrap_or_default();
        let what = format!("all {n} lengths are at the cap of {cap} tokens or above");
        return Err(Error::input(
            Place::file(file),
            what,
            "give the --cap that the outputs were cut at, or other data",
        ));
    }
    if prompts.iter().all(|p| p.lengths.len() >= ENOUGH) {
        return Ok((Labels::Fits, prompts.iter().map(|p| fitted(&p.lengths, cap)).collect()));
    }
    let mean = |lengths: &[u32]| {
        let logs = lengths.iter().map(|&l| ln_length(l, cap));
        Some(Label { mu: logs.sum::<f64>() / lengths.len() as f64, sigma: None })
    };
    Ok((Labels::Lengths, prompts.iter().map(|p| mean(&p.lengths)).collect()))
}

/// ln of a length that was cut at `cap`.
pub fn ln_length(length: u32, cap: u32) -> f64 {
    libm::log(f64::from(length.min(cap)))
}

fn fitted(lengths: &[u32], cap: u32) -> Option<Label> {
    let options = FitOptions { sigma_floor: LEAST_SIGMA, repair: true };
    match fit(&Sample::new(lengths, Some(cap)), Family::LogT(NU), &options).law {
        Some(Law::LogT(law)) => Some(Label { mu: law.mu, sigma: Some(law.sigma) }),
        _ => None,
    }
}
