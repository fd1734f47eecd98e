//! Published bounds as functions of alpha = l/u, each with its source and how far it can be trusted.

use super::instance::Instance;
use serde::Serialize;

/// How far a statement about a paper can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Stated in an abstract or by an independent reader of the full paper.
    Stated,
    /// Recalled from general knowledge of the paper, not confirmed.
    Recalled,
    /// Derived or measured here.
    Derived,
}

/// What a ratio is taken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Benchmark {
    /// Shortest first with true lengths, which is not optimal.
    Hindsight,
    /// The best schedule there is.
    Optimum,
}

impl Trust {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Trust::Stated => "stated",
            Trust::Recalled => "recalled",
            Trust::Derived => "derived",
        }
    }
}

impl Benchmark {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Benchmark::Hindsight => "h-sf",
            Benchmark::Optimum => "optimum",
        }
    }
}

/// A bound on a competitive ratio.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Scheduler that it is about.
    pub scheduler: &'static str,
    /// Whether the ratio is at most, or (for some instance) at least that.
    pub upper: bool,
    /// What the ratio is taken to.
    pub to: Benchmark,
    /// In words.
    pub formula: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// How far to trust that.
    pub trust: Trust,
    /// When it holds.
    pub holds: &'static str,
    /// Its value at alpha in (0, 1].
    pub at: fn(f64) -> f64,
}

const P1: &str = "arXiv 2508.14544";
const P3: &str = "arXiv 2601.22996";

/// All of them.
pub const BOUNDS: [Bound; 13] = [
    Bound {
        scheduler: "a-max",
        upper: true,
        to: Benchmark::Hindsight,
        formula: "(1/a)(1 + 1/a)/2",
        source: P1,
        trust: Trust::Stated,
        holds: "equal prompts and intervals, all at 0, up to O(1/M)",
        at: |a| (1.0 + 1.0 / a) / (2.0 * a),
    },
    Bound {
        scheduler: "a-max",
        upper: false,
        to: Benchmark::Hindsight,
        formula: "(1/a)(1 + 1/sqrt(a))/2",
        source: P1,
        trust: Trust::Stated,
        holds: "not reached by this model for a <= 0.2",
        at: |a| (1.0 + 1.0 / a.sqrt()) / (2.0 * a),
    },
    Bound {
        scheduler: "a-max",
        upper: false,
        to: Benchmark::Hindsight,
        formula: "max over z of (z^2 + 2z/a + 1/a)/(1 + 2az + z^2)",
        source: "fluid limit of two lengths, long first, no prompts",
        trust: Trust::Derived,
        holds: "two lengths, n and M large",
        at: |a| a_max_two_point(a).1,
    },
    Bound {
        scheduler: "a-min",
        upper: true,
        to: Benchmark::Hindsight,
        formula: "2 + ln(1/a)",
        source: "the constants are of our experiments; arXiv 2508.14544 proves O(log(1/a))",
        trust: Trust::Derived,
        holds: "the growth study's families, seeded ties",
        at: |a| 2.0 - libm::log(a),
    },
    Bound {
        scheduler: "a-min",
        upper: true,
        to: Benchmark::Hindsight,
        formula: "1.7",
        source: P1,
        trust: Trust::Recalled,
        holds: "geometric lengths, M large; exceeded by up to 0.31 at finite M",
        at: |_| 1.7,
    },
    Bound {
        scheduler: "a-min",
        upper: true,
        to: Benchmark::Hindsight,
        formula: "1.56",
        source: P1,
        trust: Trust::Recalled,
        holds: "linearly weighted geometric lengths, M large; exceeded by up to 0.08 at finite M",
        at: |_| 1.56,
    },
    Bound {
        scheduler: "a-ell",
        upper: true,
        to: Benchmark::Hindsight,
        formula: "max over x of 1 + (x + 2x^2)/(1 + 2x + x^2/a^2)",
        source: "fluid limit of two lengths, no prompts",
        trust: Trust::Derived,
        holds: "two lengths l and u, random order, n and M large",
        at: |a| a_ell_two_point(a).1,
    },
    Bound {
        scheduler: "a-ell",
        upper: true,
        to: Benchmark::Hindsight,
        formula: "1 + a/2",
        source: P1,
        trust: Trust::Recalled,
        holds: "two lengths l and u",
        at: |a| 1.0 + a / 2.0,
    },
    Bound {
        scheduler: "best of a-ell and a-min",
        upper: true,
        to: Benchmark::Hindsight,
        formula: "1.5",
        source: P1,
        trust: Trust::Recalled,
        holds: "two lengths l and u",
        at: |_| 1.5,
    },
    Bound {
        scheduler: "gsa",
        upper: true,
        to: Benchmark::Optimum,
        formula: "61.92",
        source: P3,
        trust: Trust::Stated,
        holds: "equal prompts; 32 as M grows",
        at: |_| 61.92,
    },
    Bound {
        scheduler: "gba",
        upper: true,
        to: Benchmark::Optimum,
        formula: "10.67",
        source: P3,
        trust: Trust::Stated,
        holds: "equal prompts, known lengths; 6.75 as M grows",
        at: |_| 10.67,
    },
    Bound {
        scheduler: "svf",
        upper: true,
        to: Benchmark::Optimum,
        formula: "1 + 2/(1 - c)",
        source: "arXiv 2606.22327",
        trust: Trust::Stated,
        holds: "all at 0, known lengths, s + o <= c M for all; drawn for c near 0",
        at: |_| 3.0,
    },
    Bound {
        scheduler: "sorted-f",
        upper: true,
        to: Benchmark::Optimum,
        formula: "48",
        source: "arXiv 2508.06133",
        trust: Trust::Stated,
        holds: "known lengths",
        at: |_| 48.0,
    },
];

