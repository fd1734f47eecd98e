//! Figures: what is drawn is what was given, every word is legible, nothing is clipped, and the same spec gives
//! the same bytes.

use foretoken::report::charts::{Distributions, ecdf_figure, response_over_load};
use foretoken::report::figure::{
    At, Axis, Datum, FigureSpec, Grid, Intervals, Legend, Mark, Panel, Reference, Scale, Series, Style,
    Width, data, render, write,
};
use proptest::prelude::*;

const STYLES: [Style; 3] = [Style::Paper, Style::Slides, Style::Dark];
const SCHEDULERS: [&str; 5] = ["fcfs", "sjf-oracle", "sjf-predicted", "aging", "tie-sjf"];

/// Quantiles of a log-logistic distribution: a plausible latency sample without any randomness.
fn latencies(median: f64, spread: f64, n: u32) -> Vec<f64> {
    let share = |i: u32| (f64::from(i) + 0.5) / f64::from(n);
    (0..n).map(|i| median * libm::pow(share(i) / (1.0 - share(i)), spread)).collect()
}

fn ecdfs() -> FigureSpec {
    let samples = |base: f64| {
        let name = |(i, name): (usize, &&str)| {
            ((*name).to_owned(), latencies(base * (1.0 + 0.12 * i as f64), 0.35 + 0.05 * i as f64, 4000))
        };
        SCHEDULERS.iter().enumerate().map(name).collect()
    };
    let ttft = Distributions { x: Axis::log("TTFT", "s"), samples: samples(0.12) };
    let e2e = Distributions { x: Axis::log("E2E latency", "s"), samples: samples(6.0) };
    ecdf_figure(&[ttft, e2e], "requests")
}

fn seeds() -> Intervals {
    Intervals { level: 0.95, n: [10, 10], of: "seeds".to_owned() }
}

fn load() -> FigureSpec {
    let curve = |(i, name): (usize, &&str)| {
        let point = |k: i32| {
            let (x, capacity) = (f64::from(k), 9.4 + 0.12 * i as f64);
            let mean = 1.2 / (1.0 - x / capacity);
            Datum::with_interval(x, mean, mean * (1.0 - 0.02 * x / 2.0), mean * (1.0 + 0.02 * x / 2.0))
        };
        ((*name).to_owned(), (1..=8).map(point).collect())
    };
    let curves: Vec<_> = SCHEDULERS.iter().enumerate().map(curve).collect();
    response_over_load(
        Axis::linear("Request rate", "1/s"),
        Axis::linear("Mean E2E latency", "s").from_zero(),
        &curves,
        seeds(),
    )
}

fn one(panel: Panel) -> FigureSpec {
    FigureSpec { panels: vec![panel], ..FigureSpec::default() }
}

fn bars() -> FigureSpec {
    let series = |(i, name): (usize, &str)| {
        let bar = |c: usize| {
            let y = 3.0 + (c as f64) * 0.7 - i as f64 * 0.6;
            Datum::with_interval(c as f64, y, y - 0.3, y + 0.2)
        };
        Series::new(name, Mark::Bars((0..4).map(bar).collect()))
    };
    let panel = Panel {
        x: Axis::categories("", ["full", "no aging", "no chunked prefill", "no prediction"]),
        y: Axis::linear("Goodput", "requests/s"),
        series: ["fcfs", "aging", "tie-sjf"].into_iter().enumerate().map(series).collect(),
        ..Panel::default()
    };
    FigureSpec { intervals: Some(seeds()), ..one(panel) }
}

fn heat() -> FigureSpec {
    let facet = |k: usize| {
        let edges = |n: usize| (0..=n).map(|i| i as f64 / n as f64).collect::<Vec<f64>>();
        let value = |i: usize| Some(((i % 12 + k * 3) * (i / 12 + 1)) as f64 + 1.0).filter(|_| i % 17 != 3);
        let grid = Grid { x_edges: edges(12), y_edges: edges(9), values: (0..108).map(value).collect() };
        Panel {
            label: Some(format!("noise σ = 0.{k}")),
            x: Axis::linear("Aging weight α", ""),
            y: Axis::linear("KV watermark", ""),
            series: vec![Series::new("", Mark::Heat(grid))],
            ..Panel::default()
        }
    };
    FigureSpec {
        width: Width::TwoColumn,
        panels: (0..3).map(facet).collect(),
        share_y: true,
        colour: Some(Axis::log("p99 E2E latency", "s")),
        ..FigureSpec::default()
    }
}

