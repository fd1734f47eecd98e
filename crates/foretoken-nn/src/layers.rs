//! The parts of a transformer layer, over any backend.

use crate::backend::Backend;
use crate::error::Result;
use crate::shape::{ModelShape, Norm, Position};
use crate::weights::{Address, Part, Source, Stack};

/// Reads a model's tensors onto a device.
pub(crate) struct Loader<'a, B: Backend> {
    pub backend: &'a B,
    pub shape: &'a ModelShape,
    pub source: Source,
    pub stack: Stack,
    pub layer: usize,
}

/// A projection: w [out, in] and b [out].
pub(crate) struct Linear<T> {
    w: T,
    b: Option<T>,
}

/// A normalisation's weight and bias, [hidden].
pub(crate) struct NormWeights<T> {
    w: T,
    b: Option<T>,
    eps: f64,
}

/// Attention's projections: queries, keys and values side by side, and the output.
pub(crate) struct Attention<T> {
    pub qkv: Linear<T>,
    pub out: Linear<T>,
}

/// Attention over another sequence: queries apart from keys and values.
pub(crate) struct Cross<T> {
    pub q: Linear<T>,
    pub kv: Linear<T>,
    pub out: Linear<T>,
}

/// The feed-forward layer; gate and up side by side when gated.
pub(crate) struct Ffn<T> {
    up: Linear<T>,
    down: Linear<T>,
}

/// One layer.
pub(crate) struct Layer<T> {
    pub attention: Attention<T>,
    pub attention_norm: NormWeights<T>,
    pub cross: Option<(Cross<T>, NormWeights<T>)>,
    pub ffn: Ffn<T>,
    pub ffn_norm: NormWeights<T>,
}

impl<B: Backend> Loader<'_, B> {
    fn read(&mut self, part: Part, bias: bool, dims: &[usize], spread: f32) -> Result<Vec<f32>> {
        let at = Address { stack: self.stack, layer: self.layer, part, bias };
        self.source.tensor(at, dims, spread)
    }

    /// A table of rows, such as an embedding.
    pub fn table(&mut self, part: Part, rows: usize, width: usize) -> Result<B::Tensor> {
        let values = self.host_table(part, rows, width)?;
        self.backend.upload(&values, &[rows, width])
    }

    /// The same, kept on the host.
    pub fn host_table(&mut self, part: Part, rows: usize, width: usize) -> Result<Vec<f32>> {
        self.read(part, false, &[rows, width], 0.02)
    }

    /// Projections of one input, their outputs side by side.
    pub fn linear(&mut self, parts: &[(Part, usize)], input: usize) -> Result<Linear<B::Tensor>> {
        let spread = (input as f32).sqrt().recip();
        let out: usize = parts.iter().map(|(_, n)| n).sum();
        let mut w = Vec::with_capacity(out * input);
        let mut b = Vec::new();
        for &(part, n) in parts {
            w.append(&mut self.read(part, false, &[n, input], spread)?);
            if self.shape.bias {
                b.append(&mut self.read(part, true, &[n], 0.02)?);
            }
        }
        let b = if self.shape.bias { Some(self.backend.upload(&b, &[out])?) } else { None };
        Ok(Linear { w: self.backend.upload(&w, &[out, input])?, b })
    }

    /// A projection without bias whatever the model says: the output head.
    pub fn head(&mut self) -> Result<Linear<B::Tensor>> {
        let w = self.table(Part::Head, self.shape.vocab, self.shape.hidden)?;
        Ok(Linear { w, b: None })
    }

    /// The same with the embedding's rows.
    pub fn tied_head(&self, embedding: &B::Tensor) -> Linear<B::Tensor> {
        Linear { w: embedding.clone(), b: None }
    }

    /// A normalisation.
    pub fn norm(&mut self, part: Part) -> Result<NormWeights<B::Tensor>> {
        let h = self.shape.hidden;
        let mut w = self.read(part, false, &[h], 0.02)?;
        if self.source.is_random() {
            w.iter_mut().for_each(|v| *v += 1.0);
        }
        let b = match self.shape.norm {
            Norm::Rms => None,
            Norm::Layer => Some(self.read(part, true, &[h], 0.02)?),
        };
        let b = b.map(|b| self.backend.upload(&b, &[h])).transpose()?;
        Ok(NormWeights { w: self.backend.upload(&w, &[h])?, b, eps: self.shape.norm_eps })
    }

    /// Layer number `layer` of the current stack.
    pub fn layer(&mut self, layer: usize) -> Result<Layer<B::Tensor>> {
        self.layer = layer;
        let s = self.shape;
        let (h, q, kv) = (s.hidden, s.heads * s.head_dim, s.kv_heads * s.head_dim);
        let attention = Attention {
            qkv: self.linear(&[(Part::Query, q), (Part::Key, kv), (Part::Value, kv)], h)?,
            out: self.linear(&[(Part::Output, h)], q)?,
        };
        let attention_norm = self.norm(Part::AttentionNorm)?;
        let cross = if s.is_encoder_decoder() && self.stack == Stack::Decoder {
            let cross = Cross {
                q: self.linear(&[(Part::CrossQuery, q)], h)?,
                kv: self.linear(&[(Part::CrossKey, kv), (Part::CrossValue, kv)], h)?,
                out: self.linear(&[(Part::CrossOutput, h)], q)?,
            };
            Some((cross, self.norm(Part::CrossNorm)?))
        } else {
            None
        };
        let up = if s.gated {
            self.linear(&[(Part::Gate, s.ffn), (Part::Up, s.ffn)], h)?
        } else {
            self.linear(&[(Part::Up, s.ffn)], h)?
        };
        let ffn = Ffn { up, down: self.linear(&[(Part::Down, h)], s.ffn)? };
        Ok(Layer { attention, attention_norm, cross, ffn, ffn_norm: self.norm(Part::FfnNorm)? })
    }
}

