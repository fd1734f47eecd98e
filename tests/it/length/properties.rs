//! Invariants of the score (TIE's checklist).

use foretoken::length::{Histogram, Sample, Tail};
use proptest::prelude::*;
use std::sync::LazyLock;

static TAIL: LazyLock<Tail> = LazyLock::new(|| Tail::new(3.5, 0.9).unwrap());

proptest! {
    #[test]
    fn the_mean_is_at_most_cvar_and_that_at_most_the_cap(
        mu in -3.0..12.0f64, sigma in 1e-4..6.0f64, cap in 1.0..1e6f64, beta in 0.0..1.0f64,
    ) {
        let score = TAIL.tie(mu, sigma, cap, cap, beta);
        prop_assert!(0.0 < score.mean && score.mean <= score.cvar && score.cvar <= cap, "{score:?}");
        prop_assert!(score.var <= score.cvar && (0.0..=1.0).contains(&score.p_cap), "{score:?}");
        prop_assert_eq!(score.tie, score.mean + beta * score.cvar);
    }

    #[test]
    fn the_score_rises_in_mu_and_in_beta(mu in 0.0..9.0f64, sigma in 0.01..2.0f64, beta in 0.0..0.5f64) {
        let tie = |mu, beta| TAIL.tie(mu, sigma, 2048.0, 2048.0, beta).tie;
        prop_assert!(tie(mu + 0.01, beta) > tie(mu, beta));
        prop_assert!(tie(mu, beta + 0.01) > tie(mu, beta));
    }

    /// Only while the median is well below the cap: see the next test.
    #[test]
    fn the_score_rises_in_sigma_far_from_the_cap(mu in 0.0..5.0f64, sigma in 0.01..1.0f64, beta in 0.1..0.5f64) {
        let tie = |sigma| TAIL.tie(mu, sigma, 2048.0, 2048.0, beta).tie;
        prop_assert!(tie(1.05 * sigma) > tie(sigma));
    }

    #[test]
    fn without_spread_and_beta_the_order_is_by_the_median(a in 0.0..7.5f64, b in 0.0..7.5f64) {
        let tie = |mu| TAIL.tie(mu, 1e-7, 2048.0, 2048.0, 0.0).tie;
        prop_assert_eq!(tie(a) < tie(b), libm::exp(a) < libm::exp(b));
        prop_assert!((tie(a) - libm::exp(a)).abs() < 1e-5 * libm::exp(a));
    }

    /// The empirical law of a sample scores what sorting the sample gives.
    #[test]
    fn an_empirical_law_scores_its_sample(lengths in prop::collection::vec(1u32..3000, 10..60)) {
        let law = Histogram::of(&Sample::new(&lengths, None));
        let mut cut: Vec<f64> = lengths.iter().map(|&l| f64::from(l.min(2048))).collect();
        cut.sort_by(f64::total_cmp);
        let score = law.tie(0.9, 2048.0, 2048.0, 0.1);
        let mean = cut.iter().sum::<f64>() / cut.len() as f64;
        // The worst tenth: whole lengths from the top, and a part of the next.
        let share = 0.1 * cut.len() as f64;
        let whole = share as usize;
        let top: f64 = cut.iter().rev().take(whole).sum();
        let cvar = (top + (share - whole as f64) * cut[cut.len() - 1 - whole]) / share;
        super::close(score.mean, mean, 1e-9, "mean");
        super::close(score.cvar, cvar, 1e-9, "cvar");
    }

    #[test]
    fn bins_are_a_law(weights in prop::collection::vec(0.01..5.0f64, 2..12), p in 0.001..0.999f64, cap in 10.0..90.0f64) {
        let edges: Vec<f64> = (0..=weights.len()).map(|i| 8.0 * i as f64).collect();
        let law = Histogram::new(&edges, &weights).unwrap();
        super::close(law.cdf(law.quantile(p)), p, 1e-9, "cdf of a quantile");
        // E[min(X, cap)] as the mean of many quantiles.
        let n = 20_000;
        let at = |i: i32| law.quantile((f64::from(i) + 0.5) / f64::from(n)).min(cap);
        super::close(law.mean(cap), (0..n).map(at).sum::<f64>() / f64::from(n), 1e-4, "mean");
        prop_assert!(law.mean(cap) <= law.cvar(0.9, cap) * (1.0 + 1e-12) && law.cvar(0.9, cap) <= cap);
    }
}

#[test]
fn near_the_cap_spread_lowers_the_mean() {
    let score = TAIL.tie(7.6, 0.05, 2048.0, 2048.0, 0.1);
    assert!(score.mean < libm::exp(7.6) && (score.mean - 1969.0).abs() < 1.0, "{score:?}");
}

#[test]
fn histograms_that_are_none_are_refused() {
    let cases: [(&[f64], &[f64]); 5] = [
        (&[0.0, 1.0], &[]),
        (&[0.0, 1.0], &[0.0]),
        (&[1.0, 1.0], &[1.0]),
        (&[-1.0, 1.0], &[1.0]),
        (&[0.0, 1.0], &[-1.0]),
    ];
    for (edges, weights) in cases {
        assert!(Histogram::new(edges, weights).is_err(), "{edges:?}, {weights:?}");
    }
}
