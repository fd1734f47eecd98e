//! Hardware in the loop, without hardware: a device whose steps take what a profile says runs as the profile does.

use crate::stepwise::micro_world;
use crate::support::{Seen, World, request};
use foretoken::engine::Preset;
use foretoken::error::Result;
use foretoken::ids::ReplicaId;
use foretoken::in_the_loop::{Executed, Executor, InTheLoop, Pace, Part, Room, Task, Wall};
use foretoken::latency::{Chunk, LatencyModel, Profile, StepShape};
use foretoken::record::RunTotals;
use foretoken::scheduler::{Registry, Scheduler};
use foretoken::time::{SimTime, Span};
use foretoken::workload::Request;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const VOCABULARY: u32 = 977;
/// Arrivals of micro worlds are far apart in nanoseconds; here, in step times of a model.
const SLOWER: u64 = 20_000;

/// What lies on the fake device and beside it.
#[derive(Clone, Default)]
struct Beside {
    /// The fake wall's clock, ns.
    clock: Arc<AtomicU64>,
    /// Token sequences of freed slots.
    histories: Arc<Mutex<Vec<Vec<u32>>>>,
}

/// A device that takes what a profile says. Its next token is a function of all tokens before, as a language
/// model's is, and it trusts nobody about what its slots hold.
struct Fake {
    profile: Box<dyn LatencyModel>,
    slots: Vec<Vec<u32>>,
    beside: Beside,
    steps: u64,
}

fn next_token(history: &[u32]) -> u32 {
    history.iter().fold(7u32, |h, &t| h.wrapping_mul(31).wrapping_add(t)) % VOCABULARY
}

impl Executor for Fake {
    fn name(&self) -> String {
        "fake".into()
    }

    fn vocabulary(&self) -> u32 {
        VOCABULARY
    }

    fn room(&self) -> Room {
        Room { slots: self.slots.len(), context: 4096 }
    }

    fn has_encoder(&self) -> bool {
        false
    }

    fn execute(&mut self, parts: &[Part<'_>]) -> Result<Executed> {
        let mut chunks = Vec::new();
        let (mut decodes, mut context_sum, mut tokens) = (0, 0, Vec::new());
        let mut seen = BTreeSet::new();
        for part in parts {
            assert!(seen.insert(part.slot), "slot {} twice", part.slot);
            let slot = &mut self.slots[part.slot];
            let last = match part.task {
                Task::Prompt { tokens, last } => {
                    chunks.push(Chunk::of_prompt(slot.len() as u32, tokens.len() as u32));
                    slot.extend(tokens);
                    last
                }
                Task::Decode { token } => {
                    assert_eq!(token, next_token(slot), "not the token that came out");
                    slot.push(token);
                    (decodes, context_sum) = (decodes + 1, context_sum + slot.len() as u64);
                    true
                }
            };
            assert!(slot.iter().all(|t| *t < VOCABULARY));
            tokens.push(last.then(|| next_token(slot)));
        }
        let shape =
            StepShape { step: self.steps, prefill: &chunks, decodes, context_sum, ..StepShape::default() };
        self.steps += 1;
        let took = self.profile.step(&shape)?;
        self.beside.clock.fetch_add(took.0, Relaxed);
        Ok(Executed { seconds: took.as_secs(), tokens })
    }

    fn take_back(&mut self, slot: usize, context: usize, prompt_tokens: usize) -> Result<()> {
        assert!(self.slots[slot].len() == context + 1 && prompt_tokens <= context);
        self.slots[slot].truncate(context);
        Ok(())
    }

    fn release(&mut self, slot: usize) {
        let history = std::mem::take(&mut self.slots[slot]);
        self.beside.histories.lock().unwrap().push(history);
    }
}

/// The fake wall; a scheduler takes `thinks_ns` before every step.
struct FakeWall {
    clock: Arc<AtomicU64>,
    thinks_ns: u64,
}

impl Wall for FakeWall {
    fn elapsed(&self) -> Span {
        Span(self.clock.load(Relaxed))
    }

