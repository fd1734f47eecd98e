//! Figures: what is drawn is what was given, every word is legible, nothing is clipped, and the same spec gives
//! the same bytes.

use foretoken::report::charts::{Distributions, ecdf_figure, response_over_load};
use foretoken::report::figure::{
    At, Axis, Datum, FigureSpec, Grid, Intervals, Legend, Mark, Panel, Reference, Series, Style, Width, data,
    render, write,
};
use proptest::prelude::*;

use checks::check_data;
use reader::{Drawn, Word};

pub mod checks;
pub mod reader;

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

#[test]
fn the_gallery_is_legible_and_true() {
    for (name, spec) in gallery() {
        for style in STYLES {
            let svg = render(&spec, style).expect(name);
            assert_eq!(svg, render(&spec, style).expect(name), "{name}: the same bytes twice");
            let drawn = Drawn::read(&svg);
            drawn.check_words();
            check_data(&drawn, &data(&spec).expect(name));
        }
    }
}

/// Reads the numbers below the frame and compares each with the place it stands at.
#[test]
fn tick_labels_tell_the_truth() {
    for (spec, least) in [(load(), 4), (one(ecdfs().panels.remove(0)), 3), (twelve(), 4)] {
        let svg = render(&spec, Style::Paper).expect("drawable");
        let drawn = Drawn::read(&svg);
        let (frame, unit) = (&drawn.frames[0], 8.0);
        let below = |w: &&Word| w.ink[1] * unit > frame.y.at(frame.y.lo);
        let numbers = drawn.words.iter().filter(below).filter_map(|w| Some((w, w.text.parse::<f64>().ok()?)));
        let mut seen = 0;
        for (word, value) in numbers {
            let middle = (word.ink[0] + word.ink[2]) / 2.0 * unit;
            assert!((middle - frame.x.at(value)).abs() < 8.0, "{value} stands at {middle}");
            seen += 1;
        }
        assert!(seen >= least, "only {seen} numbers below the frame");
    }
}

#[test]
fn print_size_is_stated() {
    let svg = render(&load(), Style::Paper).expect("drawable");
    assert!((svg.width_mm - 85.0).abs() < 0.05);
    assert!((render(&ecdfs(), Style::Dark).expect("drawable").width_mm - 175.0).abs() < 0.05);
    let png = svg.png().expect("drawable");
    assert_eq!(&png[37..41], b"pHYs");
    let picture = resvg::tiny_skia::Pixmap::decode_png(&png).expect("a PNG");
    assert_eq!(picture.width(), 1004, "85 mm at 300 dpi");
}

#[test]
fn close_names_are_nudged_apart_and_many_go_outside() {
    let end = |spec: &FigureSpec, name: &str| {
        let drawn = Drawn::read(&render(spec, Style::Paper).expect("drawable"));
        let word = drawn.words.iter().find(|w| w.text == name).expect("the name is printed");
        (word.ink[0] * 8.0, drawn.frames[0].x.at(drawn.frames[0].x.hi))
    };
    let (left, edge) = end(&load(), "aging");
    assert!(left > edge, "the name stands right of the frame");
    let mut spec = load();
    let flat: Vec<Datum> = (0..5).map(|i| Datum::new(f64::from(i), 1.0)).collect();
    spec.panels[0].series = (0..12).map(|i| Series::new(format!("s{i}"), Mark::Line(flat.clone()))).collect();
    let (left, edge) = end(&spec, "s11");
    assert!(left < edge, "twelve equal ends need a legend");
}

fn refusal(spec: &FigureSpec) -> String {
    render(spec, Style::Paper).expect_err("cannot be drawn").to_string()
}

#[test]
fn what_cannot_be_drawn_is_refused_by_name() {
    let line =
        |mark: Mark, y: Axis| one(Panel { y, series: vec![Series::new("aging", mark)], ..Panel::default() });
    let linear = Axis::linear("y", "");
    for bad in [f64::NAN, f64::INFINITY, -1e200] {
        let message = refusal(&line(Mark::Line(vec![Datum::new(0.0, bad)]), linear.clone()));
        assert!(message.contains("panel 0, series `aging`"), "{message}");
    }
    let zero = refusal(&line(Mark::Step(vec![Datum::new(0.0, 0.0)]), Axis::log("TTFT", "s")));
    assert!(zero.contains("aging") && zero.contains("log axis `TTFT`"), "{zero}");
    let band = refusal(&line(Mark::Band(vec![[0.0, 0.0, 1.0]]), linear.clone()));
    assert!(band.contains("in `notes`"), "{band}");
    let interval = refusal(&line(Mark::Line(vec![Datum::with_interval(0.0, 0.5, 0.0, 1.0)]), linear.clone()));
    assert!(interval.contains("level and n"), "{interval}");
    let grid = Grid { x_edges: vec![0.0, 1.0], y_edges: vec![0.0, 1.0], values: vec![None, None] };
    let mut heat = line(Mark::Heat(grid), linear.clone());
    heat.colour = Some(Axis::default());
    assert!(refusal(&heat).contains("2 values for 1 columns and 1 rows"));
    assert!(refusal(&line(Mark::Line(vec![]), linear.clone().range(1.0, 1.0))).contains("range 1..1"));
    assert!(refusal(&line(Mark::Bars(vec![]), linear.clone())).contains("name the categories"));
    assert!(refusal(&line(Mark::Line(vec![]), Axis::linear("列", ""))).contains("lacks"));
    let long = refusal(&one(Panel { label: Some("x".repeat(200)), ..Panel::default() }));
    assert!(long.contains("no room for the label `xxx"), "{long}");
    assert!(refusal(&FigureSpec::default()).contains("no panel"));
}

