//! Hardware in the loop on this machine's CPU: schedulers, replays, records and refusals (feature `nn`).

use foretoken::contract::check_on;
use foretoken::error::Result;
use foretoken::latency::LatencyModel;
use foretoken::replay::{
    Inputs, Job, Listeners, Options, Outputs, Progress, replay, verify, verify_recorded,
};
use foretoken::scenario::{HardwareConfig, Layers, Scenario, resolve};
use foretoken::scheduler::{Params, Registry};
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

/// Twelve short requests, the later ones in a burst.
fn write_trace(dir: &Path) -> String {
    let mut text = "arrival_s,prompt_tokens,output_tokens\n".to_string();
    for i in 0u32..12 {
        let at = if i < 4 { f64::from(i) * 0.05 } else { 0.2 };
        writeln!(text, "{at},{},{}", 3 + i * 7 % 20, 2 + i * 5 % 13).unwrap();
    }
    let path = dir.join("t.csv");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

fn scenario(dir: &Path, sets: &[&str]) -> Result<Scenario> {
    let mut layers = Layers::default();
    layers.set(&format!("trace.path={}", write_trace(dir)))?;
    layers.set("hardware.model=tiny")?;
    layers.set("hardware.context=64")?;
    for set in sets {
        layers.set(set)?;
    }
    resolve(&layers)
}

fn run(dir: &Path, sets: &[&str]) -> Result<foretoken::replay::Finished> {
    let scenario = scenario(dir, sets)?;
    let inputs = Inputs::load(&scenario, 1)?;
    let job = Job { scheduler: 0, replicate: 0, rate_rps: None };
    job.run(&scenario, &inputs, &Registry::builtin(), false, &mut Listeners::default())
}

/// Every scheduler keeps its contract with a device in the loop.
#[test]
fn every_scheduler_runs_on_hardware() {
    let config = HardwareConfig { slots: 16, context: 320, ..HardwareConfig::default() };
    let open = || -> Result<Box<dyn LatencyModel>> { foretoken::replay::device_model(&config, 1) };
    let mut steps = 0;
    for entry in Registry::builtin().entries() {
        let params: Params = match entry.name {
            "edf" | "least-slack" => serde_json::from_str(r#"{ "default_deadline_s": 1.0 }"#).unwrap(),
            _ => Params::new(),
        };
        let report = check_on(entry, &params, 2, &open).unwrap_or_else(|e| panic!("{e}"));
        assert!(report.completed > 0, "{report:?}");
        steps += report.steps;
    }
    assert!(steps > 2000, "{steps} steps");
}

#[test]
fn a_run_leaves_step_times_that_replay_to_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, out) = (Registry::builtin(), dir.path().join("out"));
    let sets = [
        "schedulers=[{name=\"fcfs\"},{name=\"srpt\"}]",
        "engine.host_overhead_s=1e-5",
        "kv.blocks=12",
        "hardware.slots=4",
        "hardware.layout=padded",
    ];
    let scenario = scenario(dir.path(), &sets).unwrap();
    assert_eq!((scenario.engine.max_seqs, scenario.engine.max_model_len), (4, 64));
    let options = Options { outputs: Outputs::default(), ..Options::default() };
    let done = replay(&scenario, &registry, &out, &options, &Progress::default()).unwrap();
    assert_eq!(done.runs.len(), 2);
    for run in &done.runs {
        assert_eq!(
            (run.summary.requests.completed, run.summary.profile.as_str()),
            (12, "tiny on candle-cpu")
        );
        assert!(run.summary.steps > 10 && run.summary.duration_s > 0.2);
    }
    let error = verify(&out, &registry).unwrap_err().to_string();
    assert!(error.contains("verify --recorded"), "{error}");
    let verified = verify_recorded(&out, &registry).unwrap();
    assert!(verified.changed_files.is_empty() && verified.runs.len() == 2);
    assert!(verified.runs.iter().all(|v| v.holds()), "{:?}", verified.runs);
    let error = replay(&scenario, &registry, &out, &options, &Progress::default()).err().unwrap();
    assert!(error.to_string().contains("--overwrite"), "{error}");
    // A step that is longer by a nanosecond is another run.
    let steps = out.join("fcfs/steps.csv");
    let text = std::fs::read_to_string(&steps).unwrap();
    let (head, rest) = text.split_once("\n0,0,").unwrap();
    let (row, rest) = rest.split_once('\n').unwrap();
    let mut cells: Vec<String> = row.split(',').map(String::from).collect();
    cells[1] = format!("{:.9}", cells[1].parse::<f64>().unwrap() + 1e-9);
    std::fs::write(&steps, format!("{head}\n0,0,{}\n{rest}", cells.join(","))).unwrap();
    let verified = verify_recorded(&out, &registry).unwrap();
    assert!(!verified.runs[0].holds() && verified.changed_files == ["fcfs/steps.csv"]);
}