impl<T: Clone> Linear<T> {
    /// x [n, in] to [n, out].
    pub fn apply<B: Backend<Tensor = T>>(&self, b: &B, x: &T) -> Result<T> {
        b.linear(x, &self.w, self.b.as_ref())
    }
}

impl<T> NormWeights<T> {
    /// Normalises x [n, hidden].
    pub fn apply<B: Backend<Tensor = T>>(&self, b: &B, x: &T) -> Result<T> {
        b.norm(x, &self.w, self.b.as_ref(), self.eps)
    }
}

impl<T: Clone> Ffn<T> {
    /// x [n, hidden] to the same.
    pub fn apply<B: Backend<Tensor = T>>(&self, b: &B, shape: &ModelShape, x: &T) -> Result<T> {
        let wide = self.up.apply(b, x)?;
        let inner = if shape.gated {
            let gate = b.activate(&b.narrow(&wide, 1, 0, shape.ffn)?, shape.activation)?;
            b.mul(&gate, &b.narrow(&wide, 1, shape.ffn, shape.ffn)?)?
        } else {
            b.activate(&wide, shape.activation)?
        };
        self.down.apply(b, &inner)
    }
}

/// `residual(x, f)`: x + f(norm(x)), or norm(x + f(x)) where the norm comes after.
pub(crate) fn residual<B: Backend>(
    b: &B,
    shape: &ModelShape,
    norm: &NormWeights<B::Tensor>,
    x: &B::Tensor,
    f: impl FnOnce(&B::Tensor) -> Result<B::Tensor>,
) -> Result<B::Tensor> {
    if shape.norm_first {
        return b.add(x, &f(&norm.apply(b, x)?)?);
    }
    norm.apply(b, &b.add(x, &f(x)?)?)
}

/// Columns `from..from + heads·d` of x [n, ·] as [heads, n, d].
pub(crate) fn split_heads<B: Backend>(
    b: &B,
    x: &B::Tensor,
    n: usize,
    from: usize,
    heads: usize,
    d: usize,
) -> Result<B::Tensor> {
    let cut = b.narrow(x, 1, from, heads * d)?;
    b.swap(&b.reshape(&cut, &[n, heads, d])?)
}

/// T5's bucket of the distance key - query: exact near by, logarithmic further off (Raffel et al. 2020).
pub(crate) fn relative_bucket(distance: i64, both_ways: bool, position: Position) -> u32 {
    let Position::Relative { buckets, max_distance } = position else { return 0 };
    let (buckets, offset, d) = if both_ways {
        let half = buckets / 2;
        (half, if distance > 0 { half } else { 0 }, distance.unsigned_abs() as usize)
    } else {
        (buckets, 0, (-distance).max(0) as usize)
    };
    let exact = buckets / 2;
    if d < exact {
        return (offset + d) as u32;
    }
    let log = (d as f64 / exact as f64).ln() / (max_distance as f64 / exact as f64).ln();
    let far = exact + (log * (buckets - exact) as f64) as usize;
    (offset + far.min(buckets - 1)) as u32
}
