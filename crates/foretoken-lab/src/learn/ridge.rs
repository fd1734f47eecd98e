//! Ridge regression on standardised features: closed form, the penalty chosen on data that it was not fitted on.

use crate::error::{Error, Result};
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

/// Penalties tried, per row, from hardly any to hardly a slope left.
const PENALTIES: [f64; 11] = [1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 10.0, 100.0];

/// Mean and standard deviation of each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Means.
    pub mean: Vec<f64>,
    /// Standard deviations; 1 where a column does not vary.
    pub sd: Vec<f64>,
}

impl Scaling {
    /// The scaling of `rows`, of which there is at least one.
    pub fn of(rows: &[Vec<f64>]) -> Scaling {
        let (n, columns) = (rows.len() as f64, rows[0].len());
        let mut mean = vec![0.0; columns];
        rows.iter().for_each(|row| mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n));
        let mut sd = vec![0.0; columns];
        for row in rows {
            for ((s, m), v) in sd.iter_mut().zip(&mean).zip(row) {
                *s += (v - m) * (v - m) / n;
            }
        }
        for s in &mut sd {
            let root = libm::sqrt(*s);
            *s = if root > 1e-9 { root } else { 1.0 };
        }
        Scaling { mean, sd }
    }

    /// What leaves `columns` columns as they are, but for their `sign`.
    pub fn identity(columns: usize, sign: f64) -> Scaling {
        Scaling { mean: vec![0.0; columns], sd: vec![sign; columns] }
    }

    /// (value - mean) / sd, column by column.
    pub fn apply(&self, row: &[f64]) -> Vec<f64> {
        row.iter().zip(&self.mean).zip(&self.sd).map(|((v, m), s)| (v - m) / s).collect()
    }

    /// The inverse of [`Scaling::apply`].
    pub fn undo(&self, row: &[f64]) -> Vec<f64> {
        row.iter().zip(&self.mean).zip(&self.sd).map(|((v, m), s)| v * s + m).collect()
    }

    /// Applied to every row.
    pub fn all(&self, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        rows.iter().map(|row| self.apply(row)).collect()
    }
}

/// Weights of one linear function per output over standardised features, and the penalty each was fitted with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ridge {
    /// Row per output, one weight per feature.
    pub weights: Vec<Vec<f64>>,
    /// Penalty per row of data, of each output.
    pub penalties: Vec<f64>,
}

impl Ridge {
    /// Fits standardised `x` to standardised `y` (row per prompt), choosing each output's penalty by the mean
    /// squared error on `held` = (x, y).
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn fit(x: &[Vec<f64>], y: &[Vec<f64>], held: (&[Vec<f64>], &[Vec<f64>])) -> Result<Ridge> {
        let outputs = y[0].len();
        let (gram, moments) = normal_equations(x, y);
        let mut best = vec![(f64::INFINITY, 0.0, Vec::new()); outputs];
        for penalty in PENALTIES {
            let weights = solve(&gram, &moments, penalty, x.len())?;
            for (output, (least, with, kept)) in best.iter_mut().enumerate() {
                let column = weights.column(output);
                let error = |(row, wanted): (&Vec<f64>, &Vec<f64>)| {
                    let gap = dot(column.as_slice(), row) - wanted[output];
                    gap * gap
                };
                let loss = held.0.iter().zip(held.1).map(error).sum::<f64>();
                if loss < *least {
                    (*least, *with, *kept) = (loss, penalty, column.as_slice().to_vec());
                }
            }
        }
        let penalties = best.iter().map(|b| b.1).collect();
        let weights: Vec<Vec<f64>> = best.into_iter().map(|b| b.2).collect();
        if weights.iter().any(|w| w.is_empty() || w.iter().any(|v| !v.is_finite())) {
            return Err(Error::Usage("the features of these prompts are not finite".to_string()));
        }
        Ok(Ridge { weights, penalties })
    }

    /// Every output at a standardised feature row.
    pub fn predict(&self, row: &[f64]) -> Vec<f64> {
        self.weights.iter().map(|w| dot(w, row)).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// X'X and X'Y.
fn normal_equations(x: &[Vec<f64>], y: &[Vec<f64>]) -> (DMatrix<f64>, DMatrix<f64>) {
    let (d, k) = (x[0].len(), y[0].len());
    let (mut gram, mut moments) = (DMatrix::zeros(d, d), DMatrix::zeros(d, k));
    for (row, wanted) in x.iter().zip(y) {
        for (i, &a) in row.iter().enumerate().filter(|(_, a)| **a != 0.0) {
            for (j, &b) in row.iter().enumerate().take(i + 1) {
                gram[(i, j)] += a * b;
            }
            for (j, &b) in wanted.iter().enumerate() {
                moments[(i, j)] += a * b;
            }
        }
    }
    for i in 0..d {
        for j in 0..i {
            gram[(j, i)] = gram[(i, j)];
        }
    }
    (gram, moments)
}

fn solve(gram: &DMatrix<f64>, moments: &DMatrix<f64>, penalty: f64, rows: usize) -> Result<DMatrix<f64>> {
    let ridge = DMatrix::from_diagonal(&DVector::from_element(gram.nrows(), penalty * rows as f64));
    let factors = nalgebra::Cholesky::new(gram + ridge);
    let factors =
        factors.ok_or_else(|| Error::Usage("the features of these prompts are not finite".to_string()))?;
    Ok(factors.solve(moments))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn a_linear_law_is_found() {
        let mut stream = Stream::new(1, 0, "test", 0);
        let x: Vec<Vec<f64>> = (0..200).map(|_| (0..3).map(|_| stream.normal()).collect()).collect();
        let y: Vec<Vec<f64>> = x.iter().map(|r| vec![2.0 * r[0] - r[2], r[1]]).collect();
        let ridge = Ridge::fit(&x[..150], &y[..150], (&x[150..], &y[150..])).unwrap();
        for (row, wanted) in x.iter().zip(&y) {
            let found = ridge.predict(row);
            assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?} {wanted:?}");
        }
    }

    #[test]
    fn noise_is_not_believed() {
        let mut stream = Stream::new(2, 0, "test", 0);
        let mut rows = |n: usize, d: usize| -> Vec<Vec<f64>> {
            (0..n).map(|_| (0..d).map(|_| stream.normal()).collect()).collect()
        };
        let (x, y) = (rows(60, 30), rows(60, 1));
        let ridge = Ridge::fit(&x[..40], &y[..40], (&x[40..], &y[40..])).unwrap();
        assert!(ridge.penalties[0] >= 1.0, "{:?}", ridge.penalties);
    }

    #[test]
    fn scaling_is_undone() {
        let rows = vec![vec![1.0, 5.0], vec![3.0, 5.0]];
        let scaling = Scaling::of(&rows);
        assert_eq!(scaling.all(&rows), [[-1.0, 0.0], [1.0, 0.0]]);
        assert_eq!(scaling.undo(&scaling.apply(&[7.0, 2.0])), [7.0, 2.0]);
    }
}
