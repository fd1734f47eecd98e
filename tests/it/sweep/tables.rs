//! What a sweep leaves: the tables, whatever the threads, shards and resumes.

use super::{Desk, assert_same};
use foretoken::sweep::Manifest;

const FILES: [&str; 4] = ["manifest.json", "points.csv", "summary.csv", "sweep.resolved.toml"];

#[test]
fn points_come_in_order_with_their_numbers() {
    let desk = Desk::new();
    let done = desk.ok("sweep run s.toml --out d");
    assert!(done.err.contains("24 runs"), "{}", done.err);
    assert_eq!(desk.list("d"), FILES);
    assert_eq!(desk.list("."), ["d", "s.toml", "t.csv"]);
    let rows = desk.rows("d/points.csv");
    assert_eq!(rows.len(), 2 * 3 * 2 * 2);
    let header = desk.read("d/points.csv");
    let start =
        "point,scheduler,replicate,seed,status,reason,digest,workload.rate_rps,engine.max_seqs,e2e_mean_s,";
    assert!(header.starts_with(start), "{header}");
    let mut expected = Vec::new();
    for (rate, seqs) in [("4", "2"), ("4", "4"), ("4", "6"), ("8", "2"), ("8", "4"), ("8", "6")] {
        for scheduler in ["fcfs", "sjf-noisy-0.5"] {
            for replicate in ["0", "1"] {
                expected.push([rate, seqs, scheduler, replicate]);
            }
        }
    }
    let told = |column: &str| rows.iter().map(|r| r[column].as_str()).collect::<Vec<_>>();
    for (i, column) in ["workload.rate_rps", "engine.max_seqs", "scheduler", "replicate"].iter().enumerate() {
        assert_eq!(told(column), expected.iter().map(|e| e[i]).collect::<Vec<_>>());
    }
    assert!(told("status").iter().all(|s| *s == "ok") && told("seed").iter().all(|s| *s == "0"));
    let manifest = Manifest::read(&desk.path("d")).unwrap();
    assert_eq!((manifest.points, manifest.runs, manifest.failed), (6, 24, 0));
    assert_eq!(manifest.axes[1].values, [2, 4, 6]);
    assert!(manifest.changed_files(&desk.path("d")).is_empty());
}

/// A row of the sweep is what a replay of the same scenario says.
#[test]
fn a_point_is_a_replay() {
    let desk = Desk::new();
    desk.ok("sweep run s.toml --out d");
    let rows = desk.rows("d/points.csv");
    desk.write("r.toml", super::SCENARIO.split("[[sweep").next().unwrap());
    let flags =
        "--scheduler fcfs,sjf{predictor=noisy{sigma=0.5}} --set workload.rate_rps=8 --set engine.max_seqs=4";
    desk.ok(&format!("replay r.toml {flags} --out one --no-figures"));
    let wanted = rows.iter().filter(|r| r["workload.rate_rps"] == "8" && r["engine.max_seqs"] == "4");
    for row in wanted {
        let folder = format!("one/{}-r00{}", row["scheduler"], row["replicate"]);
        let summary: serde_json::Value =
            serde_json::from_str(&desk.read(&format!("{folder}/summary.json"))).unwrap();
        assert_eq!(summary["digest"], row["digest"].as_str());
        let number = |column: &str| row[column].parse::<f64>().unwrap();
        assert_eq!(summary["e2e_s"]["p99"], number("e2e_p99_s"));
        assert_eq!(summary["slo"]["goodput_rps"], number("goodput_rps"));
        assert_eq!(summary["utilisation"]["kv"], number("kv_utilisation"));
    }
    let means = desk.rows("one/comparison.csv");
    let of_point = |scheduler: &str| {
        let rows = desk.rows("d/summary.csv");
        let found = rows.into_iter().find(|r| {
            r["workload.rate_rps"] == "8" && r["engine.max_seqs"] == "4" && r["scheduler"] == scheduler
        });
        found.unwrap()
    };
    for row in means {
        let summary = of_point(&row["scheduler"]);
        for column in ["e2e_mean_s", "e2e_mean_s_lo", "e2e_mean_s_hi", "goodput_rps_lo"] {
            assert_eq!(summary[column], row[column], "{column}");
        }
        assert_eq!((summary["n"].as_str(), summary["failed"].as_str()), ("2", "0"));
    }
}

