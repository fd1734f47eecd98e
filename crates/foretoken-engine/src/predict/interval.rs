//! Predictors that say in which interval a length lies.

use super::file::FromFile;
use super::{Law, Missing, Predictor};
use crate::error::{Error, Place, Result};
use crate::length::Belief;
use crate::rng::Stream;
use crate::workload::Request;
use std::path::Path;

fn bad(key: &str, what: String, help: &str) -> Error {
    Error::input(Place::key(format!("predictor.{key}")), what, help)
}

/// One interval for all.
pub(super) struct One(Belief);

impl One {
    pub fn new(lower: u32, upper: u32) -> Result<One> {
        if lower == 0 {
            return Err(bad("lower", "0 is no length".into(), "an output has at least 1 token"));
        }
        if lower > upper {
            return Err(bad(
                "lower",
                format!("the interval {lower}..{upper} is empty"),
                "give lower <= upper",
            ));
        }
        Ok(One(Belief::Interval { lo: lower, hi: upper }))
    }
}

impl Predictor for One {
    fn predict(&mut self, _: &Request) -> Result<Belief> {
        Ok(self.0.clone())
    }
}

/// Classes of equal width.
pub(super) struct Classes(u32);

impl Classes {
    pub fn new(width: u32) -> Result<Classes> {
        if width == 0 {
            return Err(bad("width", "classes of width 0 hold nothing".into(), "give at least 1"));
        }
        Ok(Classes(width))
    }
}

impl Predictor for Classes {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        let before = (request.truth.reveal() - 1) / self.0 * self.0;
        Ok(Belief::Interval { lo: before + 1, hi: before.saturating_add(self.0) })
    }
}

/// An interval around the true length, or beside it.
pub(super) struct Around {
    x: f64,
    miss: f64,
    kv_tokens: Option<u32>,
    seed: u64,
    replicate: u64,
}

impl Around {
    pub fn new(x: f64, miss: f64, kv_tokens: Option<u32>, seed: u64, replicate: u64) -> Result<Around> {
        if !(0.0..1.0).contains(&x) {
            return Err(bad("x", format!("{x} is not in 0..1"), "choose half the width over the length"));
        }
        if kv_tokens == Some(0) {
            return Err(bad("kv_tokens", "a memory of 0 tokens holds nobody".into(), "give at least 1"));
        }
        Ok(Around { x, miss, kv_tokens, seed, replicate })
    }

    /// The interval that holds `length`.
    fn hit(&self, length: u32) -> (u32, u32) {
        let lo = ((1.0 - self.x) * f64::from(length)).floor().max(1.0);
        let hi = ((1.0 + self.x) * f64::from(length)).ceil();
        (lo as u32, hi as u32)
    }

    /// One of the same width beside it.
    fn beside(&self, length: u32, above: bool) -> (u32, u32) {
        let (lo, hi) = self.hit(length);
        let width = hi - lo;
        if above || length == 1 {
            let lo = length.saturating_add(1);
            return (lo, lo.saturating_add(width));
        }
        ((length - 1).saturating_sub(width).max(1), length - 1)
    }
}

impl Predictor for Around {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        let length = request.truth.reveal();
        let id = u64::from(request.visible.id.0);
        let mut draw = Stream::new(self.seed, self.replicate, "predict.interval", id);
        let misses = draw.uniform() < self.miss;
        let (lo, hi) = if misses { self.beside(length, draw.below(2) == 0) } else { self.hit(length) };
        let room =
            self.kv_tokens.map_or(u32::MAX, |m| m.saturating_sub(request.visible.prompt_tokens).max(1));
        Ok(Belief::Interval { lo: lo.min(room), hi: hi.min(room) })
    }
}

/// Two quantiles of a law.
pub(super) struct Quantiles {
    p_lo: f64,
    p_hi: f64,
    laws: Box<dyn Predictor>,
}

impl Quantiles {
    pub fn new(p_lo: f64, p_hi: f64, path: Option<&Path>) -> Result<Quantiles> {
        if !(0.0 < p_lo && p_lo < p_hi && p_hi < 1.0) {
            let what = format!("{p_lo} and {p_hi} are no two probabilities in order");
            return Err(bad("p_lo", what, "give 0 < p_lo < p_hi < 1"));
        }
        let laws: Box<dyn Predictor> = match path {
            Some(path) => Box::new(FromFile::read(path, Missing::Error)?),
            None => Box::new(Law),
        };
        Ok(Quantiles { p_lo, p_hi, laws })
    }
}

impl Predictor for Quantiles {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        match self.laws.predict(request)? {
            Belief::LogT(law) => {
                Ok(Belief::Interval { lo: law.token_quantile(self.p_lo), hi: law.token_quantile(self.p_hi) })
            }
            Belief::Histogram(law) => {
                Ok(Belief::Interval { lo: law.token_quantile(self.p_lo), hi: law.token_quantile(self.p_hi) })
            }
            _ => Err(bad(
                "path",
                format!("the prediction for request {} is no law", request.visible.id),
                "give rows of kind logt or histogram, or use predictor.kind = \"file\"",
            )),
        }
    }
}