fn pareto() -> FigureSpec {
    let series = |(i, name): (usize, &&str)| {
        let (x, y) = (2000.0 + 300.0 * i as f64, 0.2 + 0.13 * (i * i) as f64 / 4.0);
        Series::new(*name, Mark::Points(vec![Datum::with_interval(x, y, y * 0.9, y * 1.15)]))
    };
    let reference = |at, label: &str| Reference { at, label: label.to_owned() };
    let panel = Panel {
        x: Axis::linear("Throughput", "tokens/s"),
        y: Axis::log("p99 TTFT", "s"),
        series: SCHEDULERS.iter().enumerate().map(series).collect(),
        references: vec![
            reference(At::Y(0.5), "SLO"),
            reference(At::X(3000.0), "capacity"),
            reference(At::X(3050.0), "roofline"),
        ],
        ..Panel::default()
    };
    FigureSpec { intervals: Some(seeds()), ..one(panel) }
}

fn timeline() -> FigureSpec {
    let wave = |scale: f64, shift: f64| {
        let y = |i: i32| scale * (1.0 + libm::sin(f64::from(i) / 40.0 + shift) * 0.8);
        (0..600).map(|i| Datum::new(f64::from(i), y(i))).collect::<Vec<_>>()
    };
    let panel = |label: &str, unit: &str, scale: f64| Panel {
        x: Axis::linear("Time", "s"),
        y: Axis::linear(label, unit).from_zero(),
        series: vec![
            Series::new("fcfs", Mark::Step(wave(scale, 0.0))),
            Series::new("aging", Mark::Step(wave(scale * 0.8, 0.6))),
        ],
        ..Panel::default()
    };
    FigureSpec {
        columns: 1,
        plot_height_mm: Some(22.0),
        panels: vec![panel("KV blocks", "", 4.2e6), panel("Queue", "requests", 40.0)],
        share_x: true,
        notes: vec![
            "One seed, rate 8/s, 4 replicas of llama3-8b on one H100 each, prefix caching off.".into(),
        ],
        ..FigureSpec::default()
    }
}

fn twelve() -> FigureSpec {
    let series = |i: usize| {
        let points = (0..40).map(|k| Datum::new(f64::from(k), (f64::from(k) / 4.0) * (1.0 + i as f64 / 6.0)));
        Series::new(format!("policy-{i} (α=0.{i})"), Mark::Line(points.collect()))
    };
    one(Panel {
        x: Axis::linear("Time", "s"),
        y: Axis::linear("Queue", "requests"),
        series: (0..12).map(series).collect(),
        ..Panel::default()
    })
}

fn gallery() -> Vec<(&'static str, FigureSpec)> {
    vec![
        ("ecdf", ecdfs()),
        ("load", load()),
        ("bars", bars()),
        ("heat", heat()),
        ("pareto", pareto()),
        ("timeline", timeline()),
        ("twelve", twelve()),
    ]
}

/// Writes the gallery where a person can look at it: set `FORETOKEN_FIGURES` to a directory to keep it.
#[test]
fn the_gallery_writes_three_files_each() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let kept = std::env::var_os("FORETOKEN_FIGURES").map(std::path::PathBuf::from);
    let dir = kept.as_deref().unwrap_or(scratch.path());
    for (name, spec) in gallery() {
        for style in STYLES {
            let name = format!("{name}-{style:?}").to_lowercase();
            let paths = write(dir, &name, &spec, style).expect("drawable");
            for path in &paths {
                assert!(std::fs::metadata(path).is_ok_and(|m| m.len() > 100), "{}", path.display());
            }
        }
    }
    if kept.is_none() {
        let left =
            std::fs::read_dir(dir).expect("readable").filter_map(|e| e.ok()?.file_name().into_string().ok());
        assert_eq!(left.filter(|n| n.starts_with('.')).count(), 0, "parts are renamed");
    }
}
