//! Sweep directories: who wins where.

use super::desk::Desk;
use foretoken::compare::{Lead, Winners};
use foretoken::rng::Stream;

const HEADER: &str = "point,scheduler,replicate,seed,status,reason,digest,kv.blocks,workload.rate_rps,\
                      e2e_mean_s,goodput_rps,steps\n";

/// A sweep over memory and load: `srpt` is better by 2 s above 4 requests/s, all are alike below.
fn points(replicates: u64) -> String {
    let mut text = HEADER.to_string();
    let mut point = 0;
    for blocks in [2000, 500] {
        for rate in [2, 4, 6, 10] {
            for (who, name) in ["fcfs", "srpt", "hrrn"].into_iter().enumerate() {
                for replicate in 0..replicates {
                    let shared = Stream::new(1, replicate, "shared", rate).normal();
                    let own = 0.1 * Stream::new(2, replicate, name, rate + blocks).normal();
                    let gain = if rate > 4 && who == 1 { 2.0 } else { 0.0 };
                    let e2e = 10.0 + shared + own - gain;
                    text += &format!(
                        "{point},{name},{replicate},{replicate},done,,{point:x}{who}{replicate},{blocks},{rate},{e2e},{},9\n",
                        1.0 / e2e
                    );
                }
            }
            point += 1;
        }
    }
    text
}

fn desk(points: &str) -> Desk {
    let desk = Desk::new(1);
    let axes = "[{\"key\": \"kv.blocks\"}, {\"key\": \"workload.rate_rps\"}]";
    desk.write("s/manifest.json", &format!("{{\"schema\": 1, \"kind\": \"sweep\", \"axes\": {axes}}}\n"));
    desk.write("s/points.csv", points);
    desk
}

fn winners(desk: &Desk, args: &str) -> Winners {
    serde_json::from_str(&desk.ok(&format!("compare s --format json {args}"))).unwrap()
}

#[test]
fn it_tells_who_wins_where() {
    let desk = desk(&points(6));
    for metric in ["e2e_mean_s", "goodput_rps"] {
        let report = winners(&desk, &format!("--metric {metric}"));
        assert_eq!((report.rows.len(), report.tests), (8, 24));
        let cells: Vec<String> = report.rows.iter().map(|r| r.cell.join("/")).collect();
        assert_eq!(cells[..5], ["500/2", "500/4", "500/6", "500/10", "2000/2"]);
        for row in &report.rows {
            let high = row.cell[1] == "6" || row.cell[1] == "10";
            let expected = if high { Lead::Shown } else { Lead::NotShown };
            assert_eq!(row.lead, expected, "{metric} {row:?}");
            assert!(!high || row.best == "srpt");
            assert_eq!((row.replicates, row.missing.len()), (6, 0));
        }
        let srpt = report.wins.iter().find(|w| w.scheduler == "srpt").unwrap();
        assert!(srpt.cells >= 4 && srpt.shown == 4, "{srpt:?}");
    }
    let both = winners(&desk, "--metric e2e_mean_s,goodput_rps");
    assert_eq!(both.tests, 48);
}

#[test]
fn it_draws_a_map_and_writes_its_rows() {
    let desk = desk(&points(6));
    let csv = desk.ok("compare s --out w --figure --format csv");
    assert_eq!(csv, desk.read("w/winners.csv"));
    assert!(csv.starts_with("kv.blocks,workload.rate_rps,metric,best,"), "{csv}");
    assert_eq!(csv.lines().count(), 9);
    let drawn = desk.read("w/figures/winners.csv");
    assert_eq!(drawn.matches("srpt,points").count(), 4);
    assert_eq!(drawn.matches("no lead shown,points").count(), 4);
}

#[test]
fn one_run_per_point_is_not_tested() {
    let desk = desk(&points(1));
    let report = winners(&desk, "");
    assert!(report.rows.iter().all(|r| r.lead == Lead::NotTested && r.lo.is_none()));
    assert!(report.remarks.iter().any(|r| r.contains("no lead can be tested")), "{:?}", report.remarks);
}

#[test]
fn failed_runs_are_left_out_and_said() {
    let text = points(3);
    let failing = text.lines().find(|l| l.contains("srpt,1,1,done,,") && l.contains(",500,6,")).unwrap();
    let mut cells: Vec<&str> = failing.split(',').collect();
    (cells[4], cells[5], cells[6]) = ("failed", "out of memory", "");
    cells[9..].fill("");
    let desk = desk(&text.replace(failing, &cells.join(",")));
    let report = winners(&desk, "");
    let row = report.rows.iter().find(|r| r.cell == ["500", "6"]).unwrap();
    assert_eq!(row.missing, ["srpt"]);
    assert_ne!(row.best, "srpt");
    assert!(report.remarks[0].starts_with("1 of 72 runs failed"), "{:?}", report.remarks);
}

#[test]
fn bad_points_are_named_by_line() {
    let text = points(2);
    let lines: Vec<&str> = text.lines().collect();
    let with = |line: usize, new: &str| {
        let mut lines = lines.clone();
        lines[line - 1] = new;
        lines.join("\n") + "\n"
    };
    let twice = lines[1];
    let other_seed = lines[4].replacen("srpt,1,1,", "srpt,1,8,", 1);
    let cases = [
        (text[..text.len() - 3].to_string(), format!("line {}", lines.len())),
        (with(3, "0,fcfs,1"), "line 3: 3 cells where the header has 12".into()),
        (with(3, twice), "line 3: fcfs, replicate 0 is in line 2 already".into()),
        (with(5, &other_seed), "line 5: replicate 1 has seed 8 here and 1 in line 3".into()),
        (with(4, &lines[3].replacen("srpt,0", "srpt,x", 1)), "line 4".into()),
        (with(1, "a,b"), "the first columns are not point,scheduler".into()),
    ];
    for (text, what) in cases {
        let desk = desk(&text);
        let said = desk.refused("compare s");
        assert!(said.contains(&what) && said.contains("points.csv"), "{what}: {said}");
    }
}

#[test]
fn a_sweep_is_compared_alone() {
    let desk = desk(&points(2));
    assert!(desk.refused("compare s s").contains("alone"));
    assert!(desk.refused("compare s --baseline fcfs").contains("replay directories"));
    assert!(desk.refused("compare s --metric e2e_p99_s").contains("unknown metric"));
    assert!(desk.refused("compare s --metric steps").contains("has no winner"));
    let manifest = desk.read("s/manifest.json");
    let with = |field: &str| manifest.replacen("{", &format!("{{{field},"), 1);
    desk.write("s/manifest.json", &with("\"files\": {\"points.csv\": \"0\"}"));
    assert!(desk.refused("compare s").contains("hash differs"));
    desk.write("s/manifest.json", &manifest.replacen("kv.blocks", "kv.block_tokens", 1));
    assert!(desk.refused("compare s").contains("not the axes of the manifest"));
    desk.write("s/manifest.json", &manifest.replacen("\"sweep\"", "\"sweep-shard\"", 1));
    assert!(desk.refused("compare s").contains("sweep merge"));
    desk.write("s/manifest.json", &manifest);
    std::fs::remove_file(desk.path("s/points.csv")).unwrap();
    assert!(desk.refused("compare s").contains("there is no points.csv"));
}
