//! Layers of operations that have a backward pass.

use super::chance::Chance;
use super::ok;
use super::store::{Start, Variables};
use crate::error::Result;
use candle_core::{D, Device, Tensor};

/// x W' + b.
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub fn new(vars: &mut Variables, name: &str, from: usize, to: usize, gain: f64) -> Result<Linear> {
        Ok(Linear {
            weight: vars.get(&format!("{name}.weight"), &[to, from], Start::Xavier(gain))?,
            bias: vars.get(&format!("{name}.bias"), &[to], Start::Zeros)?,
        })
    }

    /// `x` is [.., from]; the rows are flattened for one product.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut dims = x.dims().to_vec();
        let from = dims.pop().unwrap_or(1);
        let flat = ok(x.reshape(((), from)))?;
        let out = ok(flat.matmul(&ok(self.weight.t())?))?;
        let out = ok(out.broadcast_add(&self.bias))?;
        dims.push(ok(out.dim(1))?);
        ok(out.reshape(dims))
    }
}

/// Layer normalisation over the last dimension, from parts that have gradients.
pub(super) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
}

const EPSILON: f32 = 1e-5;

impl LayerNorm {
    pub fn new(vars: &mut Variables, name: &str, width: usize) -> Result<LayerNorm> {
        Ok(LayerNorm {
            weight: vars.get(&format!("{name}.weight"), &[width], Start::Ones)?,
            bias: vars.get(&format!("{name}.bias"), &[width], Start::Zeros)?,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ok(candle_nn::ops::layer_norm_slow(x, &self.weight, &self.bias, EPSILON))
    }
}

/// Zeroes a share `p` of the values and scales up the rest; without a stream it does nothing.
pub(super) fn dropout(x: &Tensor, p: f64, chance: Option<&mut Chance>) -> Result<Tensor> {
    let Some(chance) = chance else { return Ok(x.clone()) };
    let kept = (1.0 / (1.0 - p)) as f32;
    let mask: Vec<f32> = (0..x.elem_count()).map(|_| if chance.uniform() < p { 0.0 } else { kept }).collect();
    ok(x.mul(&ok(Tensor::from_vec(mask, x.dims(), &Device::Cpu))?))
}

/// Attention of several heads of each row's tokens over those that `mask` [n, length] has as 1.
pub(super) struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: usize,
}

impl Attention {
    pub fn new(vars: &mut Variables, name: &str, width: usize, heads: usize) -> Result<Attention> {
        let mut linear = |part: &str| Linear::new(vars, &format!("{name}.{part}"), width, width, 1.0);
        Ok(Attention {
            query: linear("query")?,
            key: linear("key")?,
            value: linear("value")?,
            out: linear("out")?,
            heads,
        })
    }

    /// `x` is [n, length, width].
    pub fn forward(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (n, length, width) = ok(x.dims3())?;
        let each = width / self.heads;
        let split = |t: Tensor| -> Result<Tensor> {
            let t = ok(t.reshape((n, length, self.heads, each)))?;
            ok(t.transpose(1, 2).and_then(|t| t.contiguous()))
        };
        let (q, k, v) =
            (split(self.query.forward(x)?)?, split(self.key.forward(x)?)?, split(self.value.forward(x)?)?);
        let scores = ok(q.matmul(&ok(k.transpose(2, 3).and_then(|k| k.contiguous()))?))?;
        let scores = ok(scores / (each as f64).sqrt())?;
        let closed = ok(mask.reshape((n, 1, 1, length)).and_then(|m| m.affine(1e9, -1e9)))?;
        let shares = ok(candle_nn::ops::softmax(&ok(scores.broadcast_add(&closed))?, D::Minus1))?;
        let mixed = ok(shares.matmul(&v))?;
        let mixed = ok(mixed.transpose(1, 2).and_then(|m| m.contiguous()?.reshape((n, length, width))))?;
        self.out.forward(&mixed)
    }
}
