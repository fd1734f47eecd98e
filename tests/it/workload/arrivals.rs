//! Arrival processes against the formulas of their moments and laws. Seeds are fixed; tolerances are about
//! four standard errors.

use super::{rows, spec, times};
use foretoken::workload::build;
use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, Exp, Gamma, Weibull};
use statrs::function::gamma::gamma;

const N: u32 = 20_000;

fn gaps(times: &[f64]) -> Vec<f64> {
    std::iter::once(0.0).chain(times.iter().copied()).zip(times).map(|(a, b)| b - a).collect()
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn variance(x: &[f64]) -> f64 {
    let m = mean(x);
    x.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / x.len() as f64
}

fn cv(x: &[f64]) -> f64 {
    variance(x).sqrt() / mean(x)
}

/// Kolmogorov-Smirnov distance times sqrt(n): over 1.63 once in a hundred times.
fn ks(mut x: Vec<f64>, law: &impl ContinuousCDF<f64, f64>) -> f64 {
    x.sort_by(f64::total_cmp);
    let n = x.len() as f64;
    let off = x.iter().enumerate().map(|(i, &v)| {
        let f = law.cdf(v);
        (f - i as f64 / n).abs().max((f - (i + 1) as f64 / n).abs())
    });
    off.fold(0.0, f64::max) * n.sqrt()
}

/// Variance over mean of the counts in windows of `window_s`.
fn dispersion(times: &[f64], window_s: f64) -> f64 {
    let windows = (times.last().unwrap() / window_s) as usize;
    let mut counts = vec![0.0; windows];
    for &t in times {
        if let Some(c) = counts.get_mut((t / window_s) as usize) {
            *c += 1.0;
        }
    }
    variance(&counts) / mean(&counts)
}

#[test]
fn constant_gaps_are_equal() {
    let t = times("rate_rps = 8\narrivals.kind = 'constant'", 100, 1);
    for (j, t) in t.iter().enumerate() {
        assert!((t - (j + 1) as f64 / 8.0).abs() < 1e-9);
    }
}

#[test]
fn poisson_gaps_are_exponential() {
    let g = gaps(&times("rate_rps = 8\narrivals.kind = 'poisson'", N, 2));
    assert!(ks(g, &Exp::new(8.0).unwrap()) < 1.63);
}

#[test]
fn gamma_gaps_have_their_law() {
    for shape in [0.25, 1.0, 4.0] {
        let text = format!("rate_rps = 3\narrivals = {{ kind = 'gamma', shape = {shape} }}");
        let g = gaps(&times(&text, N, 3));
        assert!((cv(&g) * f64::sqrt(shape) - 1.0).abs() < 0.06, "CV {} at shape {shape}", cv(&g));
        assert!(ks(g, &Gamma::new(shape, 3.0 * shape).unwrap()) < 1.63, "shape {shape}");
    }
    let even = "rate_rps = 3\narrivals = { kind = 'gamma', shape = 'inf' }";
    assert_eq!(times(even, 50, 3), times("rate_rps = 3\narrivals.kind = 'constant'", 50, 4));
}

#[test]
fn weibull_gaps_have_their_law() {
    for shape in [0.7, 1.0, 2.5] {
        let text = format!("rate_rps = 3\narrivals = {{ kind = 'weibull', shape = {shape} }}");
        let g = gaps(&times(&text, N, 5));
        let scale = 1.0 / (3.0 * gamma(1.0 + 1.0 / shape));
        let cv2 = gamma(1.0 + 2.0 / shape) / gamma(1.0 + 1.0 / shape).powi(2) - 1.0;
        assert!((mean(&g) * 3.0 - 1.0).abs() < 4.0 * f64::sqrt(cv2 / f64::from(N)));
        assert!((cv(&g).powi(2) / cv2 - 1.0).abs() < 0.12, "CV^2 {} not {cv2}", cv(&g).powi(2));
        assert!(ks(g, &Weibull::new(shape, scale).unwrap()) < 1.63, "shape {shape}");
    }
}

/// Index of dispersion of a two-state Markov-modulated Poisson process over windows of `t` (Heffes and
/// Lucantoni 1986, with the rates r out of each state).
fn mmpp_dispersion(l: [f64; 2], sojourns: [f64; 2], t: f64) -> f64 {
    let r = [1.0 / sojourns[0], 1.0 / sojourns[1]];
    let s = r[0] + r[1];
    let a = 2.0 * r[0] * r[1] * (l[0] - l[1]).powi(2) / (s * s * (l[0] * r[1] + l[1] * r[0]));
    1.0 + a * (1.0 - (1.0 - libm::exp(-s * t)) / (s * t))
}

#[test]
fn mmpp_has_its_rate_and_dispersion() {
    let t = times("arrivals = { kind = 'mmpp', rates_rps = [2, 20], sojourns_s = [5, 3] }", 200_000, 6);
    let rate = t.len() as f64 / t.last().unwrap();
    assert!((rate / ((2.0 * 5.0 + 20.0 * 3.0) / 8.0) - 1.0).abs() < 0.05, "rate {rate}");
    for window_s in [0.2, 1.0, 10.0] {
        let (got, want) = (dispersion(&t, window_s), mmpp_dispersion([2.0, 20.0], [5.0, 3.0], window_s));
        assert!((got / want - 1.0).abs() < 0.12, "{got} not {want} over {window_s} s");
    }
}

#[test]
fn mmpp_starts_in_its_steady_state() {
    let text = "arrivals = { kind = 'mmpp', rates_rps = [0, 1e6], sojourns_s = [100, 300] }";
    let busy = (0..400).filter(|&seed| times(text, 1, seed)[0] < 0.001).count();
    assert!((270..=330).contains(&busy), "three quarters of 400 start busy, not {busy}");
}

#[test]
fn piecewise_rates_hold_in_each_segment_and_repeat() {
    let text = "arrivals.kind = 'piecewise'\narrivals.segments = [{ duration_s = 10, rate_rps = 30 }, \
                { duration_s = 5, rate_rps = 0 }, { duration_s = 5, rate_rps = 6 }]";
    let t = times(text, N, 7);
    let cycles = t.last().unwrap() / 20.0;
    let within =
        |lo: f64, hi: f64| t.iter().filter(|&t| (lo..hi).contains(&(t % 20.0))).count() as f64 / cycles;
    assert!((within(0.0, 10.0) - 300.0).abs() < 9.0);
    assert_eq!(within(10.0, 15.0), 0.0);
    assert!((within(15.0, 20.0) - 30.0).abs() < 3.0);
}

#[test]
fn ramps_follow_their_curve() {
    let ramp = |curve: &str| {
        let text = format!(
            "arrivals = {{ kind = 'ramp', from_rps = 2, to_rps = 8, curve = '{curve}', shape = inf }}"
        );
        gaps(&times(&text, 5, 8)).iter().map(|g| 1.0 / g).collect::<Vec<_>>()
    };
    let near = |got: Vec<f64>, want: [f64; 5]| got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-6);
    assert!(near(ramp("linear"), [2.0, 3.5, 5.0, 6.5, 8.0]));
    let root = f64::sqrt(2.0);
    assert!(near(ramp("exponential"), [2.0, 2.0 * root, 4.0, 4.0 * root, 8.0]));
    let random = times("arrivals = { kind = 'ramp', from_rps = 2, to_rps = 8 }", N, 8);
    let want: f64 = (0..N).map(|j| 1.0 / (2.0 + 6.0 * f64::from(j) / f64::from(N - 1))).sum();
    assert!((random.last().unwrap() / want - 1.0).abs() < 0.04);
}

