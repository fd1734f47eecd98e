//! Invariants of engine.md section 13 and directions of section 15 that neither the reference nor the
//! stepwise comparison covers.

use crate::stepwise::micro_world;
use crate::support::{Seen, World, request};
use foretoken::engine::{ClusterConfig, Gate, Preset};
use foretoken::latency::StepShape;
use foretoken::predict::PredictorConfig;
use foretoken::record::{EventKind, PercentileConvention, Status};
use foretoken::rng::Stream;
use foretoken::scheduler::Registry;
use foretoken::time::SimTime;
use foretoken::workload::Request;
use proptest::prelude::*;
use rayon::prelude::*;

/// Schedulers that need intervals to differ.
const INTERVALS: [&str; 6] = ["mc-sf", "a-max", "a-min", "a-ell", "svf", "sorted-f"];

fn timed(shape: &StepShape<'_>) -> u64 {
    10_000 + 30 * shape.prefill_tokens() + 200 * shape.decodes + shape.context_sum / 8
}

/// Poisson arrivals with mean gap `gap_ns`; prompts up to `prompt`, outputs up to `output`.
fn poisson(seed: u64, n: u32, gap_ns: f64, prompt: u64, output: u64) -> Vec<Request> {
    let mut draw = Stream::new(seed, 0, "invariants", 0);
    let mut at = 0.0;
    let one = |id| {
        at += draw.exponential() * gap_ns;
        request(id, at as u64, 1 + draw.below(prompt) as u32, 1 + draw.below(output) as u32)
    };
    (0..n).map(one).collect()
}

fn preemptions(seen: &Seen) -> u32 {
    seen.requests.iter().map(|r| r.preemptions).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// I5: at zero watermark and with memory for little more than the largest, everybody still finishes.
    #[test]
    fn no_livelock(seed in any::<u64>(), block in 1u32..5, spare in 0u64..6, gate in 0..2, theory in any::<bool>()) {
        let mut world = World::new(if theory { Preset::Theory } else { Preset::VllmV1 });
        world.kv.gate = if gate == 0 { Gate::Known } else { Gate::KnownFull };
        world.kv.block_tokens = if theory { 1 } else { block };
        world.engine.max_tokens_per_step = 16;
        let requests = poisson(seed, 20, 10_000.0, 12, 30);
        let slots = |r: &Request| u64::from(r.visible.prompt_tokens) + 30;
        let largest = requests.iter().map(slots).max().unwrap();
        world.blocks = largest.div_ceil(u64::from(world.kv.block_tokens)) + spare;
        let (_, seen) = world.run(&requests, timed).unwrap();
        prop_assert!(seen.requests.iter().all(|r| r.status == Status::Completed));
    }

    /// I6: who reserves the longest a request can get never preempts. I7: nor does fcfs then reorder.
    #[test]
    fn max_len_never_preempts_and_fcfs_keeps_its_order(seed in any::<u64>(), blocks in 20u64..80, seats in 1u32..9) {
        let mut world = World::new(Preset::VllmV1);
        (world.kv.gate, world.kv.block_tokens, world.blocks) = (Gate::MaxLen, 4, blocks);
        (world.engine.max_model_len, world.engine.max_seqs) = (64, seats);
        world.engine.max_tokens_per_step = 20;
        let (_, seen) = world.run(&poisson(seed, 40, 20_000.0, 30, 30), timed).unwrap();
        prop_assert_eq!(preemptions(&seen), 0);
        let first: Vec<_> = seen.requests.iter().map(|r| r.first_scheduled.get().unwrap()).collect();
        prop_assert!(first.is_sorted(), "{:?}", first);
    }

    /// I11: twice every time constant, twice every time.
    #[test]
    fn time_has_no_unit(seed in 0u64..1 << 40) {
        let (world, requests) = micro_world(seed);
        // Deadlines are time constants too, and this one is a parameter in seconds.
        let mut slow = world.clone();
        if let Some(deadline) = slow.params.get_mut("default_deadline_s") {
            *deadline = (2.0 * deadline.as_f64().unwrap()).into();
        }
        if slow.scheduler == "least-slack" {
            slow.params.insert("token_s".into(), 0.04.into());
        }
        slow.engine.host_overhead_s *= 2.0;
        let p = &mut slow.prediction;
        (p.batch_wait_s, p.batch_s, p.prompt_s) = (2.0 * p.batch_wait_s, 2.0 * p.batch_s, 2.0 * p.prompt_s);
        let late = |r: &Request| {
            let mut r = *r;
            r.visible.arrival = SimTime(2 * r.visible.arrival.0);
            r
        };
        let (_, once) = world.run(&requests, timed).unwrap();
        let (_, twice) = slow.run(&requests.iter().map(late).collect::<Vec<_>>(), |s| 2 * timed(s)).unwrap();
        let doubled = once.events.iter().map(|e| (2 * e.time.0, e.kind, e.request, e.value));
        let events: Vec<_> = twice.events.iter().map(|e| (e.time.0, e.kind, e.request, e.value)).collect();
        prop_assert_eq!(doubled.collect::<Vec<_>>(), events);
    }

    /// I12: which replica comes first in the round changes nobody's times: the i-th of each round is served
    /// as if its replica were alone.
    #[test]
    fn replicas_of_a_round_robin_are_alike(seed in any::<u64>(), replicas in 2u32..5) {
        let mut world = World::new(Preset::VllmV1);
        (world.kv.block_tokens, world.blocks, world.engine.max_seqs) = (4, 30, 4);
        world.cluster = ClusterConfig { replicas, ..ClusterConfig::default() };
        let requests = poisson(seed, 40, 5_000.0, 20, 30);
        let (_, together) = world.run(&requests, timed).unwrap();
        world.cluster.replicas = 1;
        for first in 0..replicas {
            let mine: Vec<_> = requests.iter().skip(first as usize).step_by(replicas as usize).copied().collect();
            let (_, alone) = world.run(&mine, timed).unwrap();
            let times = |seen: &Seen, replica: u32| {
                let of = seen.requests.iter().filter(|r| r.replica.0 == replica);
                of.map(|r| (r.id, r.first_token, r.finish, r.preemptions)).collect::<Vec<_>>()
            };
            prop_assert_eq!(times(&together, first), times(&alone, 0));
        }
    }
}

