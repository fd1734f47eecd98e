//! Interval schedulers in rounds: the parity vectors of interval.md 6, and what must hold of every run.

mod bad;
mod laws;
mod naive;
mod predict;

use foretoken::engine::{RoundRequest, Rounds, run_rounds};
use foretoken::error::Result;
use foretoken::length::Belief;
use foretoken::scheduler::{Params, Registry};

/// Schedulers that are told the true lengths here.
const KNOWING: [&str; 6] = ["h-sf", "mc-sf", "svf", "sorted-f", "gba", "gba-d"];
/// All of the family.
const NAMES: [&str; 11] =
    ["h-sf", "mc-sf", "svf", "sorted-f", "gba", "gba-d", "a-max", "a-min", "a-ell", "gsa", "gsa-spec"];

/// Runs a scheduler with parameters; those of [`KNOWING`] know the true lengths.
fn run(
    name: &str,
    params: serde_json::Value,
    seed: u64,
    m: u64,
    requests: &[RoundRequest],
) -> Result<Rounds> {
    let params: Params = serde_json::from_value(params).unwrap();
    let registry = Registry::builtin();
    let mut requests = requests.to_vec();
    if KNOWING.contains(&name) {
        requests.iter_mut().for_each(|r| r.belief = Belief::Point(f64::from(r.output)));
    }
    run_rounds(&requests, m, name, &|| registry.make(name, &params, seed))
}

