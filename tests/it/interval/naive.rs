//! The loop of interval.md 2 written down as plainly as it is told there, to compare the schedulers with.

use super::{plain, run};
use foretoken::engine::{RoundRequest, Rounds};
use foretoken::length::Belief;

/// A policy of the loop.
#[derive(Clone, Copy, PartialEq)]
pub enum Policy {
    HSf,
    AMax,
    AMin,
    AEll,
    Svf,
}

struct Request {
    s: u64,
    o: u64,
    l: u64,
    u: u64,
    /// The bound of A_min; the estimate of the others.
    b: u64,
    parked: bool,
}

fn order_hash(index: usize, t: u64, seed: u64) -> u64 {
    (index as u64 * 2_654_435_761 + t * 40_503 + seed * 97_003) % 65_521
}

/// Admits the longest prefix of those waiting that fits in every later round.
fn admit(
    policy: Policy,
    (m, t): (u64, u64),
    given: &[RoundRequest],
    requests: &[Request],
    waiting: &mut Vec<usize>,
    live: &mut Vec<(usize, u64)>,
) {
    let place = |&i: &usize| {
        let r = &requests[i];
        let rank = if policy == Policy::Svf { r.s * r.b + r.b * (r.b + 1) / 2 } else { r.b };
        (rank, given[i].arrival, i)
    };
    waiting.sort_by_key(place);
    let fits = |live: &[(usize, u64)]| {
        let ends: Vec<(u64, u64, u64)> =
            live.iter().map(|&(i, p)| (requests[i].s, p, (p + requests[i].b).max(t + 1))).collect();
        ends.iter().all(|&(_, _, at)| {
            let later = ends.iter().filter(|&&(_, _, end)| end >= at);
            later.map(|&(s, p, _)| s + at - p).sum::<u64>() <= m
        })
    };
    while let Some(&i) = waiting.first() {
        live.push((i, t));
        if !fits(live) {
            live.pop();
            break;
        }
        waiting.remove(0);
    }
}

/// Runs an instance whose arrivals all lie behind round 0.
pub fn simulate(policy: Policy, m: u64, seed: u64, given: &[RoundRequest]) -> Rounds {
    let make = |r: &RoundRequest| {
        let Belief::Interval { lo, hi } = r.belief else { panic!("an interval") };
        let (o, l, u) = (u64::from(r.output), u64::from(lo), u64::from(hi));
        let b = match policy {
            Policy::HSf | Policy::Svf => o,
            Policy::AMax => u,
            Policy::AMin | Policy::AEll => l,
        };
        Request { s: u64::from(r.prompt), o, l, u, b, parked: false }
    };
    let mut requests: Vec<Request> = given.iter().map(make).collect();
    let n = requests.len();
    let mut out = Rounds { completion: vec![0; n], ..Rounds::default() };
    let (mut waiting, mut parked): (Vec<usize>, Vec<usize>) = (vec![], vec![]);
    // Index and start.
    let mut live: Vec<(usize, u64)> = vec![];
    let (mut t, mut open, mut done) = (0, policy != Policy::AEll, 0);
    while done < n {
        waiting.extend((0..n).filter(|&i| given[i].arrival == t));
        let held: u64 = live.iter().map(|&(i, p)| requests[i].s + t - p).sum();
        out.peak_kv_tokens = out.peak_kv_tokens.max(held);
        for &(i, p) in live.iter().filter(|&&(i, p)| p + requests[i].o == t) {
            out.completion[i] = p + requests[i].o;
            done += 1;
        }
        live.retain(|&(i, p)| p + requests[i].o != t);
        let mut kill = |i: usize, p: u64| {
            out.kills += 1;
            out.tokens_lost += t - p;
            i
        };
        if policy == Policy::AEll {
            let over = |&(i, p): &(usize, u64)| {
                let r = &requests[i];
                !r.parked && r.l < r.u && t - p == r.l
            };
            let cancelled: Vec<(usize, u64)> = live.iter().copied().filter(over).collect();
            live.retain(|x| !cancelled.contains(x));
            for (i, p) in cancelled {
                kill(i, p);
                (requests[i].parked, requests[i].b) = (true, requests[i].u);
                if open { waiting.push(i) } else { parked.push(i) }
            }
        }
        let next = |live: &[(usize, u64)], requests: &[Request]| -> u64 {
            live.iter().map(|&(i, p)| requests[i].s + t + 1 - p).sum()
        };
        while next(&live, &requests) > m {
            let key = |&(i, _): &(usize, u64)| (requests[i].b, order_hash(i, t, seed), n - i);
            let &(i, p) = live.iter().min_by_key(|x| key(x)).unwrap();
            live.retain(|&(j, _)| j != i);
            kill(i, p);
            requests[i].b = requests[i].b.max(t - p);
            waiting.push(i);
        }
        if !open && waiting.is_empty() && live.is_empty() && !parked.is_empty() {
            open = true;
            waiting.append(&mut parked);
        }
        admit(policy, (m, t), given, &requests, &mut waiting, &mut live);
        t += 1;
        assert!(t < 100_000, "no end in sight");
    }
    out
}

#[test]
fn schedulers_in_rounds_equal_the_plain_loop() {
    let mut kills = 0;
    for seed in 0..800 {
        let (m, requests) = super::laws::instance(seed, super::laws::Kind::Valid);
        let cases = [
            ("h-sf", Policy::HSf),
            ("mc-sf", Policy::HSf),
            ("svf", Policy::Svf),
            ("a-max", Policy::AMax),
            ("a-ell", Policy::AEll),
        ];
        for (name, policy) in cases {
            let plainly = simulate(policy, m, 0, &requests);
            let mut ours = plain(name, m, &requests);
            ours.intervals = plainly.intervals;
            assert_eq!(ours, plainly, "{name}, seed {seed}: {m} {requests:?}");
        }
        let plainly = simulate(Policy::AMin, m, seed, &requests);
        let mut ours = run("a-min", serde_json::json!({}), seed, m, &requests).unwrap();
        ours.intervals = plainly.intervals;
        assert_eq!(ours, plainly, "a-min, seed {seed}: {m} {requests:?}");
        kills += plainly.kills;
    }
    assert!(kills > 1000, "{kills}");
}
