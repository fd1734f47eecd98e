//! What training makes small.

use super::ok;
use crate::error::Result;
use candle_core::{D, Device, Tensor};

/// A loss over a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// MSE of the first output + w MSE of the others; w = 3 + epoch / 20 in training (epochs from 0), 1 in
    /// validation (TIE's released code).
    Squares,
    /// ListMLE over the batch as one list (Xia et al., ICML 2008), per item: the target is a relevance, and the most
    /// relevant item should have the highest score.
    ListMle,
    /// Cross-entropy of the class that the target names.
    CrossEntropy,
}

impl Loss {
    /// The loss of `outputs` (one [n, width] per branch) against `targets` (row per item); `epoch` in training.
    pub(super) fn of(self, outputs: &[Tensor], targets: &[&[f32]], epoch: Option<usize>) -> Result<Tensor> {
        match self {
            Loss::Squares => squares(outputs, targets, epoch),
            Loss::ListMle => list_mle(&outputs[0], targets),
            Loss::CrossEntropy => {
                let classes: Vec<u32> = targets.iter().map(|t| t[0] as u32).collect();
                let classes = ok(Tensor::from_vec(classes, targets.len(), &Device::Cpu))?;
                ok(candle_nn::loss::cross_entropy(&outputs[0], &classes))
            }
        }
    }
}

fn squares(outputs: &[Tensor], targets: &[&[f32]], epoch: Option<usize>) -> Result<Tensor> {
    let weight = epoch.map_or(1.0, |epoch| 3.0 + epoch as f64 / 20.0);
    let mut total: Option<Tensor> = None;
    for (i, output) in outputs.iter().enumerate() {
        let wanted: Vec<f32> = targets.iter().map(|t| t[i]).collect();
        let wanted = ok(Tensor::from_vec(wanted, (targets.len(), 1), &Device::Cpu))?;
        let error = ok(output.sub(&wanted).and_then(|e| e.sqr()).and_then(|e| e.mean_all()))?;
        total = Some(match total {
            None => error,
            Some(sum) => ok(sum.add(&ok(error * weight)?))?,
        });
    }
    Ok(total.expect("a network has outputs"))
}

fn list_mle(scores: &Tensor, targets: &[&[f32]]) -> Result<Tensor> {
    let n = targets.len();
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.sort_by(|&a, &b| targets[b as usize][0].total_cmp(&targets[a as usize][0]));
    let order = ok(Tensor::from_vec(order, n, &Device::Cpu))?;
    let sorted = ok(scores.flatten_all().and_then(|s| s.index_select(&order, 0)))?;
    // Row i has the scores of items i and later; the others are out of the sum.
    let closed: Vec<f32> = (0..n * n).map(|at| if at % n < at / n { -1e9 } else { 0.0 }).collect();
    let closed = ok(Tensor::from_vec(closed, (n, n), &Device::Cpu))?;
    let rows = ok(closed.broadcast_add(&ok(sorted.reshape((1, n)))?))?;
    let top = ok(rows.max_keepdim(D::Minus1))?.detach();
    let sums = ok(rows.broadcast_sub(&top).and_then(|r| r.exp()).and_then(|r| r.sum_keepdim(D::Minus1)))?;
    let logs = ok(sums.log().and_then(|s| s.add(&top)).and_then(|s| s.flatten_all()))?;
    ok(logs.sub(&sorted).and_then(|l| l.mean_all()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_mle_is_that_of_its_definition() {
        let scores = [0.3f32, -1.2, 2.0, 0.7, -40.0, 60.0];
        let relevance = [5.0f32, 1.0, 9.0, 5.0, 2.0, 0.0];
        let mut order: Vec<usize> = (0..6).collect();
        order.sort_by(|&a, &b| relevance[b].total_cmp(&relevance[a]));
        let naive = |i: usize| {
            let later = order[i..].iter().map(|&j| f64::from(scores[j]).exp()).sum::<f64>();
            later.ln() - f64::from(scores[order[i]])
        };
        let wanted = (0..6).map(naive).sum::<f64>() / 6.0;
        let rows: Vec<[f32; 1]> = relevance.iter().map(|&r| [r]).collect();
        let rows: Vec<&[f32]> = rows.iter().map(|r| &r[..]).collect();
        let outputs = [Tensor::from_slice(&scores, (6, 1), &Device::Cpu).unwrap()];
        let found = Loss::ListMle.of(&outputs, &rows, None).unwrap().to_scalar::<f32>().unwrap();
        assert!((f64::from(found) - wanted).abs() < 1e-5 * wanted, "{found} {wanted}");
    }

    #[test]
    fn sigma_weighs_more_in_training() {
        let column = |v: [f32; 2]| Tensor::from_slice(&v, (2, 1), &Device::Cpu).unwrap();
        let outputs = [column([1.0, 0.0]), column([0.0, 2.0])];
        let targets: [&[f32]; 2] = [&[0.0, 0.0], &[0.0, 0.0]];
        let of = |epoch| Loss::Squares.of(&outputs, &targets, epoch).unwrap().to_scalar::<f32>().unwrap();
        assert_eq!((of(None), of(Some(0)), of(Some(20))), (2.5, 6.5, 8.5));
    }
}
