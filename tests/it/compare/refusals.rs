//! What is not comparable, and what is no result.

use super::desk::Desk;

/// A file, what is done to it, and what is said then.
type Damage = (&'static str, fn(&str) -> String, &'static str);

#[test]
fn other_requests_are_refused_by_what_differs() {
    let desk = Desk::new(300);
    desk.replay("--out a");
    let others = [
        ("--seed 7", "seed is 7 here and 0 there"),
        ("--set trace.limit=100", "trace.limit is 100 here and unset there"),
        (
            "--set workload.arrivals.kind=poisson --set workload.rate_rps=9",
            "workload.arrivals.kind is poisson",
        ),
        ("--set metrics.slo.ttft_s=1", "metrics.slo.ttft_s"),
        ("--replicates 2", "replicates is 2 here and 1 there"),
    ];
    for (i, (args, what)) in others.iter().enumerate() {
        desk.replay(&format!("{args} --out b{i}"));
        let said = desk.refused(&format!("compare a b{i}"));
        assert!(said.contains(what) && said.contains("cannot be compared with a"), "{said}");
    }
    desk.write("u.csv", &(desk.read("t.csv") + "99,1,1\n"));
    desk.ok("replay --trace u.csv --set engine.max_seqs=8 --no-figures --out b");
    assert!(desk.refused("compare a b").contains("trace file (SHA-256)"));
    // The same bytes elsewhere are the same trace.
    desk.write("v.csv", &desk.read("t.csv"));
    desk.ok("replay --trace v.csv --set engine.max_seqs=8 --no-figures --out c");
    desk.ok("compare a c");
}

#[test]
fn clipped_lengths_are_other_requests() {
    let desk = Desk::new(300);
    desk.replay("--set workload.over_long=clip --set engine.max_model_len=200 --out a");
    desk.replay("--set workload.over_long=clip --set engine.max_model_len=100 --out b");
    let said = desk.refused("compare a b");
    assert!(said.contains("did not serve the same requests"), "{said}");
}

#[test]
fn what_is_no_result_says_what_it_lacks() {
    let desk = Desk::new(300);
    desk.replay("--scheduler fcfs,sjf --out d");
    std::fs::create_dir(desk.path("empty")).unwrap();
    for (dir, what) in [
        ("nowhere", "no such directory"),
        ("t.csv", "this is a file"),
        ("empty", "there is no manifest.json"),
        ("d/fcfs", "name the directory above"),
    ] {
        let said = desk.refused(&format!("compare d {dir}"));
        assert!(said.contains(what) && said.contains(dir), "{said}");
    }
    desk.replay("--out one");
    assert!(desk.refused("compare one").contains("nothing to compare it with"));
    assert!(desk.refused("compare d --baseline sj").contains("did you mean `sjf`"));
    assert!(desk.refused("compare d --metric e2e_mean").contains("did you mean `e2e_mean_s`"));
    assert!(desk.refused("compare d --metric goodput_rps").contains("metrics.slo"));
}

#[test]
fn other_versions_are_named() {
    let desk = Desk::new(300);
    desk.replay("--scheduler fcfs,sjf --out d");
    let manifest = desk.read("d/manifest.json");
    desk.write("d/manifest.json", &manifest.replacen("\"schema\": 1", "\"schema\": 2", 1));
    let said = desk.refused("compare d");
    assert!(said.contains("result schema is 2, and this build reads 1"), "{said}");
    let inner =
        manifest.replacen("\"scenario\": {\n    \"schema\": 1", "\"scenario\": {\n    \"schema\": 9", 1);
    desk.write("d/manifest.json", &inner);
    let said = desk.refused("compare d");
    assert!(said.contains("scenario schema is 9, and this build reads 1"), "{said}");
    desk.write("d/manifest.json", &manifest.replacen("{", "{\"kind\": \"capacity\",", 1));
    assert!(desk.refused("compare d").contains("kind `capacity`"));
}

#[test]
fn torn_and_edited_files_are_named() {
    let desk = Desk::new(300);
    desk.replay("--scheduler fcfs,sjf --out d");
    let cases: [Damage; 5] = [
        ("d/sjf/requests.csv", |t| t[..t.len() / 2].to_string(), "line 1"),
        ("d/sjf/requests.csv", |t| t.replacen("completed", "done", 1), "line 2, column status"),
        ("d/fcfs/requests.csv", |t| t.replacen("\n1,", "\n9001,", 1), "hash differs"),
        ("d/sjf/summary.json", |t| t[..t.len() / 2].to_string(), "damaged"),
        ("d/manifest.json", |t| t[..t.len() / 2].to_string(), "damaged"),
    ];
    for (file, damage, what) in cases {
        let whole = desk.read(file);
        desk.write(file, &damage(&whole));
        let said = desk.refused("compare d");
        assert!(said.contains(what) && said.contains(file), "{file}: {said}");
        desk.write(file, &whole);
    }
    std::fs::remove_file(desk.path("d/sjf/summary.json")).unwrap();
    assert!(desk.refused("compare d").contains("d/sjf/summary.json"));
}
