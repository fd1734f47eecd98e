//! A run that is cut off counts, of every step, the part that lies before the cut: the sums are those of the
//! whole run's steps.

use crate::stepwise::micro_world;
use crate::support::{World, request};
use foretoken::engine::{Preset, StepKind};
use foretoken::latency::{Profile, StepShape};
use foretoken::record::StepRecord;
use foretoken::rng::Stream;
use foretoken::time::SimTime;

fn took(shape: &StepShape<'_>) -> u64 {
    1000 + 37 * shape.prefill_tokens() + 11 * shape.decodes
}

/// Nanoseconds of `step` before `cut`.
fn before(step: &StepRecord, cut: SimTime) -> u64 {
    step.duration.0.min(cut.since(step.start).0)
}

#[test]
fn sums_are_those_of_the_steps_before_the_cut() {
    let mut amid = 0;
    for seed in 0..1500 {
        let (mut world, requests) = micro_world(seed);
        world.stepwise = seed % 3 == 0;
        let Ok((whole, seen)) = world.run(&requests, took) else { continue };
        let cut = SimTime(Stream::new(seed, 0, "cut", 0).below(whole.horizon.0.max(1)));
        world.horizon = Some(cut);
        let (totals, _) = world.run(&requests, took).unwrap();
        assert_eq!(totals.horizon, cut, "{seed}");
        let sum = |of: &dyn Fn(&StepRecord) -> u64| {
            seen.steps.iter().map(|s| u128::from(of(s)) * u128::from(before(s, cut))).sum::<u128>()
        };
        assert_eq!(u128::from(totals.busy.0), sum(&|_| 1), "{seed}");
        assert_eq!(totals.kv_block_ns, sum(&|s| s.kv_blocks_used), "{seed}");
        assert_eq!(totals.seat_ns, sum(&|s| u64::from(s.running)), "{seed}");
        let begun = seen.steps.iter().filter(|s| s.start < cut);
        assert_eq!(totals.steps, begun.clone().count() as u64, "{seed}");
        if world.engine.step == StepKind::Mixed {
            let part = |s: &StepRecord| {
                (s.prefill_tokens + u64::from(s.decodes)) * before(s, cut) / s.duration.0.max(1)
            };
            assert_eq!(totals.computed_tokens, begun.clone().map(part).sum::<u64>(), "{seed}");
        }
        amid += begun.filter(|s| s.start + s.duration > cut).count();
        let replicas = u128::from(totals.replicas) * u128::from(cut.0);
        assert!(u128::from(totals.busy.0) <= replicas, "{seed}");
        assert!(totals.kv_block_ns <= u128::from(totals.kv_blocks) * u128::from(cut.0), "{seed}");
        assert!(totals.seat_ns <= u128::from(totals.seats) * u128::from(cut.0), "{seed}");
    }
    assert!(amid > 500, "{amid} steps were cut");
}

/// Energy and time at peak of a step that is cut are those of its part, and no device is above its peak: attention
/// at another precision has a peak of its own.
#[test]
fn energy_and_peaks_of_a_cut_step() {
    let mut profile = Profile::load("llama3-8b-h100").unwrap();
    let foretoken::latency::Timing::Roofline(law) = &mut profile.timing else { panic!("it is a roofline") };
    law.attention_flops_per_s = law.matmul_flops_per_s / 4.0;
    law.matmul_flops_per_s *= 2.0;
    (law.compute_efficiency, law.bandwidth_efficiency, law.step_overhead_s) = (1.0, 1.0, 0.0);
    let run = |horizon| {
        let world = World { horizon, ..World::new(Preset::VllmV1) };
        let registry = foretoken::scheduler::Registry::builtin();
        let model = |_| profile.model(1 << 20);
        let make = |_| registry.make("fcfs", &world.params, 7);
        world.run_on(&[request(0, 0, 8000, 2)], &model, &make).unwrap()
    };
    let (_, seen) = run(None);
    let first = seen.steps[0].duration;
    let [whole, half] = [first.0, first.0 / 2].map(|at| run(Some(SimTime(at))).0);
    let ratio = |a: f64, b: f64| assert!((a / b - 0.5).abs() < 1e-6, "{a} of {b}");
    let [a, b] = [half.at_peak_s.unwrap(), whole.at_peak_s.unwrap()];
    ratio(a[0], b[0]);
    ratio(a[1], b[1]);
    assert!(b[0] <= first.as_secs() && b[0] > 0.9 * first.as_secs(), "{} of {}", b[0], first.as_secs());
    if let (Some(a), Some(b)) = (half.energy_j, whole.energy_j) {
        ratio(a, b);
    }
    assert_eq!((half.steps, whole.computed_tokens), (1, 8000));
    assert!((3999..=4000).contains(&half.computed_tokens), "{}", half.computed_tokens);
}
