//! `--stepwise` and the default give the same bytes: on thousands of random small worlds, over every
//! scheduler, preset and shape of shortage.

use crate::support::{Seen, World, request};
use foretoken::engine::{Gate, Preset, VictimRule};
use foretoken::latency::StepShape;
use foretoken::predict::{AfterPreemption, PredictionConfig, PredictionMode, PredictorConfig};
use foretoken::record::RunTotals;
use foretoken::rng::Stream;
use foretoken::scheduler::{Registry, Requeue};
use foretoken::workload::{ClassId, Request};

/// Steps of uneven length, so that times never agree by accident.
fn uneven(shape: &StepShape<'_>) -> u64 {
    let contexts = shape.context_sum % 7 + shape.context_max % 5 + (shape.context_squares % 3) as u64;
    1000 + 37 * shape.prefill_tokens() + 11 * shape.decodes + contexts
}

/// A random small world in which memory, seats and tokens are often short.
pub fn micro_world(seed: u64) -> (World, Vec<Request>) {
    let mut s = Stream::new(seed, 0, "micro", 0);
    let names: Vec<&str> = Registry::builtin().entries().iter().map(|e| e.name).collect();
    let mut pick = |n: u64| s.below(n);
    let preset = Preset::ALL[pick(4) as usize];
    let mut world = World::new(preset);
    world.scheduler = names[pick(names.len() as u64) as usize].into();
    if ["edf", "least-slack"].contains(&world.scheduler.as_str()) {
        world.params.insert("default_deadline_s".into(), 0.001.into());
    }
    let made = Registry::builtin().make(&world.scheduler, &world.params, 0).unwrap();
    if preset == Preset::Static && made.preempts() {
        world.scheduler = "fcfs".into();
    }
    if world.scheduler == "mlfq" {
        world.params.insert("quantum_tokens".into(), (1 + pick(4)).into());
    }
    world.engine.max_seqs = 1 + pick(6) as u32;
    if preset != Preset::Theory {
        world.kv.block_tokens = 1 + pick(5) as u32;
        world.engine.max_tokens_per_step = 1 + pick(32);
        world.engine.chunked_prefill = pick(4) != 0 && preset != Preset::Static;
        world.engine.long_prefill_threshold = [0, 0, 1, 3][pick(4) as usize];
        world.engine.requeue = [Requeue::Front, Requeue::Back, Requeue::Ranked][pick(3) as usize];
        world.engine.admit_in_preempt_step = pick(2) == 0;
    }
    if preset == Preset::Static || pick(8) == 0 {
        world.engine.max_model_len = 24;
    }
    if world.engine.max_model_len > 0 && pick(2) == 0 {
        world.kv.gate = Gate::MaxLen;
    }
    world.engine.victim =
        [VictimRule::LastAdmitted, VictimRule::LatestArrival, VictimRule::WorstPriority][pick(3) as usize];
    world.engine.host_overhead_s = [0.0, 1e-7][pick(2) as usize];
    world.kv.watermark = [0.0, 0.1, 0.3][pick(3) as usize];
    world.blocks = 2 + pick(40);
    world.cluster.replicas = 1 + (pick(3) as u32 / 2) * 2;
    world.cluster.router = ["round-robin", "least-outstanding"][pick(2) as usize].into();
    world.predictor =
        [PredictorConfig::Oracle, PredictorConfig::Noisy { sigma: 0.7 }][pick(2) as usize].clone();
    world.prediction = prediction(&mut pick);
    if !made.serves_unpredicted() {
        world.prediction = PredictionConfig::default();
    }
    let mut at = 0;
    let requests = (0..1 + pick(12))
        .map(|id| {
            at += [0, pick(300), pick(9000)][pick(3) as usize];
            let mut r = request(id as u32, at, 1 + pick(12) as u32, 1 + pick(11) as u32);
            r.visible.priority = pick(3) as i32;
            r.visible.class = ClassId(pick(2) as u16);
            r
        })
        .collect();
    (world, requests)
}

/// At once in half of the worlds; else on a server whose batches take about as long as steps.
fn prediction(pick: &mut dyn FnMut(u64) -> u64) -> PredictionConfig {
    let server = PredictionConfig {
        batch_max: 1 + pick(3) as u32,
        batch_wait_s: [0.0, 2e-6][pick(2) as usize],
        batch_s: [0.0, 1e-6, 5e-6][pick(3) as usize],
        prompt_s: [0.0, 1e-6][pick(2) as usize],
        failure_rate: [0.0, 0.2][pick(2) as usize],
        ..PredictionConfig::default()
    };
    match pick(4) {
        0 | 1 => PredictionConfig::default(),
        2 => PredictionConfig { mode: PredictionMode::Synchronous, ..server },
        _ => PredictionConfig {
            mode: PredictionMode::Asynchronous,
            after_preemption: [AfterPreemption::Keep, AfterPreemption::Again][pick(2) as usize],
            ..server
        },
    }
}

fn run(world: &World, requests: &[Request], seed: u64) -> (RunTotals, Seen) {
    world.run(requests, uneven).unwrap_or_else(|e| panic!("seed {seed}: {e}"))
}

#[test]
fn stepwise_and_quiet_runs_are_the_same() {
    let mut preemptions = 0;
    for seed in 0..10_000 {
        let (mut world, requests) = micro_world(seed);
        let (totals, seen) = run(&world, &requests, seed);
        world.stepwise = true;
        let (slow_totals, slow) = run(&world, &requests, seed);
        assert_eq!(seen.events, slow.events, "seed {seed}");
        assert_eq!(seen.steps, slow.steps, "seed {seed}");
        assert_eq!(totals.digest, slow_totals.digest, "seed {seed}");
        let moments =
            |t: &RunTotals| (t.itl.n(), t.itl.sum(), t.itl.sum_of_squares(), t.itl.min(), t.itl.max());
        assert_eq!(moments(&totals), moments(&slow_totals), "seed {seed}");
        assert_eq!(totals.busy, slow_totals.busy, "seed {seed}");
        assert_eq!(totals.kv_block_ns, slow_totals.kv_block_ns, "seed {seed}");
        assert_eq!(totals.seat_ns, slow_totals.seat_ns, "seed {seed}");
        assert_eq!(totals.computed_tokens, slow_totals.computed_tokens, "seed {seed}");
        preemptions += seen.requests.iter().map(|r| r.preemptions).sum::<u32>();
    }
    assert!(preemptions > 1000, "the worlds are too roomy to test anything");
}
