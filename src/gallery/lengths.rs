//! Output lengths of traces and results, with fitted laws.

use std::path::{Path, PathBuf};

use super::source::{Source, groups, short};
use super::{Choices, Drawn, nothing, requests};
use crate::error::{Error, Result};
use crate::report::figure::Width;
use crate::report::fit::{Fit, Fitted, fit_figure};
use crate::trace::{self, ReadOptions, TraceRow};

/// Histograms of output lengths with the log-normal law of their mean and variance of logarithms.
pub fn fit(sources: &[PathBuf], choices: &Choices) -> Result<Drawn> {
    if !choices.only.is_empty() && !sources.iter().any(|s| s.is_dir()) {
        return Err(Error::Usage("--only picks runs of result directories; a trace has none".into()));
    }
    let mut samples: Vec<(String, Vec<f64>)> = Vec::new();
    for path in sources {
        match path.is_dir() {
            true => {
                let groups = groups(&[Source::open(path)?], &choices.only)?;
                for group in groups {
                    let lengths = requests::read(&group, &["output_tokens"], "every replay writes it")?;
                    samples.push((group.name, lengths.into_iter().next().unwrap_or_default()));
                }
            }
            false => samples.push((short(path), lengths(path)?)),
        }
    }
    if let Some((name, _)) = samples.iter().find(|s| s.1.is_empty()) {
        return Err(nothing(&format!("{name} holds no request")));
    }
    let several = samples.len() > 1;
    let panel = |(name, sample): (String, Vec<f64>)| {
        let fits = log_normal(&sample).into_iter().collect();
        Fitted { label: several.then_some(name), numbers: Vec::new(), sample, fits }
    };
    let panels: Vec<Fitted> = samples.into_iter().map(panel).collect();
    let n: Vec<String> = panels.iter().map(|p| p.sample.len().to_string()).collect();
    let x = super::words::axis(choices.is_log("x", true), "Output length", "tokens");
    let width = choices.width.unwrap_or(if several { Width::TwoColumn } else { Width::OneColumn });
    let mut spec = fit_figure(&x, &panels, true, "observed", width);
    spec.notes.push(format!("n = {} requests; log-normal by the moments of ln(length).", n.join(", ")));
    Ok(Drawn { spec, remarks: Vec::new() })
}

fn lengths(path: &Path) -> Result<Vec<f64>> {
    let mut reader = trace::open(path, &ReadOptions { sort: true, ..ReadOptions::default() })?;
    let (mut row, mut lengths) = (TraceRow::default(), Vec::new());
    while reader.read_into(&mut row)? {
        lengths.push(f64::from(row.output_tokens));
    }
    Ok(lengths)
}

/// The log-normal law by the moments of the logarithms; none where they do not vary.
pub fn log_normal(sample: &[f64]) -> Option<Fit> {
    let n = sample.len() as f64;
    let mu = sample.iter().map(|&v| libm::log(v)).sum::<f64>() / n;
    let variance = sample.iter().map(|&v| (libm::log(v) - mu) * (libm::log(v) - mu)).sum::<f64>() / n;
    let sigma = variance.sqrt();
    let density = move |v: f64| {
        let z = (libm::log(v) - mu) / sigma;
        libm::exp(-z * z / 2.0) / (v * sigma * (2.0 * std::f64::consts::PI).sqrt())
    };
    let varies = sample.iter().any(|&v| v != sample[0]);
    varies.then(|| Fit { name: "log-normal".to_owned(), density: Box::new(density) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its mass is one, and its median exp(mu).
    #[test]
    fn a_log_normal_density_integrates_to_one() {
        let sample: Vec<f64> = (1..400).map(f64::from).collect();
        let fit = log_normal(&sample).expect("lengths vary");
        let steps = (-40_000..120_000).map(|i| f64::from(i) / 10_000.0);
        let mass: f64 = steps.map(|u| libm::exp(u) * (fit.density)(libm::exp(u)) / 10_000.0).sum();
        assert!((mass - 1.0).abs() < 1e-4, "{mass}");
        assert!(log_normal(&[7.0; 5]).is_none());
    }
}
