//! Numbers that docs/tie.md quotes, worked out again on one seed.

use foretoken::replay::{Options, Outputs, Progress, replay};
use foretoken::scenario::{Layers, Scenario, resolve};
use foretoken::scheduler::Registry;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The number in the table of `section` of docs/tie.md: its row names `label` in backquotes first, its column is headed
/// `column`.
fn quoted(section: &str, label: &str, column: &str) -> f64 {
    let page = std::fs::read_to_string(root().join("docs/tie.md")).unwrap();
    let part = page.split("\n## ").find(|part| part.starts_with(section)).expect(section);
    let rows: Vec<Vec<&str>> = part
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let at = rows[0].iter().position(|head| *head == column).expect(column);
    let row = rows.iter().find(|row| row[0].starts_with(&format!("`{label}`"))).expect(label);
    row[at].replace(',', "").parse().unwrap_or_else(|e| panic!("{label}, {column}: {} {e}", row[at]))
}

/// A scenario of scenarios/tie with one seed and these of its schedulers alone.
fn scenario(name: &str, labels: &[&str]) -> Scenario {
    let layers = Layers { file: Some(root().join("scenarios/tie").join(name)), ..Layers::default() };
    let mut scenario = resolve(&layers).unwrap();
    scenario.schedulers.retain(|s| labels.contains(&s.label().as_str()));
    assert_eq!(scenario.schedulers.len(), labels.len(), "{labels:?}");
    scenario.load.rates_rps.clear();
    scenario.replicates = 1;
    scenario
}

/// Mean latency per token and time to first token, seconds; how many are done in 180 s.
fn measured(scenario: &Scenario) -> Vec<[f64; 3]> {
    let out = tempfile::tempdir().unwrap();
    let options = Options { outputs: Outputs::default(), overwrite: true, stepwise: false };
    let path: &Path = &out.path().join("out");
    let done = replay(scenario, &Registry::builtin(), path, &options, &Progress::default()).unwrap();
    let numbers = |run: &foretoken::replay::RunResult| {
        let s = &run.summary;
        let early = s.finished_by.first().map_or(f64::NAN, |f| f.requests as f64);
        [s.latencies.per_token_s.mean, s.latencies.ttft_s.mean, early]
    };
    done.runs.iter().map(numbers).collect()
}

fn near(got: f64, said: f64, tolerance: f64, what: &str) {
    assert!((got / said - 1.0).abs() < tolerance, "{what}: {got} here, {said} on the page");
}

#[test]
fn the_online_table_is_what_runs_give() {
    let labels = ["fcfs", "ltr-prompt", "tie", "sept", "sjf-oracle"];
    let runs = measured(&scenario("online.toml", &labels));
    for (label, [per_token, ttft, _]) in labels.into_iter().zip(runs) {
        near(per_token, quoted("Online", label, "8B here"), 0.12, label);
        near(ttft, quoted("Online", label, "TTFT here"), 0.06, label);
    }
}

#[test]
fn the_offline_table_is_what_runs_give() {
    let labels = ["fcfs", "ltr-prompt", "tie", "sept"];
    for (label, [.., early]) in labels.into_iter().zip(measured(&scenario("offline.toml", &labels))) {
        near(early, quoted("Offline", label, "done here"), 0.01, label);
    }
}
