//! Noise in runs: the same bytes in quiet stretches as step by step, common random numbers between schedulers.

use crate::stepwise::micro_world;
use crate::support::{Seen, World, request};
use foretoken::engine::Preset;
use foretoken::ids::ReplicaId;
use foretoken::latency::{Draws, Profile};
use foretoken::record::RunTotals;
use foretoken::scheduler::Registry;
use foretoken::workload::Request;

const LOG_NORMAL: &str = "kind = \"log-normal\"\nsigma = 0.4\nautocorrelation = 0.7\n";
const REGIONS: &str = "kind = \"regions\"\n\
    [[noise.regions]]\nmax_rows = 2\nmin = 0.8\np10 = 0.9\nmedian = 1.0\np90 = 1.5\nmax = 3.0\n\
    [[noise.regions]]\nmin = 0.5\np10 = 0.7\nmedian = 0.9\np90 = 1.0\nmax = 1.1\n";

fn profile(timing: &str, noise: &str) -> Profile {
    let head = "schema = 1\nname = \"p\"\ndescription = \"\"\n[provenance]\nwho = \"\"\ndevice = \"\"\n\
                software = \"\"\ndate = \"\"\nhow = \"measured\"\n";
    Profile::parse("p.toml", &format!("{head}[timing.linear]\n{timing}\n[noise]\n{noise}")).unwrap()
}

fn run(world: &World, requests: &[Request], profile: &Profile, seed: u64) -> (RunTotals, Seen) {
    let registry = Registry::builtin();
    let draws = |id: ReplicaId| Draws { seed, replicate: 0, replica: id.0.into() };
    let model = |id: ReplicaId| profile.noisy_model(1, draws(id));
    world
        .run_on(requests, &model, &|_| registry.make(&world.scheduler, &world.params, 7))
        .unwrap_or_else(|e| panic!("seed {seed}: {e}"))
}

#[test]
fn quiet_stretches_draw_the_noise_of_single_steps() {
    let timing = "step_s = 1e-6\nprefill_token_s = 37e-9\ndecode_s = 11e-9\ncontext_token_s = 1e-9";
    let profiles = [LOG_NORMAL, REGIONS].map(|noise| profile(timing, noise));
    let mut quiet_steps = 0;
    for seed in 0..1500 {
        let (mut world, requests) = micro_world(seed);
        let profile = &profiles[seed as usize % 2];
        let (totals, seen) = run(&world, &requests, profile, seed);
        world.stepwise = true;
        let (slow_totals, slow) = run(&world, &requests, profile, seed);
        assert_eq!(seen.steps, slow.steps, "seed {seed}");
        assert_eq!(seen.events, slow.events, "seed {seed}");
        assert_eq!(totals.digest, slow_totals.digest, "seed {seed}");
        assert_eq!(totals.busy, slow_totals.busy, "seed {seed}");
        quiet_steps += seen.steps.iter().filter(|s| s.prefills == 0).count();
    }
    assert!(quiet_steps > 10_000, "{quiet_steps}");
}

#[test]
fn schedulers_share_the_noise_of_equal_steps() {
    // Every step would take a millisecond, so durations are the factors.
    let profile = profile("step_s = 1e-3", LOG_NORMAL);
    let requests: Vec<Request> =
        (0..60).map(|i| request(i, u64::from(i) * 400_000, 1 + i * 7 % 40, 1 + i * 11 % 30)).collect();
    let durations = |scheduler: &str, seed| {
        let mut world = World::new(Preset::VllmV1);
        world.scheduler = scheduler.into();
        (world.engine.max_seqs, world.cluster.replicas) = (3, 2);
        let (_, seen) = run(&world, &requests, &profile, seed);
        let of = |replica| {
            let own = seen.steps.iter().filter(|s| s.replica.0 == replica);
            own.map(|s| s.duration).collect::<Vec<_>>()
        };
        [of(0), of(1)]
    };
    let (fcfs, sjf) = (durations("fcfs", 1), durations("sjf", 1));
    for (mine, theirs) in fcfs.iter().zip(&sjf) {
        let both = mine.len().min(theirs.len());
        assert!(both > 50);
        assert_eq!(mine[..both], theirs[..both]);
    }
    assert_ne!(fcfs[0][..50], fcfs[1][..50], "replicas draw for themselves");
    assert_ne!(fcfs[0][..50], durations("fcfs", 2)[0][..50], "seeds differ");
}
