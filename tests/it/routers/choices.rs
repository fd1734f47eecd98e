//! What each router's source promises of its choices.

use super::{Asked, Told, made};
use foretoken::length::Belief;
use foretoken::rng::Stream;
use foretoken::router::{Load, Router};
use serde_json::json;

fn idle(replicas: usize) -> Told {
    Told(vec![Load::default(); replicas])
}

fn sends(router: &mut dyn Router, asked: &[Asked], replicas: usize) -> Vec<usize> {
    asked.iter().map(|asked| asked.send(router, &idle(replicas))).collect()
}

#[test]
fn power_of_two_never_takes_the_most_loaded_of_all() {
    let mut router = made("power-of-two", json!({}), 3, 4);
    let (mut draw, mut inside, mut load) = (Stream::new(5, 0, "test", 0), Vec::new(), [0_u32; 3]);
    for id in 0..2000 {
        let most = *load.iter().max().unwrap();
        let asked = Asked::new(id, &[]);
        let chosen = asked.send(router.as_mut(), &idle(3));
        let alone = load.iter().filter(|l| **l == most).count() == 1;
        assert!(!alone || load[chosen] < most, "{chosen} of {load:?}");
        load[chosen] += 1;
        inside.push((asked.visible.id, chosen));
        while inside.len() > 9 || (!inside.is_empty() && draw.below(3) == 0) {
            let (id, replica) = inside.swap_remove(draw.below(inside.len() as u64) as usize);
            load[replica] -= 1;
            router.left(id, replica);
        }
    }
}

/// sglang-router looks at tokens as last polled; what it sends in between does not count.
#[test]
fn power_of_two_by_polls_does_not_see_its_own_requests() {
    let mut router = made("power-of-two", json!({ "poll_s": 30.0 }), 3, 4);
    router.poll(&Told([0, 10, 500].map(|tokens| Load { tokens, ..Load::default() }).to_vec()));
    let mut counts = [0; 3];
    for id in 0..900 {
        counts[Asked::new(id, &[]).send(router.as_mut(), &idle(3))] += 1;
    }
    // Of three pairs, the least loaded is in two, and the middle one is the better of the third.
    assert!(counts[2] == 0 && (540..660).contains(&counts[0]), "{counts:?}");
}

#[test]
fn a_new_replica_takes_sessions_only_for_itself() {
    let of = |replicas| {
        let mut router = made("consistent-hash", json!({}), replicas, 1);
        let asked: Vec<Asked> = (0..400).map(|i| Asked::of_session(i, i)).collect();
        sends(router.as_mut(), &asked, replicas)
    };
    let (before, after) = (of(4), of(5));
    let moved: Vec<usize> = (0..400).filter(|&i| before[i] != after[i]).collect();
    assert!(moved.iter().all(|&i| after[i] == 4) && (40..120).contains(&moved.len()), "{}", moved.len());
    for replica in 0..4 {
        let share = before.iter().filter(|r| **r == replica).count();
        assert!((50..160).contains(&share), "replica {replica} has {share} of 400 sessions");
    }
}

#[test]
fn a_session_stays_where_it_began() {
    let mut router = made("session", json!({}), 3, 1);
    let of = [5, 6, 7, 5, 5, 5, 7, 6, 8];
    let asked: Vec<Asked> = of.iter().enumerate().map(|(i, s)| Asked::of_session(i as u32, *s)).collect();
    // The last is new: replicas 1 and 2 have two requests each, and 0 four.
    assert_eq!(sends(router.as_mut(), &asked, 3), [0, 1, 2, 0, 0, 0, 2, 1, 1]);
}

