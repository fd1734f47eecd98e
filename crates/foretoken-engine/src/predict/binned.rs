//! A classifier with a confusion matrix: real ordinal predictors are this coarse.

use super::Predictor;
use crate::error::{Error, Place, Result};
use crate::length::Belief;
use crate::rng::Stream;
use crate::workload::Request;

pub(super) struct Binned {
    edges: Vec<u32>,
    /// Cumulative rows.
    confusion: Vec<Vec<f64>>,
    cap: u32,
    seed: u64,
    replicate: u64,
}

fn bad(key: &str, what: String, help: &str) -> Error {
    Error::input(Place::key(format!("predictor.{key}")), what, help)
}

impl Binned {
    pub fn new(edges: &[u32], confusion: &[Vec<f64>], cap: u32, seed: u64, replicate: u64) -> Result<Binned> {
        if edges.first() == Some(&0) || edges.windows(2).any(|w| w[0] >= w[1]) {
            return Err(bad("edges", format!("{edges:?} does not increase from 1 or more"), "sort them"));
        }
        if edges.last().is_some_and(|&last| last > cap) || cap == 0 {
            return Err(bad("cap", format!("{cap} is below the last edge"), "choose the largest length"));
        }
        let classes = edges.len() + 1;
        if confusion.len() != classes {
            let what = format!("{} rows for {classes} classes", confusion.len());
            return Err(bad("confusion", what, "give one row per class, one more than edges"));
        }
        let mut cumulative = Vec::new();
        for (i, row) in confusion.iter().enumerate() {
            let sum: f64 = row.iter().sum();
            let valid = row.len() == classes && row.iter().all(|p| *p >= 0.0) && (sum - 1.0).abs() < 1e-6;
            if !valid {
                let what = format!("row {i} is {row:?}");
                return Err(bad("confusion", what, "a row holds one probability per class and sums to 1"));
            }
            let sums = row.iter().scan(0.0, |total, p| {
                *total += p;
                Some(*total)
            });
            cumulative.push(sums.collect());
        }
        Ok(Binned { edges: edges.to_vec(), confusion: cumulative, cap, seed, replicate })
    }
}

impl Predictor for Binned {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        let truth = request.truth.reveal();
        let class = self.edges.partition_point(|&edge| edge <= truth);
        let id = u64::from(request.visible.id.0);
        let u = Stream::new(self.seed, self.replicate, "predict.binned", id).uniform();
        let row = &self.confusion[class];
        let predicted = row.partition_point(|&sum| sum <= u).min(row.len() - 1);
        let lo = if predicted == 0 { 1 } else { self.edges[predicted - 1] };
        let hi = self.edges.get(predicted).map_or(self.cap, |next| next - 1);
        Ok(Belief::Interval { lo, hi })
    }
}
