//! Routers in a replay: what a scenario says, what it refuses, and queues with known answers.

use crate::support::{World, request};
use assert_cmd::Command;
use foretoken::engine::Preset;
use foretoken::rng::Stream;
use foretoken::workload::Request;
use serde_json::Value;
use std::path::Path;

/// 60 prompts of 96 tokens that begin in one of four ways, in blocks of 16.
fn trace(dir: &Path) {
    let mut text = "arrival_s,prompt_tokens,output_tokens,session,prefix_hashes\n".to_string();
    for i in 0..60 {
        let stem = i * 7 % 4;
        text += &format!(
            "{},96,{},{},{stem};{stem}1;{stem}2;{stem}3;9{i};8{i}\n",
            f64::from(i) * 0.05,
            5 + i % 20,
            i % 9
        );
    }
    std::fs::write(dir.join("t.csv"), text).unwrap();
    std::fs::write(dir.join("bare.csv"), "arrival_s,prompt_tokens,output_tokens\n0,5,5\n1,5,5\n").unwrap();
}

fn run(dir: &Path, trace: &str, router: &str, code: i32) -> String {
    let mut command = Command::cargo_bin("foretoken").unwrap();
    let router = format!("cluster.router={router}");
    let args = ["replay", "--trace", trace, "--set", "cluster.replicas=4", "--set", &router];
    let rest =
        ["--set", "trace.hash_block_tokens=16", "--out", "out", "--no-figures", "--overwrite", "--quiet"];
    let output = command.current_dir(dir).args(args).args(rest).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{router}: {talk}");
    talk
}

/// Replica of each request.
fn replicas(dir: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(dir.join("out/requests.csv")).unwrap();
    let at = text.lines().next().unwrap().split(',').position(|column| column == "replica").unwrap();
    text.lines().skip(1).map(|line| line.split(',').nth(at).unwrap().parse().unwrap()).collect()
}

#[test]
fn a_scenario_names_a_router_with_parameters() {
    let dir = tempfile::tempdir().unwrap();
    trace(dir.path());
    let chosen = |router: &str| {
        run(dir.path(), "t.csv", router, 0);
        replicas(dir.path())
    };
    assert_eq!(chosen("round-robin{start=2,order=[3,1,0,2]}")[..5], [0, 2, 3, 1, 0]);
    // What has been begun alike goes where it was begun: four stems, four replicas at most.
    let stems = chosen("cache-aware");
    assert!((4..60).all(|i| stems[i] == stems[(i * 7 % 4 * 3) % 4]), "{stems:?}");
    assert_ne!(stems, chosen("cache-aware{cache_threshold=0.9}"));
    let sessions = chosen("session");
    assert!((9..60).all(|i| sessions[i] == sessions[i % 9]), "{sessions:?}");
    let resolved = std::fs::read_to_string(dir.path().join("out/scenario.resolved.toml")).unwrap();
    assert!(resolved.contains("router = \"session\""), "{resolved}");
    // A router that reads beliefs has the oracle behind it unless somebody else is named.
    run(dir.path(), "t.csv", "least-work{z=1.0}", 0);
    let summary: Value =
        serde_json::from_str(&std::fs::read_to_string(dir.path().join("out/summary.json")).unwrap()).unwrap();
    assert!(summary["predictor"].to_string().contains("oracle"), "{summary}");
}

#[test]
fn routers_that_cannot_work_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    trace(dir.path());
    let cases = [
        ("t.csv", "round-robn", "did you mean `round-robin`?"),
        ("t.csv", "round-robin{start=4}", "start must be under 4"),
        ("t.csv", "cache-aware{cache_treshold=1}", "cluster.router.cache-aware"),
        ("t.csv", "cache-aware{cache_threshold}", "write name{key=value,...}"),
        (
            "bare.csv",
            "cache-aware",
            "key cluster.router: cache-aware needs prefix hashes or sessions, and bare.csv has none",
        ),
        ("bare.csv", "session", "key cluster.router: session needs sessions, and bare.csv has none"),
    ];
    for (trace, router, part) in cases {
        let talk = run(dir.path(), trace, router, 2);
        assert!(talk.contains(part) && !dir.path().join("out").exists(), "{router}: {talk}");
    }
}

/// `count` requests of one prompt token and a geometric number of output tokens, mean `mean` unit steps.
fn memoryless(count: u32, rate_rps: f64, mean: f64) -> Vec<Request> {
    let mut draw = Stream::new(11, 0, "test", 0);
    let mut at = 0.0;
    let one = |id| {
        at += draw.exponential() / rate_rps;
        let output = 1 + (libm::log(draw.open_uniform()) / libm::log(1.0 - 1.0 / mean)) as u32;
        request(id, (at * 1e9) as u64, 1, output)
    };
    (0..count).map(one).collect()
}

/// Mean time in the system of 100 replicas with a seat each, in mean service times.
fn mean_time(router: &str, rho: f64) -> f64 {
    let (replicas, mean) = (100, 40.0);
    let mut world = World::new(Preset::VllmV1);
    world.engine.max_seqs = 1;
    world.cluster.replicas = replicas;
    world.cluster.router = router.into();
    let requests = memoryless(30_000, rho * f64::from(replicas) / mean, mean);
    let (_, seen) = world.run(&requests, |_| 1_000_000_000).unwrap();
    let times: Vec<f64> = seen.requests[3000..].iter().map(|r| r.e2e().unwrap().as_secs() / mean).collect();
    times.iter().sum::<f64>() / times.len() as f64
}

/// Many M/M/1 queues: 1 / (1 - rho) at random; with two choices the sum of rho^(2^i - 2) (Mitzenmacher 2001; Vvedenskaya
/// et al. 1996), in the limit of many replicas.
#[test]
fn two_choices_have_their_known_mean() {
    let rho: f64 = 0.7;
    let two: f64 = (1..7).map(|i| libm::pow(rho, f64::from((1 << i) - 2))).sum();
    let seen = mean_time("power-of-two", rho);
    assert!((seen / two - 1.0).abs() < 0.04, "two choices: {seen}, theory {two}");
    let random = mean_time("random", rho);
    assert!((random * (1.0 - rho) - 1.0).abs() < 0.1, "random: {random}, theory {}", 1.0 / (1.0 - rho));
    let (best, stale) = (mean_time("least-outstanding", rho), mean_time("power-of-two{poll_s=3000.0}", rho));
    assert!(best < seen && seen < stale && best < 1.05, "{best} {seen} {stale}");
}
