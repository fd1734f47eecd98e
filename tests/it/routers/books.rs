//! What routers count and remember, against plain lists.

use super::{Asked, Told, all, made};
use foretoken::rng::Stream;
use foretoken::router::{Fleet, Load, Loads, Named, Order, PrefixTree};

#[test]
fn loads_are_ordered_as_a_list_would_be() {
    let mut draw = Stream::new(1, 0, "test", 0);
    for replicas in [1, 2, 7] {
        let order = Order::Named(Named::Seed).of(replicas, draw.bits()).unwrap();
        let (mut loads, mut list) = (Loads::new(&order), vec![0_u64; replicas]);
        for _ in 0..500 {
            let r = draw.below(replicas as u64) as usize;
            let amount = draw.below(4);
            if draw.below(2) == 0 {
                loads.add(r, amount);
                list[r] += amount;
            } else {
                loads.take(r, amount.min(list[r]));
                list[r] -= amount.min(list[r]);
            }
            let least = *order.iter().min_by_key(|&&r| list[r]).unwrap();
            assert_eq!((loads.least(), loads.of(r)), (least, list[r]));
            assert_eq!(loads.spread(), (list[least], *list.iter().max().unwrap()));
            let some = || (0..replicas).filter(|r| r % 2 == 0);
            let expected = order.iter().copied().filter(|r| r % 2 == 0).min_by_key(|&r| list[r]);
            assert_eq!(loads.least_of(some()), expected);
        }
    }
}

/// The longest beginning of `prompt` in `sent`, and the replicas that had it, the first first.
fn naive(sent: &[(Vec<u64>, usize)], prompt: &[u64]) -> (usize, Vec<u32>) {
    let agree = |other: &[u64]| prompt.iter().zip(other).take_while(|(a, b)| a == b).count();
    let longest = sent.iter().map(|(other, _)| agree(other)).max().unwrap_or(0);
    let mut had = Vec::new();
    for (_, replica) in sent.iter().filter(|(other, _)| agree(other) >= longest) {
        if !had.contains(&(*replica as u32)) {
            had.push(*replica as u32);
        }
    }
    (longest, had)
}

#[test]
fn a_prefix_tree_finds_what_a_list_finds() {
    let mut draw = Stream::new(2, 0, "test", 0);
    for _ in 0..60 {
        let letters = 1 + draw.below(3);
        let (mut tree, mut sent) = (PrefixTree::default(), Vec::new());
        for _ in 0..60 {
            let prompt: Vec<u64> = (0..draw.below(9)).map(|_| draw.below(letters)).collect();
            let (symbols, had) = naive(&sent, &prompt);
            let found = tree.longest(&prompt);
            assert_eq!((found.symbols, found.had), (symbols, had.as_slice()), "{prompt:?} in {sent:?}");
            let of = |r: usize| {
                let own: Vec<_> = sent.iter().filter(|(_, replica)| *replica == r).cloned().collect();
                naive(&own, &prompt).0
            };
            assert_eq!(tree.each(&prompt, 3), [of(0), of(1), of(2)], "{prompt:?} in {sent:?}");
            let replica = draw.below(3) as usize;
            tree.insert(&prompt, replica);
            sent.push((prompt, replica));
        }
    }
}

/// Replicas whose loads change with every question.
struct Restless(u32);

impl Fleet for Restless {
    fn load(&self, r: usize) -> Load {
        let waiting = (self.0 * 7 + r as u32 * 3) % 5;
        Load { waiting, running: 1, tokens: u64::from(waiting) * 10, kv_blocks_used: 3, kv_blocks: 9 }
    }
}

/// Choices of `steps` random events.
fn choices(name: &str, params: &serde_json::Value, replicas: usize, seed: u64) -> Vec<usize> {
    let mut router = made(name, params.clone(), replicas, seed);
    let mut draw = Stream::new(seed, 0, "events", 0);
    let (mut inside, mut chosen) = (Vec::new(), Vec::new());
    if router.polls().is_some() {
        router.poll(&Restless(0));
    }
    for id in 0..200 {
        let asked = Asked::random(id, &mut draw);
        let replica = asked.send(router.as_mut(), &Restless(id));
        inside.push((asked.visible.id, replica));
        chosen.push(replica);
        while !inside.is_empty() && draw.below(5) < 2 {
            let (id, replica) = inside.swap_remove(draw.below(inside.len() as u64) as usize);
            router.left(id, replica);
        }
        if router.polls().is_some() && draw.below(9) == 0 {
            router.poll(&Restless(id));
        }
    }
    inside.iter().for_each(|(id, replica)| router.left(*id, *replica));
    chosen
}

#[test]
fn every_router_chooses_a_replica_and_the_same_one_twice() {
    for (name, params) in all() {
        for replicas in [1, 2, 5, 64] {
            for seed in 0..5 {
                let first = choices(name, &params, replicas, seed);
                assert!(first.iter().all(|r| *r < replicas), "{name} {params}");
                assert_eq!(first, choices(name, &params, replicas, seed), "{name} {params}");
            }
        }
        let used = choices(name, &params, 2, 1);
        assert!(used.contains(&0) && used.contains(&1), "{name} {params} leaves a replica idle");
    }
}

#[test]
fn an_order_by_seed_is_each_of_them_in_the_end() {
    let of = |seed| Order::Named(Named::Seed).of(3, seed).unwrap();
    let mut seen: Vec<Vec<usize>> = (0..100).map(of).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6);
    let idle = Told(vec![Load::default(); 4]);
    for order in [vec![2, 0, 3, 1], vec![3, 2, 1, 0]] {
        let params = serde_json::json!({ "order": order, "start": 1 });
        let mut router = made("round-robin", params, 4, 0);
        let chosen: Vec<usize> = (0..8).map(|id| Asked::new(id, &[]).send(router.as_mut(), &idle)).collect();
        let expected: Vec<usize> = (1..9).map(|i| order[i % 4]).collect();
        assert_eq!(chosen, expected);
    }
}
