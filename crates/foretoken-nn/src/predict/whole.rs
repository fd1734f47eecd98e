//! A small encoder that is trained whole: hashed words, two layers of attention, the mean of the token states.

use super::chance::Chance;
use super::layers::{Attention, LayerNorm, Linear, dropout};
use super::ok;
use super::store::{Start, Variables};
use crate::error::Result;
use candle_core::{Device, Tensor};

/// Width of a token's state.
pub(super) const WIDTH: usize = 64;
/// Words of the vocabulary; 0 is no word.
pub(super) const WORDS: usize = 4096;
const LAYERS: usize = 2;
const HEADS: usize = 4;
const FFN: usize = 128;
const DROP: f64 = 0.1;

struct Layer {
    norms: [LayerNorm; 2],
    attention: Attention,
    up: Linear,
    down: Linear,
}

impl Layer {
    fn new(vars: &mut Variables, name: &str) -> Result<Layer> {
        let norm = |vars: &mut Variables, i| LayerNorm::new(vars, &format!("{name}.norm{i}"), WIDTH);
        Ok(Layer {
            norms: [norm(vars, 0)?, norm(vars, 1)?],
            attention: Attention::new(vars, &format!("{name}.attention"), WIDTH, HEADS)?,
            up: Linear::new(vars, &format!("{name}.up"), WIDTH, FFN, 1.0)?,
            down: Linear::new(vars, &format!("{name}.down"), FFN, WIDTH, 1.0)?,
        })
    }

    fn forward(&self, x: &Tensor, mask: &Tensor, mut chance: Option<&mut Chance>) -> Result<Tensor> {
        let attended = self.attention.forward(&self.norms[0].forward(x)?, mask)?;
        let x = ok(x.add(&dropout(&attended, DROP, chance.as_deref_mut())?))?;
        let up = ok(self.up.forward(&self.norms[1].forward(&x)?)?.gelu_erf())?;
        ok(x.add(&dropout(&self.down.forward(&up)?, DROP, chance)?))
    }
}

/// The encoder.
pub(super) struct Whole {
    words: Tensor,
    positions: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
    longest: usize,
}

impl Whole {
    pub fn new(vars: &mut Variables, longest: usize) -> Result<Whole> {
        Ok(Whole {
            words: vars.get("words", &[WORDS, WIDTH], Start::Spread(0.1))?,
            positions: vars.get("positions", &[longest, WIDTH], Start::Spread(0.02))?,
            layers: (0..LAYERS).map(|i| Layer::new(vars, &format!("layer{i}"))).collect::<Result<_>>()?,
            norm: LayerNorm::new(vars, "norm", WIDTH)?,
            longest,
        })
    }

    /// Rows of words to [n, WIDTH].
    pub fn forward(&self, rows: &[&[u32]], mut chance: Option<&mut Chance>) -> Result<Tensor> {
        let length = rows.iter().map(|r| r.len()).max().unwrap_or(0).clamp(1, self.longest);
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for row in rows {
            let known = &row[..row.len().min(length)];
            ids.extend_from_slice(known);
            ids.resize(ids.len() + length - known.len(), 0);
            mask.extend(std::iter::repeat_n(1.0f32, known.len()));
            // An empty prompt is one word that is none.
            mask.extend(std::iter::repeat_n(0.0f32, length - known.len()));
            if known.is_empty() {
                let first = mask.len() - length;
                mask[first] = 1.0;
            }
        }
        let n = rows.len();
        let ids = ok(Tensor::from_vec(ids, n * length, &Device::Cpu))?;
        let mask = ok(Tensor::from_vec(mask, (n, length), &Device::Cpu))?;
        let words = ok(self.words.index_select(&ids, 0).and_then(|w| w.reshape((n, length, WIDTH))))?;
        let mut x = ok(words.broadcast_add(&ok(self.positions.narrow(0, 0, length))?))?;
        for layer in &self.layers {
            x = layer.forward(&x, &mask, chance.as_deref_mut())?;
        }
        let x = self.norm.forward(&x)?;
        let weights = ok(mask.broadcast_div(&ok(mask.sum_keepdim(1))?))?;
        ok(x.broadcast_mul(&ok(weights.unsqueeze(2))?).and_then(|x| x.sum(1)))
    }
}
