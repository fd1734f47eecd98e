//! libtorch, on the CPU or an NVIDIA GPU.

use crate::backend::{Backend, Dtype};
use crate::error::{Error, Result};
use crate::machine::{self, Gpu};
use crate::shape::Activation;
use tch::{Device, IndexOp as _, Kind, TchError, Tensor};

/// A libtorch device with the element type to compute in.
#[derive(Clone, Copy, Debug)]
pub struct Torch {
    device: Device,
    dtype: Dtype,
}

/// A libtorch tensor; clones share storage.
#[derive(Debug)]
pub struct Shared(Tensor);

impl Clone for Shared {
    fn clone(&self) -> Shared {
        Shared(self.0.shallow_clone())
    }
}

fn ok(result: std::result::Result<Tensor, TchError>) -> Result<Shared> {
    result.map(Shared).map_err(bad)
}

fn bad(error: TchError) -> Error {
    // libtorch's words end in a C++ backtrace.
    let text = error.to_string();
    Error::library("libtorch", text.lines().next().unwrap_or_default())
}

fn dims(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|&d| d as i64).collect()
}

impl Torch {
    /// The CPU; threads are libtorch's (`OMP_NUM_THREADS`).
    pub fn cpu(dtype: Dtype) -> Torch {
        Torch { device: Device::Cpu, dtype }
    }

    /// The GPU of this number.
    ///
    /// # Errors
    /// [`Error::Device`] when libtorch was loaded without its CUDA part, or the machine has no such device.
    pub fn cuda(ordinal: usize, dtype: Dtype) -> Result<Torch> {
        let missing =
            |what: &str| Err(Error::Device { device: "tch-cuda".to_string(), what: what.to_string() });
        if !tch::Cuda::is_available() {
            return missing("libtorch sees no CUDA: preload libtorch_cuda.so, and check the driver");
        }
        if ordinal as i64 >= tch::Cuda::device_count() {
            return missing(&format!("there are {} devices", tch::Cuda::device_count()));
        }
        Ok(Torch { device: Device::Cuda(ordinal), dtype })
    }

    fn float(&self) -> Kind {
        match self.dtype {
            Dtype::F32 => Kind::Float,
            Dtype::Bf16 => Kind::BFloat16,
        }
    }
}

impl Backend for Torch {
    type Tensor = Shared;

    fn name(&self) -> String {
        if self.device == Device::Cpu { "tch-cpu".to_string() } else { "tch-cuda".to_string() }
    }

    fn software(&self) -> String {
        "tch 0.24.0, libtorch 2.11".to_string()
    }

    fn memory_used(&self) -> Option<u64> {
        if self.device == Device::Cpu { machine::resident_bytes() } else { Gpu::open(0)?.memory_used() }
    }

    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn synchronize(&self) -> Result<()> {
        if let Device::Cuda(ordinal) = self.device {
            tch::Cuda::synchronize(ordinal as i64);
        }
        Ok(())
    }

    fn upload(&self, values: &[f32], shape: &[usize]) -> Result<Shared> {
        ok(Tensor::f_from_slice(values)
            .and_then(|t| t.f_to_device(self.device)?.f_to_kind(self.float())?.f_reshape(dims(shape))))
    }

    fn indices(&self, values: &[u32]) -> Result<Shared> {
        let values: Vec<i64> = values.iter().map(|&v| i64::from(v)).collect();
        ok(Tensor::f_from_slice(&values).and_then(|t| t.f_to_device(self.device)))
    }

    fn zeros(&self, shape: &[usize]) -> Result<Shared> {
        ok(Tensor::f_zeros(dims(shape), (self.float(), self.device)))
    }

    fn rows(&self, table: &Shared, numbers: &Shared) -> Result<Shared> {
        ok(table.0.f_index_select(0, &numbers.0))
    }

    fn linear(&self, x: &Shared, w: &Shared, b: Option<&Shared>) -> Result<Shared> {
        ok(x.0.f_linear(&w.0, b.map(|b| &b.0)))
    }

    fn add(&self, a: &Shared, b: &Shared) -> Result<Shared> {
        ok(a.0.f_add(&b.0))
    }

    fn mul(&self, a: &Shared, b: &Shared) -> Result<Shared> {
        ok(a.0.f_mul(&b.0))
    }

    fn scale(&self, x: &Shared, factor: f64) -> Result<Shared> {
        ok(x.0.f_mul_scalar(factor))
    }

    fn norm(&self, x: &Shared, w: &Shared, b: Option<&Shared>, eps: f64) -> Result<Shared> {
        let width = w.0.size();
        ok(match b {
            Some(b) => x.0.f_layer_norm(width, Some(&w.0), Some(&b.0), eps, true),
            None => x.0.f_rms_norm(width, Some(&w.0), eps),
        })
    }

