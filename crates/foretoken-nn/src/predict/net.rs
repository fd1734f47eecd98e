//! [`Net`]: a network of either shape, its forward pass, and its file.

use super::chance::Chance;
use super::heads::Heads;
use super::ok;
use super::store::Variables;
use super::whole::{WIDTH, Whole};
use crate::error::{Error, Result};
use candle_core::{Device, Tensor};
use std::path::Path;

/// What a network is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Heads on rows of numbers.
    Heads {
        /// Numbers in a row.
        width: usize,
        /// Width of each branch's output.
        branches: Vec<usize>,
    },
    /// A small encoder of words with heads on top.
    Encoder {
        /// Most words of a prompt.
        longest: usize,
        /// Width of each branch's output.
        branches: Vec<usize>,
    },
}

/// What a network reads: a row per prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Numbers, for [`Shape::Heads`].
    Numbers(Vec<Vec<f32>>),
    /// Words (see [`super::hashed_words`]), for [`Shape::Encoder`].
    Words(Vec<Vec<u32>>),
}

impl Inputs {
    /// Rows.
    pub fn len(&self) -> usize {
        match self {
            Inputs::Numbers(rows) => rows.len(),
            Inputs::Words(rows) => rows.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows predicted at once.
const BATCH: usize = 64;

/// A network.
pub struct Net {
    pub(super) vars: Variables,
    body: Option<Whole>,
    heads: Heads,
    width: usize,
}

impl Net {
    /// Fresh weights from a seed.
    ///
    /// # Errors
    /// candle's.
    pub fn fresh(shape: &Shape, seed: u64) -> Result<Net> {
        Net::of(shape, Variables::fresh(seed))
    }

    /// Weights that [`Net::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Weights`] where a tensor is missing or of other dims.
    pub fn load(shape: &Shape, path: &Path) -> Result<Net> {
        Net::of(shape, Variables::stored(path)?)
    }

    fn of(shape: &Shape, mut vars: Variables) -> Result<Net> {
        let (body, width, branches) = match shape {
            Shape::Heads { width, branches } => (None, *width, branches),
            Shape::Encoder { longest, branches } => (Some(Whole::new(&mut vars, *longest)?), WIDTH, branches),
        };
        let heads = Heads::new(&mut vars, width, branches)?;
        Ok(Net { vars, body, heads, width })
    }

    /// Writes the weights as safetensors.
    ///
    /// # Errors
    /// [`Error::Weights`] where the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.vars.save(path)
    }

    /// Outputs of the rows `picked`, one tensor per branch.
    pub(super) fn forward(
        &self,
        inputs: &Inputs,
        picked: &[usize],
        mut chance: Option<&mut Chance>,
    ) -> Result<Vec<Tensor>> {
        let x = match (inputs, &self.body) {
            (Inputs::Numbers(rows), None) => {
                let flat: Vec<f32> = picked.iter().flat_map(|&i| rows[i].iter().copied()).collect();
                if flat.len() != picked.len() * self.width {
                    return Err(Error::Step(format!("rows of {} numbers are needed", self.width)));
                }
                ok(Tensor::from_vec(flat, (picked.len(), self.width), &Device::Cpu))?
            }
            (Inputs::Words(rows), Some(body)) => {
                let rows: Vec<&[u32]> = picked.iter().map(|&i| &rows[i][..]).collect();
                body.forward(&rows, chance.as_deref_mut())?
            }
            _ => return Err(Error::Step("this network reads another kind of input".to_string())),
        };
        self.heads.forward(&x, chance)
    }

    /// All outputs of every row, branch after branch.
    ///
    /// # Errors
    /// Inputs of the wrong kind or width.
    pub fn predict(&self, inputs: &Inputs) -> Result<Vec<Vec<f32>>> {
        let mut rows = vec![Vec::new(); inputs.len()];
        let all: Vec<usize> = (0..inputs.len()).collect();
        for picked in all.chunks(BATCH) {
            for branch in self.forward(inputs, picked, None)? {
                for (&i, values) in picked.iter().zip(ok(branch.to_vec2::<f32>())?) {
                    rows[i].extend(values);
                }
            }
        }
        Ok(rows)
    }
}
