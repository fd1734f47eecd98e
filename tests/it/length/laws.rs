//! Distribution functions, quantiles and draws.

use super::close;
use foretoken::length::{Gamma, LogNormal, LogT, StoppingRate, Student, hill_exponent};
use foretoken::rng::Stream;
use statrs::distribution::{ContinuousCDF, StudentsT};

#[test]
fn students_t_is_met_where_it_is_known() {
    let t = Student::new(3.5).unwrap();
    close(t.pdf(0.0), 0.371772343732095, 1e-13, "density at 0");
    close(t.sf(1.0), 0.190668626781723, 1e-12, "P(T > 1)");
    close(t.sf(5.0), 5.275089495934e-3, 1e-12, "P(T > 5)");
    let quantiles = [
        (0.75, 0.750937029394),
        (0.9, 1.576576605136),
        (0.95, 2.222433493650),
        (0.99, 4.060711359300),
        (0.999, 8.315567604516),
    ];
    for (p, wanted) in quantiles {
        close(t.quantile(p), wanted, 1e-12, "quantile");
        close(t.quantile(1.0 - p), -wanted, 1e-11, "lower quantile");
    }
    // Closed forms: Cauchy, and two degrees of freedom; far out in the tail too.
    for x in [0.3, 2.0, 1e3, 1e8] {
        let cauchy = libm::atan(1.0 / x) / std::f64::consts::PI;
        close(Student::new(1.0).unwrap().sf(x), cauchy, 1e-12, "Cauchy");
        let root = libm::sqrt(2.0 + x * x);
        close(Student::new(2.0).unwrap().sf(x), 1.0 / (root * (root + x)), 1e-12, "nu 2");
    }
    // Nearly normal.
    close(
        Student::new(1e9).unwrap().sf(2.0),
        0.5 * libm::erfc(2.0 / std::f64::consts::SQRT_2),
        1e-8,
        "normal",
    );
    for nu in [0.7, 3.5, 12.0, 90.0] {
        let theirs = StudentsT::new(0.0, 1.0, nu).unwrap();
        for x in [-7.0, -1.0, -0.1, 0.4, 3.0] {
            close(Student::new(nu).unwrap().cdf(x), theirs.cdf(x), 1e-9, "another library's");
        }
    }
}

#[test]
fn a_log_t_law_has_an_atom_at_its_cap() {
    let law = LogT { mu: 5.0, sigma: 1.0, nu: 3.5, cap: 2048 };
    close(law.p_cap(), 3.354157378e-02, 1e-9, "P(X > cap)");
    assert_eq!(
        [law.cdf(2048.0), law.sf(2048.0), law.pdf(2048.0), law.quantile(0.99)],
        [1.0, 0.0, 0.0, 2048.0]
    );
    close(law.cdf(2047.999), 1.0 - law.p_cap(), 1e-6, "below the cap");
    close(law.quantile(0.9), 718.0768560, 1e-9, "quantile");
    for p in [1e-6, 0.1, 0.5, 0.9] {
        close(law.cdf(law.quantile(p)), p, 1e-11, "cdf of a quantile");
    }
    // The density is the slope of the distribution function.
    for x in [1.0, 50.0, 148.0, 1500.0] {
        let h = 1e-5 * x;
        close(law.pdf(x), (law.cdf(x + h) - law.cdf(x - h)) / (2.0 * h), 1e-6, "slope");
    }
    let mut stream = Stream::new(1, 0, "test", 0);
    let draws: Vec<u32> = (0..100_000).map(|_| law.sample(&mut stream)).collect();
    let at_cap = draws.iter().filter(|&&d| d == 2048).count() as f64 / 1e5;
    assert!((at_cap - law.p_cap()).abs() < 4.0 * libm::sqrt(0.0335 / 1e5), "{at_cap}");
    assert!(draws.iter().all(|d| (1..=2048).contains(d)));
}

