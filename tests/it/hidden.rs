//! No scheduler sees a true output length except through an oracle: told from the source, and by behaviour.

use crate::stepwise::micro_world;
use crate::support::{Seen, World};
use foretoken::error::Result;
use foretoken::ids::{ReplicaId, RequestId};
use foretoken::predict::PredictorConfig;
use foretoken::record::{Event, EventKind};
use foretoken::rng::Stream;
use foretoken::scheduler::{Registry, Scheduler};
use foretoken::time::SimTime;
use foretoken::workload::{Request, TrueLength};
use std::path::Path;

/// The package that owns true lengths: nobody outside it can look inside one.
const ENGINE: &str = "crates/foretoken-engine";

/// Who may look inside a true length, and what for.
const MAY_REVEAL: &[&str] = &[
    "src/workload/request.rs", // defines it
    "src/workload/stages.rs",  // conversation history and length limits, before a request is sent
    "src/engine/mod.rs",       // the record, which ends the request
    "src/predict/mod.rs",      // the oracle
    "src/predict/noisy.rs",    // synthetic predictors of stated accuracy
    "src/predict/binned.rs",
    "src/predict/interval.rs",
];

/// Words that a scheduler's source may not hold: types that carry a truth, and the way into one.
const FORBIDDEN: &[&str] =
    &["TrueLength", "RequestRecord", "workload::Request", "output_tokens", "reveal", "truth"];

fn sources(dir: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)).unwrap() {
        let name = format!("{dir}/{}", entry.unwrap().file_name().to_str().unwrap());
        if name.ends_with(".rs") {
            let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&name)).unwrap();
            found.push((name, text));
        } else if Path::new(env!("CARGO_MANIFEST_DIR")).join(&name).is_dir() {
            found.extend(sources(&name));
        }
    }
    found
}

#[test]
fn few_places_reveal_a_true_length() {
    let files = sources(&format!("{ENGINE}/src"));
    let reveals =
        |text: &str| text.lines().any(|l| l.contains("reveal(") && !l.trim_start().starts_with("//"));
    let inside = |(name, _): &'_ (String, String)| name[ENGINE.len() + 1..].to_string();
    let found: Vec<String> = files.iter().filter(|(_, text)| reveals(text)).map(inside).collect();
    let strangers: Vec<_> = found.iter().filter(|name| !MAY_REVEAL.contains(&name.as_str())).collect();
    assert!(strangers.is_empty(), "these may not look at true lengths: {strangers:?}");
    let gone: Vec<_> = MAY_REVEAL.iter().filter(|name| !found.iter().any(|f| f == *name)).collect();
    assert!(gone.is_empty(), "these no longer do: take them off the list: {gone:?}");
}

#[test]
fn schedulers_and_routers_cannot_name_a_true_length() {
    let files = ["scheduler", "router"].map(|folder| sources(&format!("{ENGINE}/src/{folder}")));
    assert!(files.iter().all(|files| files.len() > 10));
    for (name, text) in files.into_iter().flatten() {
        let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
        for (i, line) in code {
            let word = FORBIDDEN.iter().find(|word| line.contains(**word));
            assert!(word.is_none(), "{name}:{}: {}", i + 1, line.trim());
        }
    }
}

/// Runs `requests` with beliefs that do not depend on the truth.
fn run(world: &World, requests: &[Request], seed: u64) -> Result<Seen> {
    let registry = Registry::builtin();
    let scheduler =
        |_: ReplicaId| -> Result<Box<dyn Scheduler>> { registry.make(&world.scheduler, &world.params, seed) };
    // The law is fixed per request, whatever its true length.
    let fixed = World { predictor: PredictorConfig::Law, ..world.clone() };
    Ok(fixed
        .run_with(requests, |shape| 1000 + 11 * shape.decodes + 37 * shape.prefill_tokens(), &scheduler)?
        .1)
}

/// The first time at which two runs learn something different of a length: somebody leaves the one and not
/// the other.
fn told_apart(a: &[Event], b: &[Event]) -> SimTime {
    let ends = |events: &[Event]| {
        let of = |e: &&Event| matches!(e.kind, EventKind::Finish | EventKind::Rejection);
        events.iter().filter(of).map(|e| (e.time, e.kind, e.request)).collect::<Vec<_>>()
    };
    let (a, b) = (ends(a), ends(b));
    type End = (SimTime, EventKind, RequestId);
    let only = |x: &[End], y: &[End]| x.iter().filter(|end| !y.contains(end)).map(|end| end.0).min();
    let first = [only(&a, &b), only(&b, &a)].into_iter().flatten().min();
    first.unwrap_or(SimTime::MAX)
}

/// Two runs whose true lengths differ, and whose beliefs do not, are one run until somebody ends differently.
#[test]
fn lengths_of_unfinished_requests_change_no_decision() {
    let (mut changed, mut compared) = (0, 0);
    for seed in 0..2000 {
        let (mut world, mut requests) = micro_world(seed);
        if world.scheduler == "h-sf" {
            world.scheduler = "mc-sf".into(); // hindsight is an oracle's
        }
        // Room, so that few outgrow the memory.
        world.blocks *= 3;
        let mut draw = Stream::new(seed, 0, "hidden", 0);
        for r in &mut requests {
            let mu = draw.normal();
            r.law = Some(foretoken::length::LogT { mu, sigma: 1.0, nu: 3.0, cap: 64 });
        }
        let mut others = requests.clone();
        for r in &mut others {
            if draw.below(2) == 0 {
                r.truth = TrueLength::new(1 + draw.below(11) as u32);
            }
        }
        let (one, two) = (run(&world, &requests, seed).unwrap(), run(&world, &others, seed).unwrap());
        let until = told_apart(&one.events, &two.events);
        let before = |seen: &Seen| seen.events.iter().filter(|e| e.time < until).copied().collect::<Vec<_>>();
        let (left, right) = (before(&one), before(&two));
        assert!(left == right, "seed {seed}, {}: differs before {until}", world.scheduler);
        let steps = |seen: &Seen| seen.steps.iter().filter(|s| s.start < until).copied().collect::<Vec<_>>();
        assert!(steps(&one) == steps(&two), "seed {seed}, {}: other steps before {until}", world.scheduler);
        changed += u32::from(until < SimTime::MAX);
        compared += left.len();
    }
    assert!(changed > 1000 && compared > 10_000, "{changed} {compared}");
}

/// The same test sees an oracle: with true lengths as beliefs, decisions do differ early.
#[test]
fn an_oracle_is_seen_through() {
    let differs = |seed: u64| {
        let (mut world, requests) = micro_world(seed);
        (world.scheduler, world.predictor) = ("sjf".into(), PredictorConfig::Oracle);
        world.params.clear();
        let mut others = requests.clone();
        others.iter_mut().rev().take(3).for_each(|r| r.truth = TrueLength::new(40));
        let shape = |shape: &foretoken::latency::StepShape<'_>| 1000 + shape.decodes;
        let (one, two) = (world.run(&requests, shape).unwrap().1, world.run(&others, shape).unwrap().1);
        let until = told_apart(&one.events, &two.events);
        let before = |seen: &Seen| seen.events.iter().filter(|e| e.time < until).copied().collect::<Vec<_>>();
        before(&one) != before(&two)
    };
    assert!((0..300).any(differs));
}
