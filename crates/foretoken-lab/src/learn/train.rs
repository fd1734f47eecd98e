//! [`train`]: from prompts to a model.

use super::data::{Data, Prompt};
use super::evaluate::{evaluate, residuals};
use super::features::Features;
use super::labels::{Label, Labels, labels};
use super::model::{Accuracy, Card, Core, Kind, Model, NetCard, SCHEMA, SplitCard};
use super::ridge::{Ridge, Scaling};
use super::split::{Part, Shares, split};
use super::task::{Cuts, Decoder, Spread, Task, bin};
use super::{NU, Output};
use crate::error::{Error, Place, Result};
use crate::length::Student;
use std::path::PathBuf;

/// Fewest prompts to learn from.
const FEWEST: usize = 30;
/// Folds of the residuals that stand for sigma where prompts have single lengths.
const FOLDS: usize = 5;

/// How to train.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Kind of model.
    pub kind: Kind,
    /// What it is to predict.
    pub task: Task,
    /// Classes of task `bins`.
    pub cuts: Cuts,
    /// Lengths of this many tokens or more were cut there; predictions end there.
    pub cap: u32,
    /// Shares of train, validation and test.
    pub shares: Shares,
    /// Seed of the split, and of a network's weights, order and dropout.
    pub seed: u64,
    /// What only networks need.
    pub net: NetRecipe,
}

/// How a network is trained.
#[derive(Clone, Debug)]
pub struct NetRecipe {
    /// Directory of a pretrained encoder.
    pub encoder: Option<PathBuf>,
    /// How its token states become one vector: `cls`, `mean`, `max`, or `all` three.
    pub pooling: String,
    /// Most tokens that are read of a prompt.
    pub max_tokens: usize,
    /// Most passes over the training part.
    pub epochs: usize,
    /// Epochs without a better validation loss after which training ends.
    pub patience: usize,
    /// Largest learning rate.
    pub learning_rate: f64,
    /// Where embeddings are kept for the next training, if anywhere.
    pub cache: Option<PathBuf>,
}

/// How far training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Prompts embedded, of all.
    Embedded(usize, usize),
    /// Batches of an epoch (from 1) done, of all.
    Batch(usize, usize, usize),
    /// An epoch (from 1, of all) is over, with its training and validation loss.
    Epoch(usize, usize, [f64; 2]),
}

/// The data as numbers, ready for any kind of model.
pub(super) struct Prepared<'a> {
    /// What is read of a prompt.
    reads: Features,
    source: Labels,
    pub prompts: Vec<&'a Prompt>,
    pub labels: Vec<Label>,
    parts: Vec<Part>,
    /// Features as they are, row per prompt.
    pub features: Vec<Vec<f64>>,
    /// Targets as they are, row per prompt.
    pub targets: Vec<Vec<f64>>,
    /// Edges of classes.
    pub edges: Vec<f64>,
    /// Lengths of the training part.
    training: Vec<u32>,
}

