//! The adversarial search.

use foretoken::compete::{Estimate, Family, Instance, Intervals, Match, Order, Recipe, Search, Worst, worst};
use foretoken::scenario::SchedulerConfig;
use foretoken::scheduler::Registry;
use std::sync::Arc;

const M: u64 = 40;

fn start() -> Instance {
    let law = Arc::new(Family::Uniform { lower: 1, upper: 10 }.law().unwrap());
    let recipe = Recipe { law, requests: 12, prompt: 2, order: Order::Random, intervals: Intervals::Family };
    recipe.instance(M, 3).unwrap()
}

fn found(threads: usize, search: &Search) -> Worst {
    let registry = Registry::builtin();
    let schedulers = [SchedulerConfig::plain("a-max")];
    let estimate = Estimate::True;
    let game = Match { registry: &registry, schedulers: &schedulers, estimate, kv_tokens: M, exact: false };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| worst(&game, &start(), search, &|| Ok(()))).unwrap()
}

#[test]
fn it_finds_worse_and_the_same_on_any_number_of_threads() {
    let search = Search { restarts: 3, moves: 60, seed: 0, seeds: 2 };
    let (one, three) = (found(1, &search), found(3, &search));
    assert_eq!(one, three);
    let start_only = found(1, &Search { restarts: 1, moves: 0, ..search });
    assert_eq!(start_only.instance, start());
    assert!(one.ratio > 1.1 * start_only.ratio, "{} from {}", one.ratio, start_only.ratio);
    one.instance.check(M).unwrap();
    let known = |i: &Instance| {
        let mut known: Vec<_> = i.jobs.iter().map(|j| (j.arrival, j.prompt, j.lower, j.upper)).collect();
        known.sort_unstable();
        known
    };
    assert_eq!(known(&one.instance), known(&start()), "only order and lengths change");
    assert_ne!(found(1, &Search { seed: 1, ..search }).instance, one.instance);
}