/// I8, Little's law: requests in the system over time equals what they spend there. Exact for a run that
/// begins and ends empty, if counts at events and latencies of records agree.
#[test]
fn littles_law() {
    let mut world = World::new(Preset::VllmV12025);
    (world.blocks, world.engine.max_seqs) = (120, 16);
    for scheduler in ["fcfs", "srpt", "hrrn"] {
        world.scheduler = scheduler.into();
        let (totals, seen) = world.run(&poisson(7, 4000, 60_000.0, 200, 60), timed).unwrap();
        let (mut inside, mut last, mut area) = (0u128, 0u64, 0u128);
        for e in &seen.events {
            area += inside * u128::from(e.time.0 - last);
            last = e.time.0;
            match e.kind {
                EventKind::Arrival => inside += 1,
                EventKind::Finish | EventKind::Rejection => inside -= 1,
                _ => {}
            }
        }
        let spent: u128 = seen.requests.iter().map(|r| u128::from(r.e2e().unwrap().0)).sum();
        assert_eq!((inside, area), (0, spent));
        // L = lambda W over the run, and seats and blocks are integrals over the same steps.
        assert_eq!(totals.horizon.0, last);
        let of = |s: &foretoken::record::StepRecord, n: u64| u128::from(n) * u128::from(s.duration.0);
        let seats: u128 = seen.steps.iter().map(|s| of(s, u64::from(s.running))).sum();
        let blocks: u128 = seen.steps.iter().map(|s| of(s, s.kv_blocks_used)).sum();
        assert_eq!((totals.seat_ns, totals.kv_block_ns), (seats, blocks));
    }
}

/// I9: the steps of a replica follow each other, and events come in order of time.
#[test]
fn clocks_only_go_forward() {
    for seed in 0..500 {
        let (world, requests) = micro_world(seed);
        let (_, seen) = world.run(&requests, timed).unwrap();
        assert!(seen.events.iter().map(|e| e.time).is_sorted(), "seed {seed}");
        for replica in 0..world.cluster.replicas {
            let mine: Vec<_> = seen.steps.iter().filter(|s| s.replica.0 == replica).collect();
            for pair in mine.windows(2) {
                let follows = pair[0].start + pair[0].duration <= pair[1].start;
                assert!(follows && pair[0].step + 1 == pair[1].step, "seed {seed}: {pair:?}");
            }
        }
    }
}

