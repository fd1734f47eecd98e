//! A backend that waits for its device after every operation and notes how long it took: what a profiler of
//! kernels does to a step.

use crate::backend::{Backend, Dtype};
use crate::error::Result;
use crate::shape::Activation;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A backend whose operations are timed one by one.
#[derive(Clone)]
pub struct Traced<B> {
    inner: B,
    seconds: Arc<Mutex<Vec<f64>>>,
}

impl<B: Backend> Traced<B> {
    /// Times the operations of `inner`.
    pub fn new(inner: B) -> Traced<B> {
        Traced { inner, seconds: Arc::default() }
    }

    fn timed<T>(&self, operation: impl FnOnce(&B) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let out = operation(&self.inner)?;
        self.inner.synchronize()?;
        let seconds = start.elapsed().as_secs_f64();
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner).push(seconds);
        Ok(out)
    }
}

/// Operations handed on, each timed.
macro_rules! timed {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> Result<$out> {
            self.timed(|b| b.$name($($arg),*))
        })*
    };
}

impl<B: Backend> Backend for Traced<B> {
    type Tensor = B::Tensor;

    fn name(&self) -> String {
        self.inner.name()
    }

    fn software(&self) -> String {
        self.inner.software()
    }

    fn memory_used(&self) -> Option<u64> {
        self.inner.memory_used()
    }

    fn dtype(&self) -> Dtype {
        self.inner.dtype()
    }

    fn synchronize(&self) -> Result<()> {
        self.inner.synchronize()
    }

    fn operations(&self) -> Vec<f64> {
        std::mem::take(&mut *self.seconds.lock().unwrap_or_else(PoisonError::into_inner))
    }

    timed! {
        upload(values: &[f32], dims: &[usize]) -> B::Tensor;
        indices(values: &[u32]) -> B::Tensor;
        zeros(dims: &[usize]) -> B::Tensor;
        rows(table: &B::Tensor, numbers: &B::Tensor) -> B::Tensor;
        linear(x: &B::Tensor, w: &B::Tensor, b: Option<&B::Tensor>) -> B::Tensor;
        add(a: &B::Tensor, b: &B::Tensor) -> B::Tensor;
        mul(a: &B::Tensor, b: &B::Tensor) -> B::Tensor;
        scale(x: &B::Tensor, factor: f64) -> B::Tensor;
        norm(x: &B::Tensor, w: &B::Tensor, b: Option<&B::Tensor>, eps: f64) -> B::Tensor;
        activate(x: &B::Tensor, kind: Activation) -> B::Tensor;
        rotate(x: &B::Tensor, cos: &B::Tensor, sin: &B::Tensor) -> B::Tensor;
        reshape(x: &B::Tensor, dims: &[usize]) -> B::Tensor;
        swap(x: &B::Tensor) -> B::Tensor;
        narrow(x: &B::Tensor, dim: usize, start: usize, len: usize) -> B::Tensor;
        cat(parts: &[B::Tensor], dim: usize) -> B::Tensor;
        pick(cache: &B::Tensor, slot: usize) -> B::Tensor;
        gather(cache: &B::Tensor, slots: &[usize], len: usize) -> B::Tensor;
        write(cache: &B::Tensor, slot: usize, position: usize, source: &B::Tensor) -> ();
        scatter(cache: &B::Tensor, rows: &B::Tensor, source: &B::Tensor) -> ();
        attend(q: &B::Tensor, k: &B::Tensor, v: &B::Tensor, bias: Option<&B::Tensor>, factor: f64) -> B::Tensor;
        argmax(x: &B::Tensor) -> Vec<u32>;
        download(x: &B::Tensor) -> Vec<f32>;
    }
}