#[test]
fn prefix_hash_keeps_loads_within_its_factor() {
    let mut router = made("prefix-hash", json!({ "load_factor": 1.25, "prefix_tokens": 3 }), 5, 1);
    let mut counts = [0_u32; 5];
    for id in 0..500 {
        // Nine in ten requests begin alike, and differ after that.
        let first = if id % 10 == 0 { id } else { 1 };
        let asked = Asked::new(id, &[u64::from(first), 2, 3, u64::from(id)]);
        counts[asked.send(router.as_mut(), &idle(5))] += 1;
        let most = (f64::from(id + 1) / 5.0 * 1.25).ceil() as u32;
        assert!(*counts.iter().max().unwrap() <= most, "{counts:?} after {}", id + 1);
    }
    let roomy = json!({ "load_factor": 1e9, "prefix_tokens": 3 });
    let mut router = made("prefix-hash", roomy, 5, 1);
    let alike: Vec<Asked> = (0..50).map(|id| Asked::new(id, &[1, 2, 3, u64::from(id)])).collect();
    let chosen = sends(router.as_mut(), &alike, 5);
    assert!(chosen.iter().all(|r| *r == chosen[0]), "{chosen:?}");
}

#[test]
fn least_work_counts_what_is_believed_and_its_spread() {
    let with = |belief: Belief, id| Asked { belief, ..Asked::new(id, &[1]) };
    let asked = [
        with(Belief::Point(100.0), 0),
        with(Belief::Interval { lo: 1, hi: 199 }, 1),
        with(Belief::Point(1.0), 2),
    ];
    // Equal means: the first of equals. The spread of the interval is work too if it is asked for.
    assert_eq!(sends(made("least-work", json!({}), 2, 1).as_mut(), &asked, 2), [0, 1, 0]);
    assert_eq!(sends(made("least-work", json!({ "z": 1.0 }), 2, 1).as_mut(), &asked, 2), [0, 1, 0]);
    let swapped = [asked[1].clone(), asked[0].clone(), asked[2].clone()];
    assert_eq!(sends(made("least-work", json!({}), 2, 1).as_mut(), &swapped, 2), [0, 1, 0]);
    assert_eq!(sends(made("least-work", json!({ "z": 1.0 }), 2, 1).as_mut(), &swapped, 2), [0, 1, 1]);
    let mut router = made("least-tokens", json!({}), 2, 1);
    let long = [Asked::new(0, &[1; 9]), Asked::new(1, &[1; 4]), Asked::new(2, &[1; 4]), Asked::new(3, &[1])];
    assert_eq!(sends(router.as_mut(), &long, 2), [0, 1, 1, 1]);
    router.left(long[0].visible.id, 0);
    assert_eq!(Asked::new(4, &[1]).send(router.as_mut(), &idle(2)), 0);
}

/// Dynamo's formula by hand: overlap_weight x new blocks + blocks in flight.
#[test]
fn kv_cost_weighs_new_blocks_against_those_in_flight() {
    let cost = |weight: f64| json!({ "overlap_weight": weight, "block_tokens": 2 });
    let first = Asked::new(0, &[1, 1, 2, 2, 3, 3, 4, 4]);
    let again = Asked::new(1, &[1, 1, 2, 2, 3, 3, 5, 5]);
    // At 0: 1 x 1 new + 4 in flight = 5; at 1: 1 x 4 new + 0 = 4. With weight 2: 6 and 8.
    for (weight, expected) in [(1.0, 1), (2.0, 0)] {
        let mut router = made("kv-cost", cost(weight), 2, 1);
        assert_eq!(sends(router.as_mut(), &[first.clone(), again.clone()], 2), [0, expected]);
    }
    // When the first has left, what it brought is still there.
    let mut router = made("kv-cost", cost(1.0), 2, 1);
    first.send(router.as_mut(), &idle(2));
    router.left(first.visible.id, 0);
    assert_eq!(again.send(router.as_mut(), &idle(2)), 0);
}

