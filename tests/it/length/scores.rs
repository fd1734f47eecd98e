//! Scores against reference values of high-accuracy quadrature and against themselves.

use super::close;
use foretoken::length::{LogT, Score, Tail};
use foretoken::rng::Stream;
use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// mu, sigma, nu, cap, alpha, beta; P(X > cap), VaR, E, CVaR, TIE.
const REFERENCE: [[f64; 11]; 15] = [
    [5.0, 0.3, 3.5, 2048.0, 0.9, 0.1, 8.427923296e-04, 238.1672080, 164.9258921, 359.4193286, 200.8678249],
    [5.0, 0.6, 3.5, 2048.0, 0.9, 0.1, 7.985061902e-03, 382.2007381, 212.7114913, 773.5839869, 290.0698900],
    [5.0, 1.0, 3.5, 2048.0, 0.9, 0.3, 3.354157378e-02, 718.0768560, 303.3689913, 1444.1943199, 736.6272873],
    [5.0, 1.5, 3.5, 2048.0, 0.9, 0.5, 8.260661864e-02, 1579.5020335, 419.1424279, 2004.0940235, 1421.1894396],
    [3.0, 0.8, 3.5, 2048.0, 0.9, 0.1, 3.321412854e-03, 70.8993513, 45.8298664, 262.1938691, 72.0492533],
    [4.0, 1.3, 3.5, 2048.0, 0.9, 0.5, 2.874049027e-02, 423.9220469, 189.8179639, 1199.5065002, 789.5712140],
    [6.0, 0.1, 3.5, 2048.0, 0.9, 0.2, 1.010502735e-04, 472.3204433, 408.1043032, 532.2700105, 514.5583053],
    [6.5, 0.7, 3.5, 2048.0, 0.9, 0.5, 9.672157224e-02, 2005.4096310, 830.3361787, 2047.2952607, 1853.9838091],
    [
        7.2,
        0.6,
        3.5,
        2048.0,
        0.9,
        0.5,
        2.616922917e-01,
        2048.0000000,
        1339.5822649,
        2048.0000000,
        2363.5822649,
    ],
    [
        7.6,
        0.05,
        3.5,
        2048.0,
        0.9,
        0.1,
        3.258564125e-01,
        2048.0000000,
        1969.3260371,
        2048.0000000,
        2174.1260371,
    ],
    [5.0, 0.6, 3.5, 1024.0, 0.95, 0.1, 1.954561475e-02, 563.1016127, 200.3433918, 844.4561796, 284.7890097],
    [5.0, 0.6, 3.5, 8192.0, 0.95, 0.1, 2.068065241e-03, 563.1016127, 234.9016936, 1535.6222165, 388.4639153],
    [5.0, 0.6, 2.5, 2048.0, 0.9, 0.1, 1.594342711e-02, 419.1171844, 232.4178417, 958.5612202, 328.2739637],
    [5.0, 0.6, 10.0, 2048.0, 0.9, 0.1, 6.947906684e-04, 338.0893415, 186.6199208, 525.2287579, 239.1427966],
    [5.3, 0.01, 3.5, 2048.0, 0.9, 0.3, 9.291602646e-09, 203.5203024, 200.3602034, 205.7641849, 262.0894588],
];

/// mu, sigma, beta; E, CVaR, TIE with cap 2028 in the mean, 2048 elsewhere, nu 3.5, alpha 0.9.
const TWO_CAPS: [[f64; 6]; 4] = [
    [5.0, 0.6, 0.1, 212.5508755, 773.5839869, 289.9092742],
    [5.0, 1.0, 0.3, 302.6949982, 1444.1943199, 735.9532942],
    [6.5, 0.7, 0.5, 828.3866502, 2047.2952607, 1852.0342805],
    [7.6, 0.05, 0.1, 1962.1596672, 2048.0, 2166.9596672],
];

/// Both ways to the score.
fn both(nu: f64, alpha: f64, mu: f64, sigma: f64, cap: f64, cap_mean: f64, beta: f64) -> [Score; 2] {
    let tail = Tail::new(nu, alpha).unwrap();
    [tail.tie(mu, sigma, cap, cap_mean, beta), tail.exact(mu, sigma, cap, cap_mean, beta)]
}

#[test]
fn reference_scores_are_met() {
    for [mu, sigma, nu, cap, alpha, beta, p_cap, var, mean, cvar, tie] in REFERENCE {
        for score in both(nu, alpha, mu, sigma, cap, cap, beta) {
            let row = format!("mu {mu}, sigma {sigma}, nu {nu}: ");
            close(score.p_cap, p_cap, 1e-9, &format!("{row}p_cap"));
            close(score.var, var, 1e-9, &format!("{row}var"));
            close(score.mean, mean, 1e-9, &format!("{row}mean"));
            close(score.cvar, cvar, 1e-9, &format!("{row}cvar"));
            close(score.tie, tie, 1e-9, &format!("{row}tie"));
        }
    }
}

