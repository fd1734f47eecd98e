//! Commands that run models: refused by name in builds without them, and what they refuse with them.

use super::Desk;
use foretoken::scenario::{Layers, Scenario, resolve};

fn scenario(sets: &[&str]) -> foretoken::error::Result<Scenario> {
    let mut layers = Layers::default();
    sets.iter().try_for_each(|set| layers.set(set))?;
    resolve(&layers)
}

fn refused(desk: &Desk, args: &str, parts: &[&str]) {
    let before = desk.list(".");
    let done = desk.run(args);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{args}: {}", done.err);
    for part in parts {
        assert!(done.err.contains(part), "{args}: no {part:?} in {}", done.err);
    }
    assert_eq!(desk.list("."), before, "{args} left something");
}

/// Seats, longest request and memory follow the device unless they are set.
#[test]
fn limits_follow_the_device() {
    let plain = scenario(&["hardware.model=tiny", "hardware.slots=5", "hardware.context=100"]).unwrap();
    assert_eq!((plain.engine.max_seqs, plain.engine.max_model_len), (5, 100));
    assert_eq!(plain.profile, "hardware");
    // Seven blocks of 16 hold a slot of 100 tokens.
    assert_eq!(plain.hardware.as_ref().unwrap().kv_blocks(plain.kv.block_tokens), 35);
    let fewer = scenario(&["engine.max_seqs=2", "engine.max_model_len=64", "hardware.model=tiny"]).unwrap();
    assert_eq!((fewer.engine.max_seqs, fewer.engine.max_model_len), (2, 64));
    let again = scenario(&["profile=hardware", "hardware.model=tiny"]).unwrap();
    assert!(toml::from_str::<Scenario>(&toml::to_string(&again).unwrap()).unwrap() == again);
    for (sets, part) in [
        (&["hardware.slots=2"][..], "model"),
        (&["profile=hardware"], "there is none"),
        (&["hardware.model=tiny", "engine.max_seqs=9"], "key engine.max_seqs"),
        (&["hardware.model=tiny", "hardware.slot=9"], "did you mean hardware.slots"),
        (&["hardware.model=tiny", "hardware.backend=candle-cuda", "hardware.threads=2"], "hardware.threads"),
    ] {
        let error = scenario(sets).unwrap_err().to_string();
        assert!(error.contains(part), "{sets:?}: {error}");
    }
}

#[test]
fn a_sweep_runs_many_at_once_and_refuses_a_device() {
    let desk = Desk::new();
    let args = "sweep run --trace t.csv --set hardware.model=tiny --axis scheduler=fcfs,sjf --out d";
    refused(&desk, args, &["key hardware", "one device"]);
}

#[test]
fn only_runs_on_hardware_have_a_record_to_verify_by() {
    let desk = Desk::new();
    desk.ok("replay --trace t.csv --out d --quiet");
    let done = desk.run("verify d --recorded");
    assert!(done.code == Some(2) && done.err.contains("leave out --recorded"), "{}", done.err);
}

#[cfg(not(feature = "nn"))]
#[test]
fn builds_without_models_say_which_have_them() {
    let desk = Desk::new();
    for args in [
        "replay --trace t.csv --hardware candle-cpu --model tiny --out d",
        "replay --trace t.csv --set hardware.model=tiny --out d",
        "validate --model tiny --out d",
    ] {
        refused(&desk, args, &["needs feature `nn`", "--features nn"]);
    }
}

#[cfg(feature = "nn")]
#[test]
fn what_cannot_be_validated_is_refused() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("other")).unwrap();
    desk.write("other/file", "kept");
    for (args, parts) in [
        ("--model tinny", &["did you mean `tiny`"][..]),
        ("--model tiny --backend candle-gpu", &["candle-cpu"]),
        ("--model tiny --scheduler fcf", &["did you mean `fcfs`"]),
        ("--model tiny --scheduler fcfs,sjf", &["one at a time"]),
        ("--model tiny --budget soon", &["--budget soon"]),
        ("--model tiny --load 0", &["--load 0"]),
        ("--model tiny --output-mean nan", &["--output-mean"]),
        ("--model tiny --bar-step-r2 95", &["0.07 stands for 7%"]),
        ("--model tiny --threads 2 --clock cpu", &["key hardware.clock"]),
        ("--model tiny --profile nobody", &["unknown profile"]),
        ("--model tiny --trace nothing.csv --profile unit", &["nothing.csv"]),
        ("--model tiny --set hardware.real_time=true --clock wall", &["key hardware.real_time"]),
        ("--model tiny-t5 --set engine.chunked_prefill=true", &["key engine.chunked_prefill"]),
    ] {
        refused(&desk, &format!("validate {args} --out d"), parts);
    }
    let done = desk.run("validate --model tiny --out other");
    assert!(done.code == Some(2) && done.err.contains("no validation"), "{}", done.err);
}

/// A profile that is far off: the report is there, and the exit code says that bars were missed.
#[cfg(feature = "nn")]
#[test]
fn a_wrong_profile_misses_the_bars() {
    let desk = Desk::new();
    let args = "validate --model tiny --slots 2 --context 64 --profile unit --requests 6 --prompt-mean 8 --output-mean 4 --load 500 \
                --seeds 1 --out d --format json";
    let done = desk.run(args);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.contains("R2 of step times") && done.err.contains("bar"), "{}", done.err);
    let report = desk.json("d/report.json");
    assert_eq!(report, serde_json::from_str::<serde_json::Value>(&done.out).unwrap());
    assert!(
        report["seeds"][0]["steps"]["bias"].as_f64().unwrap() > 1.0,
        "a step of a second is far too long"
    );
    assert_eq!(report["seeds"][0]["requests"], 6);
    assert_eq!(desk.list("d"), ["figures", "report.json", "seed-1"]);
    assert_eq!(desk.list("d/seed-1"), ["profile.toml", "requests.csv", "steps.csv"]);
    desk.ok(&format!("{args} --overwrite --gate none"));
    assert!(desk.run(args).err.contains("--overwrite"));
}

/// The whole of it on a small model: what comes out can be replayed on.
#[cfg(feature = "nn")]
#[test]
fn validation_calibrates_and_leaves_a_profile() {
    let desk = Desk::new();
    let done = desk.ok(
        "validate --model tiny --slots 2 --context 64 --requests 6 --prompt-mean 8 --output-mean 4 --seeds 1 \
         --budget 1s --gate none --out d",
    );
    assert!(done.out.contains("step R2") && done.out.contains("median of"), "{}", done.out);
    let report = desk.json("d/report.json");
    assert!(report["seeds"][0]["calibrations_differ"].is_number(), "{report}");
    assert!(desk.list("d/seed-1").contains(&"profile.samples.csv".to_string()));
    desk.ok(
        "replay --trace t.csv --profile d/seed-1/profile.toml --set engine.max_seqs=2 --set engine.max_model_len=64 \
         --set workload.over_long=clip --set metrics.max_outside_domain=1 --out r",
    );
}
