//! [`train`]: AdamW with warm-up and clipped gradients, until validation gets no better.

use super::chance::Chance;
use super::loss::Loss;
use super::net::{Inputs, Net, Shape};
use super::ok;
use super::store::Variables;
use crate::error::{Error, Result};
use candle_core::Tensor;
use candle_core::backprop::GradStore;
use candle_nn::{AdamW, Optimizer, ParamsAdamW};

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Most passes over the training rows.
    pub epochs: usize,
    /// Rows of a step; a list of ListMLE.
    pub batch: usize,
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// Share of all steps over which the rate rises linearly.
    pub warmup: f64,
    /// AdamW's weight decay.
    pub weight_decay: f64,
    /// Largest norm of a step's gradients together.
    pub clip: f64,
    /// Epochs without a better validation loss after which training ends.
    pub patience: usize,
    /// Seed of weights, order and dropout.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            epochs: 20,
            batch: 32,
            learning_rate: 5e-4,
            warmup: 0.1,
            weight_decay: 0.01,
            clip: 1.0,
            patience: 8,
            seed: 0,
        }
    }
}

/// Rows with what is to be said of them.
#[derive(Clone, Debug)]
pub struct Examples {
    /// The rows.
    pub inputs: Inputs,
    /// As many numbers per row as there are branches; a class, or a relevance.
    pub targets: Vec<Vec<f32>>,
    /// Rows are drawn in proportion to these, with replacement; `None`: each once an epoch.
    pub weights: Option<Vec<f64>>,
}

/// How far training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// Batches of an epoch (from 1) done, of all.
    Batch(usize, usize, usize),
    /// An epoch (from 1) is over, with its training and validation loss.
    Epoch(usize, [f64; 2]),
}

/// A trained network.
pub struct Trained {
    /// With the weights of its best epoch.
    pub net: Net,
    /// That epoch, from 1.
    pub best_epoch: usize,
    /// Mean losses of each epoch: training, validation.
    pub losses: Vec<[f64; 2]>,
}

/// Trains a network of `shape`.
///
/// # Errors
/// [`Error::Gradient`] where a variable gets no gradient; a loss that is not finite; candle's.
pub fn train(
    shape: &Shape,
    loss: Loss,
    training: &Examples,
    held: &Examples,
    plan: &Plan,
    report: &mut dyn FnMut(Progress),
) -> Result<Trained> {
    let net = Net::fresh(shape, plan.seed)?;
    let vars = net.vars.iter().map(|(_, var)| var.clone()).collect();
    let params =
        ParamsAdamW { lr: plan.learning_rate, weight_decay: plan.weight_decay, ..ParamsAdamW::default() };
    let mut optimiser = ok(AdamW::new(vars, params))?;
    let (mut order, mut drops) = (Chance::new(plan.seed, 2), Chance::new(plan.seed, 3));
    let batches = training.targets.len().div_ceil(plan.batch);
    let warm = ((plan.epochs * batches) as f64 * plan.warmup).max(1.0);
    let (mut losses, mut best): (Vec<[f64; 2]>, (f64, usize, Vec<Tensor>)) =
        (Vec::new(), (f64::INFINITY, 0, Vec::new()));
    for epoch in 0..plan.epochs {
        let picked = match &training.weights {
            Some(weights) => order.draws(weights),
            None => order.order(training.targets.len()),
        };
        let mut sum = 0.0;
        for (n, batch) in picked.chunks(plan.batch).enumerate() {
            let step = epoch * batches + n;
            optimiser.set_learning_rate(plan.learning_rate * ((step + 1) as f64 / warm).min(1.0));
            let outputs = net.forward(&training.inputs, batch, Some(&mut drops))?;
            let value = loss.of(&outputs, &targets(training, batch), Some(epoch))?;
            let mut gradients = ok(value.backward())?;
            if step == 0 {
                check_gradients(&net.vars, &gradients)?;
            }
            clip(&net.vars, &mut gradients, plan.clip)?;
            ok(optimiser.step(&gradients))?;
            sum += scalar(&value)? * batch.len() as f64;
            report(Progress::Batch(epoch + 1, n + 1, batches));
        }
        let reached = [sum / picked.len() as f64, held_loss(&net, loss, held, plan.batch)?];
        losses.push(reached);
        report(Progress::Epoch(epoch + 1, reached));
        if reached[1] < best.0 {
            best = (reached[1], epoch + 1, snapshot(&net.vars)?);
        } else if epoch + 1 >= best.1 + plan.patience {
            break;
        }
    }
    for ((_, var), kept) in net.vars.iter().zip(&best.2) {
        ok(var.set(kept))?;
    }
    Ok(Trained { net, best_epoch: best.1, losses })
}

fn targets<'a>(examples: &'a Examples, batch: &[usize]) -> Vec<&'a [f32]> {
    batch.iter().map(|&i| &examples.targets[i][..]).collect()
}

fn scalar(loss: &Tensor) -> Result<f64> {
    let value = f64::from(ok(loss.to_scalar::<f32>())?);
    match value.is_finite() {
        true => Ok(value),
        false => Err(Error::Step("the loss is not finite; lower the learning rate".to_string())),
    }
}

fn held_loss(net: &Net, loss: Loss, held: &Examples, batch: usize) -> Result<f64> {
    let all: Vec<usize> = (0..held.targets.len()).collect();
    let mut sum = 0.0;
    for batch in all.chunks(batch) {
        let outputs = net.forward(&held.inputs, batch, None)?;
        sum += scalar(&loss.of(&outputs, &targets(held, batch), None)?)? * batch.len() as f64;
    }
    Ok(sum / all.len().max(1) as f64)
}

/// Every variable must have a gradient: an operation without a backward pass cuts the graph without a word.
pub(super) fn check_gradients(vars: &Variables, gradients: &GradStore) -> Result<()> {
    match vars.iter().find(|(_, var)| gradients.get(var).is_none()) {
        None => Ok(()),
        Some((name, _)) => Err(Error::Gradient { variable: name.to_string() }),
    }
}

/// Scales all gradients down together where their norm is over `most`.
fn clip(vars: &Variables, gradients: &mut GradStore, most: f64) -> Result<()> {
    let mut square = 0.0;
    for (_, var) in vars.iter() {
        if let Some(gradient) = gradients.get(var) {
            square +=
                f64::from(ok(gradient.sqr().and_then(|g| g.sum_all()).and_then(|g| g.to_scalar::<f32>()))?);
        }
    }
    let norm = square.sqrt();
    if norm <= most {
        return Ok(());
    }
    for (_, var) in vars.iter() {
        if let Some(gradient) = gradients.remove(var) {
            gradients.insert(var, ok(gradient * (most / norm))?);
        }
    }
    Ok(())
}

fn snapshot(vars: &Variables) -> Result<Vec<Tensor>> {
    vars.iter().map(|(_, var)| ok(var.as_tensor().copy())).collect()
}
