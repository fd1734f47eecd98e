//! Golden traces, and what must hold of every run.

use crate::support::{World, request};
use foretoken::engine::{Gate, Preset};
use foretoken::record::Status;
use foretoken::workload::Request;

const S: u64 = 1_000_000_000;

/// A(P6,O4) B(P5,O6) C(P3,O5), all at 0.
fn abc() -> Vec<Request> {
    vec![request(0, 0, 6, 4), request(1, 0, 5, 6), request(2, 0, 3, 5)]
}

fn golden(preset: Preset) -> World {
    let mut world = World::new(preset);
    world.kv.block_tokens = 4;
    world.blocks = 6;
    world
}

/// Step index at which each request's first and last tokens come, from unit steps.
fn tokens(world: &World) -> (Vec<u64>, Vec<u64>, Vec<u64>) {
    let (_, seen) = world.run(&abc(), |_| S).unwrap();
    assert!(seen.requests.iter().all(|r| r.status == Status::Completed));
    let step = |t: foretoken::time::MaybeTime| t.get().unwrap().0 / S - 1;
    let first = seen.requests.iter().map(|r| step(r.first_token)).collect();
    let last = seen.requests.iter().map(|r| step(r.finish)).collect();
    let free = seen.steps.iter().map(|s| world.blocks - s.kv_blocks_used).collect();
    (first, last, free)
}

#[test]
fn vllm_v1_golden_trace() {
    let mut world = golden(Preset::VllmV1);
    world.engine.max_tokens_per_step = 8;
    for stepwise in [false, true] {
        world.stepwise = stepwise;
        let (first, last, free) = tokens(&world);
        assert_eq!(first, [0, 1, 1]);
        assert_eq!(last, [3, 6, 6]);
        assert_eq!(free, [3, 1, 1, 1, 2, 1, 1]);
    }
}

#[test]
fn static_golden_trace() {
    let mut world = golden(Preset::Static);
    world.engine.max_model_len = 12;
    let (first, last, _) = tokens(&world);
    assert_eq!(first, [0, 0, 6]);
    assert_eq!(last, [3, 5, 10]);
}

/// Not a preset yet, but the same keys give Orca's trace.
#[test]
fn orca_golden_trace() {
    let mut world = golden(Preset::VllmV1);
    world.engine.max_model_len = 12;
    world.engine.chunked_prefill = false;
    world.kv.gate = Gate::MaxLen;
    let (first, last, _) = tokens(&world);
    assert_eq!(first, [0, 0, 4]);
    assert_eq!(last, [3, 5, 8]);
}