#[test]
fn normalizing_ends_at_count_over_rate_and_keeps_proportions() {
    for given in ["", "requests = 500\n"] {
        let plain = times("rate_rps = 4\narrivals.kind = 'poisson'", 500, 9);
        let text = format!("{given}normalize = true\nrate_rps = 4\narrivals.kind = 'poisson'");
        let t = times(&text, 500, 9);
        assert!((t[499] - 125.0).abs() < 1e-9);
        assert!(t.iter().zip(&plain).all(|(a, b)| (a / b - t[0] / plain[0]).abs() < 1e-6));
    }
}

#[test]
fn an_infinite_rate_sends_everything_at_once() {
    for kind in ["{ kind = 'poisson' }", "{ kind = 'constant' }", "{ kind = 'gamma', shape = 0.5 }"] {
        for normalize in [false, true] {
            let text = format!("rate_rps = 'inf'\nnormalize = {normalize}\narrivals = {kind}");
            assert!(times(&text, 50, 1).iter().all(|&t| t == 0.0));
        }
    }
}

#[test]
fn a_clock_overflow_is_an_error() {
    let said = super::refusal("rate_rps = 1e-12\narrivals.kind = 'constant'", rows(3));
    assert!(said.contains("beyond the clock"), "{said}");
}

#[test]
fn drawn_arrivals_read_no_more_rows_than_they_send() {
    let endless = (0..).map(|id| Ok(foretoken::trace::TraceRow { id, ..rows(1)[0].clone() }));
    let text = "requests = 10\nnormalize = true\nrate_rps = 1\narrivals.kind = 'poisson'";
    let mut source = build(&spec(text), endless, 1, 0).unwrap().source;
    let sent = std::iter::from_fn(|| source.next_time().unwrap().map(|_| source.take().unwrap())).count();
    assert_eq!(sent, 10);
}

/// Every drawn process, at about 5 requests/s.
fn processes() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "rate_rps = 5\narrivals.kind = 'constant'",
        "rate_rps = 5\narrivals.kind = 'poisson'",
        "rate_rps = 5\narrivals = { kind = 'gamma', shape = 0.1 }",
        "rate_rps = 5\narrivals = { kind = 'weibull', shape = 0.5 }",
        "arrivals = { kind = 'mmpp', rates_rps = [0, 10], sojourns_s = [0.5, 0.5] }",
        "arrivals = { kind = 'piecewise', segments = [{ duration_s = 1, rate_rps = 5 }] }",
        "arrivals = { kind = 'ramp', from_rps = 9, to_rps = 1, curve = 'exponential' }",
    ])
}

proptest! {
    #[test]
    fn order_count_and_keys_of_chance(text in processes(), n in 2u32..200, seed: u64, replicate in 0u64..9) {
        let draw = |seed, replicate| {
            let all = super::drain(&spec(text), rows(n), seed, replicate).unwrap();
            all.iter().map(|r| r.visible.arrival).collect::<Vec<_>>()
        };
        let t = draw(seed, replicate);
        prop_assert_eq!(t.len(), n as usize);
        prop_assert!(t.is_sorted());
        prop_assert_eq!(&t, &draw(seed, replicate));
        if !text.contains("constant") {
            prop_assert_ne!(&t, &draw(seed, replicate + 1));
            prop_assert_ne!(&t, &draw(seed.wrapping_add(1), replicate));
        }
    }
}
