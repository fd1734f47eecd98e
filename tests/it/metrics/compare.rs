//! Comparisons of schedulers on the same workload.

use foretoken::metrics::{
    Comparison, Contestant, Floor, References, Run, RunRecord, Slo, Summary, SummaryOptions, compare,
    summarise,
};
use foretoken::record::{RequestRecord, RunTotals};
use foretoken::rng::Stream;
use foretoken::time::{SimTime, Span};

use super::served;

/// 200 requests whose E2E is 1 s plus workload noise, times `pace`.
fn simulate(replicate: u64, pace: f64) -> (Summary, Vec<RequestRecord>) {
    let noise = &mut Stream::new(3, replicate, "noise", 0);
    let request = |i: u32| {
        let arrival = u64::from(i) * 100_000_000;
        let e2e = (1e9 * pace * (1.0 + noise.exponential())) as u64;
        served(i, arrival, 10, arrival, &[arrival + e2e / 2, arrival + e2e])
    };
    let requests: Vec<RequestRecord> = (0..200).map(request).collect();
    let totals = RunTotals { arrived: 200, horizon: SimTime(1 << 40), ..RunTotals::default() };
    let isolated = |_: u32, _: u32| Span(500_000_000);
    let slo = Slo { e2e_s: Some(2.0), ..Slo::default() };
    let floor = Some(Floor { name: "isolated", mean_e2e_s: 0.5, isolated_mean_e2e_s: 0.5 });
    let options =
        SummaryOptions { slo: Some(slo), isolated: Some(&isolated), floor, ..SummaryOptions::default() };
    let run = RunRecord {
        scheduler: "s",
        engine: "e",
        profile: "p",
        predictor: None,
        requests: &requests,
        totals: &totals,
        classes: &[],
    };
    (summarise(&run, &options).unwrap(), requests)
}

fn compared(replicates: u64, references: &References) -> foretoken::error::Result<Comparison> {
    let runs = |pace: f64| (0..replicates).map(|r| simulate(r, pace)).collect::<Vec<_>>();
    let (fcfs, sjf) = (runs(1.0), runs(0.9));
    let contestant = |label, runs: &'static [(Summary, Vec<RequestRecord>)]| Contestant {
        label,
        runs: runs.iter().map(|(summary, requests)| Run { summary, requests }).collect(),
    };
    let contestants = [contestant("fcfs", fcfs.leak()), contestant("sjf", sjf.leak())];
    compare(&contestants, references, 0.95)
}

#[test]
fn replicates_give_intervals_and_a_sharp_difference() {
    let references = References { best_known_e2e_s: vec![1.0; 4], ..References::default() };
    let comparison = compared(4, &references).unwrap();
    let [fcfs, sjf] = comparison.rows.as_slice() else { panic!("{comparison:?}") };
    assert_eq!(comparison.intervals_over, "replicates");
    for (row, mean) in [(fcfs, 2.0), (sjf, 1.8)] {
        let e2e = row.metrics["e2e_mean_s"];
        assert!(e2e.lo.unwrap() < mean && mean < e2e.hi.unwrap(), "{e2e:?}");
        assert!((row.metrics["ratio_best_known"].mean / e2e.mean - 1.0).abs() < 1e-12);
        assert!((row.metrics["ratio_lower_bound"].mean / (e2e.mean / 0.5) - 1.0).abs() < 1e-9);
        assert!(row.metrics["goodput_rps"].mean > 0.0);
    }
    assert_eq!(fcfs.e2e_difference_s, None);
    let paired = sjf.e2e_difference_s.unwrap();
    // Exactly a tenth of each replicate's mean, so sharper than either mean.
    assert!((paired.difference.mean / fcfs.metrics["e2e_mean_s"].mean + 0.1).abs() < 1e-6);
    let width = |lo: f64, hi: f64| hi - lo;
    let own = sjf.metrics["e2e_mean_s"];
    assert!(
        width(paired.difference.lo, paired.difference.hi) < 0.2 * width(own.lo.unwrap(), own.hi.unwrap())
    );
    assert_eq!((paired.win_fraction, paired.pairs), (1.0, 4));
}

#[test]
fn one_run_uses_batches_of_requests() {
    let comparison = compared(1, &References::default()).unwrap();
    let row = &comparison.rows[1];
    assert_eq!(comparison.intervals_over, "batches");
    assert!(row.metrics["e2e_mean_s"].lo.is_some() && row.metrics["e2e_p99_s"].lo.is_none());
    assert!(!row.metrics.contains_key("ratio_best_known"));
    let paired = row.e2e_difference_s.unwrap();
    assert_eq!((paired.pairs, paired.win_fraction), (200, 1.0));
    assert!(paired.difference.hi < 0.0);
}

#[test]
fn csv_and_json_hold_the_same_rows() {
    let comparison = compared(2, &References::default()).unwrap();
    let mut bytes = Vec::new();
    comparison.write_csv(&mut bytes).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    for (row, csv) in comparison.rows.iter().zip(&rows) {
        let cell = |name: &str| csv.get(header.iter().position(|h| h == name).unwrap()).unwrap();
        assert_eq!(cell("scheduler"), row.scheduler);
        for name in comparison.metric_names() {
            assert_eq!(cell(name).parse::<f64>().unwrap(), row.metrics[name].mean);
            assert_eq!(cell(&format!("{name}_lo")).parse().ok(), row.metrics[name].lo);
        }
        let difference = row.e2e_difference_s.map(|p| p.difference.mean);
        assert_eq!(cell("e2e_difference_s").parse().ok(), difference);
    }
    let json = serde_json::to_string(&comparison).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), comparison);
}

#[test]
fn mismatched_inputs_are_refused() {
    let references = References { lower_bound_e2e_s: vec![1.0; 3], ..References::default() };
    assert!(compared(2, &references).is_err());
    assert!(compared(0, &References::default()).is_err());
    assert!(compare(&[], &References::default(), 0.95).is_err());
}
