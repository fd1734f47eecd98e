//! Frozen encoders from a local directory: what they say of a text, as one vector.

use super::ok;
use crate::error::{Error, Result};
use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, debertav2};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use tokenizers::{Tokenizer, TruncationParams};

/// A family of encoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// BERT, MiniLM and kin (`model_type` bert).
    Bert,
    /// DeBERTa v2 and v3 (`model_type` deberta-v2).
    Deberta,
}

/// How token states become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The first token's.
    Cls,
    /// The mean over tokens.
    Mean,
    /// The largest of each number over tokens.
    Max,
    /// The three side by side, as TIE's predictor has them.
    All,
}

const POOLINGS: [(Pooling, &str); 4] =
    [(Pooling::Cls, "cls"), (Pooling::Mean, "mean"), (Pooling::Max, "max"), (Pooling::All, "all")];

impl std::str::FromStr for Pooling {
    type Err = Error;

    fn from_str(name: &str) -> Result<Pooling> {
        let found = POOLINGS.iter().find(|&&(_, n)| n == name).map(|&(p, _)| p);
        found.ok_or_else(|| Error::Unknown {
            kind: "pooling",
            name: name.to_string(),
            known: POOLINGS.map(|(_, n)| n).join(", "),
        })
    }
}

enum Frozen {
    Bert(Box<bert::BertModel>),
    Deberta(Box<debertav2::DebertaV2Model>),
}

/// A frozen encoder with its tokenizer.
pub struct Encoder {
    frozen: Frozen,
    tokenizer: Tokenizer,
    pooling: Pooling,
    hidden: usize,
    pad: u32,
}

/// What every configuration has.
#[derive(serde::Deserialize)]
struct Common {
    model_type: String,
    hidden_size: usize,
    max_position_embeddings: usize,
    #[serde(default)]
    pad_token_id: u32,
}

/// Texts embedded at once.
const BATCH: usize = 16;

impl Encoder {
    /// Opens `directory` (config.json, tokenizer.json, *.safetensors), reading at most `longest` tokens of a text.
    ///
    /// # Errors
    /// [`Error::Weights`] where a file or tensor is missing, or belongs to another family; `longest` over what the
    /// encoder was made for.
    pub fn open(directory: &Path, family: Family, pooling: Pooling, longest: usize) -> Result<Encoder> {
        let path = directory.join("config.json");
        let wrong = |path: &Path, what: String| Error::Weights { path: path.to_path_buf(), what };
        let common: Common = config(&path)?;
        let wanted = match family {
            Family::Bert => "bert",
            Family::Deberta => "deberta-v2",
        };
        if common.model_type != wanted {
            let what = format!("model_type is {} where {wanted} is needed", common.model_type);
            return Err(wrong(&path, what));
        }
        if longest > common.max_position_embeddings {
            let what = format!("it reads at most {} tokens, not {longest}", common.max_position_embeddings);
            return Err(wrong(&path, what));
        }
        let weights = weights(directory)?;
        let missing = |e: candle_core::Error| match Error::library("candle", e) {
            Error::Library { what, .. } => wrong(directory, what),
            other => other,
        };
        let frozen = match family {
            Family::Bert => {
                Frozen::Bert(Box::new(bert::BertModel::load(weights, &config(&path)?).map_err(missing)?))
            }
            Family::Deberta => {
                let inner = weights.contains_tensor("deberta.embeddings.word_embeddings.weight");
                let weights = if inner { weights.pp("deberta") } else { weights };
                let model = debertav2::DebertaV2Model::load(weights, &config(&path)?).map_err(missing)?;
                Frozen::Deberta(Box::new(model))
            }
        };
        let tokenizer = tokenizer(&directory.join("tokenizer.json"), longest)?;
        Ok(Encoder { frozen, tokenizer, pooling, hidden: common.hidden_size, pad: common.pad_token_id })
    }

    /// Numbers that a text becomes.
    pub fn width(&self) -> usize {
        if self.pooling == Pooling::All { 3 * self.hidden } else { self.hidden }
    }