#[test]
fn two_caps_follow_the_authors_code() {
    for [mu, sigma, beta, mean, cvar, tie] in TWO_CAPS {
        for score in both(3.5, 0.9, mu, sigma, 2048.0, 2028.0, beta) {
            close(score.mean, mean, 1e-9, "mean");
            close(score.cvar, cvar, 1e-9, "cvar");
            close(score.tie, tie, 1e-9, "tie");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Over more than anyone needs: also where the quick way hands over to quadrature.
    #[test]
    fn the_quick_way_agrees_with_quadrature(
        nu in prop_oneof![0.3..2.0f64, 2.0..5.0f64, 5.0..40.0f64],
        alpha in prop_oneof![0.0..0.9f64, Just(0.9), 0.9..0.999f64],
        ln_sigma in -14.0..2.5f64,
        mu in -10.0..14.0f64,
        cap_mean in prop_oneof![Just(2048.0f64), Just(2028.0f64), 100.0..9000.0f64],
    ) {
        let sigma = libm::exp(ln_sigma);
        let [quick, exact] = both(nu, alpha, mu, sigma, 2048.0, cap_mean, 0.3);
        close(quick.mean, exact.mean, 1e-9, "mean");
        close(quick.cvar, exact.cvar, 1e-9, "cvar");
        close(quick.tie, exact.tie, 1e-9, "tie");
        close(quick.p_cap, exact.p_cap, 1e-9, "p_cap");
    }
}

/// An oracle of its own kind: E[min(X, cap)] is the integral of P(X > x) from 0 to the cap, here by Simpson's rule
/// over u = ln x with another library's distribution function.
#[test]
fn the_mean_is_the_integral_of_the_survival_function() {
    for [mu, sigma, nu] in
        [[5.0, 0.6, 3.5], [4.0, 1.3, 3.5], [7.6, 0.05, 3.5], [5.0, 0.6, 2.5], [5.0, 0.3, 30.0]]
    {
        let t = StudentsT::new(0.0, 1.0, nu).unwrap();
        let f = |u: f64| libm::exp(u) * t.sf((u - mu) / sigma);
        let (from, to, n) = (-40.0, libm::log(2048.0), 10_000);
        let h = (to - from) / f64::from(n);
        let weight = |i: i32| if i == 0 || i == n { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
        let sum: f64 = (0..=n).map(|i| weight(i) * f(from + h * f64::from(i))).sum();
        let tail = Tail::new(nu, 0.9).unwrap();
        close(tail.mean(mu, sigma, 2048.0), sum * h / 3.0, 1e-8, &format!("mu {mu}, sigma {sigma}, nu {nu}"));
    }
}

#[test]
fn draws_agree_within_four_standard_errors() {
    const RUNS: u64 = 20;
    for [mu, sigma, nu, cap, alpha, beta, ..] in REFERENCE {
        let tail = Tail::new(nu, alpha).unwrap();
        let law = LogT { mu, sigma, nu, cap: cap as u32 };
        let scores: Vec<f64> = (0..RUNS)
            .map(|i| tail.monte_carlo(&law, cap, beta, 1_000, &mut Stream::new(1, 0, "test", i)).tie)
            .collect();
        let mean = scores.iter().sum::<f64>() / RUNS as f64;
        let variance = scores.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (RUNS - 1) as f64;
        let error = libm::sqrt(variance / RUNS as f64);
        let exact = tail.tie(mu, sigma, cap, cap, beta).tie;
        assert!(
            (mean - exact).abs() <= 4.0 * error,
            "mu {mu}, sigma {sigma}: {mean} +- {error}, exact {exact}"
        );
    }
}

#[test]
fn a_law_without_spread_is_a_known_length() {
    let tail = Tail::new(3.5, 0.9).unwrap();
    let score = tail.tie(5.0, 0.0, 2048.0, 2048.0, 0.5);
    let x = libm::exp(5.0);
    assert_eq!([score.p_cap, score.var, score.mean, score.cvar], [0.0, x, x, x]);
    let score = tail.tie(9.0, 0.0, 2048.0, 2028.0, 0.5);
    assert_eq!([score.p_cap, score.var, score.mean, score.cvar], [1.0, 2048.0, 2028.0, 2048.0]);
}

#[test]
fn what_is_left_of_a_running_output() {
    let tail = Tail::new(3.5, 0.9).unwrap();
    let (mu, sigma, cap) = (5.0, 0.6, 2048.0);
    close(tail.mean_given(mu, sigma, cap, 1e-300), tail.mean(mu, sigma, cap), 1e-9, "nothing is known yet");
    let law = LogT { mu, sigma, nu: 3.5, cap: 2048 };
    let stream = &mut Stream::new(3, 0, "test", 0);
    let draws: Vec<f64> =
        (0..100_000).map(|_| libm::exp(mu + sigma * stream.student_t(3.5)).min(cap)).collect();
    let over: Vec<f64> = draws.into_iter().filter(|&x| x > 300.0).collect();
    let mean = over.iter().sum::<f64>() / over.len() as f64;
    close(tail.mean_given(mu, sigma, cap, 300.0), mean, 0.03, "draws above 300");
    assert!(tail.mean_given(mu, sigma, cap, 2048.0) == 2048.0 && law.p_cap() > 0.0);
}

#[test]
fn levels_and_degrees_of_freedom_have_bounds() {
    for (nu, alpha) in [(0.0, 0.9), (f64::NAN, 0.9), (3.5, 1.0), (3.5, -0.1), (3.5, f64::NAN)] {
        assert!(Tail::new(nu, alpha).is_err(), "{nu}, {alpha}");
    }
}
