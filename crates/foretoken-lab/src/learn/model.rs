//! [`Model`]: a trained predictor, in memory and as a directory.

use super::Input;
use super::data::{Data, Prompt, Source};
use super::features::Features;
use super::labels::Labels;
use super::ridge::{Ridge, Scaling};
use super::score::Metrics;
use super::split::{Part, Shares};
use super::task::Decoder;
use crate::error::{Error, Place, Result};
use crate::length::Belief;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Version of `model.json`.
pub(super) const SCHEMA: u32 = 1;

/// A kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Ridge regression on surface features; in every build.
    Light,
    /// A multi-layer perceptron on the same features.
    Mlp,
    /// A frozen BERT (MiniLM and kin) with trained heads.
    Minilm,
    /// A frozen DeBERTa v2 or v3 with trained heads.
    Deberta,
    /// A small transformer encoder, trained whole.
    Encoder,
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::Light, "light"),
    (Kind::Mlp, "mlp"),
    (Kind::Minilm, "minilm"),
    (Kind::Deberta, "deberta"),
    (Kind::Encoder, "encoder"),
];

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        KINDS[self as usize].1
    }

    /// Whether it has a pretrained encoder.
    pub fn is_frozen(self) -> bool {
        matches!(self, Kind::Minilm | Kind::Deberta)
    }

    /// Refuses a model that this build lacks.
    pub(super) fn check_build(self) -> Result<()> {
        if self == Kind::Light || cfg!(feature = "nn") {
            return Ok(());
        }
        Err(self.lacking())
    }

    /// What to say where this model is not built in.
    pub(super) fn lacking(self) -> Error {
        Error::Feature { what: format!("predictor model {}", self.name()), feature: "nn" }
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Kind> {
        let found = KINDS.iter().find(|&&(_, n)| n == name).map(|&(k, _)| k);
        found.ok_or_else(|| Error::unknown("predictor model", name, KINDS.map(|(_, n)| n)))
    }
}

/// What `model.json` says of a model: all but the weights of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Version of this file.
    pub schema: u32,
    /// Kind of model.
    pub model: Kind,
    /// What it reads of a prompt.
    pub features: Features,
    /// Names of the features; empty where a network reads the text itself.
    pub feature_names: Vec<String>,
    /// How its outputs become beliefs.
    pub decoder: Decoder,
    /// Where its labels came from.
    pub labels: Labels,
    /// Scaling of the inputs, where they are numbers.
    pub inputs: Option<Scaling>,
    /// Scaling of the outputs.
    pub outputs: Scaling,
    /// The weights of the light model.
    pub light: Option<Ridge>,
    /// The shape of a network, whose weights are in `model.safetensors`.
    pub net: Option<NetCard>,
    /// How the data were divided.
    pub split: SplitCard,
    /// The data.
    pub data: Vec<Source>,
    /// Prompts without a label (all of their lengths at the cap).
    pub left_out: usize,
    /// Lengths at the cap or above.
    pub censored: usize,
    /// Median of the training lengths, tokens; none where there were laws instead.
    pub median_length: Option<f64>,
    /// How good it is.
    pub metrics: Accuracy,
}

/// Accuracy on the parts that were not trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// On the part that choices were made on: flattering.
    pub validation: Metrics,
    /// On the part that nothing was chosen on.
    pub test: Metrics,
}

/// How the data were divided: by prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitCard {
    /// Seed of the shuffle.
    pub seed: u64,
    /// Percentages.
    pub shares: Shares,
    /// Prompts of each part: train, validation, test.
    pub prompts: [usize; 3],
}

/// The shape of a network and how its training went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetCard {
    /// Width of the last layer of each branch.
    pub branches: Vec<usize>,
    /// Width of what the branches read.
    pub width: usize,
    /// The pretrained encoder, if there is one.
    pub encoder: Option<EncoderCard>,
    /// Most tokens (hashed words) that a trained encoder reads of a prompt.
    pub max_tokens: Option<usize>,
    /// Seed of initial weights, order and dropout.
    pub seed: u64,
    /// Largest learning rate.
    pub learning_rate: f64,
    /// Epoch whose weights were kept, from 1.
    pub best_epoch: usize,
    /// Mean loss of each epoch: training, validation.
    pub losses: Vec<[f64; 2]>,
}

/// A pretrained encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderCard {
    /// Its directory.
    pub directory: PathBuf,
    /// SHA-256 of its weights.
    pub sha256: String,
    /// How token states become one vector.
    pub pooling: String,
    /// Most tokens that it reads of a prompt.
    pub max_tokens: usize,
}

/// What turns inputs into outputs.
pub(super) enum Core {
    Light(Ridge),
    #[cfg(feature = "nn")]
    Net(Box<super::neural::Network>),
}

/// A trained predictor.
pub struct Model {
    /// All about it.
    pub card: Card,
    pub(super) core: Core,
    /// The part of each prompt it has seen or was tested on, by key.
    pub(super) parts: BTreeMap<u64, Part>,
}

