//! What must hold of every interval scheduler on random instances.

use super::{KNOWING, NAMES, plain, run};
use crate::support::{World, request};
use foretoken::engine::{Preset, RoundRequest, Rounds};
use foretoken::latency::StepShape;
use foretoken::length::Belief;
use foretoken::predict::PredictorConfig;
use foretoken::rng::Stream;

/// What the intervals of a random instance are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// They hold the output.
    Valid,
    /// They are the output.
    Exact,
    /// They may miss it.
    Wrong,
}

/// At most 40 requests, with equal prompts and arrivals or not.
pub fn instance(seed: u64, kind: Kind) -> (u64, Vec<RoundRequest>) {
    let mut rng = Stream::new(seed, 0, "interval laws", 0);
    let mut pick = |low: u64, high: u64| low + rng.below(high - low + 1);
    let m = pick(6, 60);
    let (spread, prompts) = (pick(0, 1) * pick(0, 40), pick(0, 1) * pick(1, 5));
    let one = |_| {
        let prompt = prompts + if pick(0, 1) == 0 { 0 } else { pick(0, 5 - prompts) };
        let most = if pick(0, 3) == 0 { m - prompt } else { (m - prompt).min(4) };
        let output = pick(1, most);
        let wide = (pick(1, output), pick(output, m - prompt));
        let (lo, hi) = match kind {
            Kind::Valid => wide,
            Kind::Exact => (output, output),
            Kind::Wrong => {
                let lo = pick(1, m - prompt);
                (lo, pick(lo, m - prompt))
            }
        };
        let belief = Belief::Interval { lo: lo as u32, hi: hi as u32 };
        RoundRequest { arrival: pick(0, spread), prompt: prompt as u32, output: output as u32, belief }
    };
    let n = 1 + seed % 40;
    (m, (0..n).map(one).collect())
}

/// Final attempts alone fit in every round, and nobody is done before it can be.
fn holds(m: u64, requests: &[RoundRequest], rounds: &Rounds) -> bool {
    let attempts: Vec<(u64, u64, u64)> = rounds
        .completion
        .iter()
        .zip(requests)
        .map(|(&end, r)| (end.wrapping_sub(u64::from(r.output)), end, u64::from(r.prompt)))
        .collect();
    let in_time =
        attempts.iter().zip(requests).all(|((start, end, _), r)| start <= end && *start >= r.arrival);
    let held = |t: u64| -> u64 {
        attempts.iter().filter(|(p, end, _)| (p + 1..=*end).contains(&t)).map(|(p, _, s)| s + t - p).sum()
    };
    in_time && rounds.peak_kv_tokens <= m && rounds.completion.iter().all(|&t| held(t) <= m)
}

#[test]
fn everybody_completes_within_the_memory() {
    for seed in 0..150 {
        for kind in [Kind::Valid, Kind::Exact, Kind::Wrong] {
            let (m, requests) = instance(seed, kind);
            for name in NAMES {
                let rounds = plain(name, m, &requests);
                assert!(holds(m, &requests, &rounds), "{name}, seed {seed}, {kind:?}: {rounds:?}");
                let never_kills = KNOWING.contains(&name) || (name == "a-max" && kind != Kind::Wrong);
                assert!(!never_kills || rounds.kills == 0, "{name}, seed {seed}: {rounds:?}");
            }
        }
    }
}

#[test]
fn with_certain_intervals_all_are_hindsight() {
    for seed in 0..500 {
        let (m, requests) = instance(seed, Kind::Exact);
        let hindsight = plain("h-sf", m, &requests);
        for name in ["a-max", "a-min", "a-ell", "mc-sf"] {
            assert_eq!(plain(name, m, &requests).completion, hindsight.completion, "{name}, seed {seed}");
        }
    }
}