    fn activate(&self, x: &Shared, kind: Activation) -> Result<Shared> {
        ok(match kind {
            Activation::Silu => x.0.f_silu(),
            Activation::Gelu => x.0.f_gelu("none"),
            Activation::GeluTanh => x.0.f_gelu("tanh"),
            Activation::Relu => x.0.f_relu(),
        })
    }

    fn rotate(&self, x: &Shared, cos: &Shared, sin: &Shared) -> Result<Shared> {
        ok((|| {
            let half = cos.0.size()[1];
            let (a, b) = (x.0.f_narrow(2, 0, half)?, x.0.f_narrow(2, half, half)?);
            let left = a.f_mul(&cos.0)?.f_sub(&b.f_mul(&sin.0)?)?;
            let right = a.f_mul(&sin.0)?.f_add(&b.f_mul(&cos.0)?)?;
            Tensor::f_cat(&[left, right], 2)
        })())
    }

    fn reshape(&self, x: &Shared, shape: &[usize]) -> Result<Shared> {
        ok(x.0.f_reshape(dims(shape)))
    }

    fn swap(&self, x: &Shared) -> Result<Shared> {
        ok(x.0.f_transpose(0, 1).and_then(|x| x.f_contiguous()))
    }

    fn narrow(&self, x: &Shared, dim: usize, start: usize, len: usize) -> Result<Shared> {
        ok(x.0.f_narrow(dim as i64, start as i64, len as i64))
    }

    fn cat(&self, parts: &[Shared], dim: usize) -> Result<Shared> {
        let parts: Vec<&Tensor> = parts.iter().map(|p| &p.0).collect();
        ok(Tensor::f_cat(&parts, dim as i64))
    }

    fn pick(&self, cache: &Shared, slot: usize) -> Result<Shared> {
        ok(cache.0.f_select(0, slot as i64))
    }

    fn gather(&self, cache: &Shared, slots: &[usize], len: usize) -> Result<Shared> {
        let (_, k, _, d) = cache.0.size4().map_err(bad)?;
        let n = slots.len() as i64;
        ok((|| {
            let near = cache.0.f_narrow(2, 0, len as i64)?;
            let in_a_row = slots.windows(2).all(|w| w[1] == w[0] + 1);
            let rows = if in_a_row {
                near.f_narrow(0, slots[0] as i64, n)?
            } else {
                let slots: Vec<i64> = slots.iter().map(|&s| s as i64).collect();
                near.f_index_select(0, &Tensor::f_from_slice(&slots)?.f_to_device(self.device)?)?
            };
            rows.f_reshape([n * k, len as i64, d])
        })())
    }

    fn write(&self, cache: &Shared, slot: usize, position: usize, source: &Shared) -> Result<()> {
        let len = source.0.size()[2];
        let mut target = cache.0.i(slot as i64).narrow(1, position as i64, len).unsqueeze(0);
        target.f_copy_(&source.0).map_err(bad)
    }

    fn scatter(&self, cache: &Shared, rows: &Shared, source: &Shared) -> Result<()> {
        let width = source.0.size()[1];
        // The cache is laid out in one piece, so this is a view of it.
        let mut flat = cache.0.f_view([-1, width]).map_err(bad)?;
        flat.f_index_copy_(0, &rows.0, &source.0).map(drop).map_err(bad)
    }

    fn attend(
        &self,
        q: &Shared,
        k: &Shared,
        v: &Shared,
        bias: Option<&Shared>,
        factor: f64,
    ) -> Result<Shared> {
        // The fused kernels want four dimensions: the batch is one, its rows are heads.
        let four = |x: &Tensor| x.f_unsqueeze(0);
        ok((|| {
            let bias = bias.map(|b| four(&b.0)).transpose()?;
            let (q, k, v) = (four(&q.0)?, four(&k.0)?, four(&v.0)?);
            Tensor::f_scaled_dot_product_attention(&q, &k, &v, bias.as_ref(), 0.0, false, factor, false)?
                .f_squeeze_dim(0)
        })())
    }

    fn argmax(&self, x: &Shared) -> Result<Vec<u32>> {
        let best: Vec<i64> = x.0.f_argmax(-1, false).and_then(Vec::try_from).map_err(bad)?;
        Ok(best.into_iter().map(|v| v as u32).collect())
    }

    fn download(&self, x: &Shared) -> Result<Vec<f32>> {
        x.0.f_to_kind(Kind::Float).and_then(|x| x.f_flatten(0, -1)).and_then(Vec::try_from).map_err(bad)
    }
}
