//! What must hold of every run in rounds.

use super::plain::{self, Policy};
use super::{engine, instance, scheduler, world};
use foretoken::compete::{BOUNDS, Estimate, Family, Instance, Intervals, Match, Order, Recipe, volume_bound};
use foretoken::scenario::SchedulerConfig;
use foretoken::scheduler::Registry;
use serde_json::json;
use std::sync::Arc;

const ALL: [&str; 11] =
    ["h-sf", "mc-sf", "a-max", "a-min", "a-ell", "gsa", "gsa-spec", "gba", "gba-d", "svf", "sorted-f"];

#[test]
fn memory_is_kept_and_everybody_is_served() {
    for seed in 0..120 {
        let (m, instance) = world(20_000 + seed, 12, seed % 2 == 0, seed % 4 < 2);
        for name in ALL {
            let run = engine(&scheduler(name, json!({})), Estimate::True, &instance, m, seed);
            let at = format!("{name} M={m}\n{}{run:?}", instance.csv());
            assert!(run.peak_kv_tokens <= m, "{at}");
            assert_eq!(run.completion.len(), instance.jobs.len(), "{at}");
            let in_time =
                |(job, c): (&foretoken::compete::Job, &u64)| *c >= u64::from(job.arrival + job.output);
            assert!(instance.jobs.iter().zip(&run.completion).all(in_time), "{at}");
            if ["h-sf", "mc-sf", "a-max", "gba", "gba-d", "svf", "sorted-f"].contains(&name) {
                assert_eq!((run.kills, run.tokens_lost), (0, 0), "{at}");
            }
            let tel = instance.tel(&run.completion) as f64;
            assert!(volume_bound(&instance, m).is_none_or(|bound| tel >= bound - 1e-9), "{at}");
        }
    }
}

/// No schedule beats the optimum, and least volume first keeps its guarantee (arXiv 2606.22327):
/// TEL <= (1 + 2/(1-c)) TEL(OPT) with s + o <= cM for all, all at 0.
#[test]
fn nobody_beats_the_optimum_and_svf_comes_near() {
    let mut near = 0;
    for seed in 0..60 {
        let (m, instance) = world(30_000 + seed, 5, seed % 2 == 0, false);
        let hindsight = plain::run(&instance, m, &Policy::hindsight(&instance));
        if instance.tel(&hindsight.completion) > 40 {
            continue;
        }
        let opt = plain::least_tel(&instance, m);
        for name in ALL {
            let run = engine(&scheduler(name, json!({})), Estimate::True, &instance, m, seed);
            assert!(instance.tel(&run.completion) >= opt, "{name} M={m}\n{}", instance.csv());
        }
        let svf = engine(&scheduler("svf", json!({})), Estimate::True, &instance, m, seed);
        let share = instance.jobs.iter().map(|j| j.peak()).max().unwrap() as f64 / m as f64;
        if share < 1.0 {
            let ratio = instance.tel(&svf.completion) as f64 / opt as f64;
            assert!(ratio <= 1.0 + 2.0 / (1.0 - share), "{ratio} M={m}\n{}", instance.csv());
            near += 1;
        }
    }
    assert!(near > 20, "{near}");
}

/// Least volume first against its plain form, with prompts that differ.
#[test]
fn svf_agrees_with_the_plain_reference() {
    for seed in 0..200 {
        let (m, instance) = world(40_000 + seed, 12, false, seed % 2 == 0);
        let ours = engine(&scheduler("svf", json!({})), Estimate::True, &instance, m, 0);
        let plain = plain::run(&instance, m, &Policy::least_volume(&instance));
        assert_eq!(ours.completion, plain.completion, "M={m}\n{}", instance.csv());
    }
}

fn ratio(config: &SchedulerConfig, instance: &Instance, m: u64) -> f64 {
    let registry = Registry::builtin();
    let schedulers = [config.clone()];
    let estimate = Estimate::True;
    let game = Match { registry: &registry, schedulers: &schedulers, estimate, kv_tokens: m, exact: false };
    game.play(instance, 0, &|| Ok(())).unwrap().0[0].ratio_hsf.unwrap()
}

/// The published upper bound of a-max, on the families, n and M large (slack for the O(1/M)).
#[test]
fn a_max_keeps_its_upper_bound() {
    for upper in [2, 4, 8] {
        let alpha = 1.0 / f64::from(upper);
        let laws = [
            Family::TwoPoint { upper, share: 0.3 },
            Family::Uniform { lower: 1, upper },
            Family::Geometric { q: 0.6, upper },
            Family::HeavyTailed { p: 1.8, upper },
        ];
        for (family, order) in
            laws.iter().zip([Order::LongFirst, Order::Random, Order::Spread, Order::LongFirst])
        {
            let law = Arc::new(family.law().unwrap());
            let m = 20 * u64::from(upper);
            let recipe = Recipe { law, requests: 500, prompt: 0, order, intervals: Intervals::Family };
            let measured = ratio(&scheduler("a-max", json!({})), &recipe.instance(m, 1).unwrap(), m);
            assert!(measured <= (BOUNDS[0].at)(alpha) + 0.1, "{family:?}: {measured}");
        }
    }
}

/// P3's two-point case: a few long requests trap a-min, probing escapes (interval.md 4.1).
#[test]
fn long_requests_trap_a_min_and_not_a_ell() {
    let outputs = std::iter::repeat_n(160, 6).chain(std::iter::repeat_n(1, 194));
    let rows: Vec<_> = outputs.map(|o| (0, 96, o)).collect();
    let long_first = instance(&rows, (1, 160));
    let average = |name: &str| {
        let run = engine(&scheduler(name, json!({})), Estimate::True, &long_first, 256, 0);
        long_first.tel(&run.completion) as f64 / 200.0
    };
    let near = |name: &str, wanted: f64| {
        let found = average(name);
        assert!((found - wanted).abs() <= 0.5, "{name}: {found}, not {wanted}");
    };
    near("h-sf", 67.2);
    near("a-max", 1043.0);
    near("a-min", 259.0);
    near("a-ell", 70.0);
}
