//! sglang-router 0.3.2 and vllm-router 0.1.17: who got which request.

use super::reference;
use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;

/// The runs of `file`, decided again; exit code 0 if every choice that can be compared is equal.
fn decided(file: &Path) -> Vec<Value> {
    let mut command = Command::cargo_bin("foretoken").unwrap();
    let output = command.args(["engine", "route", "--diff", "--format", "json"]).arg(file).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {talk}"));
    let runs = json["runs"].as_array().unwrap();
    let differing: Vec<&Value> = runs.iter().filter(|run| run["first_difference"].is_object()).collect();
    assert!(output.status.success() && differing.is_empty(), "{talk} {differing:#?}");
    runs.clone()
}

/// Choices compared, and those that are equal, over the runs whose reference ends in `policy`.
fn counts(runs: &[Value], policy: &str) -> [u64; 2] {
    let of = |run: &&Value| run["reference"].as_str().unwrap().ends_with(policy);
    runs.iter().filter(of).fold([0, 0], |sum, run| {
        [sum[0] + run["compared"].as_u64().unwrap(), sum[1] + run["equal"].as_u64().unwrap()]
    })
}

#[test]
#[allow(clippy::print_stdout, reason = "says what was compared")]
fn every_choice_of_the_references_is_made_again() {
    let Some(file) = reference("routers/runs.jsonl.gz") else { return };
    let runs = decided(&file);
    for policy in ["cache_aware", "round_robin", "consistent_hash", "sticky_least_loaded", "manual"] {
        let [compared, equal] = counts(&runs, policy);
        println!("{policy}: {equal} of {compared} choices equal");
    }
    assert_eq!(counts(&runs, " cache_aware"), [1350, 1350]);
    assert_eq!(counts(&runs, " round_robin"), [120, 120]);
    for (policy, repeats) in [(" consistent_hash", 65), (" sticky_least_loaded", 85), (" manual", 130)] {
        let [compared, equal] = counts(&runs, policy);
        assert!(compared == equal && compared > repeats / 2, "{policy}: {equal} of {compared}");
    }
    assert_eq!(counts(&runs, " power_of_two"), [0, 0]);
}

/// The same of the runs in tests/data, which a plain second program of these rules made.
#[test]
fn runs_of_a_second_implementation_are_decided_alike() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/routers/runs.jsonl");
    let runs = decided(&file);
    assert_eq!(counts(&runs, " cache_aware"), [140, 140]);
    assert_eq!(counts(&runs, " round_robin"), [9, 9]);
    assert!(counts(&runs, " consistent_hash")[0] >= 14 && counts(&runs, " sticky_least_loaded")[0] >= 14);
}
