//! Where a model's numbers come from: a random draw, or safetensors files in a local directory.

use crate::error::{Error, Result};
use crate::shape::{ModelShape, Names};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype as Stored, TensorView};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where weights come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Drawn from a seed: step times do not depend on the values.
    Random {
        /// The seed; the same seed gives the same numbers on every backend.
        seed: u64,
    },
    /// All `*.safetensors` files of a directory, under the tensor names of [`ModelShape::names`].
    Directory(PathBuf),
}

/// One matrix or vector of a model, by our own name: stack, layer, part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Embedding,
    Positions,
    RelativeBias,
    EmbeddingNorm,
    Query,
    Key,
    Value,
    Output,
    AttentionNorm,
    CrossQuery,
    CrossKey,
    CrossValue,
    CrossOutput,
    CrossNorm,
    Gate,
    Up,
    Down,
    FfnNorm,
    FinalNorm,
    Head,
}

/// Which of the two stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stack {
    Encoder,
    Decoder,
}

/// Address of one tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub stack: Stack,
    pub layer: usize,
    pub part: Part,
    pub bias: bool,
}

/// Opened weights: hands out tensors as f32.
pub(crate) enum Source {
    Random { pool: Vec<f32>, next: usize },
    Files { directory: PathBuf, files: Vec<(PathBuf, Vec<u8>)>, index: BTreeMap<String, usize>, names: Names },
}

/// Numbers drawn once and read round and round: large models would take minutes to draw otherwise.
const POOL: usize = (1 << 20) + 7;

impl Source {
    pub(crate) fn open(weights: &Weights, shape: &ModelShape) -> Result<Source> {
        match weights {
            Weights::Random { seed } => Ok(Source::Random { pool: pool(*seed), next: 0 }),
            Weights::Directory(directory) => open_directory(directory, shape.names),
        }
    }

    /// The tensor at `at`, of these dims ([out, in] for matrices), in row order. Random ones have standard
    /// deviation `spread`.
    pub(crate) fn tensor(&mut self, at: Address, dims: &[usize], spread: f32) -> Result<Vec<f32>> {
        let n: usize = dims.iter().product();
        match self {
            Source::Random { pool, next } => {
                let start = *next;
                *next = (start + n) % pool.len();
                Ok((0..n).map(|i| pool[(start + i) % pool.len()] * spread).collect())
            }
            Source::Files { directory, files, index, names } => {
                let found = crate::names::find(*names, at, |name| index.get(name).copied());
                let Some((name, stored, file)) = found else {
                    let wanted = crate::names::stored(*names, at).name;
                    return Err(Error::Weights {
                        path: directory.clone(),
                        what: format!("no tensor `{wanted}`; is this a checkpoint of another architecture?"),
                    });
                };
                let (path, bytes) = &files[file];
                read(path, bytes, &name, dims, stored)
            }
        }
    }

    /// Whether a trained value is to be expected: norms start at 1 only when drawn at random.
    pub(crate) fn is_random(&self) -> bool {
        matches!(self, Source::Random { .. })
    }
}

/// Roughly standard normal numbers: sums of four uniforms from splitmix64, the same on every machine.
fn pool(seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let uniform = |bits: u64| (bits & 0xFFFF) as f32 / 65536.0 - 0.5;
    // Four uniforms on (-1/2, 1/2) have variance 1/3 together.
    let scale = 3.0_f32.sqrt();
    (0..POOL)
        .map(|_| {
            let bits = next();
            (uniform(bits) + uniform(bits >> 16) + uniform(bits >> 32) + uniform(bits >> 48)) * scale
        })
        .collect()
}

fn open_directory(directory: &Path, names: Names) -> Result<Source> {
    let bad = |path: &Path, what: String| Error::Weights { path: path.to_path_buf(), what };
    let listing = std::fs::read_dir(directory).map_err(|e| bad(directory, e.to_string()))?;
    let mut paths: Vec<PathBuf> = listing.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "safetensors"));
    paths.sort();
    if paths.is_empty() {
        return Err(bad(directory, "holds no .safetensors file".to_string()));
    }
    let mut files = Vec::new();
    let mut index = BTreeMap::new();
    for path in paths {
        let bytes = std::fs::read(&path).map_err(|e| bad(&path, e.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| bad(&path, e.to_string()))?;
        for name in tensors.names() {
            index.insert(name.to_string(), files.len());
        }
        files.push((path, bytes));
    }
    Ok(Source::Files { directory: directory.to_path_buf(), files, index, names })
}

/// Reads one stored tensor as f32 in the orientation of `dims`.
fn read(
    path: &Path,
    bytes: &[u8],
    name: &str,
    dims: &[usize],
    stored: crate::names::Stored,
) -> Result<Vec<f32>> {
    let bad =
        |what: String| Error::Weights { path: path.to_path_buf(), what: format!("tensor `{name}`: {what}") };
    let file = SafeTensors::deserialize(bytes).map_err(|e| bad(e.to_string()))?;
    let view = file.tensor(name).map_err(|e| bad(e.to_string()))?;
    let values = floats(&view).map_err(bad)?;
    let mut expected: Vec<usize> = dims.to_vec();
    if stored.transposed {
        expected.reverse();
    }
    if let Some((_, parts)) = stored.share {
        // A fused matrix holds several outputs side by side (its last dimension when transposed).
        let fused = expected.len() - 1;
        let fused = if stored.transposed { fused } else { 0 };
        expected[fused] *= parts;
    }
    if view.shape() != expected {
        return Err(bad(format!("has shape {:?} where the model needs {expected:?}", view.shape())));
    }
    Ok(orient(&values, dims, stored))
}

/// Cuts a share out of a fused matrix and turns (in, out) into (out, in).
fn orient(values: &[f32], dims: &[usize], stored: crate::names::Stored) -> Vec<f32> {
    let (part, parts) = stored.share.unwrap_or((0, 1));
    let (out, input) = if dims.len() == 2 { (dims[0], dims[1]) } else { (dims[0], 1) };
    if !stored.transposed || dims.len() == 1 {
        let n = out * input;
        return values[part * n..(part + 1) * n].to_vec();
    }
    let row = out * parts;
    let mut turned = Vec::with_capacity(out * input);
    for o in 0..out {
        turned.extend((0..input).map(|i| values[i * row + part * out + o]));
    }
    turned
}

fn floats(view: &TensorView<'_>) -> std::result::Result<Vec<f32>, String> {
    let data = view.data();
    let pair = |c: &[u8]| u16::from_le_bytes([c[0], c[1]]);
    match view.dtype() {
        Stored::F32 => {
            Ok(data.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect())
        }
        Stored::BF16 => Ok(data.chunks_exact(2).map(|c| f32::from_bits(u32::from(pair(c)) << 16)).collect()),
        Stored::F16 => Ok(data.chunks_exact(2).map(|c| half(pair(c))).collect()),
        other => Err(format!("is stored as {other:?}; f32, bf16 and f16 can be read")),
    }
}

/// IEEE half to single precision.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        e => (1.0 + fraction / 1024.0) * 2.0_f32.powi(e - 15),
    }
}
