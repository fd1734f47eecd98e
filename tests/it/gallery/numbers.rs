//! What is drawn follows from what is stored.

use super::fixture::{Desk, LOADS, REPLICATES, SCHEDULERS, SIGMAS, e2e, shared, trace};
use super::{pair, spec};
use crate::figures::checks::check_data;
use crate::figures::reader::{Drawn, rows};
use foretoken::gallery::{Choices, Kind, draw};
use foretoken::report::figure::{Scale, Style, data, render};
use std::fmt::Write;

fn drawn(kind: Kind, source: &str, choices: &Choices) -> Vec<crate::figures::reader::Row> {
    rows(&data(&spec(kind, shared().path(source), choices)).expect("drawable"))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

/// Means over the replicates that completed, and their t-intervals.
#[test]
fn curves_are_means_of_points() {
    let choices = Choices {
        y: vec!["e2e_mean_s".into()],
        conditions: vec![pair("predictor.sigma", "1.0")],
        ..Choices::default()
    };
    let rows = drawn(Kind::Load, "sweep", &choices);
    assert_eq!(rows.len(), LOADS.len() * SCHEDULERS.len());
    for row in &rows {
        let [Some(x), Some(y), Some(lo), Some(hi), ..] = row.numbers else {
            panic!("a mean has an interval")
        };
        let scheduler = SCHEDULERS.iter().position(|s| *s == row.series).expect("a scheduler");
        let load = LOADS.iter().find(|l| l.parse::<f64>() == Ok(x)).expect("a load");
        let completed = if scheduler == 1 && x == 6.5 { REPLICATES - 1 } else { REPLICATES };
        let values: Vec<f64> = (0..completed).map(|r| e2e(scheduler, load, "1", r)).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)).sqrt();
        // Student t, 97.5%, 3 and 2 degrees of freedom.
        let t = if completed == 4 { 3.182_446_305_284_263 } else { 4.302_652_729_911_275 };
        assert!(close(y, mean) && (hi - y - t * sd / n.sqrt()).abs() < 1e-6 * y, "{x}: {y} for {mean}");
        assert!(close(y - lo, hi - y));
    }
}

#[test]
fn cells_are_means_of_points() {
    let rows = drawn(Kind::Heatmap, "sweep", &Choices::default());
    assert_eq!(rows.len(), LOADS.len() * SIGMAS.len() * SCHEDULERS.len());
    for row in &rows {
        let [Some(x), Some(y), .., Some(value)] = row.numbers else { panic!("a cell has a value") };
        let (load, sigma) = (LOADS[(x + 0.5) as usize], SIGMAS[(y + 0.5) as usize]);
        let failed = (row.panel, load, sigma) == (1, "6.5", "1");
        let n = if failed { REPLICATES - 1 } else { REPLICATES };
        let mean = (0..n).map(|r| e2e(row.panel, load, sigma, r)).sum::<f64>() / f64::from(n);
        assert!(close(value, mean), "{load}, {sigma}: {value} for {mean}");
    }
}

#[test]
fn histograms_count_every_request() {
    let rows = drawn(Kind::Completion, "replay", &Choices::default());
    for panel in 0..3 {
        let of = |kind: &'static str| rows.iter().filter(move |r| r.panel == panel && r.kind == kind);
        let cells = of("cell").filter_map(|r| r.numbers[6]);
        assert_eq!(cells.sum::<f64>(), 480.0, "240 requests of two seeds");
        let about: Vec<(&str, f64)> =
            of("number").map(|r| (r.series.as_str(), r.numbers[6].unwrap())).collect();
        let [("spearman", rho), ("concentration", within)] = about[..] else { panic!("{about:?}") };
        assert!((-1.0..=1.0).contains(&rho) && (0.0..=1.0).contains(&within), "{about:?}");
    }
    let fit = rows_of_fit();
    let area = |r: &crate::figures::reader::Row| {
        let [Some(x), Some(y), _, _, Some(x2), ..] = r.numbers else { panic!("a bin has edges") };
        y * libm::log(x2 / x)
    };
    let sum: f64 = fit.iter().filter(|r| r.kind == "bin").map(area).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
}

