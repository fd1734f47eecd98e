//! No parameter of a router is parsed and ignored.

use super::books::choices;
use foretoken::router::Registry;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Router, parameter, other parameters, two values under which choices differ.
fn cases() -> Vec<(&'static str, &'static str, Value, [Value; 2])> {
    let order = || [json!("index"), json!([4, 2, 0, 1, 3])];
    let none = || json!({});
    vec![
        ("round-robin", "order", none(), order()),
        ("round-robin", "order", none(), [json!("index"), json!("seed")]),
        ("round-robin", "start", none(), [json!(0), json!(1)]),
        ("least-outstanding", "order", none(), order()),
        ("least-tokens", "order", none(), order()),
        ("least-work", "order", none(), order()),
        ("least-work", "prefill_token_s", none(), [json!(0.0), json!(9.0)]),
        ("least-work", "output_token_s", none(), [json!(0.02), json!(0.0)]),
        ("least-work", "z", none(), [json!(0.0), json!(3.0)]),
        ("least-work", "unknown_tokens", none(), [json!(0), json!(900)]),
        ("power-of-two", "poll_s", none(), [json!(null), json!(1.0)]),
        ("session", "assign", none(), [json!("least-outstanding"), json!("random")]),
        ("session", "order", none(), order()),
        ("consistent-hash", "points", none(), [json!(1), json!(160)]),
        ("cache-aware", "rule", none(), [json!("sglang"), json!("vllm")]),
        ("cache-aware", "tokenize", none(), [json!(true), json!(false)]),
        ("cache-aware", "balance_abs_threshold", none(), [json!(64), json!(1)]),
        (
            "cache-aware",
            "balance_rel_threshold",
            json!({ "balance_abs_threshold": 1 }),
            [json!(0.0), json!(1e9)],
        ),
        ("cache-aware", "cache_threshold", none(), [json!(0.3), json!(0.9)]),
        ("cache-aware", "order", none(), order()),
        ("prefix-hash", "prefix_tokens", json!({ "load_factor": 9 }), [json!(1), json!(6)]),
        ("prefix-hash", "load_factor", none(), [json!(1.0), json!(9.0)]),
        ("prefix-hash", "points", none(), [json!(1), json!(160)]),
        ("kv-cost", "overlap_weight", none(), [json!(1.0), json!(30.0)]),
        ("kv-cost", "temperature", none(), [json!(0.0), json!(2.0)]),
        ("kv-cost", "block_tokens", none(), [json!(1), json!(16)]),
        ("kv-cost", "order", none(), order()),
        ("weighted", "prefix", none(), [json!(0.0), json!(3.0)]),
        ("weighted", "queue", none(), [json!(0.0), json!(9.0)]),
        ("weighted", "kv_free", none(), [json!(0.0), json!(90.0)]),
        ("weighted", "poll_s", none(), [json!(null), json!(1.0)]),
        ("weighted", "order", json!({ "prefix": 0, "queue": 0, "kv_free": 0 }), order()),
    ]
}

#[test]
fn every_parameter_changes_choices() {
    let mut covered = BTreeSet::new();
    for (name, parameter, given, values) in cases() {
        covered.insert((name, parameter));
        let with = |value: &Value| {
            let mut params: Map<String, Value> = serde_json::from_value(given.clone()).unwrap();
            params.insert(parameter.into(), value.clone());
            choices(name, &Value::Object(params), 5, 3)
        };
        assert_ne!(with(&values[0]), with(&values[1]), "{name}: {parameter}");
    }
    for entry in Registry::builtin().entries() {
        let schema = (entry.params)().to_value();
        let keys = schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        for key in keys {
            assert!(covered.contains(&(entry.name, key)), "{}: {key} has no case", entry.name);
        }
    }
}
