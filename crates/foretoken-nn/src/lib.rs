//! Transformers on real hardware, one serving step at a time.
//!
//! A [`Runner`] holds a model on a device with room for several requests, and executes steps in which
//! prompt chunks and decodes of different requests mix, as a continuous-batching server does. It is what
//! foretoken times. The models are written once, over a small [`Backend`] trait that candle and libtorch
//! implement; weights are random (step times do not depend on them) or come from safetensors files.
//!
//! ```
//! use foretoken_nn::{Device, Dtype, Layout, Options, Room, Row, Work};
//!
//! let room = Room { slots: 2, context: 64 };
//! let options = Options { dtype: Dtype::F32, layout: Layout::Ragged, room, ..Options::default() };
//! let mut runner = foretoken_nn::open(&foretoken_nn::zoo::model("tiny")?, Device::CandleCpu, &options)?;
//! let prompt = [1, 2, 3];
//! let first = runner.step(&[Row { slot: 0, work: Work::Prompt { tokens: &prompt, last: true } }])?[0];
//! let second = runner.step(&[Row { slot: 0, work: Work::Decode { token: first.unwrap_or(0) } }])?[0];
//! assert!(second.is_some());
//! # Ok::<(), foretoken_nn::Error>(())
//! ```

#![allow(clippy::disallowed_methods, reason = "numbers of a model, which reach no digest")]

mod attention;
mod backend;
mod candle;
mod device;
mod error;
mod layers;
mod machine;
mod model;
mod names;
mod probe;
mod runner;
mod shape;
#[cfg(feature = "tch")]
mod torch;
mod traced;
mod weights;
pub mod zoo;

pub use backend::{Backend, Dtype};
pub use candle::Candle;
pub use device::{Device, Options, open, open_traced};
pub use error::{Error, Result};
pub use machine::{Gpu, available_bytes, resident_bytes};
pub use model::Model;
pub use probe::{Part, PartTime};
pub use runner::{Layout, Room, Row, Runner, Work};
pub use shape::{Activation, ModelShape, Names, Norm, Position};
#[cfg(feature = "tch")]
pub use torch::Torch;
pub use traced::Traced;
pub use weights::Weights;