#[test]
fn a_style_is_read_by_name() {
    assert_eq!("slides".parse::<Style>().expect("known"), Style::Slides);
    let wrong = "slide".parse::<Style>().expect_err("unknown").to_string();
    assert!(wrong.contains("did you mean `slides`"), "{wrong}");
}

#[test]
fn a_long_ecdf_keeps_its_shape() {
    let mut values = latencies(1.0, 0.6, 20_000);
    values.extend(vec![2.0; 10_000]);
    let spec = ecdf_figure(
        &[Distributions { x: Axis::log("TTFT", "s"), samples: vec![("fcfs".into(), values.clone())] }],
        "requests",
    );
    let Mark::Step(steps) = &spec.panels[0].series[0].mark else { panic!("an ECDF is a step line") };
    assert!(steps.len() < 2000);
    values.sort_by(f64::total_cmp);
    for value in values.iter().step_by(7) {
        let truth = values.partition_point(|v| v <= value) as f64 / values.len() as f64;
        let drawn = steps[..steps.partition_point(|s| s.x <= *value)].last().map_or(0.0, |s| s.y);
        assert!((truth - drawn).abs() <= 1.0 / 1500.0 + 1e-12, "{value}: {drawn} for {truth}");
    }
    assert_eq!(steps.last().map(|s| s.y), Some(1.0));
}

/// Values that break careless axes: tiny, huge, equal, few.
fn values(log: bool, len: std::ops::Range<usize>) -> BoxedStrategy<Vec<f64>> {
    let magnitude = (-9.0..9.0f64).prop_map(|e| libm::pow(10.0, e));
    let value = match log {
        true => magnitude.boxed(),
        false => prop_oneof![magnitude.clone(), magnitude.prop_map(|v| -v), Just(0.0), -2.0..2.0f64].boxed(),
    };
    let narrow = (Just(value.clone()), len.clone()).prop_flat_map(|(v, n)| (v, Just(n)));
    let equal = narrow.prop_map(|(v, n)| vec![v; n]);
    prop_oneof![prop::collection::vec(value, len), equal].boxed()
}

fn series(x_log: bool, y_log: bool) -> impl Strategy<Value = Series> {
    let numbers = (values(x_log, 0..30), values(y_log, 30..31), 0.0..1.0f64);
    (numbers, 0..4u8, "[a-z][a-z0-9-]{0,9}").prop_map(|((mut x, y, share), kind, name)| {
        x.sort_by(f64::total_cmp);
        let spread = |v: f64| Some([v - v.abs() * share * 0.9, v + v.abs() * share]);
        let datum = |(&x, &y): (&f64, &f64)| Datum { x, y, interval: spread(y).filter(|_| kind % 2 == 0) };
        let data: Vec<Datum> = x.iter().zip(&y).map(datum).collect();
        let mark = match kind {
            0 | 1 => Mark::Line(data),
            2 => Mark::Step(data),
            _ => Mark::Points(data),
        };
        Series::new(name, mark)
    })
}

/// An axis that follows its data or has a range of its own, which may miss them.
fn axis(log: bool, label: &'static str) -> impl Strategy<Value = Axis> {
    let axis = if log { Axis::log(label, "s") } else { Axis::linear(label, "s") };
    prop::option::weighted(0.3, values(log, 2..3)).prop_map(move |ends| match ends {
        Some(ends) if ends[0] != ends[1] => axis.clone().range(ends[0].min(ends[1]), ends[0].max(ends[1])),
        _ => axis.clone(),
    })
}

fn panel(x_log: bool, y_log: bool) -> impl Strategy<Value = Panel> {
    let axes = (axis(x_log, "Request rate"), axis(y_log, "Latency"));
    let references = prop::collection::vec((values(x_log, 1..2), values(y_log, 1..2), "[A-Z]{0,5}"), 0..2);
    let pair = |(x, y, label): (Vec<f64>, Vec<f64>, String)| {
        [At::X(x[0]), At::Y(y[0])].map(|at| Reference { at, label: label.clone() })
    };
    (axes, prop::collection::vec(series(x_log, y_log), 0..12), references, any::<bool>()).prop_map(
        move |((x, y), mut series, references, strip)| {
            series.iter_mut().enumerate().for_each(|(i, s)| s.name.push_str(&i.to_string()));
            let label = strip.then(|| "(a) one replica".to_owned());
            Panel { label, x, y, series, references: references.into_iter().flat_map(pair).collect() }
        },
    )
}

fn spec() -> impl Strategy<Value = FigureSpec> {
    let panels =
        (any::<bool>(), any::<bool>()).prop_flat_map(|(x, y)| prop::collection::vec(panel(x, y), 1..5));
    let legend = prop_oneof![Just(Legend::Direct), Just(Legend::Outside), Just(Legend::None)];
    (panels, 0..3usize, any::<bool>(), any::<bool>(), legend).prop_map(
        |(panels, columns, share_x, share_y, legend)| {
            let width = if columns == 1 || panels.len() == 1 { Width::OneColumn } else { Width::TwoColumn };
            let intervals = Some(seeds());
            FigureSpec {
                width,
                columns,
                panels,
                share_x,
                share_y,
                legend,
                intervals,
                ..FigureSpec::default()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_the_layout(spec in spec(), style in prop::sample::select(&STYLES[..])) {
        let svg = render(&spec, style).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(&svg, &render(&spec, style).expect("drawn before"));
        let drawn = Drawn::read(&svg);
        drawn.check_words();
        check_data(&drawn, &data(&spec).expect("drawn before"));
    }
}
