//! The light model, in every build.

use super::{Desk, prompts, shared, table, trace};
use serde_json::Value;

fn value(json: &Value, pointer: &str) -> f64 {
    json.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} in {json:#}"))
}

#[test]
fn every_task_learns_and_predicts() {
    let desk = Desk::new();
    for (task, kind, tau) in
        [("length", "point", 0.7), ("logt", "logt", 0.7), ("rank", "score", 0.7), ("bins", "point", 0.5)]
    {
        let bins = if task == "bins" { "--bins ssjf" } else { "" };
        let trained = desk.json(&format!("predictor train {} --task {task} {bins} --out {task}", prompts()));
        assert!(value(&trained, "/test/tau") > tau, "{trained:#}");
        let held_out = desk.json(&format!("predictor eval {task} {}", prompts()));
        assert_eq!(held_out["held_out"], trained["test"], "training's own test part is what eval holds out");
        let applied = desk.json(&format!("predictor apply {task} {} --out {task}.csv", trace()));
        assert_eq!((&applied["kind"], &applied["predictions"]), (&kind.into(), &150.into()));
        let rows = desk.read(&format!("{task}.csv"));
        assert!(rows.lines().skip(1).all(|l| l.split(',').nth(1) == Some(kind)), "{rows}");
    }
    let logt = desk.json(&format!("predictor eval logt {}", prompts()));
    let covered: Vec<f64> =
        logt["held_out"]["coverage"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    for (share, level) in covered.iter().zip([0.5, 0.8, 0.9]) {
        assert!((share - level).abs() < 0.2, "{covered:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let desk = Desk::new();
    let train = |out: &str, seed: u32| {
        desk.json(&format!("predictor train {} --task logt --seed {seed} --out {out}", prompts()));
        [desk.read(&format!("{out}/model.json")), desk.read(&format!("{out}/split.csv"))]
    };
    let first = train("a", 1);
    assert_eq!(first, train("b", 1));
    assert_ne!(first, train("c", 2));
}

/// A prompt that occurs many times is on one side of the split.
#[test]
fn duplicates_of_a_prompt_stay_together() {
    let desk = Desk::new();
    desk.write("few.csv", &table(50, 3));
    let trained = desk.json("predictor train few.csv --out m");
    assert_eq!(trained["split"]["prompts"], serde_json::json!([30, 10, 10]));
    assert_eq!((&trained["test"]["prompts"], &trained["test"]["lengths"]), (&10.into(), &30.into()));
    let held_out = desk.json("predictor eval m few.csv");
    assert_eq!((&held_out["seen"], &held_out["held_out"]["lengths"]), (&40.into(), &30.into()));
}

#[test]
fn many_samples_a_prompt_make_fitted_labels() {
    let desk = Desk::new();
    desk.write("many.csv", &table(60, 12));
    let trained = desk.json("predictor train many.csv --task logt --out m");
    assert_eq!(trained["labels"], "fits");
    assert!(value(&trained, "/test/r2_mu") > 0.5 && trained["test"]["r2_sigma"].is_f64(), "{trained:#}");
    let laws: String = (0..40)
        .map(|i| format!("Say {} things about {i},{},{}\n", i % 4, 2 + i % 4, 0.1 + 0.1 * f64::from(i % 4)))
        .collect();
    desk.write("laws.csv", &("prompt,logt_mu,logt_sigma\n".to_string() + &laws));
    let given = desk.json("predictor train laws.csv --task logt --out g");
    assert_eq!((&given["labels"], &given["test"]["lengths"]), (&"given".into(), &0.into()));
    assert!(given["test"]["r2_mu"].is_f64() && given["test"]["tau"].is_f64(), "{given:#}");
}

/// Where there is no text, the prompt's length is all there is.
#[test]
fn a_trace_without_texts_teaches_by_length() {
    let desk = Desk::new();
    let rows: String = (0..80).map(|i| format!("{i},{},{}\n", 10 + i, 5 + 3 * i)).collect();
    desk.write("t.csv", &("arrival_s,prompt_tokens,output_tokens\n".to_string() + &rows));
    let trained = desk.json("predictor train t.csv --out m");
    assert!(value(&trained, "/test/tau") > 0.9, "{trained:#}");
    desk.json("predictor apply m t.csv --out p.csv");
    assert_eq!(desk.read("p.csv").lines().count(), 81);
}

#[test]
fn figures_and_histograms_are_written() {
    let desk = Desk::new();
    desk.json(&format!("predictor train {} --task bins --bins 0,15,60,250,2048 --out m", prompts()));
    desk.json(&format!("predictor eval m {} --figure f", prompts()));
    for name in ["predicted", "reliability"] {
        for extension in ["svg", "png", "csv"] {
            assert!(desk.path(&format!("f/{name}.{extension}")).is_file(), "{name}.{extension}");
        }
    }
    let applied =
        desk.json(&format!("predictor apply m {} --out p.csv --histograms --cost-s 0.002", trace()));
    assert_eq!(applied["kind"], "histogram");
    assert!(desk.read("p.csv").lines().nth(1).unwrap().starts_with("0,histogram,p.csv.bins/0.json,,,,0.002"));
    let law: Value = serde_json::from_str(&desk.read("p.csv.bins/0.json")).unwrap();
    assert_eq!(law["edges"], serde_json::json!([0.0, 15.0, 60.0, 250.0, 2048.0]));
    desk.json(&format!(
        "replay --trace {} --scheduler gittins{{predictor=file{{path=p.csv}}}} --set prediction.mode=asynchronous \
         --no-figures --out r",
        trace()
    ));
}

/// Mean end-to-end latency of each contestant.
fn latencies(desk: &Desk, trace: &str, predictions: &str, more: &str) -> Vec<f64> {
    let contestants = format!("fcfs,sjf{{predictor=file{{path={predictions}}}}},sjf{{predictor=oracle}}");
    let args =
        format!("replay --trace {trace} --scheduler {contestants} {more} --no-figures --out r-{predictions}");
    let report = desk.json(&args);
    let rows = report["comparison"]["rows"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    rows.iter().map(|r| value(r, "/metrics/e2e_mean_s/mean")).collect()
}

#[test]
fn predictions_change_the_schedule() {
    let desk = Desk::new();
    desk.json(&format!("predictor train {} --out m", prompts()));
    desk.json(&format!("predictor apply m {} --out p.csv", trace()));
    let [fcfs, learned, oracle] = latencies(&desk, &trace(), "p.csv", "--set engine.max_seqs=4")[..] else {
        panic!("three contestants")
    };
    assert!(oracle < learned && learned < 0.9 * fcfs, "fcfs {fcfs}, learned {learned}, oracle {oracle}");
}

/// The issue's own words: gpteacher and arena_hard text, held-out R2 and tau, a schedule that changes.
#[test]
fn real_texts_teach_something() {
    let (Some(teacher), Some(arena)) = (
        shared("gpteacher/gpteacher_roleplay_codegen.jsonl.gz"),
        shared("arena_hard/arena_hard_v01_lmsys_schema.jsonl.gz"),
    ) else {
        return;
    };
    let desk = Desk::new();
    let trained = desk.json(&format!("predictor train {teacher} {arena} --out m"));
    let (r2, tau) = (value(&trained, "/test/r2"), value(&trained, "/test/tau"));
    println!("gpteacher and arena_hard, light model, held out: R2 {r2:.3}, tau {tau:.3}");
    assert!(r2 > 0.25 && tau > 0.4, "{trained:#}");
    desk.json(&format!("predictor apply m {arena} --out p.csv --limit 300"));
    let more = "--set trace.limit=300 --set workload.rate_rps=20 --set engine.max_seqs=8";
    let [fcfs, learned, oracle] = latencies(&desk, &arena, "p.csv", more)[..] else {
        panic!("three contestants")
    };
    assert!(oracle < learned && learned < fcfs, "fcfs {fcfs}, learned {learned}, oracle {oracle}");
}
