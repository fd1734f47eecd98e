//! p-values, Holm's correction, pairing in time order, and how often a true difference is covered.

use crate::metrics::served;
use foretoken::metrics::matched;
use foretoken::metrics::stats::{batch_means, holm, p_value, t_interval};
use foretoken::record::RequestRecord;
use foretoken::rng::Stream;
use proptest::prelude::*;

const LEVEL: f64 = 0.95;

#[test]
fn p_values_by_hand() {
    // t = 3 / sqrt(0.5) = 4.2426 with 4 degrees of freedom: p = 0.013236.
    let interval = t_interval(&[1.0, 2.0, 3.0, 4.0, 5.0], LEVEL).unwrap();
    assert!((p_value(&interval) - 0.013_236).abs() < 1e-5, "{}", p_value(&interval));
    assert_eq!(p_value(&t_interval(&[0.0; 4], LEVEL).unwrap()), 1.0);
    assert_eq!(p_value(&t_interval(&[2.0; 4], LEVEL).unwrap()), 0.0);
}

#[test]
fn holm_by_hand() {
    let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (got, want) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        assert!((got - want).abs() < 1e-12, "{adjusted:?}");
    }
    assert_eq!(holm(&[]), Vec::<f64>::new());
    assert_eq!(holm(&[0.7, 0.6]), [1.0, 1.0]);
}

proptest! {
    #[test]
    fn a_test_says_what_its_interval_says(values in prop::collection::vec(-3.0..4.0f64, 2..20)) {
        let interval = t_interval(&values, LEVEL).unwrap();
        let excluded = interval.lo > 0.0 || interval.hi < 0.0;
        let p = p_value(&interval);
        prop_assume!((p - 0.05).abs() > 1e-9);
        prop_assert_eq!(excluded, p < 0.05);
    }

    #[test]
    fn holm_lies_between_none_and_bonferroni(p in prop::collection::vec(0.0..1.0f64, 1..12)) {
        let adjusted = holm(&p);
        for (i, (&a, &raw)) in adjusted.iter().zip(&p).enumerate() {
            prop_assert!(raw <= a && a <= (raw * p.len() as f64).min(1.0) + 1e-12);
            for (&b, &other) in adjusted.iter().zip(&p).skip(i + 1) {
                prop_assert!((raw <= other) == (a <= b) || a == b);
            }
        }
    }
}

/// Twenty true nulls at once: without correction most families have a false alarm, with it few do.
#[test]
fn holm_keeps_the_family_error() {
    let family = |i: u64| -> Vec<f64> {
        let stream = &mut Stream::new(11, i, "family", 0);
        let one = |stream: &mut Stream| (0..6).map(|_| stream.normal()).collect::<Vec<f64>>();
        (0..20).map(|_| p_value(&t_interval(&one(stream), LEVEL).unwrap())).collect()
    };
    let alarms = |p: &[f64]| p.iter().any(|&p| p < 0.05);
    let raw = (0..300).filter(|&i| alarms(&family(i))).count();
    let corrected = (0..300).filter(|&i| alarms(&holm(&family(i)))).count();
    assert!(raw > 150 && corrected <= 30, "{raw} {corrected}");
}

/// Two queues of 2,000 requests whose latencies are strongly autocorrelated and differ by 0.25 s on average: the
/// batch interval of the paired differences holds that number about as often as it says.
#[test]
fn paired_batches_cover_a_known_difference() {
    let covered = |i: u64| {
        let stream = &mut Stream::new(5, i, "queues", 0);
        let (mut shared, mut own) = (0.0, 0.0);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for id in 0..2000u32 {
            shared = 0.9 * shared + stream.normal();
            own = 0.7 * own + 0.2 * stream.normal();
            let arrival = u64::from(id) * 100_000_000;
            let ends = |e2e: f64| arrival + (1e9 * e2e) as u64;
            ours.push(served(id, arrival, 10, arrival, &[ends(50.25 + shared + own)]));
            theirs.push(served(id, arrival, 10, arrival, &[ends(50.0 + shared)]));
        }
        let (a, b) = matched(&ours, &theirs, RequestRecord::e2e);
        let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        let interval = batch_means(&differences, LEVEL).unwrap();
        interval.lo <= 0.25 && 0.25 <= interval.hi
    };
    let share = (0..300).filter(|&i| covered(i)).count() as f64 / 300.0;
    assert!((0.90..=0.985).contains(&share), "{share}");
}

/// Ids need not rise with time: batches are of neighbours in time all the same.
#[test]
fn pairs_come_in_order_of_arrival() {
    let at = |id: u32, arrival: u64| served(id, arrival, 10, arrival, &[arrival + 1000 * u64::from(id)]);
    let ours = [at(1, 300), at(2, 100), at(3, 200), at(9, 0)];
    let theirs = [at(3, 200), at(2, 100), at(1, 300), at(8, 0)];
    let (a, b) = matched(&ours, &theirs, RequestRecord::e2e);
    assert_eq!(a, [2e-6, 3e-6, 1e-6]);
    assert_eq!(a, b);
}