/// The same replicate has the same arrivals and lengths whatever the scheduler and the axes that do not touch
/// them.
#[test]
fn random_numbers_are_common() {
    let desk = Desk::new();
    desk.ok("sweep run s.toml --out d --keep requests --filter 'workload.rate_rps == 4'");
    let arrivals = |point: usize, scheduler: &str, replicate: usize| {
        let rows = desk.rows(&format!("d/runs/{point}/{scheduler}-r00{replicate}/requests.csv"));
        rows.into_iter().map(|r| (r["arrival_s"].clone(), r["output_tokens"].clone())).collect::<Vec<_>>()
    };
    let first = arrivals(0, "fcfs", 0);
    assert_eq!(first.len(), 200);
    for point in 0..3 {
        assert_eq!(first, arrivals(point, "sjf-noisy-0.5", 0));
        assert_eq!(first, arrivals(point, "fcfs", 0));
        assert_ne!(first, arrivals(point, "fcfs", 1));
    }
    assert!(!desk.path("d/runs/3").exists());
}

#[test]
fn threads_and_shards_change_no_byte() {
    let desk = Desk::new();
    desk.ok("sweep run s.toml --out one --threads 1 --keep requests");
    desk.ok("sweep run s.toml --out two --threads 2 --keep requests");
    let one = desk.tree("one");
    assert_eq!(one.len(), FILES.len() + 24);
    assert_same(&one, &desk.tree("two"));
    for i in 1..=5 {
        desk.ok(&format!("sweep run s.toml --out part{i} --shard {i}/5 --keep requests"));
    }
    desk.ok("sweep merge part3 part1 part5 part2 part4 --out merged");
    assert_same(&one, &desk.tree("merged"));
    let refused = |args: &str, part: &str| {
        let done = desk.run(args);
        assert_eq!(done.code, Some(2), "{args}: {}", done.err);
        assert!(done.err.contains(part), "{args}: {}", done.err);
        assert!(!desk.path("m").exists());
    };
    refused("sweep merge part1 part2 part4 part5 --out m", "shard 3 of 5 is missing");
    refused("sweep merge part1 part2 part2 --out m", "shard 2 again");
    refused("sweep merge part1 one --out m", "a whole sweep, not a shard");
    refused("sweep merge part1 part2 part3 part4 part5 --out merged", "--overwrite");
    desk.ok("sweep run s.toml --out other --shard 2/5 --set kv.blocks=999 --keep requests");
    refused("sweep merge part1 other part3 part4 part5 --out m", "key kv.blocks was 999");
    desk.ok("sweep run s.toml --out third --shard 2/3 --keep requests");
    refused("sweep merge part1 third --out m", "one of 3 shards");
    let points = desk.read("part2/points.csv");
    desk.write("part2/points.csv", &points[..points.len() - 9]);
    refused("sweep merge part1 part2 part3 part4 part5 --out m", "part2/points.csv");
    let whole = desk.run("sweep run s.toml --out n --shard 30/30");
    assert!(whole.err.contains("some would be empty"), "{}", whole.err);
}

