//! The exact optimum and the lower bounds.

use super::plain::{self, Policy};
use super::{instance, world};
use foretoken::compete::{Instance, Schedule, dual_bound, optimum, proven, relaxation, volume_bound};

fn hindsight(instance: &Instance, m: u64) -> Schedule {
    let run = plain::run(instance, m, &Policy::hindsight(instance));
    Schedule::of_completions(instance, &run.completion)
}

fn best(instance: &Instance, m: u64) -> u64 {
    let found = optimum(instance, m, &hindsight(instance, m)).unwrap().expect("small enough");
    assert!(found.is_feasible(instance, m));
    found.tel(instance)
}

/// Shortest first in hindsight is not the optimum, though it is called so.
#[test]
fn hindsight_is_not_optimal() {
    for (prompt, m, outputs, hsf, opt) in
        [(0, 4, &[2, 2, 3, 3][..], 16, 15), (1, 5, &[1, 1, 3, 3], 13, 12), (2, 10, &[2, 2, 5, 5, 5], 37, 33)]
    {
        let rows: Vec<_> = outputs.iter().map(|&o| (0, prompt, o)).collect();
        let instance = instance(&rows, (1, 5));
        assert_eq!(hindsight(&instance, m).tel(&instance), hsf);
        assert_eq!(best(&instance, m), opt);
        assert_eq!(plain::least_tel(&instance, m), opt);
    }
}

#[test]
fn the_program_agrees_with_trying_everything() {
    let (mut better, mut tried) = (0, 0);
    for seed in 0..160 {
        let (m, instance) = world(5000 + seed, 5, seed % 2 == 0, seed % 3 == 0);
        let known = hindsight(&instance, m);
        if known.tel(&instance) > 60 {
            continue;
        }
        let Some(found) = optimum(&instance, m, &known).unwrap() else { continue };
        let opt = found.tel(&instance);
        assert_eq!(opt, plain::least_tel(&instance, m), "M={m}\n{}", instance.csv());
        tried += 1;
        better += u32::from(opt < known.tel(&instance));
    }
    assert!(tried > 100 && better > 0, "{better} of {tried}");
}

#[test]
fn lower_bounds_lie_below_the_optimum_in_order() {
    let (mut tight, mut tried) = (0, 0);
    for seed in 0..120 {
        let (m, instance) = world(9000 + seed, 6, true, seed % 2 == 0);
        let known = hindsight(&instance, m);
        let opt = optimum(&instance, m, &known).unwrap().map_or(known.tel(&instance), |s| s.tel(&instance));
        if known.tel(&instance) > 60 {
            continue;
        }
        let relaxed = relaxation(&instance, m, &known).expect("small enough");
        let dual = dual_bound(&instance, m, &known);
        let at = format!("M={m} opt {opt} relaxed {relaxed} dual {}\n{}", dual.value, instance.csv());
        assert!(dual.value <= relaxed + 1e-6 && relaxed <= opt as f64 + 1e-6, "{at}");
        assert!(volume_bound(&instance, m).is_none_or(|v| v <= opt as f64 + 1e-9), "{at}");
        assert_eq!(dual.value, proven(&instance, m, &dual.prices), "{at}");
        tried += 1;
        tight += u32::from(dual.value >= 0.97 * relaxed);
    }
    assert!(
        tried > 60 && tight * 10 >= tried * 9,
        "the prices come near the relaxation on {tight} of {tried}"
    );
}

#[test]
fn impossible_prices_prove_nothing() {
    let instance = instance(&[(0, 0, 2), (0, 0, 3)], (1, 3));
    assert_eq!(proven(&instance, 5, &[0.0, -1.0]), 0.0);
    assert_eq!(proven(&instance, 5, &[f64::NAN]), 0.0);
    assert_eq!(proven(&instance, 5, &[f64::INFINITY]), 0.0);
    // Without prices each request takes its own time.
    assert!((proven(&instance, 5, &[0.0]) - 5.0).abs() < 1e-6);
    assert!(proven(&instance, 5, &[1e6; 4]) <= 5.0);
}

#[test]
fn schedules_are_checked() {
    let instance = instance(&[(0, 1, 2), (1, 1, 2)], (1, 3));
    let at = |starts: [u64; 2]| Schedule { starts: starts.to_vec() };
    assert!(at([0, 2]).is_feasible(&instance, 3));
    assert!(!at([0, 1]).is_feasible(&instance, 3), "3 + 2 tokens at 2");
    assert!(at([0, 1]).is_feasible(&instance, 5));
    assert!(!at([0, 0]).is_feasible(&instance, 9), "before its arrival");
    assert_eq!(at([0, 2]).tel(&instance), 2 + 3);
}
