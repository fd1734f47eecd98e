//! Learned predictors: from prompts and the lengths of their answers to a model that says something of the next one.
//!
//! [`Data::read`] reads prompts, [`train`] makes a [`Model`] of them, [`evaluate`] says how good it is on prompts that
//! it has not seen. The light model is here in full; neural ones live in `foretoken-nn` (feature `nn`).

mod data;
mod evaluate;
mod features;
mod labels;
mod model;
#[cfg(feature = "nn")]
mod neural;
mod ridge;
mod score;
mod split;
mod table;
mod task;
mod train;

pub use data::{Data, Prompt, Reading, Source};
pub use evaluate::{Evaluation, evaluate};
pub use features::Features;
pub use labels::{Label, Labels, labels, ln_length};
pub use model::{Accuracy, Card, EncoderCard, Kind, Model, NetCard, SplitCard};
pub use ridge::{Ridge, Scaling};
pub use score::{LEVELS, Metrics, covered, kendall_tau, mae, r2};
pub use split::{Part, Shares, split};
pub use task::{Cuts, Decoder, Spread, Task, bin};
pub use train::{NetRecipe, Recipe, Step, train};

use serde::{Deserialize, Serialize};

/// Degrees of freedom of every predicted law (TIE, arXiv 2604.00499, section 3).
pub const NU: f64 = 3.5;

/// What a model may see of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input<'a> {
    /// The prompt's text, if there is one.
    pub text: Option<&'a str>,
    /// The prompt's length, tokens.
    pub tokens: u32,
}

/// What the numbers that a model gives are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The values asked for.
    Values,
    /// Logits of classes.
    Logits,
}
