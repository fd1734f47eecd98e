//! Groups of unlike replicas: what a scenario says of them, what they do, what is refused.

use assert_cmd::Command;
use std::path::Path;

const GROUPS: &str = "[engine]\nmax_seqs = 8\n\n[kv]\nblocks = 400\n\n[cluster]\nrouter = \"round-robin\"\n\n\
                      [[cluster.groups]]\nname = \"fast\"\nprofile = \"unit\"\n\n\
                      [[cluster.groups]]\nname = \"slow\"\nreplicas = 2\nprofile = \"slow.toml\"\n\
                      engine = { max_seqs = 2 }\nkv = { blocks = 90 }\n";

/// A folder with a trace, a profile twice as slow as `unit`, and a scenario of two groups.
fn desk() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let rows = (0..30).map(|i| format!("{i},{},{}\n", 20 + i % 7, 1 + i % 5));
    let trace = "arrival_s,prompt_tokens,output_tokens\n".to_string() + &rows.collect::<String>();
    let unit = include_str!("../../profiles/unit.toml");
    let slow = unit.replace("name = \"unit\"", "name = \"slow\"").replace("step_s = 1.0", "step_s = 2.0");
    assert!(slow.contains("step_s = 2.0"), "the profile is of another form");
    for (name, text) in [("t.csv", trace.as_str()), ("slow.toml", &slow), ("s.toml", GROUPS)] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn run(dir: &Path, sets: &[&str], code: i32) -> String {
    let mut command = Command::cargo_bin("foretoken").unwrap();
    let args =
        ["replay", "s.toml", "--trace", "t.csv", "--out", "out", "--no-figures", "--overwrite", "--quiet"];
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    let output = command.current_dir(dir).args(args).args(sets).output().unwrap();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{talk}");
    talk
}

/// (replica, E2E latency in seconds, output tokens) of each request.
fn served(dir: &Path) -> Vec<(u32, f64, f64)> {
    let text = std::fs::read_to_string(dir.join("out/requests.csv")).unwrap();
    let head: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at =
        |name: &str| head.iter().position(|column| *column == name).unwrap_or_else(|| panic!("{head:?}"));
    let [replica, arrival, finish, output] = ["replica", "arrival_s", "finish_s", "output_tokens"].map(at);
    let row = |line: &str| {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect();
        (cells[replica] as u32, cells[finish] - cells[arrival], cells[output])
    };
    text.lines().skip(1).map(row).collect()
}

#[test]
fn each_group_has_its_own_step_times_seats_and_memory() {
    let dir = desk();
    run(dir.path(), &[], 0);
    let served = served(dir.path());
    assert_eq!(served.len(), 30);
    for (i, (replica, e2e, output)) in served.iter().enumerate() {
        assert_eq!(*replica, i as u32 % 3);
        let step_s = if *replica == 0 { 1.0 } else { 2.0 };
        // Steps of its replica's length, perhaps after the rest of one in which it came, and a wait for a seat.
        assert!(*e2e >= output * step_s, "{i}: {e2e} s for {output} steps of {step_s} s");
        assert!(*replica > 0 || *e2e <= (output + 1.0) * step_s, "{i}: {e2e}");
    }
    let resolved = std::fs::read_to_string(dir.path().join("out/scenario.resolved.toml")).unwrap();
    assert!(resolved.contains("[[cluster.groups]]") && resolved.contains("name = \"slow\""), "{resolved}");
}

#[test]
fn a_group_is_set_by_its_number() {
    let dir = desk();
    run(dir.path(), &["cluster.groups.1.replicas=4", "cluster.groups.0.engine.max_seqs=1"], 0);
    assert_eq!(served(dir.path()).iter().map(|(replica, ..)| *replica).max(), Some(4));
    let resolved = std::fs::read_to_string(dir.path().join("out/scenario.resolved.toml")).unwrap();
    assert!(resolved.contains("replicas = 4") && resolved.contains("max_seqs = 1\n"), "{resolved}");
    run(dir.path(), &["cluster.groups.2.name=third", "cluster.groups.2.profile=unit"], 0);
    assert_eq!(served(dir.path()).iter().map(|(replica, ..)| *replica).max(), Some(3));
}

#[test]
fn one_group_that_says_nothing_is_the_scenario() {
    let dir = desk();
    let digest = |text: &str| {
        std::fs::write(dir.path().join("s.toml"), text).unwrap();
        run(dir.path(), &[], 0);
        let summary = std::fs::read_to_string(dir.path().join("out/summary.json")).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        summary["digest"].as_str().unwrap().to_string()
    };
    let base = "profile = \"unit\"\n[engine]\nmax_seqs = 3\n[kv]\nblocks = 60\n";
    let plain = digest(&format!("{base}[cluster]\nreplicas = 2\n"));
    assert_eq!(plain, digest(&format!("{base}[[cluster.groups]]\nname = \"all\"\nreplicas = 2\n")));
    let two = "[[cluster.groups]]\nname = \"a\"\n[[cluster.groups]]\nname = \"b\"\n";
    assert_eq!(plain, digest(&format!("{base}{two}")));
}

#[test]
fn groups_that_make_no_sense_are_refused() {
    let dir = desk();
    let cases: [(&[&str], &str); 11] = [
        (&["cluster.groups.1.name=fast"], "cluster.groups.1.name: `fast` is no name of its own"),
        (&["cluster.groups.1.replicas=0"], "cluster.groups.1.replicas"),
        (&["cluster.groups.1.replicas=4294967295"], "cluster.groups.1.replicas"),
        (&["cluster.groups.0.replicas=4000", "cluster.groups.1.replicas=4000"], "are too many"),
        (&["cluster.replicas=2"], "key cluster.replicas: 2 replicas beside groups"),
        (&["cluster.groups.1.engine.max_seqs=0"], "cluster.groups.1.engine.max_seqs"),
        (&["cluster.groups.1.engine.max_seq=3"], "did you mean cluster.groups.1.engine.max_seqs?"),
        (&["cluster.groups.1.engine.preset=theory"], "another preset"),
        (&["cluster.groups.4.replicas=1"], "missing field `name`"),
        (&["cluster.groups.1.profile=unt"], "unt"),
        (&["cluster.router=round-robin{start=3}"], "start must be under 3"),
    ];
    for (sets, part) in cases {
        let talk = run(dir.path(), sets, 2);
        assert!(talk.contains(part) && talk.lines().count() == 1, "{sets:?}: no {part:?} in {talk}");
        assert!(!dir.path().join("out").exists(), "{sets:?}");
    }
}