#[test]
fn temperature_is_that_of_a_softmax_over_the_range_of_costs() {
    let mut share = [0.0; 3];
    let trials = 4000;
    for seed in 0..trials {
        let mut router = made("kv-cost", json!({ "temperature": 0.5, "block_tokens": 1 }), 3, seed);
        // Costs 2, 4 and 6 from here: 4 blocks in flight at one replica, 2 at another.
        let mut load = [0; 3];
        let mut id = 0;
        for tokens in [4, 2] {
            let asked = Asked::new(id, &vec![u64::from(id) + 9; tokens]);
            load[asked.send(router.as_mut(), &idle(3))] += tokens;
            id += 1;
        }
        let mut sorted = load;
        sorted.sort_unstable();
        if sorted == [0, 2, 4] {
            let chosen = Asked::new(id, &[1, 2]).send(router.as_mut(), &idle(3));
            share[load[chosen] / 2] += 1.0;
        }
    }
    let total: f64 = share.iter().sum();
    let weights = [0.0, 0.5, 1.0].map(|range: f64| libm::exp(-range / 0.5));
    let sum: f64 = weights.iter().sum();
    for (seen, weight) in share.iter().zip(weights) {
        let (seen, expected) = (seen / total, weight / sum);
        let sd = (expected * (1.0 - expected) / total).sqrt();
        assert!((seen - expected).abs() < 4.0 * sd, "{share:?}: {seen} for {expected}");
    }
}

#[test]
fn weighted_adds_three_scores() {
    let loads = [(4, 0), (0, 90), (2, 50)].map(|(waiting, kv_blocks_used)| Load {
        waiting,
        kv_blocks_used,
        kv_blocks: 100,
        ..Load::default()
    });
    let fleet = Told(loads.to_vec());
    let chosen = |weights: serde_json::Value| {
        let mut router = made("weighted", weights, 3, 1);
        let asked = Asked::new(0, &[1, 2, 3, 4]);
        let first = asked.send(router.as_mut(), &fleet);
        (
            first,
            Asked {
                visible: foretoken::workload::Visible { id: foretoken::ids::RequestId(1), ..asked.visible },
                ..asked
            }
            .send(router.as_mut(), &idle(3)),
        )
    };
    // Queue scores 0, 1, 0.5; free memory 1, 0.1, 0.5. Then, all idle, the prefix decides.
    assert_eq!(chosen(json!({ "prefix": 3, "queue": 2, "kv_free": 0 })), (1, 1));
    assert_eq!(chosen(json!({ "prefix": 3, "queue": 0, "kv_free": 2 })), (0, 0));
    assert_eq!(chosen(json!({ "prefix": 0, "queue": 2, "kv_free": 2.3 })), (0, 0));
    assert_eq!(chosen(json!({ "prefix": 3, "queue": 2, "kv_free": 1.9 })), (1, 1));
    // Between polls, what was seen last counts.
    let mut router = made("weighted", json!({ "poll_s": 1.0, "prefix": 0 }), 3, 1);
    router.poll(&Told(loads.to_vec()));
    assert_eq!(Asked::new(0, &[1]).send(router.as_mut(), &idle(3)), 1);
}

/// The published thresholds, strict at their edges.
#[test]
fn cache_aware_thresholds_are_strict() {
    let stem: Vec<u64> = (0..100).collect();
    let prompt = |shared: usize, id: u32| {
        let tail = (0..100 - shared as u64).map(|i| 1000 + u64::from(id) * 1000 + i);
        Asked::new(id, &stem[..shared].iter().copied().chain(tail).collect::<Vec<_>>())
    };
    for (shared, expected) in [(30, 1), (31, 0)] {
        let mut router = made("cache-aware", json!({}), 2, 1);
        assert_eq!(sends(router.as_mut(), &[prompt(100, 0), prompt(shared, 1)], 2), [0, expected]);
    }
    // 64 more requests than the other are even, 65 are not.
    let mut router = made("cache-aware", json!({}), 2, 1);
    let alike: Vec<Asked> = (0..67).map(|id| prompt(90, id)).collect();
    let chosen = sends(router.as_mut(), &alike, 2);
    assert!(chosen[..65].iter().all(|r| *r == 0), "{chosen:?}");
    assert_eq!(chosen[65..], [1, 0]);
}

#[test]
fn random_is_even() {
    let mut router = made("random", json!({}), 4, 3);
    let mut draw = Stream::new(1, 0, "test", 0);
    let asked: Vec<Asked> = (0..4000).map(|id| Asked::random(id, &mut draw)).collect();
    let chosen = sends(router.as_mut(), &asked, 4);
    for replica in 0..4 {
        let n = chosen.iter().filter(|r| **r == replica).count();
        assert!((890..1110).contains(&n), "{n} of 4000 went to {replica}");
    }
}
