//! Variables by name: drawn afresh, or from a safetensors file; and back into one.

use super::chance::Chance;
use super::ok;
use crate::error::{Error, Result};
use candle_core::{Device, Tensor, Var};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How a fresh variable starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    Zeros,
    Ones,
    /// Uniform, Glorot and Bengio (AISTATS 2010) with this gain; [out, in].
    Xavier(f64),
    /// Uniform with this standard deviation.
    Spread(f64),
}

/// A tensor of a file: dims and numbers in row order.
type Stored = (Vec<usize>, Vec<f32>);

enum Source {
    Fresh(Chance),
    Stored { path: PathBuf, tensors: BTreeMap<String, Stored> },
}

/// The variables of a network.
pub(super) struct Variables {
    map: BTreeMap<String, Var>,
    source: Source,
}

impl Variables {
    pub fn fresh(seed: u64) -> Variables {
        Variables { map: BTreeMap::new(), source: Source::Fresh(Chance::new(seed, 1)) }
    }

    pub fn stored(path: &Path) -> Result<Variables> {
        Ok(Variables {
            map: BTreeMap::new(),
            source: Source::Stored { path: path.to_path_buf(), tensors: read(path)? },
        })
    }

    /// The variable `name` of these dims.
    pub fn get(&mut self, name: &str, dims: &[usize], start: Start) -> Result<Tensor> {
        let n: usize = dims.iter().product();
        let values = match &mut self.source {
            Source::Fresh(chance) => draw(chance, dims, start, n),
            Source::Stored { path, tensors } => {
                let wrong = |what: String| Error::Weights { path: path.clone(), what };
                let (there, values) =
                    tensors.remove(name).ok_or_else(|| wrong(format!("tensor {name} is missing")))?;
                if there != dims {
                    return Err(wrong(format!("tensor {name} has dims {there:?} where {dims:?} are needed")));
                }
                values
            }
        };
        let var = ok(Var::from_vec(values, dims, &Device::Cpu))?;
        let tensor = var.as_tensor().clone();
        self.map.insert(name.to_string(), var);
        Ok(tensor)
    }

    /// Names and variables, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.map.iter().map(|(name, var)| (name.as_str(), var))
    }

    pub fn save(&self, path: &Path) -> Result<()> {
        let tensors: Result<Vec<(&str, Stored)>> = self
            .iter()
            .map(|(name, var)| {
                let flat = ok(var.as_tensor().flatten_all().and_then(|t| t.to_vec1::<f32>()))?;
                Ok((name, (var.dims().to_vec(), flat)))
            })
            .collect();
        write(path, &tensors?)
    }
}

fn draw(chance: &mut Chance, dims: &[usize], start: Start, n: usize) -> Vec<f32> {
    let half = match start {
        Start::Zeros => return vec![0.0; n],
        Start::Ones => return vec![1.0; n],
        Start::Xavier(gain) => gain * (6.0 / (dims[0] + dims[1]) as f64).sqrt(),
        Start::Spread(sd) => sd * 3.0_f64.sqrt(),
    };
    (0..n).map(|_| (half * (2.0 * chance.uniform() - 1.0)) as f32).collect()
}

fn read(path: &Path) -> Result<BTreeMap<String, Stored>> {
    let wrong = |what: String| Error::Weights { path: path.to_path_buf(), what };
    let bytes = std::fs::read(path).map_err(|e| wrong(e.to_string()))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| wrong(format!("no safetensors file: {e}")))?;
    let mut found = BTreeMap::new();
    for (name, view) in tensors.tensors() {
        if view.dtype() != Dtype::F32 {
            return Err(wrong(format!("tensor {name} is not of 32-bit floats")));
        }
        let (values, _) = view.data().as_chunks::<4>();
        let values = values.iter().map(|b| f32::from_le_bytes(*b)).collect();
        found.insert(name, (view.shape().to_vec(), values));
    }
    Ok(found)
}

fn write(path: &Path, tensors: &[(&str, Stored)]) -> Result<()> {
    let wrong = |what: String| Error::Weights { path: path.to_path_buf(), what };
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, (_, v))| v.iter().flat_map(|f| f.to_le_bytes()).collect()).collect();
    let mut views = Vec::new();
    for ((name, (dims, _)), bytes) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, dims.clone(), bytes).map_err(|e| wrong(e.to_string()))?;
        views.push((*name, view));
    }
    let packed = serialize(views, None).map_err(|e| wrong(e.to_string()))?;
    std::fs::write(path, packed).map_err(|e| wrong(e.to_string()))
}

/// The one tensor of such a file.
const ROWS: &str = "rows";

/// Writes rows of equal length.
///
/// # Errors
/// [`Error::Weights`] where the file cannot be written.
pub fn save_rows(path: &Path, rows: &[Vec<f32>]) -> Result<()> {
    let dims = vec![rows.len(), rows.first().map_or(0, Vec::len)];
    write(path, &[(ROWS, (dims, rows.concat()))])
}

/// Reads what [`save_rows`] wrote.
///
/// # Errors
/// [`Error::Weights`] where it is not so.
pub fn load_rows(path: &Path) -> Result<Vec<Vec<f32>>> {
    let wrong = |what: &str| Error::Weights { path: path.to_path_buf(), what: what.to_string() };
    let (dims, values) = read(path)?.remove(ROWS).ok_or_else(|| wrong("tensor rows is missing"))?;
    match dims[..] {
        [_, width] if width > 0 => Ok(values.chunks(width).map(<[f32]>::to_vec).collect()),
        _ => Err(wrong("tensor rows is no table")),
    }
}
