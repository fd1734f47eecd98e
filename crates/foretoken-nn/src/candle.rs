//! candle, on the CPU or an NVIDIA GPU.

use crate::backend::{Backend, Dtype};
use crate::error::{Error, Result};
use crate::machine::{self, Gpu};
use crate::shape::Activation;
use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops;

/// Version of candle; a test holds it against the lock file.
const CANDLE: &str = "0.11.1";

/// A candle device with the element type to compute in.
#[derive(Clone, Debug)]
pub struct Candle {
    device: Device,
    dtype: Dtype,
}

fn ok<T>(result: candle_core::Result<T>) -> Result<T> {
    result.map_err(|e| Error::library("candle", e))
}

impl Candle {
    /// The CPU; threads are rayon's.
    pub fn cpu(dtype: Dtype) -> Candle {
        Candle { device: Device::Cpu, dtype }
    }

    /// The GPU of this number.
    ///
    /// # Errors
    /// [`Error::Device`] when this build has no CUDA, or the machine has no such device.
    pub fn cuda(ordinal: usize, dtype: Dtype) -> Result<Candle> {
        let name = || "candle-cuda".to_string();
        if !cfg!(feature = "cuda") {
            return Err(Error::Device {
                device: name(),
                what: "this build has no CUDA; build with the feature `cuda`, or use candle-cpu".to_string(),
            });
        }
        // Without a driver the CUDA binding panics instead of returning an error.
        let device = std::panic::catch_unwind(|| Device::new_cuda(ordinal))
            .map_err(|_| Error::Device { device: name(), what: "no NVIDIA driver was found".to_string() })?
            .map_err(|e| Error::Device { device: name(), what: e.to_string() })?;
        Ok(Candle { device, dtype })
    }

    fn float(&self) -> DType {
        match self.dtype {
            Dtype::F32 => DType::F32,
            Dtype::Bf16 => DType::BF16,
        }
    }
}

impl Backend for Candle {
    type Tensor = Tensor;

    fn name(&self) -> String {
        if self.device.is_cpu() { "candle-cpu".to_string() } else { "candle-cuda".to_string() }
    }

    fn software(&self) -> String {
        format!("candle {CANDLE}")
    }

    fn memory_used(&self) -> Option<u64> {
        if self.device.is_cpu() { machine::resident_bytes() } else { Gpu::open(0)?.memory_used() }
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn synchronize(&self) -> Result<()> {
        ok(self.device.synchronize())
    }

    fn upload(&self, values: &[f32], dims: &[usize]) -> Result<Tensor> {
        ok(Tensor::from_slice(values, dims, &self.device).and_then(|t| t.to_dtype(self.float())))
    }

    fn indices(&self, values: &[u32]) -> Result<Tensor> {
        ok(Tensor::from_slice(values, values.len(), &self.device))
    }

    fn zeros(&self, dims: &[usize]) -> Result<Tensor> {
        ok(Tensor::zeros(dims, self.float(), &self.device))
    }

    fn rows(&self, table: &Tensor, numbers: &Tensor) -> Result<Tensor> {
        ok(table.index_select(numbers, 0))
    }

    fn linear(&self, x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
        ok((|| {
            let y = x.matmul(&w.t()?)?;
            match b {
                Some(b) => y.broadcast_add(b),
                None => Ok(y),
            }
        })())
    }

    fn add(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        ok(a.add(b))
    }

    fn mul(&self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        ok(a.mul(b))
    }

    fn scale(&self, x: &Tensor, factor: f64) -> Result<Tensor> {
        ok(x.affine(factor, 0.0))
    }

    fn norm(&self, x: &Tensor, w: &Tensor, b: Option<&Tensor>, eps: f64) -> Result<Tensor> {
        ok(match b {
            Some(b) => ops::layer_norm(x, w, b, eps as f32),
            None => ops::rms_norm(x, w, eps as f32),
        })
    }

    fn activate(&self, x: &Tensor, kind: Activation) -> Result<Tensor> {
        ok(match kind {
            Activation::Silu => ops::silu(x),
            Activation::Gelu => x.gelu_erf(),
            Activation::GeluTanh => x.gelu(),
            Activation::Relu => x.relu(),
        })
    }

    fn rotate(&self, x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
        ok(x.unsqueeze(0).and_then(|x| candle_nn::rotary_emb::rope(&x, cos, sin)).and_then(|x| x.squeeze(0)))
    }

    fn reshape(&self, x: &Tensor, dims: &[usize]) -> Result<Tensor> {
        ok(x.reshape(dims))
    }

    fn swap(&self, x: &Tensor) -> Result<Tensor> {
        ok(x.transpose(0, 1).and_then(|x| x.contiguous()))
    }

    fn narrow(&self, x: &Tensor, dim: usize, start: usize, len: usize) -> Result<Tensor> {
        ok(x.narrow(dim, start, len))
    }

    fn cat(&self, parts: &[Tensor], dim: usize) -> Result<Tensor> {
        ok(Tensor::cat(parts, dim))
    }

    fn pick(&self, cache: &Tensor, slot: usize) -> Result<Tensor> {
        ok(cache.narrow(0, slot, 1).and_then(|x| x.squeeze(0)))
    }

    fn gather(&self, cache: &Tensor, slots: &[usize], len: usize) -> Result<Tensor> {
        ok((|| {
            let (_, k, _, d) = cache.dims4()?;
            let n = slots.len();
            let in_a_row = slots.windows(2).all(|w| w[1] == w[0] + 1);
            let rows = if in_a_row {
                cache.narrow(0, slots[0], n)?.narrow(2, 0, len)?.contiguous()?
            } else {
                let each = slots.iter().map(|&s| cache.narrow(0, s, 1)?.narrow(2, 0, len));
                Tensor::cat(&each.collect::<candle_core::Result<Vec<_>>>()?, 0)?
            };
            rows.reshape((n * k, len, d))
        })())
    }

    fn write(&self, cache: &Tensor, slot: usize, position: usize, source: &Tensor) -> Result<()> {
        ok((|| cache.narrow(0, slot, 1)?.slice_set(&source.contiguous()?, 2, position))())
    }

    fn scatter(&self, cache: &Tensor, rows: &Tensor, source: &Tensor) -> Result<()> {
        ok((|| {
            let (n, width) = source.dims2()?;
            let flat = cache.reshape(((), width))?;
            let rows = rows.unsqueeze(1)?.broadcast_as((n, width))?.contiguous()?;
            flat.scatter_set(&rows, &source.contiguous()?, 0)
        })())
    }

    fn attend(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        bias: Option<&Tensor>,
        factor: f64,
    ) -> Result<Tensor> {
        ok((|| {
            let scores = q.matmul(&k.transpose(D::Minus1, D::Minus2)?)?.affine(factor, 0.0)?;
            let scores = match bias {
                Some(bias) => scores.broadcast_add(bias)?,
                None => scores,
            };
            ops::softmax_last_dim(&scores)?.matmul(v)
        })())
    }

    fn argmax(&self, x: &Tensor) -> Result<Vec<u32>> {
        ok(x.argmax(D::Minus1).and_then(|x| x.to_vec1()))
    }

    fn download(&self, x: &Tensor) -> Result<Vec<f32>> {
        ok(x.to_dtype(DType::F32).and_then(|x| x.flatten_all()).and_then(|x| x.to_vec1()))
    }
}

#[cfg(test)]
mod tests {
    use super::CANDLE;

    #[test]
    fn the_version_is_the_locked_one() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"candle-core\"\nversion = \"{CANDLE}\"")));
    }
}
