//! What a model is asked for, as numbers to fit and as a belief to hand out.

use super::{NU, Output};
use crate::error::{Error, Result};
use crate::length::{Belief, Histogram, LogT};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::sync::Arc;

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// ln(length); the belief is a point.
    Length,
    /// The order of lengths; the belief is a score.
    Rank,
    /// A class of lengths; the belief is a histogram, or its expected length.
    Bins,
    /// mu and ln(1 + sigma); the belief is a log-t law.
    Logt,
}

const TASKS: [(Task, &str); 4] =
    [(Task::Length, "length"), (Task::Rank, "rank"), (Task::Bins, "bins"), (Task::Logt, "logt")];

impl Task {
    /// Its name.
    pub fn name(self) -> &'static str {
        TASKS[self as usize].1
    }
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(name: &str) -> Result<Task> {
        let found = TASKS.iter().find(|&&(_, n)| n == name).map(|&(t, _)| t);
        found.ok_or_else(|| Error::unknown("predictor task", name, TASKS.map(|(_, n)| n)))
    }
}

/// How lengths are cut into classes.
#[derive(Clone, Debug, PartialEq)]
pub enum Cuts {
    /// TRAIL's: ten bins of equal width from 0 to the cap.
    Trail,
    /// SSJF's five classes: cut at the 25, 50, 75 and 99% quantiles of the training lengths.
    Ssjf,
    /// These edges, rising.
    Edges(Vec<f64>),
}

impl FromStr for Cuts {
    type Err = Error;

    fn from_str(text: &str) -> Result<Cuts> {
        match text {
            "trail" => return Ok(Cuts::Trail),
            "ssjf" => return Ok(Cuts::Ssjf),
            _ => {}
        }
        let edges: Option<Vec<f64>> = text.split(',').map(|e| e.trim().parse().ok()).collect();
        let rising = |e: &[f64]| {
            e.len() > 2 && e[0] >= 0.0 && e.iter().all(|v| v.is_finite()) && e.windows(2).all(|w| w[0] < w[1])
        };
        edges.filter(|e| rising(e)).map(Cuts::Edges).ok_or_else(|| {
            let what = format!("bins `{text}`: give trail, ssjf, or three or more rising edges");
            Error::Usage(what + " like 0,50,200,2048")
        })
    }
}

impl Cuts {
    /// The edges for these training `lengths` and this `cap`.
    pub fn edges(&self, lengths: &[u32], cap: u32) -> Vec<f64> {
        match self {
            Cuts::Edges(edges) => edges.clone(),
            Cuts::Trail => (0..=10).map(|i| f64::from(cap) * f64::from(i) / 10.0).collect(),
            Cuts::Ssjf => {
                let mut sorted: Vec<u32> = lengths.iter().map(|&l| l.min(cap)).collect();
                sorted.sort_unstable();
                let at = |p: usize| f64::from(sorted[(sorted.len() - 1) * p / 100]);
                let mut edges = vec![0.0, at(25), at(50), at(75), at(99), f64::from(cap)];
                edges.dedup_by(|later, earlier| *later <= *earlier);
                edges
            }
        }
    }
}

/// The class of `length` among `edges`: bins hold their upper edge; what lies beyond the ends is in the end bins.
pub fn bin(length: f64, edges: &[f64]) -> usize {
    let inner = &edges[1..edges.len() - 1];
    inner.partition_point(|&e| e < length)
}

/// How sigma follows from what a model says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// One sigma for all prompts, fitted to validation residuals.
    Constant(f64),
    /// The model's own sigma, but for a floor, times a factor.
    Head {
        /// 1 where labels have a sigma; else fitted to validation residuals.
        factor: f64,
        /// Least sigma before the factor.
        least: f64,
    },
}

impl Spread {
    /// The model's own sigma, at least 1e-6 as in the authors' code.
    pub const OWN: Spread = Spread::Head { factor: 1.0, least: 1e-6 };

    /// Sigma from the predicted ln(1 + sigma).
    pub fn sigma(self, said: f64) -> f64 {
        match self {
            Spread::Constant(sigma) => sigma,
            Spread::Head { factor, least } => factor * libm::expm1(said).max(least),
        }
    }
}

/// What makes a belief of a model's outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoder {
    /// What was asked for.
    pub task: Task,
    /// Lengths end here, tokens.
    pub cap: u32,
    /// Edges of the classes of task `bins`.
    pub edges: Vec<f64>,
    /// Sigma of task `logt`.
    pub spread: Spread,
    /// What the numbers of task `bins` are.
    pub output: Output,
}

impl Decoder {
    /// The belief that a model's outputs stand for.
    ///
    /// # Errors
    /// Outputs that are not finite.
    pub fn belief(&self, outputs: &[f64]) -> Result<Belief> {
        if outputs.iter().any(|v| !v.is_finite()) {
            return Err(Error::Usage("the model's answer is not finite; train it anew".to_string()));
        }
        let cap = f64::from(self.cap);
        Ok(match self.task {
            Task::Length => Belief::Point(libm::exp(outputs[0]).clamp(1.0, cap)),
            Task::Rank => Belief::Score(outputs[0]),
            Task::Logt => {
                let sigma = self.spread.sigma(outputs[1]);
                Belief::LogT(LogT { mu: outputs[0], sigma, nu: NU, cap: self.cap })
            }
            Task::Bins => Belief::Histogram(Arc::new(Histogram::new(&self.edges, &self.shares(outputs))?)),
        })
    }

    /// Probabilities of the classes.
    pub fn shares(&self, outputs: &[f64]) -> Vec<f64> {
        let weights: Vec<f64> = match self.output {
            Output::Logits => {
                let top = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                outputs.iter().map(|o| libm::exp(o - top)).collect()
            }
            Output::Values => outputs.iter().map(|o| o.max(1e-4)).collect(),
        };
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|w| w / sum).collect()
    }

    /// The expected middle of the class, tokens, at least 1 (TRAIL's point prediction).
    pub fn expected(&self, outputs: &[f64]) -> f64 {
        let middles = self.edges.windows(2).map(|e| 0.5 * (e[0] + e[1]));
        self.shares(outputs).iter().zip(middles).map(|(p, m)| p * m).sum::<f64>().max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_their_upper_edge() {
        let edges = [0.0, 10.0, 20.0, 100.0];
        let classes: Vec<usize> =
            [1.0, 10.0, 11.0, 20.0, 21.0, 500.0].iter().map(|&l| bin(l, &edges)).collect();
        assert_eq!(classes, [0, 0, 1, 1, 2, 2]);
        assert_eq!(Cuts::Trail.edges(&[], 512)[1], 51.2);
        assert_eq!(Cuts::Ssjf.edges(&[5, 5, 5, 5, 9], 64), [0.0, 5.0, 64.0]);
        assert!("3,2,1".parse::<Cuts>().is_err());
    }

    #[test]
    fn names_are_in_the_order_of_the_enum() {
        for (task, name) in TASKS {
            assert_eq!((task.name(), name.parse::<Task>().unwrap()), (name, task));
        }
    }
}
