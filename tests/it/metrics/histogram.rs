//! The log-linear histogram against sorted values.

use foretoken::record::{LogHistogram, PercentileConvention};
use proptest::prelude::*;

const CONVENTIONS: [PercentileConvention; 3] =
    [PercentileConvention::Linear, PercentileConvention::Mlperf, PercentileConvention::Nearest];

fn values() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let value = prop_oneof![0..3000u64, 1_000_000..40_000_000u64, 0..1u64 << 50, Just(u64::MAX >> 13)];
    prop::collection::vec((value, 0..4u64), 1..200)
}

fn filled(values: &[(u64, u64)]) -> LogHistogram {
    let mut histogram = LogHistogram::new();
    values.iter().for_each(|&(value, weight)| histogram.add(value, weight));
    histogram
}

fn sorted(values: &[(u64, u64)]) -> Vec<u64> {
    let mut all: Vec<u64> = values.iter().flat_map(|&(v, w)| (0..w).map(move |_| v)).collect();
    all.sort_unstable();
    all
}

proptest! {
    #[test]
    fn moments_are_exact_and_quantiles_within_a_thousandth(values in values(), q in 0.0..=1.0f64) {
        let (histogram, all) = (filled(&values), sorted(&values));
        prop_assert_eq!(histogram.n(), all.len() as u64);
        prop_assert_eq!(histogram.sum(), all.iter().map(|&v| u128::from(v)).sum::<u128>());
        let squares = all.iter().map(|&v| u128::from(v) * u128::from(v)).sum::<u128>();
        prop_assert_eq!(histogram.sum_of_squares(), squares);
        prop_assert_eq!(histogram.min(), all.first().copied());
        prop_assert_eq!(histogram.max(), all.last().copied());
        for convention in CONVENTIONS {
            let got = histogram.quantile(q, convention);
            if all.is_empty() {
                prop_assert_eq!(got, None);
                continue;
            }
            let exact = convention.rank(all.len() as u64, q).read(|k| all[k as usize] as f64);
            let got = got.unwrap();
            prop_assert!((got - exact).abs() <= 1e-3 * exact, "{got} for {exact}");
        }
    }

    #[test]
    fn merging_is_adding(a in values(), b in values()) {
        let mut merged = filled(&a);
        merged.merge(&filled(&b));
        let both = filled(&[a, b].concat());
        prop_assert_eq!((merged.n(), merged.sum(), merged.sum_of_squares()), (both.n(), both.sum(), both.sum_of_squares()));
        prop_assert_eq!((merged.min(), merged.max()), (both.min(), both.max()));
        for q in [0.0, 0.3, 0.5, 0.99, 1.0] {
            let linear = PercentileConvention::Linear;
            prop_assert_eq!(merged.quantile(q, linear), both.quantile(q, linear));
        }
    }
}

#[test]
fn small_values_are_exact() {
    let histogram = filled(&(48..2048).map(|v| (v, 1)).collect::<Vec<_>>());
    for k in 0..2000u64 {
        let q = (k + 1) as f64 / 2000.0;
        assert_eq!(histogram.quantile(q, PercentileConvention::Nearest), Some((48 + k) as f64));
    }
}

#[test]
fn p99_of_a_hundred_samples_depends_on_the_convention() {
    let histogram = filled(&(1..=100).map(|v| (v, 1)).collect::<Vec<_>>());
    let p99 = |convention| histogram.quantile(0.99, convention).unwrap();
    // Rank 98.01 interpolated; the largest; the one before it.
    assert!((p99(PercentileConvention::Linear) - 99.01).abs() < 1e-12);
    assert_eq!(p99(PercentileConvention::Mlperf), 100.0);
    assert_eq!(p99(PercentileConvention::Nearest), 99.0);
}