#[test]
fn a_resolved_sweep_is_the_same_sweep() {
    let desk = Desk::new();
    let flags = "--axis schedulers.mlfq.quantum_tokens=2,64 --scheduler mlfq --set engine.max_seqs=2 --axis predictor=oracle,noisy{sigma=1} \
                 --axis kv.blocks=uniform{low=100,high=200} --samples 3 --sampling random --filter 'kv.blocks > 0'";
    desk.ok(&format!("sweep run --trace t.csv {flags} --seed 5 --out d"));
    desk.ok("sweep run d/sweep.resolved.toml --out again");
    assert_same(&desk.tree("d"), &desk.tree("again"));
    let rows = desk.rows("d/points.csv");
    assert_eq!(rows.len(), 2 * 2 * 3);
    assert!(rows.iter().all(|r| r["scheduler"] == "mlfq" && r["seed"] == "5"));
    assert_ne!(rows[0]["digest"], rows[6]["digest"], "the parameter reaches the scheduler");
    let blocks: Vec<u32> = rows.iter().map(|r| r["kv.blocks"].parse().unwrap()).collect();
    assert!(blocks.iter().all(|b| (100..=200).contains(b)));
    assert_eq!(blocks[..3], blocks[3..6], "samples repeat at every place of the grid");
}

#[test]
fn the_same_sweep_again_is_left_alone() {
    let desk = Desk::new();
    desk.ok("sweep run s.toml --out d");
    let before = desk.tree("d");
    let again = desk.ok("sweep run s.toml --out d");
    assert!(again.err.contains("unchanged"), "{}", again.err);
    assert_same(&before, &desk.tree("d"));
    let json: serde_json::Value =
        serde_json::from_str(&desk.ok("sweep run s.toml --out d --format json").out).unwrap();
    assert_eq!((&json["schema"], &json["kind"]), (&1.into(), &"sweep".into()));
    assert_eq!(desk.ok("sweep run s.toml --out d --format csv").out, desk.read("d/summary.csv"));
    let other = desk.run("sweep run s.toml --out d --set kv.blocks=500");
    assert_eq!(other.code, Some(2));
    assert!(other.err.contains("key kv.blocks was not set"), "{}", other.err);
    desk.ok("sweep run s.toml --out d --set kv.blocks=500 --overwrite");
    assert_eq!(desk.list("."), ["d", "s.toml", "t.csv"]);
}

#[test]
fn failed_runs_are_recorded() {
    let desk = Desk::new();
    let args = "sweep run --trace t.csv --axis kv.blocks=4,500 --axis scheduler=fcfs,edf --out d";
    let done = desk.ok(args);
    assert!(done.err.contains("3 failed"), "{}", done.err);
    let rows = desk.rows("d/points.csv");
    let told: Vec<_> = rows.iter().map(|r| (r["status"].as_str(), r["digest"].is_empty())).collect();
    assert_eq!(told, [("failed", true), ("failed", true), ("ok", false), ("failed", true)]);
    assert!(rows[0]["reason"].contains("too few") && rows[3]["reason"].contains("deadline_s"), "{rows:?}");
    assert_eq!(Manifest::read(&desk.path("d")).unwrap().failed, 3);
    let summary = desk.rows("d/summary.csv");
    assert_eq!((summary[0]["n"].as_str(), summary[0]["e2e_mean_s"].as_str()), ("0", ""));
    let all = desk.run("sweep run --trace t.csv --axis kv.blocks=3,4 --out all");
    assert_eq!(all.code, Some(1));
    assert!(all.err.contains("all 2 runs failed"), "{}", all.err);
}

#[test]
fn a_plan_shows_the_points() {
    let desk = Desk::new();
    let csv = desk
        .ok("sweep plan s.toml --format csv --filter 'replicate == 1 and not (scheduler == \"fcfs\")'")
        .out;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "point,scheduler,replicate,seed,workload.rate_rps,engine.max_seqs");
    assert_eq!((lines.len(), lines[1]), (7, "0,sjf-noisy-0.5,1,0,4,2"));
    let json: serde_json::Value =
        serde_json::from_str(&desk.ok("sweep plan s.toml --format json").out).unwrap();
    assert_eq!(json["runs"].as_array().unwrap().len(), 24);
    assert_eq!(json["runs"][23]["axes"]["engine.max_seqs"], 6);
    assert!(desk.ok("sweep plan s.toml").out.contains("sjf-noisy-0.5"));
    assert_eq!(desk.list("."), ["s.toml", "t.csv"], "nothing is written");
}