/// The worst mix of two lengths 1 and 1/a for a-max with the long ones first: (long requests per short one, ratio).
///
/// Fluid limit without prompts. With S short and N long requests, z = N u/S: shortest first ends the short ones at rate
/// M and the long ones at M/u^2; a-max serves both at M/u slots. Maximised over z by golden section.
pub fn a_max_two_point(a: f64) -> (f64, f64) {
    let ratio = |z: f64| (z * z + 2.0 * z / a + 1.0 / a) / (1.0 + 2.0 * a * z + z * z);
    let z = maximise(ratio, 0.0, 10.0);
    (z * a, ratio(z))
}

/// The worst mix of two lengths 1 and 1/a for a-ell: (long requests per short one, ratio). Fluid limit without
/// prompts, random order. Mixes beyond 100 long ones per short one are not looked at.
pub fn a_ell_two_point(a: f64) -> (f64, f64) {
    let ratio = |x: f64| 1.0 + (x + 2.0 * x * x) / (1.0 + 2.0 * x + x * x / (a * a));
    let x = maximise(ratio, 0.0, 100.0);
    (x, ratio(x))
}

/// Where a function with one peak has it.
fn maximise(f: impl Fn(f64) -> f64, lo: f64, hi: f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut lo, mut hi) = (lo, hi);
    for _ in 0..100 {
        let (left, right) = (hi - GOLDEN * (hi - lo), lo + GOLDEN * (hi - lo));
        if f(left) < f(right) { lo = left } else { hi = right }
    }
    0.5 * (lo + hi)
}

/// Least total latency that volume allows when all requests are there at round 0, rounds: `M·TEL` is at least the sum
/// of the prefix sums of the volumes in rising order (arXiv 2606.22327). `None` where a request arrives later.
pub fn volume_bound(instance: &Instance, kv_tokens: u64) -> Option<f64> {
    if !instance.all_at_start() {
        return None;
    }
    let mut volumes: Vec<u64> = instance.jobs.iter().map(super::Job::volume).collect();
    volumes.sort_unstable();
    let (mut prefix, mut sum) = (0u128, 0u128);
    for volume in volumes {
        prefix += u128::from(volume);
        sum += prefix;
    }
    Some(sum as f64 / kv_tokens as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_that_were_computed_before() {
        let near = |value: f64, wanted: f64, digits: f64| {
            assert!((value - wanted).abs() < digits, "{value} {wanted}")
        };
        for (a, [lower, upper]) in
            [(0.5, [2.414, 3.0]), (0.2, [8.09, 15.0]), (0.1, [20.8, 55.0]), (0.05, [54.7, 210.0])]
        {
            near((BOUNDS[0].at)(a), upper, 1e-9);
            near((BOUNDS[1].at)(a), lower, 0.05);
        }
        for (a, fluid) in [(0.5, 2.431), (0.2, 7.10), (0.1, 15.1)] {
            near(a_max_two_point(a).1, fluid, 0.05);
        }
        for (a, fluid) in [(0.5, 1.5), (0.2, 1.125), (0.1, 1.056)] {
            near(a_ell_two_point(a).1, fluid, 0.003);
        }
        assert!(BOUNDS.iter().all(|b| (b.at)(1.0) >= 1.0 - 1e-12));
    }
}
