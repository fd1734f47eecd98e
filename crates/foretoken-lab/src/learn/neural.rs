//! Networks (feature `nn`): what stands between this crate's prompts and `foretoken_nn::predict`.

use super::Input;
use super::labels::Label;
use super::model::{Card, Core, EncoderCard, Kind, NetCard};
use super::ridge::Scaling;
use super::split::Part;
use super::task::Task;
use super::train::{Fitted, NetRecipe, Prepared, Recipe, Step, pick};
use crate::error::{Error, Place, Result};
use foretoken_nn::predict::{
    Encoder, Examples, Family, Inputs, Loss, Net, Plan, Pooling, Progress, Shape, hashed_words, load_rows,
    save_rows, train,
};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_128;

/// The weights of a network in its directory.
const WEIGHTS: &str = "model.safetensors";

/// A trained network, with its frozen encoder.
pub struct Network {
    net: Net,
    encoder: Option<Encoder>,
}

/// An error of the crate of networks in the words of this one.
fn refused(error: foretoken_nn::Error) -> Error {
    match error {
        foretoken_nn::Error::Unknown { kind, name, known } => {
            Error::unknown(kind, name, known.split(", ").map(String::from))
        }
        foretoken_nn::Error::Weights { path, what } => {
            Error::input(Place::file(path), what, "give the files of one model, whole")
        }
        other => Error::Usage(other.to_string()),
    }
}

impl Network {
    /// Opens the network of a model directory.
    pub fn open(dir: &Path, kind: Kind, card: &NetCard) -> Result<Network> {
        let encoder = match &card.encoder {
            None => None,
            Some(e) => {
                if digest(&e.directory)? != e.sha256 {
                    let what = "these are not the weights that the heads were trained on";
                    return Err(Error::input(Place::file(&e.directory), what, "restore them, or train anew"));
                }
                Some(open_encoder(&e.directory, kind, &e.pooling, e.max_tokens)?)
            }
        };
        let net = Net::load(&shape(card), &dir.join(WEIGHTS)).map_err(refused)?;
        Ok(Network { net, encoder })
    }

    /// Writes the weights that were trained.
    pub fn save(&self, dir: &Path) -> Result<()> {
        self.net.save(&dir.join(WEIGHTS)).map_err(refused)
    }

    /// Outputs as they were trained, scaled.
    pub fn predict(
        &self,
        inputs: &[Input<'_>],
        card: &Card,
        scaling: Option<&Scaling>,
    ) -> Result<Vec<Vec<f64>>> {
        let read = match (&self.encoder, scaling) {
            (Some(encoder), _) => {
                Inputs::Numbers(encoder.embed(&texts(inputs), &mut |_| ()).map_err(refused)?)
            }
            (None, Some(scaling)) => {
                Inputs::Numbers(inputs.iter().map(|i| single(&scaling.apply(&card.features.of(i)))).collect())
            }
            (None, None) => words(inputs, card.net.as_ref().and_then(|n| n.max_tokens).unwrap_or(1)),
        };
        let rows = self.net.predict(&read).map_err(refused)?;
        Ok(rows.iter().map(|row| row.iter().map(|&v| f64::from(v)).collect()).collect())
    }
}

fn texts<'a>(inputs: &[Input<'a>]) -> Vec<&'a str> {
    inputs.iter().map(|i| i.text.unwrap_or_default()).collect()
}

