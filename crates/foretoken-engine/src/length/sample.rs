//! [`Sample`]: observed output lengths, some of them cut at a cap, and their distance from a law.

/// Output lengths of one prompt (or of one file), tokens. Those at or above the cap are right-censored: all that
/// is known of them is that they are no shorter.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Lengths below the cap, rising.
    pub(super) seen: Vec<Seen>,
    pub(super) n: u64,
    pub(super) censored: u64,
    pub(super) cap: Option<f64>,
}

/// A length and how often it occurs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub x: f64,
    pub ln: f64,
    pub count: f64,
}

impl Sample {
    /// The sample of `lengths`, all at least 1 token; those of `cap` tokens or more are censored.
    pub fn new(lengths: &[u32], cap: Option<u32>) -> Sample {
        let mut sorted: Vec<u32> = lengths.iter().copied().filter(|&l| cap.is_none_or(|c| l < c)).collect();
        sorted.sort_unstable();
        let censored = (lengths.len() - sorted.len()) as u64;
        let seen = sorted.chunk_by(|a, b| a == b).map(|equal| {
            let x = f64::from(equal[0]);
            Seen { x, ln: libm::log(x), count: equal.len() as f64 }
        });
        Sample { seen: seen.collect(), n: lengths.len() as u64, censored, cap: cap.map(f64::from) }
    }

    /// Number of lengths.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Lengths at or above the cap.
    pub fn censored(&self) -> u64 {
        self.censored
    }

    /// The Kolmogorov-Smirnov distance to a law: the largest gap between its distribution function and the
    /// sample's, below the cap (beyond it the sample says nothing). 0..=1.
    pub fn ks(&self, cdf: impl Fn(f64) -> f64) -> f64 {
        let n = self.n as f64;
        let (mut below, mut gap) = (0.0, 0.0f64);
        for seen in &self.seen {
            let f = cdf(seen.x);
            let up_to = below + seen.count;
            gap = gap.max(f - below / n).max(up_to / n - f);
            below = up_to;
        }
        let at_cap = self.cap.map_or(0.0, |cap| (cdf(cap) - below / n).abs());
        gap.max(at_cap)
    }

    /// The cap, or the largest there is.
    pub(super) fn token_cap(&self) -> u32 {
        self.cap.map_or(u32::MAX, |cap| cap as u32)
    }

    /// How often the most frequent length below the cap occurs, and its logarithm.
    pub(super) fn most_tied(&self) -> Option<Seen> {
        self.seen.iter().copied().max_by(|a, b| a.count.total_cmp(&b.count))
    }

    /// The length below the cap that a share `p` of those is not above, as a logarithm.
    pub(super) fn ln_quantile(&self, p: f64) -> f64 {
        let wanted = p * (self.n - self.censored) as f64;
        let mut below = 0.0;
        let found = self.seen.iter().find(|s| {
            below += s.count;
            below >= wanted
        });
        found.or(self.seen.last()).map_or(0.0, |s| s.ln)
    }

    /// Mean and standard deviation (over n) of `f` of the lengths below the cap.
    pub(super) fn moments(&self, f: impl Fn(&Seen) -> f64) -> [f64; 2] {
        let n = (self.n - self.censored) as f64;
        let mean = self.seen.iter().map(|s| s.count * f(s)).sum::<f64>() / n;
        let square = |s: &Seen| s.count * (f(s) - mean) * (f(s) - mean);
        [mean, libm::sqrt(self.seen.iter().map(square).sum::<f64>() / n)]
    }
}

/// Probability of a Kolmogorov-Smirnov distance of at least `d` between a law and a sample of `n` from it:
/// Kolmogorov's limit with Stephens' (1970) correction for finite n. Where the law was fitted on the very sample, the
/// true probability is lower: such tests flatter.
pub fn ks_p(d: f64, n: u64) -> f64 {
    let root = libm::sqrt(n as f64);
    let x = (root + 0.12 + 0.11 / root) * d;
    if x < 0.2 {
        return 1.0;
    }
    let term = |j: i32| {
        let sign = if j % 2 == 1 { 2.0 } else { -2.0 };
        sign * libm::exp(-2.0 * f64::from(j * j) * x * x)
    };
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}