/// I13: same seed, same bytes, on however many threads.
#[test]
fn digests_do_not_depend_on_threads() {
    let names: Vec<&str> = Registry::builtin().entries().iter().map(|e| e.name).collect();
    let requests = poisson(3, 300, 60_000.0, 100, 40);
    let digest = |name: &&str| {
        let mut world = World::new(Preset::VllmV1);
        (world.blocks, world.engine.max_seqs, world.scheduler) = (60, 8, (*name).into());
        if INTERVALS.contains(name) {
            // With one length for an interval they are all the same.
            let confusion = vec![vec![0.8, 0.2], vec![0.2, 0.8]];
            world.predictor = PredictorConfig::Binned { edges: vec![20], confusion, cap: 50 };
            (world.blocks, world.engine.max_seqs) = (40, 64);
        }
        if ["edf", "least-slack"].contains(name) {
            world.params.insert("default_deadline_s".into(), 0.01.into());
        }
        world.run(&requests, timed).unwrap().0.digest
    };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| names.par_iter().map(digest).collect::<Vec<String>>())
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(1));
    let distinct: std::collections::BTreeSet<_> = one.iter().collect();
    assert!(distinct.len() > names.len() / 3, "{one:?}");
}

/// Section 15, item 1: admitted on their first chunk, long prompts preempt each other again and again; with
/// the whole prompt reserved, never.
#[test]
fn first_chunk_admission_thrashes() {
    let requests: Vec<_> = (0..5).map(|i| request(i, 0, 100_000, 200)).collect();
    let run = |preset| {
        let mut world = World::new(preset);
        world.blocks = 420_000 / 16;
        world.run(&requests, timed).unwrap().1
    };
    let (of_2025, of_2026) = (run(Preset::VllmV12025), run(Preset::VllmV1));
    let worst = of_2025.requests.iter().map(|r| r.preemptions).max().unwrap();
    assert!(worst >= 2, "the same request is preempted again and again: {worst}");
    assert_eq!(preemptions(&of_2026), 0);
    assert!(of_2025.requests.iter().chain(&of_2026.requests).all(|r| r.status == Status::Completed));
}

/// Section 15, item 2: a larger watermark, fewer preemptions. Item 3: a larger budget, a sooner first token
/// and a longer tail of gaps.
#[test]
fn watermark_and_budget_move_what_they_should() {
    let requests = poisson(11, 1500, 150_000.0, 600, 200);
    let run = |watermark: f64, budget: u64| {
        let mut world = World::new(Preset::VllmV1);
        (world.blocks, world.kv.watermark, world.engine.max_tokens_per_step) = (400, watermark, budget);
        let (totals, seen) = world.run(&requests, timed).unwrap();
        let ttft: f64 = seen.requests.iter().map(|r| r.ttft().unwrap().as_secs()).sum();
        let tail = totals.itl.quantile(0.99, PercentileConvention::Linear).unwrap();
        (preemptions(&seen), ttft / 1500.0, tail)
    };
    let swept: Vec<u32> = [0.0, 0.02, 0.05, 0.10, 0.15].map(|w| run(w, 8192).0).to_vec();
    assert!(swept[0] > 2 * swept[4] && swept.is_sorted_by(|a, b| a >= b), "{swept:?}");
    let (small, large) = (run(0.15, 128), run(0.15, 4096));
    assert!(large.1 < small.1 && large.2 > small.2, "{small:?} {large:?}");
}

/// Section 15, item 10: P99 of 1..=100 under each convention.
#[test]
fn percentile_conventions_differ() {
    let mut values: Vec<u64> = (1..=100).collect();
    let mut p99 = |convention| {
        let d = foretoken::metrics::Distribution::from_ns(&mut values, convention);
        (d.p99 * 1e9 * 100.0).round() / 100.0
    };
    assert_eq!(p99(PercentileConvention::Linear), 99.01);
    assert_eq!(p99(PercentileConvention::Mlperf), 100.0);
    assert_eq!(p99(PercentileConvention::Nearest), 99.0);
}
