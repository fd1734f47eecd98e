//! `foretoken routers`, `foretoken engine route`, and what is refused.

use super::made;
use assert_cmd::Command;
use foretoken::router::{Entry, Registry, Site};
use foretoken::scheduler::Params;
use serde_json::{Value, json};

fn run(args: &[&str], code: i32) -> (String, String) {
    let mut command = Command::cargo_bin("foretoken").unwrap();
    let output = command.args(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn routers_are_listed_with_their_parameters() {
    let (out, _) = run(&["routers", "--format", "json"], 0);
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["routers"].as_array().unwrap().len(), Registry::builtin().entries().len());
    let (out, _) = run(&["routers", "cache-aware"], 0);
    assert!(out.contains("balance_abs_threshold = 64") && !out.contains("round-robin"), "{out}");
    let (_, err) = run(&["routers", "cache-awar"], 2);
    assert!(err.contains("did you mean `cache-aware`?"), "{err}");
}

#[test]
fn wrong_parameters_are_named() {
    let wrong = [
        ("round-robin", json!({ "start": 3 }), "start must be under 3"),
        ("round-robin", json!({ "order": [0, 1] }), "order must name each of the 3 replicas once"),
        ("round-robin", json!({ "order": "sed" }), "Order"),
        ("least-outstanding", json!({ "ordr": "seed" }), "ordr"),
        ("power-of-two", json!({ "poll_s": 0.0 }), "poll_s must be"),
        ("cache-aware", json!({ "cache_threshold": -0.1 }), "cache_threshold must be"),
        ("cache-aware", json!({ "rule": "vlm" }), "vlm"),
        ("prefix-hash", json!({ "load_factor": 0.9 }), "load_factor must be"),
        ("prefix-hash", json!({ "points": 0 }), "points and prefix_tokens"),
        ("consistent-hash", json!({ "points": 0 }), "points must be"),
        ("kv-cost", json!({ "temperature": -1.0 }), "temperature must be"),
        ("kv-cost", json!({ "block_tokens": 0 }), "block_tokens must be"),
        ("least-work", json!({ "z": -1.0 }), "z must be"),
        ("weighted", json!({ "kv_free": -2.0 }), "kv_free must be"),
        ("random", json!({ "seed": 1 }), "seed"),
    ];
    for (name, params, part) in wrong {
        let params: Params = serde_json::from_value(params).unwrap();
        let site = Site { replicas: 3, seed: 0 };
        let error = Registry::builtin().make(name, &params, site).err().expect(name).to_string();
        assert!(error.contains(&format!("cluster.router.{name}")) && error.contains(part), "{error}");
    }
}

#[test]
fn a_router_from_outside_joins_the_list() {
    let mut registry = Registry::builtin();
    let random = *registry.get("random").unwrap();
    assert!(registry.add(random).is_err());
    registry.add(Entry { name: "mine", ..random }).unwrap();
    assert!(registry.make("mine", &Params::new(), Site { replicas: 1, seed: 0 }).is_ok());
    assert_eq!(made("random", json!({}), 1, 0).polls(), None);
}

/// A run that sends two requests to `workers`.
fn line(policy: &str, workers: [usize; 2]) -> String {
    let [a, b] = workers;
    json!({
        "router": "sglang", "policy": policy, "workers": 2, "order": [0, 1],
        "events": [["send", "a", "xx", {}, a], ["send", "b", "yy", {}, b], ["finish", "a"]],
    })
    .to_string()
}

#[test]
fn a_choice_that_differs_is_shown_and_fails() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("runs.jsonl");
    let file = file.to_str().unwrap();
    std::fs::write(file, [line("cache_aware", [0, 1]), line("cache_aware", [0, 0])].join("\n\n")).unwrap();
    let (out, err) = run(&["engine", "route", file], 1);
    assert!(out.contains("2 of 2 choices equal") && out.contains("1 of 2 choices equal"), "{out}");
    assert!(err.contains("1 of 2 runs differ") && !out.contains("request b"), "{err}");
    let (out, _) = run(&["engine", "route", file, "--diff"], 1);
    assert!(out.contains("run 3, event 1, request b: the reference chose worker 0"), "{out}");
    let (out, _) = run(&["engine", "route", file, "--diff", "--format", "json"], 1);
    let json: Value = serde_json::from_str(&out).unwrap();
    let first = json!({ "event": 1, "request": "b", "reference": 0, "ours": 1, "in_flight": [1, 0] });
    assert_eq!(
        (&json["runs"][0]["first_difference"], &json["runs"][1]["first_difference"]),
        (&Value::Null, &first)
    );
    // Keys that a policy remembers.
    let sticky = |worker: usize| {
        json!({
            "router": "vllm", "policy": "consistent_hash", "workers": 2,
            "events": [["send", "a", "x", { "k": "u" }, 0], ["send", "b", "y", { "k": "u" }, worker]],
        })
        .to_string()
    };
    std::fs::write(file, sticky(0)).unwrap();
    assert!(run(&["engine", "route", file], 0).0.contains("1 of 1 choices equal"));
    std::fs::write(file, sticky(1)).unwrap();
    assert!(run(&["engine", "route", file], 1).0.contains("0 of 1 choices equal"));
}

#[test]
fn bad_runs_are_refused_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("runs.jsonl");
    let file = file.to_str().unwrap();
    let good = line("cache_aware", [0, 1]);
    let cases = [
        (String::new(), "there is no run in it"),
        (format!("{good}\nnonsense\n"), "line 2: no run of a router"),
        (good.replace("\"policy\"", "\"policee\""), "policy"),
        (line("tarot", [0, 1]), "line 1: policy tarot has no counterpart; there are: round_robin"),
        (good.replace("\"workers\":2", "\"workers\":0"), "0 workers"),
        (good.replace("\"workers\":2", "\"workers\":3"), "order must name each of the 3 replicas"),
        (line("cache_aware", [0, 2]), "event 1 is no event"),
        (good.replace("[\"finish\",\"a\"]", "[\"finish\",\"c\"]"), "c finishes and was not sent"),
        (good.replace("\"send\",\"b\"", "\"send\",\"a\""), "a is sent twice"),
        (good.replace("sglang", "nginx"), "nginx"),
    ];
    for (text, part) in cases {
        std::fs::write(file, &text).unwrap();
        let (out, err) = run(&["engine", "route", file], 2);
        assert!(out.is_empty() && err.contains(part) && err.lines().count() == 1, "{part}: {err}");
    }
    let (_, err) = run(&["engine", "route", "nowhere.jsonl"], 2);
    assert!(err.contains("nowhere.jsonl"), "{err}");
}