    fn wait(&mut self, until: SimTime) {
        let now = self.clock.load(Relaxed) + self.thinks_ns;
        self.clock.store(now.max(until.0), Relaxed);
    }
}

type Ran = Result<(RunTotals, Seen)>;

/// Runs `world` on the profile, and on a device that takes what the profile says, at the pace of `pace`.
fn both(
    world: &World,
    requests: &[Request],
    profile: &Profile,
    beside: &Beside,
    pace: impl Fn() -> Pace,
) -> [Ran; 2] {
    let registry = Registry::builtin();
    let capacity = world.blocks * u64::from(world.kv.block_tokens);
    let make =
        |_: ReplicaId| -> Result<Box<dyn Scheduler>> { registry.make(&world.scheduler, &world.params, 7) };
    let simulated = world.run_on(requests, &|_| profile.model(capacity), &make);
    let device = |_: ReplicaId| -> Result<Box<dyn LatencyModel>> {
        let slots = vec![Vec::new(); world.engine.max_seqs as usize];
        let fake = Fake { profile: profile.model(capacity)?, slots, beside: beside.clone(), steps: 0 };
        Ok(Box::new(InTheLoop::new(fake, 3, pace())))
    };
    [simulated, world.run_on(requests, &device, &make)]
}

fn slow_world(seed: u64) -> (World, Vec<Request>) {
    let (mut world, mut requests) = micro_world(seed);
    world.cluster.replicas = 1;
    for r in &mut requests {
        r.visible.arrival = SimTime(r.visible.arrival.0 * SLOWER);
    }
    (world, requests)
}

/// The deterministic check of the path: under 0.1% in the E2E latency of every request.
#[test]
fn a_device_that_takes_what_a_profile_says_runs_as_the_profile_does() {
    let profiles = ["llama3-8b-h100", "unit"].map(|name| Profile::load(name).unwrap());
    let (mut compared, mut preempted, mut schedulers) = (0, 0, BTreeSet::new());
    for seed in 0..500 {
        let (world, requests) = slow_world(seed);
        let profile = &profiles[(seed % 5 / 4) as usize];
        let [simulated, measured] = both(&world, &requests, profile, &Beside::default(), || Pace::Virtual);
        let (simulated, measured) = match (simulated, measured) {
            (Ok((_, a)), Ok((_, b))) => (a.requests, b.requests),
            (Err(a), Err(b)) => {
                assert_eq!(a.to_string(), b.to_string());
                continue;
            }
            (a, b) => panic!("world {seed}: {:?} against {:?}", a.map(|_| ()), b.map(|_| ())),
        };
        for (a, b) in simulated.iter().zip(&measured) {
            assert_eq!(a.status, b.status);
            let (Some(a_s), Some(b_s)) = (a.e2e().map(Span::as_secs), b.e2e().map(Span::as_secs)) else {
                continue;
            };
            assert!((a_s - b_s).abs() < 1e-3 * a_s, "world {seed}, request {}: {a_s} s, {b_s} s", a.id);
            compared += 1;
            preempted += a.preemptions;
        }
        schedulers.insert(world.scheduler);
    }
    assert!(compared > 1500 && preempted > 100 && schedulers.len() > 25, "{compared} {preempted}");
}

/// Whoever lost its memory computes the very tokens it had again.
#[test]
fn preempted_requests_compute_their_own_tokens_again() {
    let requests: Vec<Request> = (0..6).map(|i| request(i, u64::from(i) * SLOWER, 3 + i, 20)).collect();
    let histories = |blocks| {
        let mut world = World::new(Preset::VllmV12025);
        (world.kv.block_tokens, world.blocks, world.engine.max_seqs) = (2, blocks, 6);
        let beside = Beside::default();
        let profile = Profile::load("unit").unwrap();
        let [_, run] = both(&world, &requests, &profile, &beside, || Pace::Virtual);
        let preemptions: u32 = run.unwrap().1.requests.iter().map(|r| r.preemptions).sum();
        let histories: BTreeSet<Vec<u32>> = beside.histories.lock().unwrap().drain(..).collect();
        (preemptions, histories)
    };
    let ((none, roomy), (some, short)) = (histories(1000), histories(20));
    assert!(none == 0 && some > 3 && roomy.len() == 6);
    assert!(roomy.is_subset(&short), "the outputs differ from those without preemption");
}

#[test]
fn real_time_is_the_walls_and_counts_the_schedulers_own() {
    let profile = Profile::load("llama3-8b-h100").unwrap();
    let requests: Vec<Request> = (0..8).map(|i| request(i, u64::from(i) * 300_000_000, 50 + i, 20)).collect();
    let mut world = World::new(Preset::VllmV1);
    world.engine.max_seqs = 4;
    let run = |thinks_ns| {
        let beside = Beside::default();
        let clock = beside.clock.clone();
        let wall = || FakeWall { clock: clock.clone(), thinks_ns };
        let [simulated, real] = both(&world, &requests, &profile, &beside, || Pace::Real(Box::new(wall())));
        (simulated.unwrap(), real.unwrap())
    };
    let (simulated, real) = run(0);
    assert_eq!(simulated.0.digest, real.0.digest, "a scheduler that takes no time");
    let ((_, simulated), (_, real)) = run(100_000);
    assert_eq!(simulated.steps.len(), real.steps.len());
    let mut idle_ends = Vec::new();
    for (i, (a, b)) in simulated.steps.iter().zip(&real.steps).enumerate() {
        // The scheduler thinks while an arrival is waited for.
        let idle = i > 0 && b.start > real.steps[i - 1].start + real.steps[i - 1].duration || b.start.0 == 0;
        let thinks = if idle && b.start.0 > 0 { 0 } else { 100_000 };
        assert_eq!(b.duration.0, a.duration.0 + thinks, "step {i}");
        idle_ends.extend(idle.then_some(b.start));
    }
    assert!(idle_ends.len() > 3, "{idle_ends:?}");
    assert!(idle_ends.iter().all(|start| requests.iter().any(|r| r.visible.arrival == *start)));
}