impl Model {
    /// Opens a model directory.
    ///
    /// # Errors
    /// Files that are missing or not as this program wrote them; a network in a build without feature `nn`.
    pub fn open(dir: &Path) -> Result<Model> {
        let path = dir.join("model.json");
        let text = fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
        let mut json = serde_json::Deserializer::from_str(&text);
        let card: Card = serde_path_to_error::deserialize(&mut json).map_err(|e| {
            let mut place = Place::key(e.path().to_string());
            place.file = Some(path.clone());
            let place = place.line(e.inner().line() as u64);
            Error::input(place, e.inner().to_string(), "train the model anew")
        })?;
        let wrong = |key: &str, what: String| {
            let mut place = Place::key(key);
            place.file = Some(path.clone());
            Error::input(place, what, "train the model anew")
        };
        if card.schema != SCHEMA {
            return Err(wrong("schema", format!("schema {} is not {SCHEMA}", card.schema)));
        }
        card.model.check_build()?;
        let core = match (&card.light, &card.net) {
            (Some(ridge), None) => {
                let width = card.feature_names.len();
                if ridge.weights.iter().any(|w| w.len() != width)
                    || card.features.names() != card.feature_names
                {
                    return Err(wrong(
                        "feature_names",
                        "these are not the features of this program".to_string(),
                    ));
                }
                Core::Light(ridge.clone())
            }
            #[cfg(feature = "nn")]
            (None, Some(net)) => Core::Net(Box::new(super::neural::Network::open(dir, card.model, net)?)),
            _ => return Err(wrong("light", "there must be either `light` or `net`".to_string())),
        };
        let parts = read_parts(&dir.join("split.csv"))?;
        Ok(Model { card, core, parts })
    }

    /// Writes the model into the empty directory `dir`.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let path = dir.join("model.json");
        let json = serde_json::to_string_pretty(&self.card).map_err(|e| Error::Usage(e.to_string()))?;
        fs::write(&path, json + "\n").map_err(|e| Error::io(&path, e))?;
        let path = dir.join("split.csv");
        let mut text = String::from("prompt,part\n");
        for (key, part) in &self.parts {
            let _ = writeln!(text, "{key:016x},{}", part.name());
        }
        fs::write(&path, text).map_err(|e| Error::io(&path, e))?;
        match &self.core {
            Core::Light(_) => Ok(()),
            #[cfg(feature = "nn")]
            Core::Net(net) => net.save(dir),
        }
    }

    /// Whether it reads texts.
    pub fn reads_text(&self) -> bool {
        self.card.features == Features::Text
    }

    /// Outputs for each input, in the units of the labels.
    ///
    /// # Errors
    /// A network's.
    pub fn outputs(&self, inputs: &[Input<'_>]) -> Result<Vec<Vec<f64>>> {
        let numbers = |scaling: &Scaling| -> Vec<Vec<f64>> {
            inputs.iter().map(|i| scaling.apply(&self.card.features.of(i))).collect()
        };
        let rows: Vec<Vec<f64>> = match (&self.core, &self.card.inputs) {
            (Core::Light(ridge), Some(scaling)) => {
                numbers(scaling).iter().map(|row| ridge.predict(row)).collect()
            }
            #[cfg(feature = "nn")]
            (Core::Net(net), scaling) => net.predict(inputs, &self.card, scaling.as_ref())?,
            (Core::Light(_), None) => {
                return Err(Error::Usage("model.json lacks the scaling of its features".to_string()));
            }
        };
        Ok(rows.iter().map(|row| self.card.outputs.undo(row)).collect())
    }

    /// The belief about each input.
    ///
    /// # Errors
    /// As [`Model::outputs`].
    pub fn beliefs(&self, inputs: &[Input<'_>]) -> Result<Vec<Belief>> {
        self.outputs(inputs)?.iter().map(|o| self.card.decoder.belief(o)).collect()
    }

    /// The prompts of `data` that this model was neither fitted to nor chosen on.
    pub fn held_out<'a>(&self, data: &'a Data) -> Vec<&'a Prompt> {
        let seen = |p: &&Prompt| matches!(self.parts.get(&p.key), Some(Part::Train | Part::Validation));
        data.prompts.iter().filter(|p| !seen(p)).collect()
    }
}

fn read_parts(path: &Path) -> Result<BTreeMap<u64, Part>> {
    let text = fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let mut parts = BTreeMap::new();
    for (i, line) in text.lines().enumerate().skip(1) {
        let part =
            |name: &str| [Part::Train, Part::Validation, Part::Test].into_iter().find(|p| p.name() == name);
        let row = line
            .split_once(',')
            .and_then(|(key, name)| Some((u64::from_str_radix(key, 16).ok()?, part(name)?)));
        let Some((key, part)) = row else {
            let place = Place::file(path).line(i as u64 + 1);
            return Err(Error::input(place, "this is no prompt,part", "train the model anew"));
        };
        parts.insert(key, part);
    }
    Ok(parts)
}
