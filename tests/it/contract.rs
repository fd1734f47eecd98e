//! The contract suite over every scheduler, and a canary for each rule to show that the suite bites.

mod canary;
mod limits;

use assert_cmd::Command;
use canary::{CANARY, Does, params_of};
use foretoken::contract::check;
use foretoken::error::Error;
use foretoken::scheduler::{Entry, Params, Registry};

#[path = "../../examples/custom_scheduler.rs"]
mod custom_scheduler;

fn params(json: serde_json::Value) -> Params {
    serde_json::from_value(json).unwrap()
}

fn keeps(entry: &Entry, params: &Params) {
    let report = check(entry, params).unwrap_or_else(|e| panic!("{e}"));
    assert!(report.worlds >= 100 && report.completed > 1000 && report.rejected > 30, "{report:?}");
    assert!(report.preemptions > 50 && report.steps > 10_000, "the worlds are too roomy: {report:?}");
}

#[test]
fn every_builtin_scheduler_keeps_its_contract() {
    for entry in Registry::builtin().entries() {
        keeps(entry, &Params::new());
    }
    let with = |name: &str, json| keeps(Registry::builtin().get(name).unwrap(), &params(json));
    with("mlfq", serde_json::json!({ "quantum_tokens": 1, "growth": 1, "levels": 9 }));
    with("srpt", serde_json::json!({ "margin_tokens": 3 }));
    with("hrrn", serde_json::json!({ "service": "input" }));
    for tie in ["random", "index"] {
        with("a-min", serde_json::json!({ "tie": tie, "bound": "running", "projection": "hold" }));
        with("a-min", serde_json::json!({ "tie": tie, "projection": "literal" }));
    }
    for name in ["svf", "sorted-f"] {
        with(name, serde_json::json!({ "estimate": "lower", "clear": "all" }));
        with(name, serde_json::json!({ "estimate": "upper", "reserve": 0.2 }));
    }
    for name in ["gba", "gba-d", "gsa", "gsa-spec"] {
        with(name, serde_json::json!({ "first": 3, "growth": 1.3 }));
    }
    with("mc-sf", serde_json::json!({ "estimate": "lower", "reserve": 0.2, "clear": "all" }));
    with("edf", serde_json::json!({ "default_deadline_s": 1.0 }));
}

#[test]
fn a_scheduler_from_outside_keeps_the_contract() {
    keeps(&custom_scheduler::ENTRY, &Params::new());
}

#[test]
fn a_scheduler_from_outside_replays_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (trace, out) = (dir.path().join("t.csv"), dir.path().join("out"));
    // Long answers come first, so that a policy by length and one by arrival differ.
    let rows = (0..40).map(|i| format!("{},100,{}\n", f64::from(i) * 0.5, 400 - 9 * i));
    let head = "arrival_s,prompt_tokens,output_tokens\n".to_string();
    std::fs::write(&trace, std::iter::once(head).chain(rows).collect::<String>()).unwrap();
    let args = |scheduler| {
        let (trace, out) = (trace.to_str().unwrap(), out.to_str().unwrap());
        let rest = ["--set", "engine.max_seqs=2", "--out", out, "--no-figures", "--overwrite", "--quiet"];
        ["foretoken", "replay", "--trace", trace, "--scheduler", scheduler].into_iter().chain(rest)
    };
    let run =
        |scheduler| foretoken::cli::run(custom_scheduler::registry(), args(scheduler).map(String::from));
    assert_eq!(run("fcfs,aged-sjf{patience_s=2},sjf"), std::process::ExitCode::SUCCESS);
    let mean = |label: &str| {
        let text = std::fs::read_to_string(out.join(label).join("summary.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["e2e_s"]["mean"].as_f64().unwrap()
    };
    let (fcfs, aged, sjf) = (mean("fcfs"), mean("aged-sjf-patience_s=2"), mean("sjf"));
    assert!(sjf < aged && aged < fcfs, "sjf {sjf}, aged-sjf {aged}, fcfs {fcfs}");
    assert_eq!(run("aged-sjf{patience_s=0}"), std::process::ExitCode::from(2));
    assert_eq!(run("aged-sjf{patience=2}"), std::process::ExitCode::from(2));
}

#[test]
fn the_suite_bites_on_every_rule() {
    for does in Does::ALL {
        let error = check(&CANARY, &params_of(does)).expect_err(&format!("{does:?} went unseen"));
        let Error::Scheduler { scheduler, request, rule } = &error else { panic!("{does:?}: {error}") };
        assert_eq!(scheduler, "canary");
        assert!(rule.contains(does.rule()) && rule.contains("contract world"), "{does:?}: {rule}");
        assert_eq!(request.parse::<u32>().is_ok(), does.names_a_request(), "{does:?}: request {request}");
    }
    let good = check(&CANARY, &params_of(Does::Behave)).unwrap();
    assert!(good.completed > 1000);
}

#[test]
fn the_suite_runs_from_the_command_line() {
    let run = |args: &[&str], code| {
        let mut command = Command::cargo_bin("foretoken").unwrap();
        let output = command.args(["schedulers", "--format", "csv"]).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let csv = run(&["mlfq{quantum_tokens=2}", "--check"], 0);
    assert!(csv.starts_with("keeps every rule,worlds,") && csv.contains("\nmlfq,200,"), "{csv}");
    assert_eq!(run(&["mlfq{quantum_tokens=0}", "--check"], 2), "");
    assert_eq!(run(&["mlfq{quantum_tokens=2}"], 2), "");
    assert_eq!(
        foretoken::cli::run(Registry::from(CANARY), ["f", "schedulers"]),
        std::process::ExitCode::SUCCESS
    );
    let broken = ["f", "schedulers", "canary{does=\"nan-rank\"}", "--check"];
    assert_eq!(foretoken::cli::run(Registry::from(CANARY), broken), std::process::ExitCode::from(1));
}
