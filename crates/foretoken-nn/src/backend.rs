//! What a tensor library must offer; models are written once, against this.

use crate::error::Result;
use crate::shape::Activation;
use serde::{Deserialize, Serialize};

/// Element type of weights, activations and KV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dtype {
    /// 32-bit float.
    F32,
    /// 16-bit brain float.
    Bf16,
}

impl Dtype {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::Bf16 => 2,
        }
    }
}

/// A device and the library that drives it. Shapes are in brackets; n counts packed tokens of a step, h
/// heads, k key-value heads, d the width of a head.
pub trait Backend: Clone + Send + 'static {
    /// A tensor on the device; a clone shares its storage.
    type Tensor: Clone + Send;

    /// Its name, such as `candle-cpu`.
    fn name(&self) -> String;
    /// The library behind it, with its version.
    fn software(&self) -> String;
    /// Memory in use, bytes: of this process on a CPU, of the whole device on a GPU; `None` where that cannot
    /// be told.
    fn memory_used(&self) -> Option<u64>;
    /// Element type of all float tensors.
    fn dtype(&self) -> Dtype;
    /// Waits until the device has done everything asked of it.
    fn synchronize(&self) -> Result<()>;
    /// Seconds of each operation since the last call, where operations are timed one by one.
    fn operations(&self) -> Vec<f64> {
        Vec::new()
    }

    /// A float tensor of these values.
    fn upload(&self, values: &[f32], dims: &[usize]) -> Result<Self::Tensor>;
    /// A vector of row numbers.
    fn indices(&self, values: &[u32]) -> Result<Self::Tensor>;
    /// A float tensor of zeros, not shared with any other.
    fn zeros(&self, dims: &[usize]) -> Result<Self::Tensor>;

    /// Rows of `table` [rows, ..] by number: [n, ..].
    fn rows(&self, table: &Self::Tensor, numbers: &Self::Tensor) -> Result<Self::Tensor>;
    /// x [n, in] times the transpose of w [out, in], plus b [out].
    fn linear(&self, x: &Self::Tensor, w: &Self::Tensor, b: Option<&Self::Tensor>) -> Result<Self::Tensor>;
    /// Sum of two tensors of one shape.
    fn add(&self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;
    /// Product of two tensors of one shape, element by element.
    fn mul(&self, a: &Self::Tensor, b: &Self::Tensor) -> Result<Self::Tensor>;
    /// A multiple of a tensor.
    fn scale(&self, x: &Self::Tensor, factor: f64) -> Result<Self::Tensor>;
    /// Normalises the last dimension; with a bias by mean and variance, without by root mean square.
    fn norm(
        &self,
        x: &Self::Tensor,
        w: &Self::Tensor,
        b: Option<&Self::Tensor>,
        eps: f64,
    ) -> Result<Self::Tensor>;
    /// The non-linearity.
    fn activate(&self, x: &Self::Tensor, kind: Activation) -> Result<Self::Tensor>;
    /// Rotates x [h, n, d] by cos and sin [n, d/2], halves against each other.
    fn rotate(&self, x: &Self::Tensor, cos: &Self::Tensor, sin: &Self::Tensor) -> Result<Self::Tensor>;

    /// The same elements under another shape.
    fn reshape(&self, x: &Self::Tensor, dims: &[usize]) -> Result<Self::Tensor>;
    /// Exchanges the first two dimensions and lays the result out anew.
    fn swap(&self, x: &Self::Tensor) -> Result<Self::Tensor>;
    /// A slice along one dimension; a view.
    fn narrow(&self, x: &Self::Tensor, dim: usize, start: usize, len: usize) -> Result<Self::Tensor>;
    /// Tensors one after the other along one dimension.
    fn cat(&self, parts: &[Self::Tensor], dim: usize) -> Result<Self::Tensor>;

    /// One slot [k, cap, d] of `cache` [slots, k, cap, d]; a view.
    fn pick(&self, cache: &Self::Tensor, slot: usize) -> Result<Self::Tensor>;
    /// The first `len` positions of some slots of `cache` [slots, k, cap, d]: [n·k, len, d].
    fn gather(&self, cache: &Self::Tensor, slots: &[usize], len: usize) -> Result<Self::Tensor>;
    /// Writes `source` [1, k, t, d] into `cache` [slots, k, cap, d] at a slot, from a position on.
    fn write(&self, cache: &Self::Tensor, slot: usize, position: usize, source: &Self::Tensor) -> Result<()>;
    /// Writes `source` [b·k, d] into the rows of `cache` [slots, k, cap, d] taken as [slots·k·cap, d].
    fn scatter(&self, cache: &Self::Tensor, rows: &Self::Tensor, source: &Self::Tensor) -> Result<()>;
    /// softmax(factor · q kᵀ + bias) v for q [b, t, d], k and v [b, s, d], bias broadcast to [b, t, s].
    fn attend(
        &self,
        q: &Self::Tensor,
        k: &Self::Tensor,
        v: &Self::Tensor,
        bias: Option<&Self::Tensor>,
        factor: f64,
    ) -> Result<Self::Tensor>;

    /// Number of the largest element of each row of x [n, vocab].
    fn argmax(&self, x: &Self::Tensor) -> Result<Vec<u32>>;
    /// All elements, row by row, for tests and for heads that are read on the host.
    fn download(&self, x: &Self::Tensor) -> Result<Vec<f32>>;
}