/// No schedule beats M x TEL >= the prefix sums of the sorted volumes (SVF's bound).
#[test]
fn nobody_beats_the_volume_bound() {
    for seed in 0..200 {
        let (m, mut requests) = instance(seed, Kind::Valid);
        requests.iter_mut().for_each(|r| r.arrival = 0);
        let volume = |r: &RoundRequest| {
            let (s, o) = (u64::from(r.prompt), u64::from(r.output));
            s * o + o * (o + 1) / 2
        };
        let mut volumes: Vec<u64> = requests.iter().map(volume).collect();
        volumes.sort_unstable();
        let bound: u64 = volumes.iter().rev().zip(1..).map(|(v, k)| v * k).sum();
        for name in NAMES {
            let tel = plain(name, m, &requests).tel(&requests);
            assert!(m * tel >= bound, "{name}, seed {seed}: {m} x {tel} < {bound}");
        }
    }
}

/// The default of `a-min` ends, whatever the intervals and the seed; so do its other variants with safe ties.
#[test]
fn a_min_ends() {
    for seed in 0..1000 {
        let (m, requests) = instance(seed, if seed % 2 == 0 { Kind::Valid } else { Kind::Wrong });
        run("a-min", serde_json::json!({}), seed, m, &requests).unwrap();
        let projection = ["running", "hold", "literal"][seed as usize % 3];
        let tie = ["random", "index"][seed as usize % 2];
        let bound = ["stored", "running"][seed as usize / 2 % 2];
        let params = serde_json::json!({ "projection": projection, "tie": tie, "bound": bound });
        run("a-min", params, seed, m, &requests).unwrap();
    }
}

/// Outputs outside their intervals are counted, on whichever side.
#[test]
fn misses_are_counted() {
    for seed in 0..200 {
        let (m, requests) = instance(seed, Kind::Wrong);
        let outside = |above: bool| {
            let misses = |r: &&RoundRequest| match r.belief {
                Belief::Interval { lo, hi } => {
                    if above {
                        r.output > hi
                    } else {
                        r.output < lo
                    }
                }
                _ => false,
            };
            requests.iter().filter(misses).count() as u64
        };
        let counts = plain("a-max", m, &requests).intervals;
        assert_eq!(
            (counts.given, counts.below, counts.above),
            (requests.len() as u64, outside(false), outside(true))
        );
    }
}

/// The order of input breaks ties, whatever the seed, but for the kills of `a-min`.
#[test]
fn a_seed_changes_ties_alone() {
    let mut differ = 0;
    for seed in 0..200 {
        let (m, requests) = instance(seed, Kind::Valid);
        for name in NAMES {
            let of = |s| run(name, serde_json::json!({}), s, m, &requests).unwrap().completion;
            let same = of(1) == of(2);
            assert!(same || name == "a-min", "{name}, seed {seed}");
            differ += u32::from(!same);
        }
    }
    assert!(differ > 10, "{differ}");
}

/// In blocks, with prompts of one chunk, nobody who knows an upper bound runs out of memory.
#[test]
fn upper_bounds_hold_in_blocks() {
    let timed = |shape: &StepShape<'_>| 10_000 + 30 * shape.prefill_tokens() + 200 * shape.decodes;
    for seed in 0..60 {
        let mut world = World::new(Preset::VllmV1);
        (world.blocks, world.engine.max_tokens_per_step) = (30 + seed % 40, 1 << 20);
        let mut rng = Stream::new(seed, 0, "interval blocks", 0);
        let mut at = 0;
        let requests: Vec<_> = (0..60)
            .map(|id| {
                at += rng.below(60_000);
                request(id, at, 1 + rng.below(80) as u32, 1 + rng.below(90) as u32)
            })
            .collect();
        for (name, predictor) in [
            ("h-sf", PredictorConfig::Oracle),
            ("a-max", PredictorConfig::IntervalClasses { width: 30 }),
            ("a-max", PredictorConfig::IntervalAround { x: 0.5, miss: 0.0, kv_tokens: None }),
        ] {
            (world.scheduler, world.predictor) = (name.into(), predictor);
            let (totals, seen) = world.run(&requests, timed).unwrap();
            let preemptions: u32 = seen.requests.iter().map(|r| r.preemptions).sum();
            assert_eq!((preemptions, totals.wasted_tokens), (0, 0), "{name}, seed {seed}");
        }
    }
}
