//! The published experiments, at sizes that a test can pay for.

use foretoken::compete::studies::{Ends, Predictions, Study, growth, two_point};
use foretoken::compete::{Estimate, Family, Law, Machine};
use foretoken::report::figure::{self, Style};
use foretoken::scenario::SchedulerConfig;
use foretoken::scheduler::Registry;
use std::sync::Arc;

fn row(study: &Study, label: &str) -> Vec<f64> {
    let found = study.labels.iter().position(|l| l == label).unwrap_or_else(|| panic!("{:?}", study.labels));
    study.rows[found].iter().map(|v| v.unwrap()).collect()
}

/// What is stated under the growth table of interval.md 2.2, as far as a test can wait: the default stays below
/// 2 + 1.1 ln(1/alpha), and what differs from it is no better.
#[test]
fn growth_is_like_a_logarithm_by_default() {
    let study = growth(&Registry::builtin(), &[2, 5, 10], &|| Ok(())).unwrap();
    let (default, limit) = (row(&study, "a-min"), row(&study, "2 + 1.1 ln(1/alpha)"));
    assert!(default.iter().zip(&limit).all(|(d, l)| d <= l), "{default:?} over {limit:?}");
    let (newest, max) = (row(&study, "a-min-tie=index"), row(&study, "a-max"));
    assert!(newest[2] >= default[2] && max[2] > 3.0 * default[2], "{newest:?} {max:?}");
    for (measured, published) in default.iter().zip([1.96, 2.53, 2.90]) {
        assert!((measured / published - 1.0).abs() < 0.1, "{measured} {published}");
    }
}

/// Interval.md 3.1: the upper bound holds, and the fluid limit is nearly reached at alpha = 0.5.
#[test]
fn two_points_come_near_their_fluid_limits() {
    let study = two_point(&Registry::builtin(), &[0.5], &|| Ok(())).unwrap();
    let at = |label: &str| row(&study, label)[0];
    assert!(at("a-max, long first") >= 0.9 * 2.43 && at("a-max, long first") <= 3.0);
    assert!((at("a-ell, random order") - 1.5).abs() < 0.05, "{}", at("a-ell, random order"));
    assert!(at("a-min, random order") < 1.3);
}

fn chats(upper: u32) -> Arc<Law> {
    Arc::new(Family::Lmsys { upper, file: None }.law().unwrap())
}

#[test]
fn wide_upper_ends_hurt_a_max_alone() {
    let registry = Registry::builtin();
    let ends =
        Ends { registry: &registry, law: chats(200), requests: 60, prompt: 10, kv_tokens: 3000, seeds: 2 };
    let study = ends.study(&|| Ok(())).unwrap();
    let last = |label: &str| *row(&study, label).last().unwrap();
    assert!(last("a-max, upper end too high") > 1.5);
    assert_eq!(last("a-max, lower end too low"), 1.0);
    assert_eq!(last("a-min, upper end too high"), 1.0);
    assert!(last("a-min, lower end too low") > 1.0);
    figure::render(&study.figure.unwrap(), Style::default()).unwrap();
}

#[test]
fn predictions_are_compared_in_rounds_and_in_seconds() {
    let registry = Registry::builtin();
    let schedulers = ["h-sf", "a-max", "a-min"].map(SchedulerConfig::plain);
    for machine in [None, Some(Machine::new("llama3-8b-h100", 4000).unwrap())] {
        let timed = machine.is_some();
        let study = Predictions {
            registry: &registry,
            schedulers: &schedulers,
            estimate: Estimate::True,
            law: chats(400),
            sizes: vec![20, 60],
            prompt: 20,
            kv_tokens: 4000,
            seeds: 2,
            x: 0.5,
            machine,
        };
        assert_eq!(study.runs(), (1 + 3 + 3) * 2 * 2);
        let study = study.study(&|| Ok(())).unwrap();
        assert_eq!(study.labels.len(), 1 + 3 + 3);
        let (best, worst) = (row(&study, "h-sf"), row(&study, "a-max, everyone [1, 400]"));
        assert!(best[1] > best[0] && worst[1] > 1.2 * best[1], "{best:?} {worst:?}");
        let spec = study.figure.unwrap();
        assert_eq!(spec.panels.len(), if timed { 6 } else { 3 });
        figure::render(&spec, Style::default()).unwrap();
    }
}