#[test]
fn static_batches_element_types_and_clocks_run() {
    let dir = tempfile::tempdir().unwrap();
    for sets in [
        &["engine.preset=static", "engine.max_seqs=3"][..],
        &["hardware.dtype=bf16", "hardware.clock=cpu"],
        &["hardware.model=tiny-t5", "engine.chunked_prefill=false"],
        &["hardware.model=tiny-bart", "engine.preset=static", "engine.max_seqs=3"],
    ] {
        let finished = run(dir.path(), sets).unwrap_or_else(|e| panic!("{sets:?}: {e}"));
        assert!(finished.records.iter().all(|r| r.finish.is_some()), "{sets:?}");
    }
}

#[allow(clippy::disallowed_methods, reason = "it is about the clock on the wall")]
#[test]
fn real_time_waits_for_arrivals() {
    let dir = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let finished = run(dir.path(), &["hardware.real_time=true"]).unwrap();
    // The last ones come at 0.2 s.
    assert!(start.elapsed().as_secs_f64() > 0.2);
    assert!(finished.totals.horizon.as_secs() > 0.2);
    assert!(finished.records.iter().all(|r| r.finish.is_some()));
}

#[test]
fn what_a_device_cannot_do_is_refused_by_key() {
    let dir = tempfile::tempdir().unwrap();
    for (sets, parts) in [
        (&["engine.max_seqs=9"][..], &["key engine.max_seqs", "8 slots"][..]),
        (&["engine.max_model_len=65"], &["key engine.max_model_len", "64 tokens"]),
        (&["engine.max_model_len=0"], &["key engine.max_model_len"]),
        (&["cluster.replicas=2"], &["key cluster.replicas", "one device"]),
        (&["profile=unit"], &["key profile", "leave out one"]),
        (&["noise=off"], &["key noise"]),
        (&["hardware.slots=0"], &["key hardware.slots"]),
        (&["hardware.threads=2", "hardware.clock=cpu"], &["key hardware.clock"]),
        (&["hardware.real_time=true", "hardware.clock=cpu"], &["key hardware.clock"]),
        (&["hardware.real_time=true", "engine.host_overhead_s=0.1"], &["key engine.host_overhead_s"]),
        (&["hardware.backend=candle-gpu"], &["candle-cpu"]),
        (&["hardware.model=tinny"], &["did you mean `tiny`"]),
        (&["hardware.weights=nowhere"], &["nowhere"]),
        (&["hardware.model=tiny-t5"], &["key engine.chunked_prefill", "one piece"]),
        (
            &["hardware.model=tiny-t5", "engine.chunked_prefill=false", "kv.blocks=3"],
            &["key kv.blocks", "outputs again"],
        ),
        (
            &["hardware.model=tiny-t5", "engine.chunked_prefill=false", "schedulers=[{name=\"srpt\"}]"],
            &["key schedulers", "preempts"],
        ),
    ] {
        let out = dir.path().join("refused");
        let refused = scenario(dir.path(), sets).and_then(|s| {
            replay(&s, &Registry::builtin(), &out, &Options::default(), &Progress::default()).map(|_| ())
        });
        let error = refused.unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{sets:?}: {text}");
        assert!(!out.exists(), "{sets:?} left something");
    }
}
