//! The heads of TIE's predictor (arXiv 2604.00499, released code): one branch per output, none sharing anything.

use super::chance::Chance;
use super::layers::{LayerNorm, Linear, dropout};
use super::ok;
use super::store::Variables;
use crate::error::Result;
use candle_core::Tensor;

/// Gain of the initial weights.
const GAIN: f64 = 0.5;
/// Widths between input and output.
const WIDTHS: [usize; 3] = [256, 256, 128];
/// Shares dropped after each.
const DROPS: [f64; 3] = [0.2, 0.2, 0.1];

/// Linear-LayerNorm-GELU-Dropout twice, Linear-GELU-Dropout, Linear.
struct Branch {
    layers: Vec<Linear>,
    norms: Vec<LayerNorm>,
    last: Linear,
}

impl Branch {
    fn new(vars: &mut Variables, name: &str, from: usize, to: usize) -> Result<Branch> {
        let (mut layers, mut norms, mut width) = (Vec::new(), Vec::new(), from);
        for (i, &next) in WIDTHS.iter().enumerate() {
            layers.push(Linear::new(vars, &format!("{name}.{i}"), width, next, GAIN)?);
            if i < 2 {
                norms.push(LayerNorm::new(vars, &format!("{name}.norm{i}"), next)?);
            }
            width = next;
        }
        let last = Linear::new(vars, &format!("{name}.last"), width, to, GAIN)?;
        Ok(Branch { layers, norms, last })
    }

    fn forward(&self, x: &Tensor, mut chance: Option<&mut Chance>) -> Result<Tensor> {
        let mut x = x.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x)?;
            if let Some(norm) = self.norms.get(i) {
                x = norm.forward(&x)?;
            }
            x = dropout(&ok(x.gelu_erf())?, DROPS[i], chance.as_deref_mut())?;
        }
        self.last.forward(&x)
    }
}

/// Branches side by side.
pub(super) struct Heads(Vec<Branch>);

impl Heads {
    /// One branch per width of `branches`, each from `from` numbers.
    pub fn new(vars: &mut Variables, from: usize, branches: &[usize]) -> Result<Heads> {
        let branch = |(i, &to): (usize, &usize)| Branch::new(vars, &format!("branch{i}"), from, to);
        Ok(Heads(branches.iter().enumerate().map(branch).collect::<Result<_>>()?))
    }

    /// [n, from] to one [n, width] per branch; dropout where there is chance.
    pub fn forward(&self, x: &Tensor, mut chance: Option<&mut Chance>) -> Result<Vec<Tensor>> {
        self.0.iter().map(|branch| branch.forward(x, chance.as_deref_mut())).collect()
    }
}
