//! Looks for the instance on which a scheduler does worst: hill climbing with restarts.

use super::family::shuffle;
use super::instance::Instance;
use super::machine::HINDSIGHT;
use super::measure::{Match, Tick};
use crate::error::Result;
use crate::rng::Stream;
use crate::scheduler::SchedulerConfig;
use rayon::prelude::*;

/// How hard to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// Climbs from different places.
    pub restarts: u64,
    /// Moves tried in each.
    pub moves: u64,
    /// Chooses starts and moves.
    pub seed: u64,
    /// Seeds of ties over which the ratio is averaged: 0..seeds.
    pub seeds: u64,
}

/// The worst that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// Where.
    pub instance: Instance,
    /// Mean ratio to h-sf there.
    pub ratio: f64,
    /// The climb that found it.
    pub restart: u64,
}

/// Searches orders of the requests of `start`, and lengths inside their intervals that fit, for the largest ratio of
/// the first scheduler of `game` to h-sf, averaged over seeds of ties.
///
/// The first climb starts from `start` itself, every other from a shuffle with each length at one end of its interval.
/// A move swaps two requests, sends one to the front, or changes the length of one, of a run of them, or of all that
/// are as long as it; it is kept unless the ratio falls. Arrivals stay with their places.
///
/// # Errors
/// As [`super::Contender::rounds`].
pub fn worst(game: &Match<'_>, start: &Instance, search: &Search, tick: &Tick<'_>) -> Result<Worst> {
    let climb = |restart| climb(game, start, search, restart, tick);
    let climbs: Vec<Worst> = (0..search.restarts.max(1)).into_par_iter().map(climb).collect::<Result<_>>()?;
    // The first of equals, whatever the number of threads.
    let better = |a: Worst, b: Worst| if b.ratio > a.ratio { b } else { a };
    Ok(climbs.into_iter().reduce(better).expect("at least one climb"))
}

fn climb(
    game: &Match<'_>,
    start: &Instance,
    search: &Search,
    restart: u64,
    tick: &Tick<'_>,
) -> Result<Worst> {
    let mut stream = Stream::new(search.seed, 0, "compete-climb", restart);
    let mut instance = start.clone();
    if restart > 0 {
        scatter(&mut instance, game.kv_tokens, &mut stream);
    }
    let mut ratio = ratio(game, &instance, search.seeds)?;
    for _ in 0..search.moves {
        let tried = moved(&instance, game.kv_tokens, &mut stream);
        let there = self::ratio(game, &tried, search.seeds)?;
        tick()?;
        if there >= ratio {
            (instance, ratio) = (tried, there);
        }
    }
    Ok(Worst { instance, ratio, restart })
}

/// Mean ratio of the first scheduler to h-sf.
fn ratio(game: &Match<'_>, instance: &Instance, seeds: u64) -> Result<f64> {
    let hindsight = SchedulerConfig::plain(HINDSIGHT);
    let mut sum = 0.0;
    for seed in 0..seeds.max(1) {
        let tel = |config| {
            Ok(instance.tel(&game.contender(config).rounds(instance, game.kv_tokens, seed)?.completion)
                as f64)
        };
        sum += tel(&game.schedulers[0])? / tel(&hindsight)?;
    }
    Ok(sum / seeds.max(1) as f64)
}

/// The longest output of request `i` that its interval and the memory allow.
fn longest(instance: &Instance, i: usize, kv_tokens: u64) -> u32 {
    let job = &instance.jobs[i];
    let room = kv_tokens.saturating_sub(u64::from(job.prompt));
    u64::from(job.upper).min(room) as u32
}

/// Exchanges everything but the arrivals of two requests.
fn swap(instance: &mut Instance, a: usize, b: usize) {
    instance.jobs.swap(a, b);
    let (at_a, at_b) = (instance.jobs[a].arrival, instance.jobs[b].arrival);
    (instance.jobs[a].arrival, instance.jobs[b].arrival) = (at_b, at_a);
}

fn scatter(instance: &mut Instance, kv_tokens: u64, stream: &mut Stream) {
    let arrivals: Vec<u32> = instance.jobs.iter().map(|j| j.arrival).collect();
    shuffle(&mut instance.jobs, stream);
    // A share of long ones per climb: few of them hurt in another way than many.
    let share = stream.uniform();
    for (i, arrival) in arrivals.into_iter().enumerate() {
        let long = stream.uniform() < share;
        instance.jobs[i].output = if long { longest(instance, i, kv_tokens) } else { instance.jobs[i].lower };
        instance.jobs[i].arrival = arrival;
    }
}

fn moved(instance: &Instance, kv_tokens: u64, stream: &mut Stream) -> Instance {
    let mut next = instance.clone();
    let n = next.jobs.len();
    let i = stream.below(n as u64) as usize;
    match stream.below(5) {
        0 => swap(&mut next, i, stream.below(n as u64) as usize),
        1 => (1..=i).rev().for_each(|k| swap(&mut next, k, k - 1)),
        2 => lengthen(&mut next, &[i], kv_tokens, stream),
        3 => {
            let run = 1 + stream.below(n as u64 / 4 + 1) as usize;
            let places: Vec<usize> = (i..(i + run).min(n)).collect();
            lengthen(&mut next, &places, kv_tokens, stream);
        }
        _ => {
            let output = next.jobs[i].output;
            let places: Vec<usize> = (0..n).filter(|&k| next.jobs[k].output == output).collect();
            lengthen(&mut next, &places, kv_tokens, stream);
        }
    }
    next
}

/// Gives the requests at `places` another length: an end of their interval, or the same place inside of it.
fn lengthen(instance: &mut Instance, places: &[usize], kv_tokens: u64, stream: &mut Stream) {
    let (how, at) = (stream.below(3), stream.uniform());
    for &i in places {
        let (lower, upper) = (instance.jobs[i].lower, longest(instance, i, kv_tokens));
        instance.jobs[i].output = match how {
            0 => lower,
            1 => upper,
            _ => lower + (at * f64::from(upper - lower) + 0.5) as u32,
        };
    }
}
