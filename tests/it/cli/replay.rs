//! `replay` and `verify`: what they print, write and leave alone.

use super::Desk;
use serde_json::Value;

#[test]
fn a_trace_alone_is_enough() {
    let desk = Desk::new();
    let done = desk.ok("replay --trace t.csv --format json");
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(printed, desk.json("results/t/summary.json"));
    assert_eq!(
        (&printed["scheduler"], &printed["engine"], &printed["profile"]),
        (&"fcfs".into(), &"vllm-v1".into(), &"llama3-8b-h100".into())
    );
    assert_eq!(printed["requests"]["completed"], 30);
    let files = ["manifest.json", "requests.csv", "scenario.resolved.toml", "summary.json"];
    assert_eq!(desk.list("results/t"), files);
    assert!(done.err.contains("30 requests, 30 completed"), "{}", done.err);
}

#[test]
fn several_schedulers_are_compared() {
    let desk = Desk::new();
    let command = "replay --trace t.csv --scheduler fcfs,sjf{predictor=noisy{sigma=0.5}} \
                   --scheduler mlfq{quantum_tokens=8},hrrn{service=output} --out d";
    let done = desk.ok(&format!("{command} --quiet --format json"));
    let printed: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((&printed["schema"], done.err.as_str()), (&1.into(), ""));
    let labels = ["fcfs", "sjf-noisy-0.5", "mlfq-quantum_tokens=8", "hrrn-service=output"];
    for (run, label) in printed["runs"].as_array().unwrap().iter().zip(labels) {
        assert_eq!(run["scheduler"], label);
        assert_eq!(*run, desk.json(&format!("d/{label}/summary.json")));
        let files = ["requests.csv", "scenario.resolved.toml", "summary.json"];
        assert_eq!(desk.list(&format!("d/{label}")), files);
    }
    assert!(printed["comparison"].is_object());
    let mut all = labels.map(String::from).to_vec();
    all.extend(["comparison.csv", "figures", "manifest.json", "scenario.resolved.toml"].map(String::from));
    all.sort();
    assert_eq!(desk.list("d"), all);
    assert_eq!(desk.list("d/figures"), ["response.csv", "response.png", "response.svg"]);
    let csv = desk.ok(&format!("{command} --format csv"));
    assert_eq!(csv.out, desk.read("d/comparison.csv"));
    assert!(csv.err.contains("unchanged"), "{}", csv.err);
}

#[test]
fn columns_steps_and_timeline_come_on_request() {
    let desk = Desk::new();
    desk.ok("replay --trace t.csv --columns id,e2e_s --steps --timeline --out d");
    assert!(desk.read("d/requests.csv").starts_with("id,e2e_s\n0,"));
    let steps = desk.json("d/summary.json")["steps"].as_u64().unwrap();
    assert_eq!(desk.read("d/steps.csv").lines().count() as u64, 1 + steps);
    let events = |name: &str| desk.json(name)["traceEvents"].as_array().unwrap().len();
    desk.ok("replay --trace t.csv --timeline 1..2 --out w");
    let (whole, part) = (events("d/timeline.json"), events("w/timeline.json"));
    assert!(0 < part && part < whole, "{part} of {whole}");
}

#[test]
fn replicates_and_rates_have_their_files() {
    let desk = Desk::new();
    let poisson = "--set workload.arrivals.kind=poisson --set workload.rate_rps=5";
    desk.ok(&format!(
        "replay --trace t.csv {poisson} --replicates 2 --scheduler fcfs,sjf --no-figures --out d"
    ));
    let files = desk.list("d");
    for folder in ["fcfs-r000", "fcfs-r001", "sjf-r000", "sjf-r001"] {
        assert!(files.contains(&folder.to_string()), "{files:?}");
    }
    assert!(!files.contains(&"figures".to_string()));
    assert_ne!(desk.read("d/fcfs-r000/requests.csv"), desk.read("d/fcfs-r001/requests.csv"));
    desk.ok(&format!("replay --trace t.csv {poisson} --rates 2,4 --scheduler fcfs,sjf --out r"));
    assert_eq!(desk.read("r/load.csv").lines().count(), 5);
    let panels = |name: &str| {
        let text = desk.read(name);
        text.matches("Offered load").count()
    };
    assert!(panels("r/figures/response.svg") > 0);
}