/// The law of a prompt is the one that `length fit` finds.
#[test]
fn laws_of_prompts_are_those_of_length_fit() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("traces/answers.csv");
    let choices = Choices { only: vec!["proof".into()], ..Choices::default() };
    let rows = rows(&data(&spec(Kind::Prompts, file.clone(), &choices)).expect("drawable"));
    let out = Desk::new().ok(&["length", "fit", file.to_str().expect("UTF-8"), "--format", "json"]).0;
    let fits: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let proof =
        fits["fits"].as_array().expect("fits").iter().find(|f| f["prompt_id"] == "proof").expect("a fit");
    for (name, key) in [("mu", "mu"), ("sigma", "sigma"), ("n", "n"), ("log-t ks", "ks")] {
        let row = rows.iter().find(|r| r.kind == "number" && r.series == name).expect(name);
        assert_eq!(row.numbers[6], proof[key].as_f64(), "{name}");
    }
    let other = Choices { only: vec!["poof".into()], ..Choices::default() };
    let refused = draw(Kind::Prompts, &[file], &other).expect_err("no such prompt").to_string();
    assert!(refused.contains("did you mean `proof`"), "{refused}");
}

fn rows_of_fit() -> Vec<crate::figures::reader::Row> {
    rows(&data(&spec(Kind::Fit, trace(), &Choices::default())).expect("drawable"))
}

/// The empirical distribution at a value, counted again from requests.csv.
#[test]
fn distributions_are_those_of_requests_csv() {
    let rows = drawn(
        Kind::Cdf,
        "replay",
        &Choices { y: vec!["e2e".into()], only: vec!["fcfs".into()], ..Choices::default() },
    );
    let mut latencies: Vec<f64> = Vec::new();
    for replicate in ["fcfs-r000", "fcfs-r001"] {
        let text = shared().read(&format!("replay/{replicate}/requests.csv"));
        let column =
            text.lines().next().and_then(|h| h.split(',').position(|c| c == "e2e_s")).expect("a column");
        latencies.extend(text.lines().skip(1).filter_map(|l| l.split(',').nth(column)?.parse::<f64>().ok()));
    }
    assert_eq!(latencies.len(), 480);
    for row in rows.iter().skip(1) {
        let (x, y) = (row.numbers[0].expect("x"), row.numbers[1].expect("y"));
        let share = latencies.iter().filter(|&&v| v <= x).count() as f64 / 480.0;
        assert!(close(y, share), "{x}: {y} for {share}");
    }
}

/// Failed runs are left out of every mean, and counted.
#[test]
fn failed_runs_are_counted() {
    let figure = draw(Kind::Heatmap, &[shared().path("sweep")], &Choices::default()).expect("drawable");
    let said = figure.remarks.join("\n");
    assert!(said.contains("did not complete, and are left out: 1"), "{said}");
}

#[test]
fn one_run_of_a_comparison_is_drawn_alone() {
    let source = shared().path("replay").join("sjf-r001");
    let spec = spec(Kind::Cdf, source, &Choices { y: vec!["ttft".into()], ..Choices::default() });
    assert_eq!(spec.panels[0].series.len(), 1);
    assert_eq!(spec.panels[0].series[0].name, "sjf");
}

/// Twenty values that grow by a factor stand on a log axis, each cell around its value.
#[test]
fn many_values_of_a_key_stand_on_a_numeric_axis() {
    let desk = Desk::new();
    let key = "engine.max_seqs";
    let manifest = format!(
        "{{\"schema\": 1, \"kind\": \"sweep\", \"axes\": [{{\"key\": \"{key}\"}}, {{\"key\": \"predictor.kind\"}}]}}"
    );
    desk.write("s/manifest.json", &manifest);
    let mut points = format!("scheduler,replicate,{key},predictor.kind,e2e_mean_s\n");
    for i in 0..20u32 {
        for (j, kind) in ["oracle", "noisy"].iter().enumerate() {
            let seats = 2.0 * libm::pow(1.4, f64::from(i));
            writeln!(points, "fcfs,0,{seats},{kind},{}", i + 20 * j as u32 + 1).expect("a string");
        }
    }
    desk.write("s/points.csv", &points);
    let spec = spec(Kind::Heatmap, desk.path("s"), &Choices::default());
    assert_eq!((spec.panels[0].x.scale, spec.panels[0].y.categories.len()), (Scale::Log, 2));
    let text = data(&spec).expect("drawable");
    check_data(&Drawn::read(&render(&spec, Style::Paper).expect("drawable")), &text);
    for row in rows(&text) {
        let [Some(lo), Some(y), _, _, Some(hi), _, Some(value)] = row.numbers else {
            panic!("a cell is full")
        };
        let i = value - 1.0 - 20.0 * (y + 0.5);
        assert!(close((lo * hi).sqrt(), 2.0 * libm::pow(1.4, i)), "{value} spans {lo}..{hi}");
    }
}
