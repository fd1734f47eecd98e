//! Replay directories.

use super::desk::Desk;
use foretoken::compare::Verdict;

#[test]
fn a_result_does_not_differ_from_itself() {
    let desk = Desk::new(300);
    desk.replay("--out one");
    desk.replicated("--replicates 3 --out three");
    for (args, paired_by, pairs) in [("one one", "requests", 300), ("three three", "replicates", 3)] {
        let report = desk.differences(args);
        assert_eq!(report.paired_by, paired_by);
        assert!(report.rows.len() >= 6, "{report:?}");
        for row in &report.rows {
            assert_eq!((row.difference, row.verdict), (0.0, Verdict::NoDifference), "{row:?}");
            assert_eq!((row.value, row.effect_size), (row.baseline, None));
            if let (Some(lo), Some(hi)) = (row.lo, row.hi) {
                assert_eq!((lo, hi, row.win_fraction, row.p), (0.0, 0.0, Some(0.5), Some(1.0)));
                assert!(row.pairs == pairs || row.metric.starts_with("tpot"), "{row:?}");
            }
        }
    }
}

#[test]
fn another_order_only_flips_signs() {
    let desk = Desk::new(300);
    desk.replay("--scheduler fcfs --out a");
    desk.replay("--scheduler sjf --out b");
    desk.replicated("--replicates 4 --scheduler fcfs --out c");
    desk.replicated("--replicates 4 --scheduler sjf --out d");
    for (there, back) in [("a b", "b a"), ("c d", "d c")] {
        let (there, back) = (desk.differences(there), desk.differences(back));
        assert_eq!((there.baseline.as_str(), back.baseline.as_str()), ("fcfs", "sjf"));
        assert_eq!(there.rows.len(), back.rows.len());
        for (a, b) in there.rows.iter().zip(&back.rows) {
            assert_eq!(a.metric, b.metric);
            assert_eq!((a.difference, a.value, a.baseline), (-b.difference, b.baseline, b.value));
            assert_eq!((a.lo, a.hi, a.p), (b.hi.map(|x| -x), b.lo.map(|x| -x), b.p), "{a:?} {b:?}");
            assert_eq!(a.win_fraction.map(|w| (1.0 - w) as f32), b.win_fraction.map(|w| w as f32));
            let flipped = match a.verdict {
                Verdict::Better => Verdict::Worse,
                Verdict::Worse => Verdict::Better,
                same => same,
            };
            assert_eq!(flipped, b.verdict);
        }
    }
    let same = desk.differences("c d --baseline sjf");
    assert_eq!(same.rows, desk.differences("d c").rows);
}

#[test]
fn shortest_first_is_better_and_throughput_counts_upwards() {
    let desk = Desk::new(600);
    desk.replicated("--replicates 6 --scheduler fcfs,sjf,ljf --set metrics.slo.ttft_s=2 --out d");
    let report = desk.differences("d --metric e2e_mean_s,goodput_rps");
    let verdict = |label: &str, metric: &str| {
        let row = report.rows.iter().find(|r| r.label == label && r.metric == metric).unwrap();
        (row.verdict, row.difference > 0.0)
    };
    assert_eq!(verdict("sjf", "e2e_mean_s"), (Verdict::Better, false));
    assert_eq!(verdict("sjf", "goodput_rps"), (Verdict::Better, true));
    assert_eq!(verdict("ljf", "e2e_mean_s"), (Verdict::Worse, true));
    assert_eq!(report.tests, 4);
    for row in &report.rows {
        assert!(row.p_holm >= row.p && row.pairs == 6, "{row:?}");
    }
}

#[test]
fn equal_replicates_are_one_run() {
    let desk = Desk::new(300);
    desk.replay("--replicates 3 --scheduler fcfs,sjf --out d");
    let report = desk.differences("d");
    assert_eq!(report.paired_by, "requests");
    assert!(report.remarks[0].contains("identical"), "{:?}", report.remarks);
    let p99 = report.rows.iter().find(|r| r.metric == "e2e_p99_s").unwrap();
    assert_eq!((p99.lo, p99.verdict), (None, Verdict::NotTested));
}

#[test]
fn engines_may_differ_and_names_tell_directories_apart() {
    let desk = Desk::new(300);
    desk.replay("--scheduler fcfs,sjf --out x/r");
    desk.replay("--scheduler fcfs --set engine.host_overhead_s=0.01 --out y/slow");
    let report = desk.differences("x/r y/slow");
    assert_eq!(report.baseline, "r:fcfs");
    let row = report.rows.iter().find(|r| r.label == "slow:fcfs" && r.metric == "e2e_mean_s").unwrap();
    assert!(row.difference > 0.0 && row.verdict != Verdict::Better, "{row:?}");
    desk.replay("--scheduler sjf --out y/r");
    assert_eq!(desk.differences("x/r y/r").baseline, "x/r:fcfs");
}

#[test]
fn it_writes_data_and_figure_and_replaces_nothing_unasked() {
    let desk = Desk::new(300);
    desk.replay("--scheduler fcfs,sjf --out d");
    let csv = desk.ok("compare d --out c --figure --format csv");
    assert_eq!(csv, desk.read("c/differences.csv"));
    assert_eq!(desk.ok("compare d --format json"), desk.read("c/differences.json"));
    let svg = desk.read("c/figures/differences.svg");
    assert!(svg.contains("Difference to fcfs") && desk.path("c/figures/differences.png").is_file());
    assert!(desk.refused("compare d --figure").contains("--out"));
    let before = desk.read("c/differences.json");
    for args in ["compare d --out c", "compare d --out d --overwrite", "compare d --out t.csv"] {
        // What was found is data; only its place is refused.
        let output = desk.run(args);
        assert_eq!(output.status.code(), Some(2), "{args}");
    }
    assert_eq!(before, desk.read("c/differences.json"));
    desk.ok("compare d --metric ttft_mean_s --out c --overwrite");
    assert!(!desk.path("c/figures").exists());
    assert_eq!(desk.read("c/differences.csv").lines().count(), 2);
}

#[test]
fn the_json_is_as_reviewed() {
    let desk = Desk::new(300);
    desk.replay("--scheduler fcfs,sjf --out d");
    insta::assert_snapshot!(desk.ok("compare d --metric e2e_mean_s,e2e_p99_s --format json"));
}