#[test]
fn the_same_again_changes_nothing() {
    let desk = Desk::new();
    let first = desk.ok("replay --trace t.csv --out d");
    assert!(first.err.contains("written"), "{}", first.err);
    let touched = |name: &str| std::fs::metadata(desk.path(name)).unwrap().modified().unwrap();
    let before = touched("d/summary.json");
    assert!(desk.ok("replay --trace t.csv --out d").err.contains("unchanged"));
    assert_eq!(touched("d/summary.json"), before);
    let other = desk.run("replay --trace t.csv --out d --scheduler sjf");
    assert_eq!(other.code, Some(2));
    assert!(other.err.contains("--overwrite"), "{}", other.err);
    desk.ok("replay --trace t.csv --out d --scheduler sjf --overwrite");
    assert_eq!(desk.json("d/summary.json")["scheduler"], "sjf");
    assert_eq!(desk.list("."), ["d", "t.csv"]);
}

#[test]
fn what_is_no_result_is_never_replaced() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("mine")).unwrap();
    desk.write("mine/letter.txt", "dear");
    let done = desk.run("replay --trace t.csv --out mine --overwrite");
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("no result of foretoken"), "{}", done.err);
    assert_eq!(
        (desk.list("mine"), desk.read("mine/letter.txt").as_str()),
        (vec!["letter.txt".into()], "dear")
    );
}

#[test]
fn verify_tells_what_has_changed() {
    let desk = Desk::new();
    desk.ok("replay --trace t.csv --scheduler fcfs,sjf --out d");
    assert!(desk.ok("verify d").out.contains("ok"));
    for file in ["fcfs/requests.csv", "comparison.csv", "figures/response.svg"] {
        let name = format!("d/{file}");
        let was = desk.read(&name);
        desk.write(&name, format!("{was} "));
        let done = desk.run("verify d");
        assert_eq!(done.code, Some(1), "{file}");
        assert!(done.err.contains(file), "{}", done.err);
        let again = desk.ok("replay --trace t.csv --scheduler fcfs,sjf --out d");
        assert!(again.err.contains(&format!("{file}.torn")), "{}", again.err);
        assert_eq!((desk.read(&name), desk.read(&format!("{name}.torn"))), (was.clone(), format!("{was} ")));
    }
    desk.ok("verify d");
    desk.write("t.csv", desk.read("t.csv") + "99,1,1\n");
    let done = desk.run("verify d");
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains("t.csv has changed"), "{}", done.err);
}

#[test]
fn torn_files_are_named_set_aside_and_made_again() {
    let desk = Desk::new();
    let replay = "replay --trace t.csv --out d";
    desk.ok(replay);
    for file in ["manifest.json", "summary.json", "requests.csv"] {
        let name = format!("d/{file}");
        let was = desk.read(&name);
        desk.write(&name, &was[..was.len() / 2]);
        let other = desk.run(&format!("{replay} --scheduler sjf"));
        assert_eq!(other.code, Some(2), "what is torn is not replaced by something else: {}", other.err);
        let again = desk.ok(replay);
        assert!(again.err.contains(&name) && again.err.contains(&format!("{name}.torn")), "{}", again.err);
        assert_eq!(
            (desk.read(&name), desk.read(&format!("{name}.torn"))),
            (was.clone(), was[..was.len() / 2].into())
        );
        std::fs::remove_file(desk.path(&name)).unwrap();
        if file != "manifest.json" {
            assert!(desk.ok(replay).err.contains(&name));
            assert_eq!(desk.read(&name), was);
        } else {
            desk.write(&name, was);
        }
    }
}

#[test]
fn what_dead_processes_left_is_tidied() {
    let desk = Desk::new();
    let replay = "replay --trace t.csv --out d";
    desk.ok(replay);
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let (dead, alive) = (child.id(), std::process::id());
    child.wait().unwrap();
    // It was killed when it had moved the results away; another one is at work.
    std::fs::rename(desk.path("d"), desk.path(&format!(".d.{dead}.old"))).unwrap();
    for pid in [dead, alive] {
        std::fs::create_dir(desk.path(&format!(".d.{pid}.tmp"))).unwrap();
    }
    let done = desk.ok(replay);
    assert!(done.err.contains("unchanged"), "{}", done.err);
    assert_eq!(desk.list("."), [format!(".d.{alive}.tmp"), "d".into(), "t.csv".into()]);
}