    /// One vector per text; `report` is told how many are done.
    ///
    /// # Errors
    /// The tokenizer's and candle's.
    pub fn embed(&self, texts: &[&str], report: &mut dyn FnMut(usize)) -> Result<Vec<Vec<f32>>> {
        let encode = |text: &&str| -> Result<Vec<u32>> {
            let encoding = self.tokenizer.encode(*text, true);
            let encoding = encoding.map_err(|e| Error::library("tokenizers", e))?;
            Ok(encoding.get_ids().to_vec())
        };
        let ids: Vec<Vec<u32>> = texts.iter().map(encode).collect::<Result<_>>()?;
        // Texts of like length side by side: little is padded.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|&i| ids[i].len());
        let mut rows = vec![Vec::new(); ids.len()];
        let mut done = 0;
        for batch in order.chunks(BATCH) {
            let batch_ids: Vec<&[u32]> = batch.iter().map(|&i| &ids[i][..]).collect();
            for (&i, row) in batch.iter().zip(self.batch(&batch_ids)?) {
                rows[i] = row;
            }
            done += batch.len();
            report(done);
        }
        Ok(rows)
    }

    fn batch(&self, rows: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let length = rows.iter().map(|r| r.len()).max().unwrap_or(0).max(1);
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for row in rows {
            ids.extend_from_slice(row);
            ids.resize(ids.len() + length - row.len(), self.pad);
            mask.extend(std::iter::repeat_n(1i64, row.len()));
            mask.resize(mask.len() + length - row.len(), 0);
        }
        let dims = (rows.len(), length);
        let ids = ok(Tensor::from_vec(ids, dims, &Device::Cpu))?;
        let mask = ok(Tensor::from_vec(mask, dims, &Device::Cpu))?;
        let states = match &self.frozen {
            Frozen::Bert(model) => ok(model.forward(&ids, &ok(ids.zeros_like())?, Some(&mask)))?,
            Frozen::Deberta(model) => ok(model.forward(&ids, None, Some(mask.clone())))?,
        };
        let open = ok(mask.to_dtype(DType::F32).and_then(|m| m.unsqueeze(2)))?;
        ok(self.pool(&states, &open).and_then(|p| p.to_vec2::<f32>()))
    }

    /// `states` [n, length, hidden], `open` [n, length, 1].
    fn pool(&self, states: &Tensor, open: &Tensor) -> candle_core::Result<Tensor> {
        let cls = || states.narrow(1, 0, 1)?.squeeze(1);
        let mean = || states.broadcast_mul(open)?.sum(1)?.broadcast_div(&open.sum(1)?);
        let max = || states.broadcast_add(&open.affine(1e9, -1e9)?)?.max(1);
        match self.pooling {
            Pooling::Cls => cls()?.contiguous(),
            Pooling::Mean => mean(),
            Pooling::Max => max(),
            Pooling::All => Tensor::cat(&[cls()?, mean()?, max()?], D::Minus1),
        }
    }
}

fn config<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let wrong = |what: String| Error::Weights { path: path.to_path_buf(), what };
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))
}

/// All tensors of a directory.
fn weights(directory: &Path) -> Result<VarBuilder<'static>> {
    let wrong = |path: &Path, what: String| Error::Weights { path: path.to_path_buf(), what };
    let listing = std::fs::read_dir(directory).map_err(|e| wrong(directory, e.to_string()))?;
    let mut paths: Vec<PathBuf> = listing.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "safetensors"));
    paths.sort();
    let mut tensors = None;
    for path in paths {
        let bytes = std::fs::read(&path).map_err(|e| wrong(&path, e.to_string()))?;
        let more = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu);
        let more = more.map_err(|e| wrong(&path, format!("no safetensors file: {e}")))?;
        match &mut tensors {
            None => tensors = Some(more),
            Some(all) => all.extend(more),
        }
    }
    let tensors = tensors.ok_or_else(|| wrong(directory, "holds no .safetensors file".to_string()))?;
    Ok(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu))
}

/// The tokenizer of a file, without the padding and cut that the file may ask for.
fn tokenizer(path: &Path, longest: usize) -> Result<Tokenizer> {
    let wrong = |what: String| Error::Weights { path: path.to_path_buf(), what };
    let mut tokenizer = Tokenizer::from_file(path).map_err(|e| wrong(e.to_string()))?;
    tokenizer.with_padding(None);
    let cut = TruncationParams { max_length: longest, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(cut)).map_err(|e| wrong(e.to_string()))?;
    Ok(tokenizer)
}
