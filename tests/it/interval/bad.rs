//! Bad input is refused, by name.

use super::{burst, instance, run};
use foretoken::engine::RoundRequest;
use foretoken::error::Error;
use foretoken::length::Belief;
use foretoken::predict::{LengthSample, PredictorConfig};

fn refused(m: u64, requests: &[RoundRequest], words: &str) {
    let error = run("a-max", serde_json::json!({}), 0, m, requests).unwrap_err();
    assert!(matches!(error, Error::Input { .. }) && error.to_string().contains(words), "{error}");
}

#[test]
fn instances_that_make_no_sense() {
    refused(0, &burst(0, &[1], (1, 1)), "kv_tokens");
    refused(9, &burst(0, &[1], (0, 1)), "lower bound 0");
    refused(9, &burst(0, &[1], (3, 2)), "interval 3..2");
    refused(9, &burst(3, &[1], (1, 7)), "may need 3 + 7 tokens of 9");
    refused(9, &burst(3, &[7], (1, 6)), "needs 3 + 7 tokens of 9");
    refused(9, &burst(3, &[0], (1, 6)), "no output");
    refused(9, &instance(&[(u64::MAX, 0, 1)], (1, 6)), "round 18446744073709551615");
    let blind = [RoundRequest { arrival: 0, prompt: 1, output: 1, belief: Belief::Unknown }];
    let error = run("a-min", serde_json::json!({}), 0, 9, &blind).unwrap_err().to_string();
    assert!(error.contains("a-min") && error.contains("interval"), "{error}");
}

#[test]
fn parameters_that_make_no_sense() {
    let wrong = [
        ("mc-sf", serde_json::json!({ "reserve": 1.0 })),
        ("svf", serde_json::json!({ "reserve": -0.1 })),
        ("gba", serde_json::json!({ "growth": 1.0 })),
        ("gba-d", serde_json::json!({ "first": 0 })),
        ("gsa", serde_json::json!({ "growth": 0.5 })),
        ("gsa-spec", serde_json::json!({ "first": 0 })),
        ("a-min", serde_json::json!({ "tie": "oldest" })),
        ("a-max", serde_json::json!({ "tie": "index" })),
    ];
    for (name, params) in wrong {
        let error = run(name, params, 0, 9, &burst(0, &[1], (1, 1))).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn predictors_that_make_no_sense() {
    let around = |x, miss, kv_tokens| PredictorConfig::IntervalAround { x, miss, kv_tokens };
    let quantiles = |p_lo, p_hi| PredictorConfig::IntervalQuantiles { p_lo, p_hi, path: None };
    let wrong = [
        (PredictorConfig::Interval { lower: 0, upper: 1 }, "predictor.lower"),
        (PredictorConfig::Interval { lower: 2, upper: 1 }, "2..1"),
        (PredictorConfig::IntervalClasses { width: 0 }, "predictor.width"),
        (around(1.0, 0.0, None), "predictor.x"),
        (around(f64::NAN, 0.0, None), "predictor.x"),
        (around(0.5, 1.5, None), "predictor.miss"),
        (around(0.5, 0.5, Some(0)), "predictor.kv_tokens"),
        (quantiles(0.5, 0.5), "predictor.p_lo"),
        (quantiles(0.0, 0.5), "predictor.p_lo"),
        (quantiles(0.1, 1.0), "predictor.p_lo"),
    ];
    for (config, words) in wrong {
        let error =
            config.build(&LengthSample::default(), 0, 0).err().unwrap_or_else(|| panic!("{config:?}"));
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn hindsight_takes_the_truth_alone() {
    use foretoken::scenario::{Layers, resolve};
    use foretoken::scheduler::Registry;
    let scenario = |kind: &str| {
        let mut layers = Layers::default();
        for set in
            ["trace.path=lmsys-like", "schedulers=[{name=\"h-sf\"}]", &format!("predictor.kind={kind}")]
        {
            layers.set(set)?;
        }
        let scenario = resolve(&layers)?;
        scenario.predictor(&scenario.schedulers[0], &Registry::builtin())
    };
    assert_eq!(scenario("oracle").unwrap(), PredictorConfig::Oracle);
    let error = scenario("law").unwrap_err().to_string();
    assert!(
        error.contains("predictor.kind") && error.contains("h-sf") && error.contains("oracle"),
        "{error}"
    );
}
