//! Figures of stored results: every kind in every style and width is legible and true to its sources, and what is
//! wrong with a source is said.

mod bad;
mod fixture;
mod numbers;
mod pdf;

use crate::figures::checks::check_data;
use crate::figures::reader::Drawn;
use fixture::{Desk, shared};
use foretoken::gallery::{Choices, Kind, draw};
use foretoken::report::figure::{FigureSpec, Style, Width, data, render};
use std::path::PathBuf;

/// What each kind is drawn from, and chosen of it.
fn sources(kind: Kind) -> Vec<(PathBuf, Choices)> {
    let (replay, sweep) = (shared().path("replay"), shared().path("sweep"));
    let fixed = Choices { conditions: vec![pair("predictor.sigma", "0.5")], ..Choices::default() };
    match kind {
        Kind::Load => vec![(replay, Choices::default()), (sweep, fixed)],
        Kind::Ratio => {
            let x = Some("predictor.sigma".to_owned());
            vec![(
                sweep,
                Choices { x, conditions: vec![pair("workload.rate_rps", "4")], ..Choices::default() },
            )]
        }
        Kind::Heatmap => vec![(sweep, Choices::default())],
        Kind::Pareto | Kind::Ablation => {
            let by_key =
                Choices { x: Some("predictor.sigma".into()), y: vec!["e2e_mean_s".into()], ..fixed_load() };
            let metrics = Choices { x: Some("goodput_rps".into()), y: vec!["e2e_mean_s".into()], ..fixed };
            let second = if kind == Kind::Pareto { metrics } else { by_key };
            vec![(replay, Choices::default()), (sweep, second)]
        }
        Kind::Fit => vec![(replay, Choices::default()), (fixture::trace(), Choices::default())],
        Kind::Prompts => {
            let only = |ids: &[&str]| Choices {
                only: ids.iter().map(|id| (*id).into()).collect(),
                ..Choices::default()
            };
            let samples = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("traces/answers.csv");
            vec![(samples(), Choices::default()), (samples(), only(&["proof", "greeting", "debug"]))]
        }
        Kind::Cdf | Kind::Completion | Kind::Timeline | Kind::Calibration => {
            vec![(replay, Choices::default())]
        }
    }
}

fn fixed_load() -> Choices {
    Choices { conditions: vec![pair("workload.rate_rps", "4")], ..Choices::default() }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn spec(kind: Kind, source: PathBuf, choices: &Choices) -> FigureSpec {
    draw(kind, &[source], choices).unwrap_or_else(|e| panic!("{}: {e}", kind.name())).spec
}

/// Draws a kind in every style and width, reads each picture back, and holds it against its data file.
fn legible_and_true(kind: Kind) {
    for (source, choices) in sources(kind) {
        for width in [Width::OneColumn, Width::TwoColumn] {
            let spec = spec(kind, source.clone(), &Choices { width: Some(width), ..choices.clone() });
            assert_eq!(spec.width, width);
            for style in [Style::Paper, Style::Slides, Style::Dark] {
                let svg = render(&spec, style).unwrap_or_else(|e| panic!("{}: {e}", kind.name()));
                let zoom = if style == Style::Slides { 1.8 } else { 1.0 };
                let mm = zoom * if width == Width::OneColumn { 85.0 } else { 175.0 };
                assert!((svg.width_mm - mm).abs() < 0.05, "{} is {} mm wide", kind.name(), svg.width_mm);
                let drawn = Drawn::read(&svg);
                drawn.check_words();
                assert_eq!(drawn.frames.len(), spec.panels.len());
                assert!(!drawn.paths.is_empty(), "{} is empty", kind.name());
                check_data(&drawn, &data(&spec).expect("drawn before"));
            }
        }
    }
}

macro_rules! kinds {
    ($($name:ident: $kind:ident),*) => {
        $(#[test]
        fn $name() {
            legible_and_true(Kind::$kind);
        })*
    };
}

kinds!(
    load_is_legible_and_true: Load,
    cdf_is_legible_and_true: Cdf,
    ratio_is_legible_and_true: Ratio,
    heatmap_is_legible_and_true: Heatmap,
    completion_is_legible_and_true: Completion,
    pareto_is_legible_and_true: Pareto,
    timeline_is_legible_and_true: Timeline,
    ablation_is_legible_and_true: Ablation,
    fit_is_legible_and_true: Fit,
    calibration_is_legible_and_true: Calibration,
    prompts_is_legible_and_true: Prompts
);

#[test]
fn a_stored_spec_gives_the_same_pictures() {
    let desk = Desk::new();
    let source = shared().path("sweep").display().to_string();
    desk.ok(&["figure", "heatmap", &source, "--out", "a", "--as", "svg,png", "--spec", "a.json"]);
    assert_eq!(desk.list(), ["a.csv", "a.json", "a.png", "a.svg"]);
    desk.ok(&["figure", "spec", "a.json", "--out", "b.svg"]);
    assert_eq!(desk.list(), ["a.csv", "a.json", "a.png", "a.svg", "b.csv", "b.svg"]);
    for extension in ["svg", "csv"] {
        assert_eq!(desk.read(&format!("a.{extension}")), desk.read(&format!("b.{extension}")));
    }
    desk.ok(&[
        "figure", "spec", "a.json", "--out", "wide", "--as", "svg", "--width", "175mm", "--style", "dark",
    ]);
    assert!(desk.read("wide.svg").contains("width=\"175"), "another width");
}

#[test]
fn every_kind_has_its_spec() {
    for kind in Kind::all() {
        let (source, choices) = sources(kind).swap_remove(0);
        let spec = spec(kind, source, &choices);
        let desk = Desk::new();
        desk.write("spec.json", &foretoken::report::figure::to_json(&spec).expect("drawable"));
        let stored = foretoken::report::figure::stored(&desk.path("spec.json")).expect("readable");
        assert_eq!(stored, spec, "{}", kind.name());
    }
}

#[test]
fn files_are_listed_as_a_table_and_as_json() {
    let desk = Desk::new();
    let source = shared().path("replay").display().to_string();
    let out =
        desk.ok(&["figure", "ablation", &source, "--out", "figures/bars", "--as", "svg", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&out.0).expect("JSON");
    assert_eq!(value, serde_json::json!({"schema": 1, "files": ["figures/bars.svg", "figures/bars.csv"]}));
}
