//! Confidence intervals: known quantiles, and coverage on synthetic series with fixed seeds.

use foretoken::metrics::stats::{
    Interval, MIN_SERIES, batch_means, paired_replicates, paired_series, t_interval,
};
use foretoken::rng::Stream;

const LEVEL: f64 = 0.95;

/// Share of 400 trials whose interval holds `truth`.
fn coverage(truth: f64, trial: impl Fn(&mut Stream) -> Interval) -> f64 {
    let held = (0..400).filter(|&i| {
        let interval = trial(&mut Stream::new(7, i, "coverage", 0));
        interval.lo <= truth && truth <= interval.hi
    });
    held.count() as f64 / 400.0
}

/// x' = phi x + noise, started in its stationary law, with mean 5.
fn autoregressive(stream: &mut Stream, phi: f64, n: usize) -> Vec<f64> {
    let mut x = stream.normal() / (1.0 - phi * phi).sqrt();
    let mut next = || {
        x = phi * x + stream.normal();
        5.0 + x
    };
    (0..n).map(|_| next()).collect()
}

#[test]
fn t_interval_by_hand() {
    // Mean 3, variance 2.5, t(0.975, 4) = 2.776445.
    let interval = t_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], LEVEL).unwrap();
    let half = 2.776_445_105 * (2.5f64 / 5.0).sqrt();
    assert!((interval.mean - 3.0).abs() < 1e-12);
    assert!((interval.hi - 3.0 - half).abs() < 1e-6 && (3.0 - interval.lo - half).abs() < 1e-6);
    assert_eq!(t_interval(&[1.0], LEVEL), None);
    assert_eq!(t_interval(&[1.0, 2.0], 1.0), None);
}

#[test]
fn replicate_intervals_cover() {
    let share = coverage(2.0, |stream| {
        let values: Vec<f64> = (0..5).map(|_| 2.0 + stream.normal()).collect();
        t_interval(&values, LEVEL).unwrap()
    });
    // Three standard errors of 0.011 around 0.95.
    assert!((0.917..=0.983).contains(&share), "{share}");
}

#[test]
fn batch_means_cover_where_naive_intervals_do_not() {
    let series = |stream: &mut Stream| autoregressive(stream, 0.8, 4000);
    let batched = coverage(5.0, |stream| batch_means(&series(stream), LEVEL).unwrap());
    let naive = coverage(5.0, |stream| t_interval(&series(stream), LEVEL).unwrap());
    assert!((0.91..=0.983).contains(&batched), "{batched}");
    assert!(naive < 0.6, "{naive}");
}

#[test]
fn batches_follow_the_rule() {
    let n = |len: usize| batch_means(&vec![1.0; len], LEVEL).map(|i| i.n);
    assert_eq!(n(MIN_SERIES - 1), None);
    assert_eq!(n(MIN_SERIES), Some(10));
    assert_eq!(n(450), Some(21));
    assert_eq!(n(100_000), Some(30));
    let ramp: Vec<f64> = (0..103).map(f64::from).collect();
    assert_eq!(batch_means(&ramp, LEVEL).unwrap().mean, 51.0);
}

#[test]
fn pairing_removes_what_both_share() {
    let stream = &mut Stream::new(1, 0, "pairs", 0);
    let shared: Vec<f64> = (0..30).map(|_| 100.0 * stream.normal()).collect();
    let ours: Vec<f64> = shared.iter().map(|x| x - 1.0 + 0.1 * stream.normal()).collect();
    let paired = paired_replicates(&ours, &shared, LEVEL).unwrap();
    assert!(paired.difference.lo < -1.0 + 0.1 && paired.difference.hi < -0.9, "{paired:?}");
    assert!(paired.effect_size.unwrap() < -5.0);
    assert_eq!((paired.win_fraction, paired.pairs), (1.0, 30));
    assert_eq!(paired_replicates(&ours, &shared[1..], LEVEL), None);
}

#[test]
fn equal_systems_do_not_differ() {
    let paired = paired_series(&[3.0; 200], &[3.0; 200], LEVEL).unwrap();
    assert_eq!((paired.difference.lo, paired.difference.hi), (0.0, 0.0));
    assert_eq!((paired.effect_size, paired.win_fraction), (None, 0.5));
}