#[test]
fn a_log_normal_law_scores_in_closed_form() {
    let law = LogNormal { mu: 5.0, sigma: 0.6 };
    // No cap: E = exp(mu + sigma^2 / 2).
    let free = law.tie(f64::INFINITY, 0.9, 0.0);
    close(free.mean, libm::exp(5.18), 1e-12, "mean");
    close(free.var, libm::exp(5.0 + 0.6 * 1.2815515655446004), 1e-12, "VaR");
    assert_eq!(free.p_cap, 0.0);
    // With one: the integral of the survival function, and of its part above VaR.
    let capped = law.tie(600.0, 0.9, 0.1);
    let integral = |from: f64| {
        let n = 50_000;
        let h = (600.0 - from) / f64::from(n);
        (0..n).map(|i| 1.0 - law.cdf(from + h * (f64::from(i) + 0.5))).sum::<f64>() * h
    };
    close(capped.mean, integral(0.0), 1e-8, "capped mean");
    close(capped.cvar, capped.var + integral(capped.var) / 0.1, 1e-8, "capped CVaR");
    // The same law as a log-t of very many degrees of freedom.
    let t = foretoken::length::Tail::new(1e9, 0.9).unwrap().tie(5.0, 0.6, 600.0, 600.0, 0.1);
    close(capped.tie, t.tie, 1e-7, "log-t");
}

#[test]
fn a_gamma_mean_is_the_integral_of_its_survival_function() {
    let law = Gamma { shape: 2.5, scale: 80.0 };
    let (n, cap) = (50_000, 500.0);
    let h = cap / f64::from(n);
    let integral = (0..n).map(|i| law.sf(h * (f64::from(i) + 0.5))).sum::<f64>() * h;
    close(law.mean(cap), integral, 1e-8, "mean");
    close(law.cdf(120.0) + law.sf(120.0), 1.0, 1e-12, "cdf and sf");
    let slope = (law.cdf(100.001) - law.cdf(99.999)) / 0.002;
    close(law.pdf(100.0), slope, 1e-6, "slope");
}

/// Theorem 3.2: if the chance of stopping has density c p^(a-1) near 0, P(L > n) tends to c Gamma(a) n^-a.
#[test]
fn unequal_stopping_chances_make_a_power_law() {
    for (a, b) in [(0.7, 5.0), (1.5, 20.0), (3.0, 200.0)] {
        let rate = StoppingRate { a, b };
        // E[(1 - p)^n] by the midpoint rule over s = ln p.
        let n = 40_000;
        let h = 45.0 / f64::from(n);
        let beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
        let term = |i: i32| {
            let s = -45.0 + h * (f64::from(i) + 0.5);
            libm::exp(a * s + (b - 1.0 + 300.0) * libm::log1p(-libm::exp(s)) - beta)
        };
        close(rate.sf(300.0), (0..n).map(term).sum::<f64>() * h, 1e-7, "E[(1 - p)^n]");
        let gap = |n: f64| (rate.sf(n) / rate.power_law(n) - 1.0).abs();
        assert!(gap(1e7) < 1e-4 && gap(1e7) < gap(1e5), "{a}, {b}: {}", gap(1e7));
        let mut stream = Stream::new(1, 0, "test", 0);
        let draws: Vec<f64> = (0..30_000).map(|_| rate.sample(&mut stream) as f64).collect();
        let longer = draws.iter().filter(|&&l| l > 100.0).count() as f64 / 3e4;
        let p = rate.sf(100.0);
        assert!((longer - p).abs() < 4.0 * libm::sqrt(p * (1.0 - p) / 3e4), "{a}, {b}: {longer}, not {p}");
        let hill = hill_exponent(&draws, 300).unwrap();
        assert!((hill - a).abs() < 0.25 * a, "{a}, {b}: Hill gives {hill}");
    }
    assert_eq!(hill_exponent(&[5.0; 10], 3), None);
    assert_eq!(hill_exponent(&[5.0, 4.0], 2), None);
}
