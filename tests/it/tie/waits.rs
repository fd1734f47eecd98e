//! Waits in a queue of seats of equal speed, whatever the order (section 7.3 of the specification).

use crate::support::{World, request};
use foretoken::engine::Preset;
use foretoken::predict::PredictorConfig;
use foretoken::record::RequestRecord;
use foretoken::rng::Stream;
use foretoken::workload::Request;
use proptest::prelude::*;

/// 14 ms a token, whatever the batch.
const TOKEN_NS: u64 = 14_000_000;

/// The setting of 7.3: log-normal lengths of mean 246, Poisson arrivals at 16/s, 32 seats.
fn requests(seed: u64) -> Vec<Request> {
    let mut draw = Stream::new(seed, 0, "waits", 0);
    let mut at_s = 0.0;
    let one = |id| {
        at_s += draw.exponential() / 16.0;
        let output = libm::exp(5.05 + 0.95 * draw.normal()).clamp(1.0, 2048.0);
        request(id, (at_s * 1e9) as u64, 1, output as u32)
    };
    (0..1000).map(one).collect()
}

/// Waits in seconds with output lengths, of ten seeds.
fn waits(scheduler: &str, predictor: &PredictorConfig) -> Vec<(f64, f64)> {
    let mut world = World::new(Preset::VllmV1);
    (world.scheduler, world.engine.max_seqs) = (scheduler.into(), 32);
    world.predictor = predictor.clone();
    let of = |r: &RequestRecord| (r.queue().unwrap().as_secs(), f64::from(r.output_tokens));
    let run = |seed| world.run(&requests(seed), |_| TOKEN_NS).unwrap().1.requests;
    (0..10).flat_map(run).map(|r| of(&r)).collect()
}

fn mean(waits: &[(f64, f64)]) -> f64 {
    waits.iter().map(|w| w.0).sum::<f64>() / waits.len() as f64
}

fn weighted(waits: &[(f64, f64)]) -> f64 {
    waits.iter().map(|w| w.0 * w.1).sum::<f64>() / waits.iter().map(|w| w.1).sum::<f64>()
}

fn percentile(waits: &[(f64, f64)], p: f64) -> f64 {
    let mut sorted: Vec<f64> = waits.iter().map(|w| w.0).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[(p * (sorted.len() - 1) as f64) as usize]
}

#[test]
fn the_length_weighted_wait_is_the_same_in_any_order() {
    let oracle = PredictorConfig::Oracle;
    let noisy = PredictorConfig::Noisy { sigma: 0.5 };
    let fcfs = waits("fcfs", &oracle);
    let random = waits("random", &oracle);
    let sjf = waits("sjf", &oracle);
    let orders = [&random, &sjf, &waits("tie", &oracle), &waits("tie", &noisy), &waits("ltr", &noisy)];
    for waits in orders {
        let ratio = weighted(waits) / weighted(&fcfs);
        assert!((ratio - 1.0).abs() < 0.04, "{ratio}");
    }
    // The plain mean is not: short requests first move it by a factor.
    assert!(mean(&sjf) < 0.4 * mean(&fcfs), "{} {}", mean(&sjf), mean(&fcfs));
    // A random order has first come's mean, a smaller median and a longer tail.
    assert!((mean(&random) / mean(&fcfs) - 1.0).abs() < 0.1);
    assert!(percentile(&random, 0.5) < 0.3 * percentile(&fcfs, 0.5));
    assert!(percentile(&random, 0.99) > 1.5 * percentile(&fcfs, 0.99));
}

proptest! {
    /// With one seat it holds exactly, whatever arrives when: the work that waits at an instant is the same in every
    /// order, and its integral over time is the sum of length times wait plus what no order changes.
    #[test]
    fn with_one_seat_it_is_the_same_to_the_nanosecond(
        rows in prop::collection::vec((0u64..400 * TOKEN_NS, 1u32..40), 1..40),
        scheduler in prop::sample::select(vec!["sjf", "ljf", "random", "tie", "sept", "ltr", "quantile", "hrrn"]),
    ) {
        let mut rows = rows;
        rows.sort_unstable();
        let requests: Vec<Request> =
            rows.iter().enumerate().map(|(id, &(at, output))| request(id as u32, at, 1, output)).collect();
        let weighted = |scheduler: &str| {
            let mut world = World::new(Preset::VllmV1);
            (world.scheduler, world.engine.max_seqs) = (scheduler.into(), 1);
            let done = world.run(&requests, |_| TOKEN_NS).unwrap().1.requests;
            let product = |r: &RequestRecord| u128::from(r.output_tokens) * u128::from(r.queue().unwrap().0);
            done.iter().map(product).sum::<u128>()
        };
        prop_assert_eq!(weighted(scheduler), weighted("fcfs"));
    }
}

/// Scores displace nobody: with memory for all, nobody is preempted.
#[test]
fn no_running_request_is_displaced_by_a_score() {
    let mut world = World::new(Preset::VllmV1);
    world.engine.max_seqs = 32;
    for scheduler in ["tie", "sept", "ssjf", "ltr", "quantile", "gittins", "uniboost"] {
        world.scheduler = scheduler.into();
        let (_, seen) = world.run(&requests(1), |_| TOKEN_NS).unwrap();
        assert!(seen.requests.iter().all(|r| r.preemptions == 0), "{scheduler}");
    }
}
