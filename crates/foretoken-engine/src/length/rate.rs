//! Why outputs have heavy tails (TIE, theorem 3.2): each trajectory stops with its own chance per token, and
//! those with a small chance make a power law.

use crate::rng::Stream;

/// Outputs whose chance p of ending at each token is drawn once, from a Beta(a, b) law: its density is
/// c p^(a-1) as p goes to 0, with c = 1 / B(a, b).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoppingRate {
    /// Exponent of the power law, positive.
    pub a: f64,
    /// Second parameter, positive; larger is longer.
    pub b: f64,
}

impl StoppingRate {
    /// P(L > `n` tokens) = E[(1 - p)^n] = B(a, b + n) / B(a, b).
    pub fn sf(&self, n: f64) -> f64 {
        let StoppingRate { a, b } = *self;
        let steps = |x: f64| libm::lgamma(x) - libm::lgamma(x + a);
        libm::exp(steps(b + n) - steps(b))
    }

    /// c Gamma(a) n^-a, what [`StoppingRate::sf`] tends to for large `n`.
    pub fn power_law(&self, n: f64) -> f64 {
        let StoppingRate { a, b } = *self;
        libm::exp(libm::lgamma(a + b) - libm::lgamma(b) - a * libm::log(n))
    }

    /// An output length of at least 1 token.
    pub fn sample(&self, stream: &mut Stream) -> u64 {
        let (x, y) = (stream.gamma(self.a), stream.gamma(self.b));
        // Survival of a step is y / (x + y); its logarithm keeps its digits for small p.
        let ln_survive = -libm::log1p(x / y);
        1 + libm::floor(libm::log(stream.open_uniform()) / ln_survive).min(1e18) as u64
    }
}

/// Hill's (1975) estimate of a power law's exponent from the `k` longest of `lengths`: the inverse mean of their
/// ln-excess over the next longest. `None` where fewer than `k` + 1 lengths are there or the excess is 0.
pub fn hill_exponent(lengths: &[f64], k: usize) -> Option<f64> {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let threshold = *sorted.get(k)?;
    let excess: f64 = sorted[..k].iter().map(|l| libm::log(l / threshold)).sum();
    (excess > 0.0).then(|| k as f64 / excess)
}
