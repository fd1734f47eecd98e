//! What is drawn against the data file, place by place.

use std::collections::BTreeMap;

use super::reader::{Drawn, Frame, Row, TOLERANCE, rows};

/// Everything in the data file is drawn where it says, and nothing else is drawn.
pub fn check_data(drawn: &Drawn, csv: &str) {
    let mut groups: BTreeMap<(usize, String, String), Vec<Row>> = BTreeMap::new();
    for row in rows(csv) {
        groups.entry((row.panel, row.series.clone(), row.kind.clone())).or_default().push(row);
    }
    for ((panel, series, kind), rows) in &groups {
        let frame = &drawn.frames[*panel];
        let path = |kind: &str| {
            let found = drawn.paths.get(&(*panel, series.clone(), kind.to_owned()));
            found.map_or(&[][..], |paths| &paths[..])
        };
        match kind.as_str() {
            "line" | "step" => check_line(frame, rows, path(kind), kind == "step"),
            "bars" => check_bars(frame, rows, path(kind)),
            "points" => check_points(frame, rows, path(kind)),
            "cell" => {
                check_cells(frame, rows, path(kind));
                check_colours(drawn, rows, &drawn.fills[&(*panel, series.clone(), kind.clone())]);
            }
            "bin" => check_bins(frame, rows, path(kind)),
            _ => {}
        }
        if ["points", "bars"].contains(&kind.as_str()) {
            check_error_bars(frame, rows, path("interval"), kind == "points");
        }
        if ["line", "step", "band"].contains(&kind.as_str()) {
            let vertices: Vec<_> = path("band").iter().flatten().copied().collect();
            let ends = |r: &Row| [r.numbers[2], r.numbers[3]].map(|end| Some((r.numbers[0]?, end?)));
            for (x, y) in rows.iter().flat_map(ends).flatten() {
                let lonely = rows.len() < 3;
                assert!(
                    lonely || is_drawn(frame, (x, y), &vertices),
                    "end {y} at {x} of {series} is not drawn"
                );
            }
        }
    }
    for ((panel, _, kind), paths) in drawn.paths.iter().filter(|((_, _, kind), _)| kind != "points") {
        let frame = &drawn.frames[*panel];
        assert!(paths.iter().flatten().all(|&p| frame.holds(p)), "a {kind} leaves the frame");
    }
    let known = |(panel, series, kind): &(usize, String, String)| {
        let has = |kind: &str| groups.contains_key(&(*panel, series.clone(), kind.to_owned()));
        has(kind)
            || kind == "band" && (has("line") || has("step"))
            || kind == "interval" && (has("points") || has("bars"))
    };
    assert!(drawn.paths.keys().all(known), "something is drawn that the data lack");
}

/// Whether a value stands among `vertices`, or out of the frame.
fn is_drawn(frame: &Frame, (x, y): (f64, f64), vertices: &[(f64, f64)]) -> bool {
    let hidden = !(frame.x.lo..=frame.x.hi).contains(&x) || !(frame.y.lo..=frame.y.hi).contains(&y);
    hidden || vertices.iter().any(|&v| close(v, (frame.x.at(x), frame.y.at(y))))
}

fn close(a: (f64, f64), b: (f64, f64)) -> bool {
    (a.0 - b.0).abs() <= TOLERANCE && (a.1 - b.1).abs() <= TOLERANCE
}

fn check_line(frame: &Frame, rows: &[Row], paths: &[Vec<(f64, f64)>], stepped: bool) {
    let vertices: Vec<(f64, f64)> = paths.iter().flatten().copied().collect();
    let value = |r: &Row| (r.numbers[0].expect("x"), r.numbers[1].expect("y"));
    let points: Vec<(f64, f64)> = rows.iter().map(value).collect();
    if points.len() > 1 {
        for point in &points {
            assert!(is_drawn(frame, *point, &vertices), "{point:?} is not drawn");
        }
    }
    let mut expected: Vec<(f64, f64)> = points.iter().map(|p| (frame.x.at(p.0), frame.y.at(p.1))).collect();
    if stepped {
        let corners: Vec<_> = expected.windows(2).map(|w| (w[1].0, w[0].1)).collect();
        expected.extend(corners);
    }
    for vertex in vertices {
        let known = expected.iter().any(|&e| close(e, vertex)) || frame.on_edge(vertex);
        assert!(known, "a line passes {vertex:?}, which is not in the data");
    }
}

fn check_bars(frame: &Frame, rows: &[Row], rects: &[Vec<(f64, f64)>]) {
    for row in rows {
        let y = row.numbers[1].expect("y");
        let ends = [frame.y.at(y), frame.y.at(0.0)];
        let (top, bottom) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        let x = row.numbers[0].expect("x");
        let (left, right) = (frame.x.at(x - 0.5), frame.x.at(x + 0.5));
        let fits = |r: &Vec<(f64, f64)>| {
            let tall = (r[0].1 - top).abs() <= TOLERANCE && (r[1].1 - bottom).abs() <= TOLERANCE;
            tall && r[0].0 >= left && r[1].0 <= right
        };
        assert!(bottom - top < 2.0 || rects.iter().any(fits), "no bar of height {y}");
    }
}

