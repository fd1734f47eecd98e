//! Networks that learn to say how long an answer will be: heads on numbers (surface features, or what a frozen
//! encoder says of a text), and a small encoder trained whole.
//!
//! Everything that is trained is built of operations that have a backward pass. candle's fused layer norm and softmax
//! have none and say nothing; [`train()`] therefore refuses to go on where a variable got no gradient. On one thread
//! (`RAYON_NUM_THREADS=1`) a seed gives the same numbers again.

mod chance;
mod embed;
mod heads;
mod layers;
mod loss;
mod net;
mod store;
mod train;
mod whole;
mod words;

pub use embed::{Encoder, Family, Pooling};
pub use loss::Loss;
pub use net::{Inputs, Net, Shape};
pub use store::{load_rows, save_rows};
pub use train::{Examples, Plan, Progress, Trained, train};
pub use words::hashed_words;

use crate::error::{Error, Result};

/// A result of candle in the words of this crate.
fn ok<T>(result: candle_core::Result<T>) -> Result<T> {
    result.map_err(|e| Error::library("candle", e))
}

#[cfg(test)]
mod tests;
