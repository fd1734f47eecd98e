//! [`Histogram`]: a law of a length by bins, or by the very lengths that were seen.

use super::sample::Sample;
use super::tail::Score;
use crate::error::{Error, Result};
use crate::rng::Stream;

/// A length's law as bins, each with its probability spread evenly; a bin without width is an atom.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bins: Vec<Bin>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bin {
    lo: f64,
    hi: f64,
    p: f64,
    /// Probability of this bin and those before it.
    up_to: f64,
}

impl Histogram {
    /// Bins between rising `edges` (tokens) with `weights`, one fewer, 0 or more and not all 0; they are
    /// normalised.
    ///
    /// # Errors
    /// Edges or weights that are not so.
    pub fn new(edges: &[f64], weights: &[f64]) -> Result<Histogram> {
        let rising =
            edges.windows(2).all(|w| w[0] < w[1]) && edges.iter().all(|e| e.is_finite() && *e >= 0.0);
        if weights.is_empty() || edges.len() != weights.len() + 1 || !rising {
            let what = "a histogram needs rising edges of 0 or more, one more than weights";
            return Err(Error::Usage(what.to_string()));
        }
        let sum: f64 = weights.iter().sum();
        if weights.iter().any(|&w| w < 0.0) || !(sum > 0.0 && sum.is_finite()) {
            return Err(Error::Usage("a histogram's weights are 0 or more, and not all are 0".to_string()));
        }
        let bins = edges.windows(2).zip(weights).map(|(edge, w)| (edge[0], edge[1], w / sum));
        Ok(Histogram::of_bins(bins))
    }

    /// The empirical law: every length seen with its share. Lengths at the cap are atoms there.
    pub fn of(sample: &Sample) -> Histogram {
        let n = sample.n as f64;
        let seen = sample.seen.iter().map(|s| (s.x, s.x, s.count / n));
        let cut = sample.cap.filter(|_| sample.censored > 0);
        Histogram::of_bins(seen.chain(cut.map(|cap| (cap, cap, sample.censored as f64 / n))))
    }

    fn of_bins(bins: impl Iterator<Item = (f64, f64, f64)>) -> Histogram {
        let mut up_to = 0.0;
        let bin = |(lo, hi, p)| {
            up_to += p;
            Bin { lo, hi, p, up_to }
        };
        let mut bins: Vec<Bin> = bins.map(bin).collect();
        // What rounding left of the last sum.
        if let Some(last) = bins.last_mut() {
            last.up_to = 1.0;
        }
        Histogram { bins }
    }

    /// P(X <= `x`).
    pub fn cdf(&self, x: f64) -> f64 {
        let below = self.bins.partition_point(|b| b.hi <= x);
        let whole = if below == 0 { 0.0 } else { self.bins[below - 1].up_to };
        match self.bins.get(below).filter(|b| b.lo < x) {
            Some(b) => whole + b.p * (x - b.lo) / (b.hi - b.lo),
            None => whole,
        }
    }

    /// The `p` quantile: the least length that X does not exceed with probability `p`.
    pub fn quantile(&self, p: f64) -> f64 {
        let i = self.bins.partition_point(|b| b.up_to < p).min(self.bins.len() - 1);
        let bin = &self.bins[i];
        let into = if bin.p > 0.0 { ((p - (bin.up_to - bin.p)) / bin.p).clamp(0.0, 1.0) } else { 0.0 };
        bin.lo + into * (bin.hi - bin.lo)
    }

    /// The smallest whole number of tokens, at least 1, that X rounded stays at or below with probability `p`.
    pub fn token_quantile(&self, p: f64) -> u32 {
        libm::ceil(self.quantile(p) - 0.5).max(1.0) as u32
    }

    /// The smallest and the largest whole number of tokens that X rounded may be, at least 1.
    pub fn support(&self) -> (u32, u32) {
        let mut likely = self.bins.iter().filter(|b| b.p > 0.0);
        let lo = likely.next().map_or(1.0, |b| libm::round(b.lo).max(1.0));
        let hi = likely.next_back().map_or_else(|| self.bins[0].hi, |b| b.hi);
        (lo as u32, libm::round(hi).max(lo) as u32)
    }

    /// E[min(X, `cap`)].
    pub fn mean(&self, cap: f64) -> f64 {
        self.cvar(0.0, cap)
    }

    /// The mean of the worst 1 - `alpha` of min(X, `cap`), `alpha` in [0, 1); an atom counts with the part of it
    /// that lies there.
    pub fn cvar(&self, alpha: f64, cap: f64) -> f64 {
        let parts = self.bins.iter().filter(|b| b.up_to > alpha && b.p > 0.0).map(|b| {
            let from = ((alpha - (b.up_to - b.p)) / b.p).clamp(0.0, 1.0);
            b.p * b.part(from, cap)
        });
        // Shares add up to 1 - alpha but for rounding.
        (parts.sum::<f64>() / (1.0 - alpha)).min(cap)
    }

    /// The score of [`super::Tail::tie`] for this law.
    pub fn tie(&self, alpha: f64, cap: f64, cap_mean: f64, beta: f64) -> Score {
        let (mean, var) = (self.mean(cap_mean), self.quantile(alpha).min(cap));
        let cvar = self.cvar(alpha, cap).max(var);
        Score { p_cap: 1.0 - self.cdf(cap), var, mean, cvar, tie: mean + beta * cvar }
    }

    /// A draw, tokens.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        self.quantile(stream.open_uniform())
    }
}

impl Bin {
    /// Integral of min(lo + (hi - lo) s, cap) over s from `from` to 1.
    fn part(&self, from: f64, cap: f64) -> f64 {
        let width = self.hi - self.lo;
        if cap <= self.lo + from * width {
            return cap * (1.0 - from);
        }
        // Where the cap cuts the bin.
        let to = if cap < self.hi { (cap - self.lo) / width } else { 1.0 };
        (to - from) * (self.lo + 0.5 * (to + from) * width) + cap.min(self.hi) * (1.0 - to)
    }
}