fn plain(name: &str, m: u64, requests: &[RoundRequest]) -> Rounds {
    run(name, serde_json::json!({}), 0, m, requests).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// (arrival, prompt, output) with one interval for all.
fn instance(rows: &[(u64, u32, u32)], (lo, hi): (u32, u32)) -> Vec<RoundRequest> {
    let belief = Belief::Interval { lo, hi };
    let one = |&(arrival, prompt, output): &(u64, u32, u32)| RoundRequest {
        arrival,
        prompt,
        output,
        belief: belief.clone(),
    };
    rows.iter().map(one).collect()
}

type Expected = (&'static str, u64, &'static [u64], Option<(u64, u64)>);

struct Vector {
    m: u64,
    requests: Vec<RoundRequest>,
    /// Scheduler, total latency, completions, kills and tokens lost where they are stated.
    expected: [Expected; 5],
}

fn burst(prompt: u32, outputs: &[u32], interval: (u32, u32)) -> Vec<RoundRequest> {
    instance(&outputs.iter().map(|&o| (0, prompt, o)).collect::<Vec<_>>(), interval)
}

fn vectors() -> [Vector; 4] {
    let none = Some((0, 0));
    [
        Vector {
            m: 4,
            requests: burst(0, &[2, 2, 3, 3], (1, 4)),
            expected: [
                ("h-sf", 16, &[2, 2, 5, 7], none),
                ("mc-sf", 16, &[2, 2, 5, 7], none),
                ("a-max", 23, &[2, 4, 7, 10], none),
                ("a-min", 15, &[2, 4, 6, 3], Some((2, 2))),
                ("a-ell", 27, &[3, 5, 8, 11], None),
            ],
        },
        Vector {
            m: 12,
            requests: burst(1, &[6, 1, 4, 2, 5, 3], (1, 6)),
            expected: [
                ("h-sf", 24, &[9, 1, 4, 2, 5, 3], none),
                ("mc-sf", 24, &[9, 1, 4, 2, 5, 3], none),
                ("a-max", 50, &[6, 3, 7, 8, 13, 13], none),
                ("a-min", 33, &[11, 1, 7, 2, 9, 3], Some((3, 10))),
                ("a-ell", 52, &[7, 1, 7, 9, 14, 14], None),
            ],
        },
        Vector {
            m: 20,
            requests: burst(2, &[8, 2, 2, 8, 2, 5, 3, 2], (2, 8)),
            expected: [
                ("h-sf", 39, &[10, 2, 2, 11, 2, 7, 3, 2], none),
                ("mc-sf", 39, &[10, 2, 2, 11, 2, 7, 3, 2], none),
                ("a-max", 75, &[8, 2, 4, 12, 8, 13, 13, 15], none),
                ("a-min", 50, &[8, 2, 2, 8, 2, 13, 5, 10], Some((3, 4))),
                ("a-ell", 66, &[12, 2, 2, 12, 2, 17, 15, 4], None),
            ],
        },
        Vector {
            m: 15,
            requests: instance(&[(0, 3, 6), (0, 1, 2), (1, 2, 4), (2, 1, 6), (5, 4, 3), (9, 1, 2)], (2, 6)),
            expected: [
                ("h-sf", 27, &[6, 2, 5, 12, 8, 11], none),
                ("mc-sf", 27, &[6, 2, 5, 12, 8, 11], none),
                ("a-max", 35, &[6, 3, 7, 12, 11, 13], none),
                ("a-min", 31, &[10, 2, 5, 8, 11, 12], Some((2, 5))),
                ("a-ell", 48, &[10, 2, 10, 16, 15, 12], None),
            ],
        },
    ]
}

#[test]
fn the_parity_vectors_hold() {
    for (i, v) in vectors().iter().enumerate() {
        for (name, tel, completion, kills) in &v.expected {
            let rounds = plain(name, v.m, &v.requests);
            let at = format!("v{} {name}: {rounds:?}", i + 1);
            assert_eq!(rounds.completion, *completion, "{at}");
            assert_eq!(rounds.tel(&v.requests), *tel, "{at}");
            assert!(rounds.peak_kv_tokens <= v.m, "{at}");
            if let Some(kills) = kills {
                assert_eq!((rounds.kills, rounds.tokens_lost), *kills, "{at}");
            }
        }
    }
}

/// Ended probes are the kills of `a-ell`: one for each request longer than the lower bound.
#[test]
fn a_ell_counts_its_probes() {
    for v in vectors() {
        let lower = |r: &RoundRequest| match r.belief {
            Belief::Interval { lo, .. } => lo,
            _ => unreachable!("vectors have intervals"),
        };
        let long = v.requests.iter().filter(|r| r.output > lower(r));
        let (kills, lost) = long.fold((0, 0), |(k, t), r| (k + 1, t + u64::from(lower(r))));
        let rounds = plain("a-ell", v.m, &v.requests);
        assert_eq!((rounds.kills, rounds.tokens_lost), (kills, lost));
    }
}

/// Six long requests behind many short ones, most progress killed first: they kill each other for ever.
#[test]
fn a_livelock_is_an_error_that_names_the_scheduler() {
    let outputs: Vec<u32> = std::iter::repeat_n(1, 194).chain([160; 6]).collect();
    let requests = burst(96, &outputs, (1, 160));
    let loops = run("a-min", serde_json::json!({ "tie": "most-progress" }), 0, 256, &requests);
    let error = loops.unwrap_err().to_string();
    assert!(error.contains("a-min") && error.contains("livelock"), "{error}");
    assert_eq!(plain("a-min", 256, &requests).completion.len(), 200);
}

/// P3's case of two lengths, average latencies as interval.md 4.1 has them.
#[test]
fn a_few_long_requests_trap_a_min_and_not_who_probes() {
    let long_first: Vec<u32> = [160; 6].into_iter().chain(std::iter::repeat_n(1, 194)).collect();
    let short_first: Vec<u32> = long_first.iter().rev().copied().collect();
    let average = |name, params, outputs: &[u32]| {
        let requests = burst(96, outputs, (1, 160));
        run(name, params, 0, 256, &requests).unwrap().tel(&requests) as f64 / 200.0
    };
    let none = || serde_json::json!({});
    let cases = [
        ("h-sf", none(), 67, 67),
        ("a-max", none(), 1043, 117),
        ("a-min", none(), 259, 74),
        ("a-ell", none(), 70, 67),
        ("gba", none(), 67, 67),
        ("gba-d", none(), 67, 67),
    ];
    for (name, params, first, last) in cases {
        let found = (average(name, params.clone(), &long_first), average(name, params, &short_first));
        assert_eq!((found.0.round() as u32, found.1.round() as u32), (first, last), "{name}: {found:?}");
    }
    let gsa = average("gsa", serde_json::json!({ "first": 1 }), &long_first);
    assert_eq!(gsa.round() as u32, 111, "{gsa}");
}
