//! The engine against the naive reference: the same steps, tokens and preemptions on 10,000 random
//! micro-scenarios.

use crate::reference::{
    RefConfig, RefPreset, RefRequest, RefRequeue, RefVictim, linear_step_ns, micro_scenario, run,
};
use crate::support::{World, request};
use foretoken::engine::{Preset, VictimRule};
use foretoken::latency::StepShape;
use foretoken::length::Belief;
use foretoken::predict::{AfterPreemption, PredictionConfig, PredictionMode};
use foretoken::record::Status;
use foretoken::scheduler::{Rank, Requeue, Scheduler, Waiting};
use foretoken::time::SimTime;
use foretoken::workload::Request;

/// Ranks from a table: before and after the prediction.
#[derive(Clone)]
struct Table(Vec<[f64; 2]>);

impl Scheduler for Table {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(self.0[r.visible.id.0 as usize][usize::from(*r.belief != Belief::Unknown)])
    }
}

/// The reference's `linear_step_ns`, from a shape. A decode's context counts the new token.
pub fn linear(shape: &StepShape<'_>) -> u64 {
    let prefill = |c: &foretoken::latency::Chunk| 11 + 3 * u64::from(c.new) + u64::from(c.context);
    1000 + shape.prefill.iter().map(prefill).sum::<u64>() + 13 * shape.decodes + shape.context_sum
}

pub fn world(config: &RefConfig) -> World {
    let preset = match config.preset {
        RefPreset::VllmV1 => Preset::VllmV1,
        RefPreset::VllmV1Of2025 => Preset::VllmV12025,
        RefPreset::Static => Preset::Static,
        RefPreset::Theory => Preset::Theory,
    };
    let mut world = World::new(preset);
    if !matches!(preset, Preset::Static | Preset::Theory) {
        world.engine.max_tokens_per_step = config.max_tokens_per_step;
        world.engine.chunked_prefill = config.chunk;
        world.engine.long_prefill_threshold = config.long_prefill_threshold;
    }
    world.engine.max_model_len = if preset == Preset::Static { config.max_len } else { 0 };
    world.engine.max_seqs = config.max_seqs;
    world.engine.admit_in_preempt_step = config.admit_in_preempt_step;
    world.engine.self_preempt_stops = true;
    world.engine.victim = match config.victim {
        RefVictim::LastAdmitted => VictimRule::LastAdmitted,
        RefVictim::WorstPriority => VictimRule::WorstPriority,
    };
    world.engine.requeue = match config.requeue {
        RefRequeue::Front => Requeue::Front,
        RefRequeue::Back => Requeue::Back,
        RefRequeue::Ranked => Requeue::Ranked,
    };
    world.kv.block_tokens = config.block_tokens;
    world.kv.watermark = config.watermark;
    world.blocks = config.blocks;
    if let Some(server) = &config.predictor {
        let seconds = |ns: u64| ns as f64 / 1e9;
        world.prediction = PredictionConfig {
            mode: if server.holds { PredictionMode::Synchronous } else { PredictionMode::Asynchronous },
            batch_max: server.max as u32,
            batch_wait_s: seconds(server.wait_ns),
            batch_s: seconds(server.batch_ns),
            prompt_s: seconds(server.prompt_ns),
            after_preemption: if server.again { AfterPreemption::Again } else { AfterPreemption::Keep },
            ..PredictionConfig::default()
        };
    }
    world
}

pub fn requests(reference: &[RefRequest]) -> Vec<Request> {
    let all = reference.iter().enumerate().map(|(i, r)| {
        let mut request = request(i as u32, r.arrival_ns, r.prompt, r.output);
        request.visible.priority = r.priority;
        request
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|r| (r.visible.arrival, r.visible.id));
    all
}

#[test]
fn engine_equals_the_naive_reference() {
    let (mut preemptions, mut rejections, mut asked_again) = (0, 0, 0);
    for seed in 0..10_000 {
        let (reference, config) = micro_scenario(seed);
        let expected = run(&reference, &config, &linear_step_ns);
        let table = Table(reference.iter().map(|r| [r.early_rank, r.rank]).collect());
        let world = world(&config);
        let scheduler = |_| Ok(Box::new(table.clone()) as Box<dyn Scheduler>);
        let (_, seen) = world
            .run_with(&requests(&reference), linear, &scheduler)
            .unwrap_or_else(|e| panic!("seed {seed}: {e}\n{config:?}"));
        let context = format!("seed {seed}\n{config:?}\n{reference:?}");
        for (step, want) in seen.steps.iter().zip(&expected.steps) {
            let scheduled: u64 = want.scheduled.iter().map(|&(_, tokens)| tokens).sum();
            let got = step.prefill_tokens + u64::from(step.decodes);
            assert_eq!(
                (step.start.0, step.duration.0, got),
                (want.start_ns, want.dur_ns, scheduled),
                "{context}"
            );
            let free = config.blocks - step.kv_blocks_used;
            assert_eq!(free, want.free_blocks_after_scheduling, "step {} of {context}", step.step);
        }
        assert_eq!(seen.steps.len(), expected.steps.len(), "{context}");
        for (record, (tokens, preempted)) in
            seen.requests.iter().zip(expected.tokens.iter().zip(&expected.preemptions))
        {
            let ends = (record.first_token.get().map(|t| t.0), record.finish.get().map(|t| t.0));
            let want = match record.status {
                Status::Completed => (tokens.first().copied(), tokens.last().copied()),
                _ => (ends.0, None),
            };
            assert_eq!(ends, want, "request {} of {context}", record.id);
            assert_eq!(record.preemptions, *preempted, "request {} of {context}", record.id);
            let rejected = expected.rejected.contains(&record.id.0);
            assert_eq!(record.status == Status::Rejected, rejected, "request {} of {context}", record.id);
            preemptions += preempted;
            asked_again += if config.predictor.is_some_and(|server| server.again) { *preempted } else { 0 };
            rejections += u32::from(rejected);
        }
    }
    let counts = [preemptions, rejections, asked_again];
    assert!(counts.iter().all(|&n| n > 1000), "too roomy: {counts:?}");
}