#[test]
fn digests_depend_on_neither_threads_nor_stepping() {
    let desk = Desk::new();
    let digests = |more: &str| -> Vec<String> {
        let command = format!("replay --trace t.csv --scheduler fcfs,srpt,mlfq --format json {more}");
        let printed: Value = serde_json::from_str(&desk.ok(&command).out).unwrap();
        let runs = printed["runs"].as_array().unwrap();
        runs.iter().map(|r| r["digest"].as_str().unwrap().to_string()).collect()
    };
    let one = digests("--threads 1 --out a");
    assert_eq!(one, digests("--threads 2 --out b"));
    assert_eq!(one, digests("--stepwise --out c"));
    let done = desk.ok("replay --trace t.csv --scheduler fcfs,srpt --check-determinism --out x");
    assert!(done.out.starts_with("2 runs"), "{}", done.out);
    assert!(!desk.path("x").exists());
}

#[test]
fn a_scenario_finds_its_trace_from_anywhere() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("there/scenarios")).unwrap();
    std::fs::rename(desk.path("t.csv"), desk.path("there/t.csv")).unwrap();
    desk.write("there/scenarios/s.toml", "schema = 1\n[trace]\npath = \"t.csv\"\n");
    desk.ok("replay there/scenarios/s.toml --out d");
    assert_eq!(desk.json("d/manifest.json")["scenario"]["trace"]["path"], "there/t.csv");
    desk.ok("verify d");
}

#[test]
fn the_trace_that_ships_needs_no_file() {
    let desk = Desk::new();
    desk.ok("replay --trace lmsys-like --set trace.limit=50 --out d");
    assert_eq!(desk.json("d/summary.json")["requests"]["arrived"], 50);
    desk.ok("verify d");
}

#[test]
fn theory_takes_whole_rounds() {
    let desk = Desk::new();
    desk.ok("replay --trace t.csv --engine theory --scheduler fcfs --set kv.blocks=500 --out d");
    assert_eq!(desk.json("d/summary.json")["profile"], "unit");
}

#[test]
fn remarks_are_said_once() {
    let desk = Desk::new();
    let command = "replay --trace t.csv --scheduler fcfs,sjf --set engine.max_model_len=100 \
                   --set workload.over_long=clip --out d";
    let done = desk.ok(command);
    assert_eq!(done.err.matches("shortened").count(), 1, "{}", done.err);
    let done = desk.ok("replay --trace t.csv --scheduler fcfs,sjf --replicates 2 --out f");
    assert_eq!(done.err.matches("replicates are identical").count(), 1, "{}", done.err);
    let chats = r#"{"conversation_id":"a","conversation":[{"role":"user","content":"hello you"},{"role":"assistant","content":"hi"}]}"#;
    desk.write("chats.jsonl", chats);
    let poisson = "--set workload.arrivals.kind=poisson --set workload.rate_rps=5";
    let done = desk.ok(&format!("replay --trace chats.jsonl {poisson} --scheduler fcfs,sjf --out e"));
    assert_eq!(done.err.matches("estimate").count(), 1, "{}", done.err);
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing() {
    let desk = Desk::new();
    let poisson = ["--set", "workload.arrivals.kind=poisson", "--set", "workload.rate_rps=5"];
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_foretoken"))
        .current_dir(desk.0.path())
        .args(["replay", "--trace", "lmsys-like", "--replicates", "1000", "--out", "results/d"])
        .args(poisson)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while !desk.path("results").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let done = child.wait_with_output().unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), err.trim()), (Some(130), "error: interrupted; nothing was written"));
    assert_eq!(desk.list("."), ["t.csv"]);
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_quiet() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_foretoken"))
        .args(["schema", "scenario"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert_eq!((done.status.code(), done.stderr.len()), (Some(0), 0));
}