/// Markers are as many as visible points, each around its point.
fn check_points(frame: &Frame, rows: &[Row], markers: &[Vec<(f64, f64)>]) {
    let centre = |m: &Vec<(f64, f64)>| {
        let n = m.len() as f64;
        (m.iter().map(|p| p.0).sum::<f64>() / n, m.iter().map(|p| p.1).sum::<f64>() / n)
    };
    let centres: Vec<(f64, f64)> = markers.iter().map(centre).collect();
    assert!(markers.len() <= rows.len());
    for row in rows {
        let [Some(x), Some(y), ..] = row.numbers else { panic!("a point has x and y") };
        let (at_x, at_y) = (frame.x.at(x), frame.y.at(y));
        let around = |c: &(f64, f64)| (c.0 - at_x).abs() < 6.0 && (c.1 - at_y).abs() < 9.0;
        let edge = frame.on_edge((at_x, at_y));
        assert!(edge || is_drawn(frame, (x, y), &[]) || centres.iter().any(around), "no marker at {x}, {y}");
    }
}

fn check_error_bars(frame: &Frame, rows: &[Row], strokes: &[Vec<(f64, f64)>], at_x: bool) {
    for row in rows {
        let [Some(x), _, Some(lo), Some(hi), ..] = row.numbers else { continue };
        for end in [lo, hi] {
            let hit = |&(a, b): &(f64, f64)| {
                (b - frame.y.at(end)).abs() <= TOLERANCE && (!at_x || (a - frame.x.at(x)).abs() <= TOLERANCE)
            };
            let edge = frame.on_edge((frame.x.at(x), frame.y.at(end)));
            let found = strokes.iter().flatten().any(hit);
            assert!(edge || found || is_drawn(frame, (x, end), &[]), "no error bar ends at {end}");
        }
    }
}

/// Columns stand on zero between their edges.
fn check_bins(frame: &Frame, rows: &[Row], rects: &[Vec<(f64, f64)>]) {
    assert!(rects.len() <= rows.len());
    for row in rows {
        let [Some(x), Some(y), _, _, Some(x2), ..] = row.numbers else {
            panic!("a bin has edges and height")
        };
        let corners = [(frame.x.at(x), frame.y.at(y)), (frame.x.at(x2), frame.y.at(0.0))];
        let fits = |r: &Vec<(f64, f64)>| close(r[0], corners[0]) && close(r[1], corners[1]);
        let flat = corners[1].1 - corners[0].1 < 2.0;
        assert!(flat || rects.iter().any(fits), "no column of height {y} over {x}..{x2}");
    }
}

/// Every cell has the colour that the colour bar has at its value, and the bar's labels stand at their values.
fn check_colours(drawn: &Drawn, rows: &[Row], fills: &[[u8; 3]]) {
    let slices = &drawn.slices;
    assert!(slices.windows(2).all(|w| w[0].0 < w[1].0), "the colour bar rises");
    for (value, fill) in rows.iter().filter_map(|r| r.numbers[6]).zip(fills) {
        let above = slices.partition_point(|s| s.0 < value);
        let near = &slices[above.saturating_sub(1)..(above + 1).min(slices.len())];
        let alike = |s: &(f64, f64, [u8; 3])| s.2.iter().zip(fill).all(|(a, b)| a.abs_diff(*b) <= 6);
        assert!(near.iter().any(alike), "a cell of {value} has colour {fill:?}, the bar {near:?}");
    }
    let labels = drawn.words.iter().filter(|w| w.ink[0] * 8.0 > drawn.bar_right);
    let numbers: Vec<_> = labels.filter_map(|w| Some((w, w.text.parse::<f64>().ok()?))).collect();
    assert!(!numbers.is_empty(), "the colour bar has labels");
    let step = (slices[0].1 - slices[1].1).abs();
    for (word, value) in numbers {
        let middle = (word.ink[1] + word.ink[3]) / 2.0 * 8.0;
        let at = slices.partition_point(|s| s.0 < value).min(slices.len() - 1);
        assert!((slices[at].1 - middle).abs() < 2.0 * step + 8.0, "{value} stands at {middle}");
    }
}

fn check_cells(frame: &Frame, rows: &[Row], rects: &[Vec<(f64, f64)>]) {
    let filled = rows.iter().filter(|r| r.numbers[6].is_some());
    assert_eq!(filled.clone().count(), rects.len());
    for (row, rect) in filled.zip(rects) {
        let [x, y, _, _, x2, y2, _] = row.numbers.map(|n| n.unwrap_or(f64::NAN));
        assert!(
            close(rect[0], (frame.x.at(x), frame.y.at(y2)))
                && close(rect[1], (frame.x.at(x2), frame.y.at(y)))
        );
    }
}