fn words(inputs: &[Input<'_>], longest: usize) -> Inputs {
    Inputs::Words(texts(inputs).iter().map(|text| hashed_words(text, longest)).collect())
}

fn single(row: &[f64]) -> Vec<f32> {
    row.iter().map(|&v| v as f32).collect()
}

fn shape(card: &NetCard) -> Shape {
    let branches = card.branches.clone();
    match card.max_tokens {
        Some(longest) => Shape::Encoder { longest, branches },
        None => Shape::Heads { width: card.width, branches },
    }
}

/// Trains a network on prepared data.
pub(super) fn fit(recipe: &Recipe, ready: &Prepared<'_>, report: &mut dyn FnMut(Step)) -> Result<Fitted> {
    let inputs: Vec<Input<'_>> = ready.prompts.iter().map(|p| p.input()).collect();
    let (train_part, held_part) = (ready.part(Part::Train), ready.part(Part::Validation));
    let mut scaling = None;
    let (mut encoder, mut encoder_card) = (None, None);
    let read = match recipe.kind {
        Kind::Encoder => words(&inputs, recipe.net.max_tokens),
        Kind::Minilm | Kind::Deberta => {
            let (opened, card) = frozen(recipe.kind, &recipe.net)?;
            let rows = embeddings(&opened, &card, &texts(&inputs), recipe.net.cache.as_deref(), report)?;
            (encoder, encoder_card) = (Some(opened), Some(card));
            Inputs::Numbers(rows)
        }
        Kind::Mlp | Kind::Light => {
            let scale = Scaling::of(&pick(&ready.features, &train_part));
            let rows = Inputs::Numbers(ready.features.iter().map(|row| single(&scale.apply(row))).collect());
            scaling = Some(scale);
            rows
        }
    };
    let width = match &read {
        Inputs::Numbers(rows) => rows[0].len(),
        Inputs::Words(_) => 0,
    };
    let (loss, outputs, branches) = aims(recipe.task, ready, &train_part);
    let mut card = NetCard {
        branches,
        width,
        encoder: encoder_card,
        max_tokens: (recipe.kind == Kind::Encoder).then_some(recipe.net.max_tokens),
        seed: recipe.seed,
        learning_rate: recipe.net.learning_rate,
        best_epoch: 0,
        losses: Vec::new(),
    };
    let weights = (recipe.task == Task::Logt).then(|| sampling(ready, &train_part));
    let part = |indices: &[usize], weights: Option<Vec<f64>>| Examples {
        inputs: some(&read, indices),
        targets: indices.iter().map(|&i| single(&outputs.apply_if_scaled(loss, &ready.targets[i]))).collect(),
        weights,
    };
    let plan = plan(recipe);
    let mut told = |progress: Progress| match progress {
        Progress::Batch(epoch, done, all) => report(Step::Batch(epoch, done, all)),
        Progress::Epoch(epoch, losses) => report(Step::Epoch(epoch, plan.epochs, losses)),
    };
    let trained =
        train(&shape(&card), loss, &part(&train_part, weights), &part(&held_part, None), &plan, &mut told);
    let trained = trained.map_err(refused)?;
    (card.best_epoch, card.losses) = (trained.best_epoch, trained.losses);
    let core = Core::Net(Box::new(Network { net: trained.net, encoder }));
    Ok(Fitted { core, inputs: scaling, outputs: outputs.0, net: Some(card) })
}

fn plan(recipe: &Recipe) -> Plan {
    let NetRecipe { epochs, patience, learning_rate, .. } = recipe.net;
    Plan { epochs, patience, learning_rate, seed: recipe.seed, ..Plan::default() }
}

/// How a network's outputs become the targets' units.
struct Outputs(Scaling);

impl Outputs {
    /// Only targets of squared errors are scaled: a class or a relevance is taken as it is.
    fn apply_if_scaled(&self, loss: Loss, target: &[f64]) -> Vec<f64> {
        if loss == Loss::Squares { self.0.apply(target) } else { target.to_vec() }
    }
}

/// Loss, scaling of outputs and widths of branches for a task.
fn aims(task: Task, ready: &Prepared<'_>, train: &[usize]) -> (Loss, Outputs, Vec<usize>) {
    match task {
        Task::Length | Task::Logt => {
            let scaling = Scaling::of(&pick(&ready.targets, train));
            let branches = vec![1; scaling.mean.len()];
            (Loss::Squares, Outputs(scaling), branches)
        }
        // The network says how near the front a request belongs; a smaller score is sooner.
        Task::Rank => (Loss::ListMle, Outputs(Scaling::identity(1, -1.0)), vec![1]),
        Task::Bins => {
            let classes = ready.edges.len() - 1;
            (Loss::CrossEntropy, Outputs(Scaling::identity(classes, 1.0)), vec![classes])
        }
    }
}

/// The released code's weights: long or uncertain prompts are drawn more often.
fn sampling(ready: &Prepared<'_>, train: &[usize]) -> Vec<f64> {
    let weight = |&i: &usize| {
        let Label { mu, sigma } = ready.labels[i];
        let sigma = sigma.unwrap_or_else(|| libm::expm1(ready.targets[i][1]));
        match (mu > 6.0 || sigma > 1.3, mu > 5.5 || sigma > 1.0) {
            (true, _) => 2.0,
            (false, true) => 1.5,
            (false, false) => 1.0,
        }
    };
    train.iter().map(weight).collect()
}

fn some(inputs: &Inputs, indices: &[usize]) -> Inputs {
    match inputs {
        Inputs::Numbers(rows) => Inputs::Numbers(indices.iter().map(|&i| rows[i].clone()).collect()),
        Inputs::Words(rows) => Inputs::Words(indices.iter().map(|&i| rows[i].clone()).collect()),
    }
}

fn frozen(kind: Kind, recipe: &NetRecipe) -> Result<(Encoder, EncoderCard)> {
    let directory = recipe.encoder.clone().ok_or_else(|| {
        let what = format!("model {} needs --encoder DIR, a directory with config.json", kind.name());
        Error::Usage(what + ", tokenizer.json and *.safetensors")
    })?;
    let directory = directory.canonicalize().map_err(|e| Error::io(&directory, e))?;
    let encoder = open_encoder(&directory, kind, &recipe.pooling, recipe.max_tokens)?;
    let sha256 = digest(&directory)?;
    let card =
        EncoderCard { directory, sha256, pooling: recipe.pooling.clone(), max_tokens: recipe.max_tokens };
    Ok((encoder, card))
}

fn open_encoder(directory: &Path, kind: Kind, pooling: &str, max_tokens: usize) -> Result<Encoder> {
    let pooling: Pooling = pooling.parse().map_err(refused)?;
    let family = if kind == Kind::Deberta { Family::Deberta } else { Family::Bert };
    Encoder::open(directory, family, pooling, max_tokens).map_err(refused)
}

/// SHA-256 of all weight files of a directory, in order of their names.
fn digest(directory: &Path) -> Result<String> {
    let io = |e| Error::io(directory, e);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(directory).map_err(io)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "safetensors"));
    paths.sort();
    let mut hash = Sha256::new();
    for path in paths {
        hash.update(std::fs::read(&path).map_err(|e| Error::io(&path, e))?);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What the encoder says of `texts`: read from the cache, or made and kept there.
fn embeddings(
    encoder: &Encoder,
    card: &EncoderCard,
    texts: &[&str],
    cache: Option<&Path>,
    report: &mut dyn FnMut(Step),
) -> Result<Vec<Vec<f32>>> {
    let mut key = format!("{} {} {}\n", card.sha256, card.pooling, card.max_tokens);
    texts.iter().for_each(|text| key.extend([text, "\0"]));
    let kept = cache.map(|dir| dir.join(format!("{:032x}.safetensors", xxh3_128(key.as_bytes()))));
    if let Some(path) = kept.as_ref().filter(|p| p.is_file()) {
        return load_rows(path).map_err(refused);
    }
    let rows =
        encoder.embed(texts, &mut |done| report(Step::Embedded(done, texts.len()))).map_err(refused)?;
    if let Some((path, dir)) = kept.zip(cache) {
        std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
        let aside = path.with_extension("part");
        save_rows(&aside, &rows).map_err(refused)?;
        std::fs::rename(&aside, &path).map_err(|e| Error::io(&path, e))?;
    }
    Ok(rows)
}