impl<'a> Prepared<'a> {
    fn new(data: &'a Data, recipe: &Recipe) -> Result<Prepared<'a>> {
        let reads = if data.has_text() { Features::Text } else { Features::Length };
        let place = || data.sources.first().map_or(Place::default(), |s| Place::file(&s.file));
        if reads == Features::Length && (recipe.kind.is_frozen() || recipe.kind == Kind::Encoder) {
            let what = format!("model {} reads texts, and these prompts have none", recipe.kind.name());
            return Err(Error::input(place(), what, "use model light or mlp, or data with texts"));
        }
        let (source, all) = labels(&data.prompts.iter().collect::<Vec<_>>(), recipe.cap)?;
        let labelled = all.iter().zip(&data.prompts).filter_map(|(l, p)| Some(((*l)?, p)));
        let (labels, prompts): (Vec<Label>, Vec<&Prompt>) = labelled.unzip();
        if prompts.len() < FEWEST {
            let what = format!("{} different prompts are too few to learn from", prompts.len());
            return Err(Error::input(place(), what, format!("give {FEWEST} or more")));
        }
        let keys: Vec<u64> = prompts.iter().map(|p| p.key).collect();
        let parts = split(&keys, recipe.shares, recipe.seed);
        let features = prompts.iter().map(|p| reads.of(&p.input())).collect();
        let (targets, edges, training) = (Vec::new(), Vec::new(), Vec::new());
        let mut ready =
            Prepared { reads, source, prompts, labels, parts, features, targets, edges, training };
        let lengths =
            ready.part(Part::Train).into_iter().flat_map(|i| ready.prompts[i].lengths.iter().copied());
        ready.training = lengths.collect();
        ready.edges = ready.cut(recipe)?;
        ready.targets = ready.aims(recipe)?;
        Ok(ready)
    }

    /// Indices of a part.
    pub fn part(&self, part: Part) -> Vec<usize> {
        (0..self.parts.len()).filter(|&i| self.parts[i] == part).collect()
    }

    /// Edges of the classes of task `bins`.
    fn cut(&self, recipe: &Recipe) -> Result<Vec<f64>> {
        if recipe.task != Task::Bins {
            return Ok(Vec::new());
        }
        if self.training.is_empty() {
            let what = "task bins needs lengths, and this file has laws";
            return Err(Error::input(self.prompts[0].place.clone(), what, "use task logt, length or rank"));
        }
        let edges = recipe.cuts.edges(&self.training, recipe.cap);
        match edges.len() {
            0..3 => Err(Error::Usage("--bins: all lengths fall into one class; give edges".to_string())),
            _ => Ok(edges),
        }
    }

    /// What the model is to say of each prompt.
    fn aims(&self, recipe: &Recipe) -> Result<Vec<Vec<f64>>> {
        let light = recipe.kind == Kind::Light;
        let one = |label: &Label| match recipe.task {
            Task::Length => vec![label.mu],
            // The published label of LTR: tens of tokens short of 8192; higher is shorter.
            Task::Rank if !light => vec![819.0 - libm::floor(libm::exp(label.mu).min(8192.0) / 10.0)],
            Task::Bins if !light => vec![bin(libm::exp(label.mu), &self.edges) as f64],
            Task::Bins => {
                let class = bin(libm::exp(label.mu), &self.edges);
                (0..self.edges.len() - 1).map(|i| f64::from(u8::from(i == class))).collect()
            }
            Task::Rank => vec![self.rank(label.mu)],
            Task::Logt => vec![label.mu, libm::log1p(label.sigma.unwrap_or_default())],
        };
        let mut aims: Vec<Vec<f64>> = self.labels.iter().map(one).collect();
        if recipe.task == Task::Logt && self.source == Labels::Lengths {
            for (aim, sigma) in aims.iter_mut().zip(self.residual_sigmas()?) {
                aim[1] = libm::log1p(sigma);
            }
        }
        Ok(aims)
    }

    /// The share of training prompts with a smaller mu.
    fn rank(&self, mu: f64) -> f64 {
        let train = self.part(Part::Train);
        train.iter().filter(|&&i| self.labels[i].mu < mu).count() as f64 / train.len() as f64
    }

    /// Where a prompt has a single length, its distance from what a ridge regression on other prompts says stands
    /// for sigma: |residual| over E|T|, T of Student's law.
    fn residual_sigmas(&self) -> Result<Vec<f64>> {
        let mut sigmas = vec![0.0; self.labels.len()];
        let mu: Vec<Vec<f64>> = self.labels.iter().map(|l| vec![l.mu]).collect();
        let (train, held) = (self.part(Part::Train), self.part(Part::Validation));
        for fold in 0..FOLDS {
            let known: Vec<usize> =
                train.iter().enumerate().filter(|(n, _)| n % FOLDS != fold).map(|(_, &i)| i).collect();
            let (x, y) = (Scaling::of(&pick(&self.features, &known)), Scaling::of(&pick(&mu, &known)));
            let scaled =
                |indices: &[usize]| (x.all(&pick(&self.features, indices)), y.all(&pick(&mu, indices)));
            let ((a, b), (c, d)) = (scaled(&known), scaled(&held));
            let ridge = Ridge::fit(&a, &b, (&c, &d))?;
            // Prompts outside of the training part are taken by the last fold.
            let mine = |i: usize| match train.binary_search(&i) {
                Ok(n) => n % FOLDS == fold,
                Err(_) => fold == FOLDS - 1,
            };
            for i in (0..sigmas.len()).filter(|&i| mine(i)) {
                let said = y.undo(&ridge.predict(&x.apply(&self.features[i])))[0];
                sigmas[i] = (self.labels[i].mu - said).abs() / MEAN_ABS_T;
            }
        }
        Ok(sigmas)
    }
}

/// E|T| of Student's law with 3.5 degrees of freedom: 2 sqrt(nu) Gamma((nu+1)/2) / ((nu-1) sqrt(pi) Gamma(nu/2)).
const MEAN_ABS_T: f64 = 1.041;

pub(super) fn pick(of: &[Vec<f64>], indices: &[usize]) -> Vec<Vec<f64>> {
    indices.iter().map(|&i| of[i].clone()).collect()
}

/// A fitted core with all that its card must say.
pub(super) struct Fitted {
    pub core: Core,
    pub inputs: Option<Scaling>,
    pub outputs: Scaling,
    pub net: Option<NetCard>,
}

/// Trains a model on the training part of `data`, chooses on the validation part, and measures on the test part.
///
/// # Errors
/// Fewer than 30 prompts; all lengths at the cap; texts that a model needs and the data lack; a network's own.
pub fn train(data: &Data, recipe: &Recipe, report: &mut dyn FnMut(Step)) -> Result<Model> {
    recipe.kind.check_build()?;
    let ready = Prepared::new(data, recipe)?;
    let fitted = match recipe.kind {
        Kind::Light => light(&ready)?,
        _ => network(recipe, &ready, report)?,
    };
    let card = card(data, recipe, &ready, &fitted);
    let keys = ready.prompts.iter().map(|p| p.key);
    let parts = keys.zip(ready.parts.iter().copied()).collect();
    let mut model = Model { card, core: fitted.core, parts };
    let prompts = |part| -> Vec<&Prompt> { ready.part(part).iter().map(|&i| ready.prompts[i]).collect() };
    let validation = prompts(Part::Validation);
    if recipe.task == Task::Logt && ready.source == Labels::Lengths {
        model.card.decoder.spread = spread(&model, &validation)?;
    }
    model.card.metrics = Accuracy {
        validation: evaluate(&model, &validation)?.metrics,
        test: evaluate(&model, &prompts(Part::Test))?.metrics,
    };
    Ok(model)
}

fn light(ready: &Prepared<'_>) -> Result<Fitted> {
    let (train, held) = (ready.part(Part::Train), ready.part(Part::Validation));
    let inputs = Scaling::of(&pick(&ready.features, &train));
    let outputs = Scaling::of(&pick(&ready.targets, &train));
    let x = |indices: &[usize]| inputs.all(&pick(&ready.features, indices));
    let y = |indices: &[usize]| outputs.all(&pick(&ready.targets, indices));
    let ridge = Ridge::fit(&x(&train), &y(&train), (&x(&held), &y(&held)))?;
    Ok(Fitted { core: Core::Light(ridge), inputs: Some(inputs), outputs, net: None })
}

#[cfg(feature = "nn")]
use super::neural::fit as network;

#[cfg(not(feature = "nn"))]
fn network(recipe: &Recipe, _: &Prepared<'_>, _: &mut dyn FnMut(Step)) -> Result<Fitted> {
    Err(recipe.kind.lacking())
}

fn card(data: &Data, recipe: &Recipe, ready: &Prepared<'_>, fitted: &Fitted) -> Card {
    let logits = recipe.task == Task::Bins && recipe.kind != Kind::Light;
    let count = |part| ready.part(part).len();
    let decoder = Decoder {
        task: recipe.task,
        cap: recipe.cap,
        edges: ready.edges.clone(),
        spread: Spread::OWN,
        output: if logits { Output::Logits } else { Output::Values },
    };
    Card {
        schema: SCHEMA,
        model: recipe.kind,
        features: ready.reads,
        feature_names: if fitted.inputs.is_some() { ready.reads.names() } else { Vec::new() },
        decoder,
        labels: ready.source,
        inputs: fitted.inputs.clone(),
        outputs: fitted.outputs.clone(),
        light: match &fitted.core {
            Core::Light(ridge) => Some(ridge.clone()),
            #[cfg(feature = "nn")]
            Core::Net(_) => None,
        },
        net: fitted.net.clone(),
        split: SplitCard {
            seed: recipe.seed,
            shares: recipe.shares,
            prompts: [count(Part::Train), count(Part::Validation), count(Part::Test)],
        },
        data: data.sources.clone(),
        left_out: data.prompts.len() - ready.prompts.len(),
        censored: data.prompts.iter().flat_map(|p| &p.lengths).filter(|l| **l >= recipe.cap).count(),
        median_length: median(&ready.training, recipe.cap),
        metrics: Accuracy::default(),
    }
}

fn median(lengths: &[u32], cap: u32) -> Option<f64> {
    let mut sorted: Vec<u32> = lengths.iter().map(|&l| l.min(cap)).collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().map(f64::from)
}

/// One sigma for all, or the model's own times a factor: whichever makes the lengths of `held` below the cap more
/// likely.
fn spread(model: &Model, held: &[&Prompt]) -> Result<Spread> {
    let inputs: Vec<_> = held.iter().map(|p| p.input()).collect();
    let outputs = model.outputs(&inputs)?;
    // (residual, what the model says of sigma)
    let mut seen = Vec::new();
    for (prompt, o) in held.iter().zip(&outputs) {
        let said = Spread::OWN.sigma(o[1]);
        seen.extend(residuals(prompt, o[0], model.card.decoder.cap).map(|r| (r, said)));
    }
    if seen.is_empty() {
        return Ok(Spread::OWN);
    }
    // A sigma said to be next to nothing would drown the rest.
    let least = 0.05 * seen.iter().map(|s| s.1).sum::<f64>() / seen.len() as f64;
    let own: Vec<(f64, f64)> = seen.iter().map(|&(r, s)| (r, s.max(least))).collect();
    let one: Vec<(f64, f64)> = seen.iter().map(|&(r, _)| (r, 1.0)).collect();
    let ((factor, with_own), (sigma, with_one)) = (scale(&own), scale(&one));
    Ok(if with_own > with_one { Spread::Head { factor, least } } else { Spread::Constant(sigma) })
}

/// The most likely common factor of the scales of Student-t residuals, by expectation-maximisation, and the
/// logarithm of its likelihood.
fn scale(seen: &[(f64, f64)]) -> (f64, f64) {
    let student = Student::new(NU).expect("a constant that is allowed");
    let mut factor = 1.0f64;
    for _ in 0..200 {
        let weighted = |&(r, s): &(f64, f64)| {
            let z = r / s;
            (NU + 1.0) / (NU + (z / factor) * (z / factor)) * z * z
        };
        let next = libm::sqrt(seen.iter().map(weighted).sum::<f64>() / seen.len() as f64).max(1e-6);
        let done = (next - factor).abs() < 1e-10 * factor;
        factor = next;
        if done {
            break;
        }
    }
    let likelihood = |&(r, s): &(f64, f64)| student.ln_pdf(r / (s * factor)) - libm::log(s * factor);
    (factor, seen.iter().map(likelihood).sum())
}
