//! vLLM V1, 0.32 and 0.33.

use super::{all_equal, reference};
use foretoken::real;
use foretoken::real::vllm::{Planned, Scenario, Version, plan};
use serde_json::json;

fn hold(name: &str, version: Version) {
    let Some(path) = reference(&format!("vllm/{name}")) else { return };
    let scenarios: Vec<Scenario> = real::read(&path).unwrap();
    let part = |s: &Scenario| {
        let found = plan(s, version).unwrap().first_difference(s.result.as_ref().unwrap());
        found.map(|d| format!("{}, {d:?}", s.id))
    };
    let parted: Vec<String> = scenarios.iter().filter_map(part).collect();
    all_equal(name, scenarios.len(), &parted);
}

#[test]
fn made_by_hand() {
    hold("curated.jsonl", Version::V0_32);
}

#[test]
fn made_by_hand_033() {
    hold("curated_033.jsonl", Version::V0_33);
}

#[test]
fn random_with_prefix_caching() {
    hold("random_cache.jsonl.gz", Version::V0_32);
}

#[test]
fn random_with_asynchronous_scheduling() {
    hold("random_async.jsonl.gz", Version::V0_32);
}

#[test]
fn random_with_both() {
    hold("random_both.jsonl.gz", Version::V0_32);
}

#[test]
fn random_with_priorities() {
    hold("random_priority.jsonl.gz", Version::V0_32);
}

#[test]
fn random_with_priorities_033() {
    hold("random_priority_033.jsonl.gz", Version::V0_33);
}

/// The golden trace, under further settings.
fn golden(settings: &serde_json::Value) -> Planned {
    let mut scenario = json!({ "id": "golden", "requests": [
        { "id": "A", "arrival": 0, "prompt": 6, "output": 4 },
        { "id": "B", "arrival": 0, "prompt": 5, "output": 6 },
        { "id": "C", "arrival": 0, "prompt": 3, "output": 5 },
    ] });
    scenario.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    plan(&serde_json::from_value(scenario).unwrap(), Version::V0_32).unwrap()
}

/// `A6 B2` for each step.
fn tokens(planned: &Planned) -> Vec<String> {
    let words = |step: &real::vllm::Step| {
        let words: Vec<String> = step.tokens.0.iter().map(|(id, n)| format!("{id}{n}")).collect();
        words.join(" ")
    };
    planned.steps.iter().map(words).collect()
}

/// What vLLM 0.32.0 was seen to do, for those who have no reference files.
#[test]
fn the_golden_trace() {
    let plain = golden(&json!({}));
    assert_eq!(tokens(&plain), ["A6 B2", "A1 B3 C3", "A1 B1 C1", "A1 B1", "B1 C5", "B1 C1", "B1 C1"]);
    assert_eq!(plain.steps.iter().map(|s| s.free).collect::<Vec<_>>(), [3, 1, 1, 1, 2, 1, 1]);
    assert_eq!(plain.requests.iter().map(|r| r.finish).collect::<Vec<_>>(), [4, 7, 7]);

    let cached = golden(&json!({ "cache": true }));
    assert_eq!(tokens(&cached)[4], "B1 C1");
    assert_eq!(cached.steps[4].hit.0, [("C".to_string(), 4)]);

    let ahead = golden(&json!({ "async": true }));
    assert_eq!(tokens(&ahead), ["A6 B2", "A1 B3 C3", "A1 B1 C1", "A1 B1", "B1", "B1 C5", "B1 C1", "C1"]);
    assert_eq!(ahead.steps.iter().map(|s| s.free).collect::<Vec<_>>(), [3, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(ahead.requests.iter().map(|r| r.finish).collect::<Vec<_>>(), [4, 7, 8]);
    assert_eq!(ahead.steps[2].start, 2, "planned while the step before it runs");
    assert_eq!(ahead.steps[2].planned, 1);
}

/// A stop token ends what a length limit alone would let go on, and its slot of the next plan is wasted.
#[test]
fn stop_tokens_waste_a_slot_only_ahead_of_time() {
    let run = |ahead: bool| {
        let scenario = json!({ "usable": 40, "async": ahead, "requests": [
            { "id": "A", "arrival": 0, "prompt": 6, "output": 4, "max_tokens": 8 },
        ] });
        plan(&serde_json::from_value(scenario).unwrap(), Version::V0_33).unwrap()
    };
    assert_eq!(run(false).steps.len(), 4);
    let ahead = run(true);
    assert_eq!(ahead.steps.len(), 5);
    assert!(ahead.steps[4].emitted.is_empty());
    assert_eq!(ahead.requests[0].token_times, [1, 2, 3, 4]);
}

#[test]
fn a_watermark_counts_the_null_block() {
    let admitted = |watermark: f64| {
        let scenario = json!({ "usable": 9, "budget": 64, "watermark": watermark, "requests": [
            { "id": "A", "arrival": 0, "prompt": 16, "output": 1 },
            { "id": "B", "arrival": 0, "prompt": 16, "output": 1 },
        ] });
        plan(&serde_json::from_value(scenario).unwrap(), Version::V0_32).unwrap().steps[0].running.len()
    };
    // 9 usable, 10 in all; the two prompts take 8 and leave 1. The first is never held back.
    assert_eq!([0.19, 0.2, 0.9].map(admitted), [2, 1, 1]);
}

#[test]
fn what_the_real_engine_refuses() {
    let refused = |settings: serde_json::Value| {
        let scenario: Scenario = serde_json::from_value(settings).unwrap();
        plan(&scenario, Version::V0_32).unwrap_err().to_string()
    };
    let one = |prompt: u64| json!([{ "id": "A", "arrival": 0, "prompt": prompt, "output": 2 }]);
    let long = refused(json!({ "id": "x", "requests": one(24) }));
    assert!(long.contains("scenario x, request A: a prompt of 24 leaves no room"), "{long}");
    let large = refused(json!({ "model_len": 25, "requests": one(3) }));
    assert!(large.contains("does not start"), "{large}");
    let whole = refused(json!({ "chunked": false, "requests": one(9) }));
    assert!(whole.contains("never fits a step of 8"), "{whole}");
    let late = json!([{ "id": "A", "arrival": 3, "prompt": 1, "output": 1 }, { "id": "B", "arrival": 1, "prompt": 1, "output": 1 }]);
    assert!(refused(json!({ "requests": late })).contains("list requests in order of arrival"));
    let unsaid = json!([{ "id": "Ann", "arrival": 0, "prompt": 1, "output": 1 },
                        { "id": "B", "arrival": 1, "prompt": 8, "output": 1, "shared": [["@Anm", 2]] }]);
    assert!(refused(json!({ "requests": unsaid })).contains("did you mean `Ann`"));
}
