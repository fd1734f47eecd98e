//! A form with its coefficients: fitted to points, asked for other points, scored.

use super::form::{Basis, Form};
use super::nnls::nnls;
use super::target::{Target, median};
use crate::error::Result;
use crate::latency::{Domain, How, Noise, Profile, Provenance, SCHEMA, Timing};
use nalgebra::{DMatrix, DVector};
use serde::Serialize;

/// A form with its coefficients.
#[derive(Clone, Debug)]
pub struct Law {
    pub basis: Basis,
    /// One for each column of the basis.
    pub coefficients: Vec<f64>,
    /// KV tokens of the replica that polynomials speak of.
    kv_capacity_tokens: u64,
}

impl Law {
    /// The law of `form` nearest to the medians of `targets`, by the sum of squared relative errors.
    pub fn fit(form: Form, targets: &[&Target], kv_capacity_tokens: u64) -> Law {
        let basis = Basis::new(form, targets, kv_capacity_tokens);
        let aims: Vec<(f64, f64)> = targets.iter().map(|t| (t.median_s, 1.0)).collect();
        Law::on(basis, targets, &aims, kv_capacity_tokens)
    }

    /// The law over `basis` nearest to other times of the `targets`: (seconds, weight) for each.
    pub fn on(basis: Basis, targets: &[&Target], aims: &[(f64, f64)], kv_capacity_tokens: u64) -> Law {
        let rows: Vec<Vec<f64>> = targets.iter().map(|t| basis.row(&t.work)).collect();
        // A row over its time makes the error relative; the square root, because weights multiply squares.
        let scale = |i: usize| aims[i].1.sqrt() / aims[i].0;
        let a = DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j] * scale(i));
        let b = DVector::from_fn(rows.len(), |i, _| aims[i].1.sqrt());
        Law { coefficients: nnls(&a, &b).as_slice().to_vec(), basis, kv_capacity_tokens }
    }

    /// The law as a profile has it.
    pub fn timing(&self) -> Timing {
        self.basis.timing(&self.coefficients)
    }

    /// Seconds of each of `targets`, as a simulator with this law in a profile has them.
    ///
    /// # Errors
    /// A time that is no duration.
    pub fn predict(&self, targets: &[&Target]) -> Result<Vec<f64>> {
        let mut model = bare(self.timing()).model(self.kv_capacity_tokens)?;
        let seconds = |t: &&Target| {
            let chunks = t.point.chunks();
            Ok(model.step(&t.point.shape(&chunks))?.as_secs())
        };
        targets.iter().map(seconds).collect()
    }
}

/// A profile of nothing but a timing.
pub fn bare(timing: Timing) -> Profile {
    let provenance = Provenance {
        who: String::new(),
        device: String::new(),
        software: String::new(),
        date: String::new(),
        how: How::Measured,
        notes: Vec::new(),
    };
    Profile {
        schema: SCHEMA,
        name: "fitted".to_string(),
        description: String::new(),
        provenance,
        timing,
        domain: Domain::default(),
        noise: Noise::default(),
        kv: None,
        power: None,
        origin: None,
    }
}

/// How near times of a law come to measured ones, over points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// 1 - Σ(measured - law)² / Σ(measured - mean)²: the share of the variance of step times that is explained.
    pub r2: f64,
    /// Total time by the law over total time measured, less 1.
    pub bias: f64,
    /// Median of |law / measured - 1|.
    pub error_median: f64,
    /// Mean of it.
    pub error_mean: f64,
}

impl Score {
    /// The score of `law` against `measured`, seconds, of one or more points.
    pub fn of(law: &[f64], measured: &[f64]) -> Score {
        let n = measured.len() as f64;
        let total: f64 = measured.iter().sum();
        let spread: f64 = measured.iter().map(|m| (m - total / n).powi(2)).sum();
        let left: f64 = law.iter().zip(measured).map(|(l, m)| (l - m).powi(2)).sum();
        let errors = errors(law, measured);
        Score {
            r2: if spread > 0.0 { 1.0 - left / spread } else { 0.0 },
            bias: law.iter().sum::<f64>() / total - 1.0,
            error_median: median(&errors),
            error_mean: errors.iter().sum::<f64>() / n,
        }
    }
}

/// |law / measured - 1| of each point.
pub fn errors(law: &[f64], measured: &[f64]) -> Vec<f64> {
    law.iter().zip(measured).map(|(l, m)| (l / m - 1.0).abs()).collect()
}
