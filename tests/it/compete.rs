//! Rounds and tokens: the engine against a plain reference, the optimum against brute force, bounds against both, and
//! `foretoken compete` as a user types it.

mod command;
mod differential;
mod invariants;
mod optimum;
mod parity;
mod plain;
mod search;
mod studies;

use foretoken::compete::{Contender, Estimate, Instance, Job};
use foretoken::engine::Rounds;
use foretoken::rng::Stream;
use foretoken::scenario::SchedulerConfig;
use foretoken::scheduler::Registry;

/// (arrival, prompt, output) with one interval for all.
fn instance(rows: &[(u32, u32, u32)], (lower, upper): (u32, u32)) -> Instance {
    let job = |&(arrival, prompt, output)| Job { arrival, prompt, output, lower, upper };
    Instance { jobs: rows.iter().map(job).collect() }
}

/// A scheduler with parameters written as JSON.
fn scheduler(name: &str, params: serde_json::Value) -> SchedulerConfig {
    SchedulerConfig { params: serde_json::from_value(params).unwrap(), ..SchedulerConfig::plain(name) }
}

/// Runs a scheduler through the engine.
fn engine(config: &SchedulerConfig, estimate: Estimate, i: &Instance, m: u64, seed: u64) -> Rounds {
    let registry = Registry::builtin();
    let contender = Contender { registry: &registry, config, estimate };
    contender.rounds(i, m, seed).unwrap_or_else(|e| panic!("{}: {e}\n{}", config.label(), i.csv()))
}

/// A small world: memory, and requests that fit with their upper ends.
fn world(seed: u64, most: u64, equal_prompts: bool, online: bool) -> (u64, Instance) {
    let mut s = Stream::new(seed, 0, "compete-worlds", 0);
    let m = 4 + s.below(40);
    let n = 1 + s.below(most);
    let prompt = s.below(m / 2);
    let longest = 1 + s.below(m - m / 2);
    let job = |_| {
        let prompt = if equal_prompts { prompt } else { s.below(m / 2) };
        let (a, b) = (1 + s.below(longest), 1 + s.below(longest));
        let (lower, upper) = (a.min(b), a.max(b));
        let output = lower + s.below(upper - lower + 1);
        let arrival = if online { s.below(20) } else { 0 };
        let [arrival, prompt, output, lower, upper] =
            [arrival, prompt, output, lower, upper].map(|v| v as u32);
        Job { arrival, prompt, output, lower, upper }
    };
    (m, Instance { jobs: (0..n).map(job).collect() })
}
