//! [`evaluate`]: how good a model's predictions of some prompts are.

use super::Input;
use super::data::Prompt;
use super::labels::{Label, Labels, labels, ln_length};
use super::model::Model;
use super::score::{LEVELS, Metrics, covered, kendall_tau, mae, r2};
use super::task::Task;
use crate::error::Result;
use crate::length::Belief;

/// Accuracy, and the numbers behind it.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// The accuracy.
    pub metrics: Metrics,
    /// (predicted, observed) lengths, tokens; empty where scores are predicted.
    pub pairs: Vec<(f64, f64)>,
    /// Stated probability of a length up to the observed one; empty where no law is predicted.
    pub pit: Vec<f64>,
}

/// Holds the model against `prompts`, which it should not have seen.
///
/// # Errors
/// A network's.
pub fn evaluate(model: &Model, prompts: &[&Prompt]) -> Result<Evaluation> {
    let inputs: Vec<Input<'_>> = prompts.iter().map(|p| p.input()).collect();
    let outputs = model.outputs(&inputs)?;
    let mut found = Found::default();
    for (prompt, outputs) in prompts.iter().zip(&outputs) {
        found.add(model, prompt, outputs)?;
    }
    let mut metrics = found.metrics(model);
    metrics.prompts = prompts.len();
    against_labels(model, prompts, &outputs, &mut metrics)?;
    let pairs = found.predicted.iter().copied().zip(found.observed).collect();
    Ok(Evaluation { metrics, pairs, pit: found.pit })
}

/// One entry per observed length.
#[derive(Default)]
struct Found {
    observed: Vec<f64>,
    orders: Vec<f64>,
    /// Fewer where scores are predicted.
    predicted: Vec<f64>,
    pit: Vec<f64>,
}

impl Found {
    fn add(&mut self, model: &Model, prompt: &Prompt, outputs: &[f64]) -> Result<()> {
        let decoder = &model.card.decoder;
        let belief = decoder.belief(outputs)?;
        let point = match &belief {
            Belief::Histogram(_) => Some(decoder.expected(outputs)),
            other => other.tokens(),
        };
        for &length in &prompt.lengths {
            let cut = f64::from(length.min(decoder.cap));
            self.observed.push(cut);
            self.orders.push(point.or(belief.point()).unwrap_or_default());
            self.predicted.extend(point);
            self.pit.extend(match &belief {
                Belief::LogT(law) => Some(law.cdf(cut)),
                Belief::Histogram(law) => Some(law.cdf(cut)),
                _ => None,
            });
        }
        Ok(())
    }

    fn metrics(&self, model: &Model) -> Metrics {
        let ln = |values: &[f64]| -> Vec<f64> { values.iter().map(|&v| libm::log(v)).collect() };
        let said = self.predicted.len() == self.observed.len() && !self.observed.is_empty();
        let median = model.card.median_length.filter(|_| !self.observed.is_empty());
        Metrics {
            lengths: self.observed.len(),
            r2: said.then(|| r2(&ln(&self.observed), &ln(&self.predicted))).flatten(),
            mae_tokens: said.then(|| mae(&self.observed, &self.predicted)).flatten(),
            mae_tokens_of_median: median.and_then(|m| mae(&self.observed, &vec![m; self.observed.len()])),
            tau: kendall_tau(&self.orders, &self.observed),
            coverage: (!self.pit.is_empty()).then(|| {
                let shares = covered(&self.pit, &LEVELS);
                [shares[0], shares[1], shares[2]]
            }),
            ..Metrics::default()
        }
    }
}

/// What only labels with a sigma tell; and the order, where there are no lengths.
fn against_labels(
    model: &Model,
    prompts: &[&Prompt],
    outputs: &[Vec<f64>],
    metrics: &mut Metrics,
) -> Result<()> {
    let decoder = &model.card.decoder;
    // Lengths that are all at the cap have no labels to be held against.
    let Ok((kind, labels)) = labels(prompts, decoder.cap) else { return Ok(()) };
    if kind == Labels::Lengths {
        return Ok(());
    }
    let known: Vec<(Label, &Vec<f64>)> =
        labels.iter().zip(outputs).filter_map(|(l, o)| Some(((*l)?, o))).collect();
    let mus: Vec<f64> = known.iter().map(|(l, _)| l.mu).collect();
    if decoder.task == Task::Logt {
        let ln_sigma = |sigma: f64| libm::log1p(sigma);
        let truth: Vec<f64> = known.iter().map(|(l, _)| ln_sigma(l.sigma.unwrap_or_default())).collect();
        let said: Vec<f64> = known.iter().map(|(_, o)| ln_sigma(decoder.spread.sigma(o[1]))).collect();
        metrics.r2_sigma = r2(&truth, &said);
    }
    if matches!(decoder.task, Task::Logt | Task::Length) {
        let said: Vec<f64> = known.iter().map(|(_, o)| o[0]).collect();
        metrics.r2_mu = r2(&mus, &said);
    }
    if metrics.lengths == 0 {
        let order = |o: &Vec<f64>| match decoder.task {
            Task::Bins => decoder.expected(o),
            _ => o[0],
        };
        let orders: Vec<f64> = known.iter().map(|(_, o)| order(o)).collect();
        metrics.tau = kendall_tau(&orders, &mus);
    }
    Ok(())
}

/// A length that was cut at `cap`, as labels see it.
pub(super) fn residuals(prompt: &Prompt, mu: f64, cap: u32) -> impl Iterator<Item = f64> + '_ {
    prompt.lengths.iter().filter(move |l| **l < cap).map(move |&l| ln_length(l, cap) - mu)
}
