//! Scores against reference values of high-accuracy quadrature and against themselves.

use foretoken::length::{Score, Tail};

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

fn close(got: f64, wanted: f64, relative: f64, what: &str) {
    assert!((got - wanted).abs() <= relative * wanted.abs(), "{what}: {got:e}, not {wanted:e}");
}

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

#[test]
fn the_quick_way_agrees_with_quadrature() {
    for nu in [0.5, 1.0, 2.0, 3.5, 6.0, 12.0, 20.0, 50.0] {
        for alpha in [0.0, 0.3, 0.5, 0.9, 0.99, 0.999] {
            let tail = Tail::new(nu, alpha).unwrap();
            for sigma in [1e-9, 1e-6, 1e-3, 0.01, 0.05, 0.2, 0.7, 1.5, 3.0, 8.0] {
                for mu in [-14.0, -2.0, 0.0, 3.0, 5.5, 7.6, 7.7, 9.0, 14.0] {
                    let [quick, exact] = [
                        tail.tie(mu, sigma, 2048.0, 2028.0, 0.3),
                        tail.exact(mu, sigma, 2048.0, 2028.0, 0.3),
                    ];
                    let row = format!("nu {nu}, alpha {alpha}, sigma {sigma}, mu {mu}: ");
                    close(quick.mean, exact.mean, 1e-9, &format!("{row}mean"));
                    close(quick.cvar, exact.cvar, 1e-9, &format!("{row}cvar"));
                    close(quick.tie, exact.tie, 1e-9, &format!("{row}tie"));
                    close(quick.p_cap, exact.p_cap, 1e-9, &format!("{row}p_cap"));
                    close(tail.mean(mu, sigma, 2028.0), exact.mean, 1e-9, &format!("{row}mean alone"));
                }
            }
        }
    }
}
