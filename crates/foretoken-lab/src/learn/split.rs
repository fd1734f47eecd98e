//! The parts of the data: by prompt, seeded, and the same whatever order the files are in.

use crate::error::{Error, Result};
use crate::rng::Stream;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a prompt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Parameters are fitted to it.
    Train,
    /// Penalties, epochs and spreads are chosen on it.
    Validation,
    /// Accuracy is measured on it, once.
    Test,
}

impl Part {
    /// Its name in `split.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Part::Train => "train",
            Part::Validation => "validation",
            Part::Test => "test",
        }
    }
}

/// Shares of the prompts in percent: train, validation, test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares(pub [u32; 3]);

impl Default for Shares {
    fn default() -> Shares {
        Shares([60, 20, 20])
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.0[0], self.0[1], self.0[2])
    }
}

impl FromStr for Shares {
    type Err = Error;

    fn from_str(text: &str) -> Result<Shares> {
        let parts: Option<Vec<u32>> = text.split('/').map(|p| p.trim().parse().ok()).collect();
        match parts.as_deref() {
            Some(&[a, b, c]) if [a, b, c].iter().all(|&p| (1..=98).contains(&p)) && a + b + c == 100 => {
                Ok(Shares([a, b, c]))
            }
            _ => {
                let what = format!("split `{text}`: give three percentages of 1 or more that add up to 100");
                Err(Error::Usage(what + ", like 60/20/20"))
            }
        }
    }
}

/// The part of each key.
pub fn split(keys: &[u64], shares: Shares, seed: u64) -> Vec<Part> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(|&i| keys[i]);
    let mut stream = Stream::new(seed, 0, "predictor.split", 0);
    for i in (1..order.len()).rev() {
        order.swap(i, stream.below(i as u64 + 1) as usize);
    }
    let n = keys.len();
    let ends = [n * shares.0[0] as usize / 100, n * (shares.0[0] + shares.0[1]) as usize / 100];
    let mut parts = vec![Part::Test; n];
    for (rank, &i) in order.iter().enumerate().take(ends[1]) {
        parts[i] = if rank < ends[0] { Part::Train } else { Part::Validation };
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_keys_not_their_order() {
        let keys: Vec<u64> = (0..100).map(|i| i * 7919 % 101).collect();
        let parts = split(&keys, Shares::default(), 3);
        let count = |part| parts.iter().filter(|p| **p == part).count();
        assert_eq!([count(Part::Train), count(Part::Validation), count(Part::Test)], [60, 20, 20]);
        let mut pairs: Vec<(u64, Part)> = keys.iter().copied().zip(parts).collect();
        let back: Vec<u64> = keys.iter().rev().copied().collect();
        let mut reversed: Vec<(u64, Part)> =
            back.iter().copied().zip(split(&back, Shares::default(), 3)).collect();
        pairs.sort_by_key(|p| p.0);
        reversed.sort_by_key(|p| p.0);
        assert_eq!(pairs, reversed);
        assert_ne!(split(&back, Shares::default(), 4), split(&back, Shares::default(), 3));
    }

    #[test]
    fn shares_are_three_percentages() {
        assert_eq!("70/10/20".parse::<Shares>().unwrap().to_string(), "70/10/20");
        for bad in ["", "60/20", "60/20/30", "100/0/0", "a/b/c"] {
            assert!(bad.parse::<Shares>().is_err(), "{bad}");
        }
    }
}
