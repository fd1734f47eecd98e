//! The engine's rounds against the plain reference, bit for bit, on thousands of small worlds.

use super::plain::{self, Bound, Policy, Projection, Tie};
use super::{engine, scheduler, world};
use foretoken::compete::{Estimate, Instance, Job};
use foretoken::scenario::SchedulerConfig;
use serde_json::json;

/// Worlds of each kind: equal or different prompts, at once or online.
const WORLDS: u64 = 250;

fn worlds() -> impl Iterator<Item = (u64, u64, Instance)> {
    let kinds = [(true, false), (false, false), (true, true), (false, true)];
    kinds.into_iter().zip(0u64..).flat_map(|((equal, online), kind)| {
        (0..WORLDS).map(move |i| {
            let seed = kind * WORLDS + i;
            let (m, instance) = world(seed, 14, equal, online);
            (seed, m, instance)
        })
    })
}

fn agree(config: &SchedulerConfig, estimate: Estimate, policy: impl Fn(&Instance, u64) -> Policy) {
    for (seed, m, instance) in worlds() {
        let ours = engine(config, estimate, &instance, m, seed % 5);
        let plain = plain::run(&instance, m, &policy(&instance, seed % 5));
        let same = (&ours.completion, ours.kills, ours.tokens_lost, ours.peak_kv_tokens)
            == (&plain.completion, plain.kills, plain.tokens_lost, plain.peak);
        assert!(same, "{} M={m} seed={}\n{}{ours:?}\n{plain:?}", config.label(), seed % 5, instance.csv());
    }
}

#[test]
fn hindsight_agrees() {
    agree(&scheduler("h-sf", json!({})), Estimate::True, |i, _| Policy::hindsight(i));
}

#[test]
fn mc_sf_agrees_on_true_and_upper_estimates() {
    agree(&scheduler("mc-sf", json!({})), Estimate::True, |i, _| Policy::hindsight(i));
    agree(&scheduler("mc-sf", json!({})), Estimate::Upper, |i, _| Policy::max(i));
}

#[test]
fn a_max_agrees() {
    agree(&scheduler("a-max", json!({})), Estimate::True, |i, _| Policy::max(i));
}

#[test]
fn a_min_agrees_in_every_variant() {
    agree(&scheduler("a-min", json!({})), Estimate::True, |_, seed| {
        variant(Bound::Stored, Tie::Random, Projection::Running, seed)
    });
    agree(&scheduler("a-min", json!({"bound": "running"})), Estimate::True, |_, seed| {
        variant(Bound::Running, Tie::Random, Projection::Running, seed)
    });
    agree(&scheduler("a-min", json!({"tie": "index"})), Estimate::True, |_, seed| {
        variant(Bound::Stored, Tie::Index, Projection::Running, seed)
    });
    agree(&scheduler("a-min", json!({"projection": "hold"})), Estimate::True, |_, seed| {
        variant(Bound::Stored, Tie::Random, Projection::Hold, seed)
    });
}

fn variant(bound: Bound, tie: Tie, projection: Projection, seed: u64) -> Policy {
    Policy::Min { bound, tie, projection, seed }
}

#[test]
fn a_ell_agrees() {
    agree(&scheduler("a-ell", json!({})), Estimate::True, |_, _| Policy::Ell);
}

/// With nothing to learn, everybody is hindsight.
#[test]
fn certain_lengths_make_all_of_them_hindsight() {
    for (seed, m, mut instance) in worlds() {
        let sure = |j: &mut Job| (j.lower, j.upper) = (j.output, j.output);
        instance.jobs.iter_mut().for_each(sure);
        let hindsight = plain::run(&instance, m, &Policy::hindsight(&instance));
        for name in ["h-sf", "mc-sf", "a-max", "a-min", "a-ell"] {
            let ours = engine(&scheduler(name, json!({})), Estimate::True, &instance, m, seed % 5);
            assert_eq!(ours.completion, hindsight.completion, "{name} M={m}\n{}", instance.csv());
        }
    }
}
