//! Where words go: names at line ends nudged apart, legend rows, lines of wrapped text.

use super::axis::Scaled;
use super::face::width_em;
use super::spec::{At, FigureSpec, Mark, Panel};
use super::style::{Rgb, Theme};
use crate::error::{Error, Place, Result};

/// Distance of baselines, in em.
pub(super) const LEADING_EM: f64 = 1.2;

/// Lines of `text`, broken at spaces, none wider than `width` at `size`.
pub(super) fn wrap(text: &str, size: f64, width: f64) -> Result<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if width_em(word) * size > width {
            return Err(too_wide(word));
        }
        match lines.last_mut() {
            Some(line) if width_em(line) * size + width_em(" ") * size + width_em(word) * size <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    Ok(lines)
}

/// A word for which the figure has no room.
pub(super) fn too_wide(text: &str) -> Error {
    Error::input(
        Place::key("figure"),
        format!("no room for the label `{text}`"),
        "shorten it or use the two-column width",
    )
}

/// A name to the right of a panel.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub text: String,
    pub colour: Rgb,
    /// What it names: share of the panel's width and height above its left lower corner, in canvas units down.
    pub from: (f64, f64),
    /// Height of its middle, nudged away from its neighbours.
    pub y: f64,
}

/// Names right of a panel whose y axis is `y` and whose x axis covers `x`: its horizontal reference lines and, if
/// `ends`, its lines. `None` where they do not fit, or where something has no end to stand at.
pub(super) fn sides(
    panel: &Panel,
    names: &[&str],
    theme: &Theme,
    x: &Scaled,
    y: &Scaled,
    ends: bool,
) -> Option<Vec<Side>> {
    let mut sides = Vec::new();
    if ends {
        for (index, name) in names.iter().enumerate() {
            sides.extend(line_end(panel, name, theme.readable(theme.look(index).colour), x, y)?);
        }
    }
    for reference in panel.references.iter().filter(|r| !r.label.is_empty()) {
        if let At::Y(value) = reference.at
            && y.shows(value)
        {
            let from = (1.0, y.at(value));
            sides.push(Side { text: reference.label.clone(), colour: theme.ink, from, y: from.1 });
        }
    }
    let wanted: Vec<f64> = sides.iter().map(|s| s.from.1).collect();
    let (half, gap) = (theme.text * 0.5, theme.text * 1.15);
    let nudged = spread(&wanted, gap, y.to + half, y.from - half)?;
    let moved = |(a, b): (&f64, &f64)| (a - b).abs() > 2.5 * gap;
    if ends && wanted.iter().zip(&nudged).any(moved) {
        return None;
    }
    for (side, y) in sides.iter_mut().zip(nudged) {
        side.y = y;
    }
    Some(sides)
}

/// The end of the line called `name`; nothing if the panel lacks it, `None` if it has no end near the right edge.
fn line_end(panel: &Panel, name: &str, colour: Rgb, x: &Scaled, y: &Scaled) -> Option<Option<Side>> {
    let mut end = None;
    for series in panel.series.iter().filter(|s| s.name == name) {
        match &series.mark {
            Mark::Line(data) | Mark::Step(data) => end = Some(*data.last()?),
            Mark::Band(_) => {}
            Mark::Points(_) | Mark::Bars(_) | Mark::Histogram(_) | Mark::Heat(_) => return None,
        }
    }
    let Some(end) = end else { return Some(None) };
    let from = (x.at(end.x), y.at(end.y));
    let near = (0.8..=1.0).contains(&from.0) && y.shows(end.y);
    near.then(|| Some(Side { text: name.to_owned(), colour, from, y: from.1 }))
}

/// Positions as close to `wanted` as possible, in the same order, at least `gap` apart and inside `lo..=hi`;
/// `None` if they do not fit. Least squares by pooling adjacent violators.
pub(super) fn spread(wanted: &[f64], gap: f64, lo: f64, hi: f64) -> Option<Vec<f64>> {
    let room = hi - lo - gap * wanted.len().saturating_sub(1) as f64;
    if room < 0.0 {
        return if wanted.is_empty() { Some(Vec::new()) } else { None };
    }
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    // Without the gaps, "apart" means "not falling": isotonic regression over (mean, count).
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (rank, &i) in order.iter().enumerate() {
        let mut pool = (wanted[i] - gap * rank as f64, 1);
        while let Some(&(mean, count)) = pools.last().filter(|last| last.0 >= pool.0) {
            pool = ((mean * count as f64 + pool.0 * pool.1 as f64) / (count + pool.1) as f64, count + pool.1);
            pools.pop();
        }
        pools.push(pool);
    }
    let levels =
        pools.iter().flat_map(|&(mean, count)| std::iter::repeat_n(mean.clamp(lo, lo + room), count));
    let mut placed = vec![0.0; wanted.len()];
    for (rank, (&i, level)) in order.iter().zip(levels).enumerate() {
        placed[i] = level + gap * rank as f64;
    }
    Some(placed)
}

/// A legend entry: index of its name, left end of its sample, row and later the middle of that row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub name: usize,
    pub x: f64,
    pub row: usize,
    pub y: f64,
}

/// Width of the sample of a legend entry, in CSS pixels of paper size: a dash pattern needs more than a marker.
pub(super) fn sample_px(spec: &FigureSpec) -> f64 {
    let mut named = spec.panels.iter().flat_map(|p| &p.series).filter(|s| !s.name.is_empty());
    if named.any(|s| matches!(s.mark, Mark::Line(_) | Mark::Step(_))) { 21.0 } else { 9.0 }
}

/// Between a sample and its name.
pub(super) const KEY_GAP_PX: f64 = 4.0;

/// Legend entries in rows of at most `width`: side by side where they fit in one row, else in aligned columns.
pub(super) fn legend(names: &[String], sample: f64, theme: &Theme, width: f64) -> Result<Vec<Key>> {
    let between = theme.px(11.0);
    let widths: Vec<f64> =
        names.iter().map(|n| theme.px(sample + KEY_GAP_PX) + width_em(n) * theme.text + between).collect();
    let widest = widths.iter().copied().fold(0.0, f64::max);
    if let Some(i) = widths.iter().position(|w| w - between > width) {
        return Err(too_wide(&names[i]));
    }
    if widths.iter().sum::<f64>() - between <= width {
        let starts = widths.iter().scan(0.0, |x, w| {
            *x += w;
            Some(*x - w)
        });
        return Ok(starts.enumerate().map(|(name, x)| Key { name, x, row: 0, y: 0.0 }).collect());
    }
    let most = (((width + between) / widest) as usize).max(1);
    let columns = names.len().div_ceil(names.len().div_ceil(most));
    let key = |name: usize| Key { name, x: (name % columns) as f64 * widest, row: name / columns, y: 0.0 };
    Ok((0..names.len()).map(key).collect())
}

/// Names as the legend prints them: those of series without a single point say so.
pub(super) fn legend_names(spec: &FigureSpec) -> Vec<String> {
    let drawn = |name: &str| {
        let mut series = spec.panels.iter().flat_map(|p| &p.series);
        series.any(|s| s.name == name && !s.mark.is_empty())
    };
    let printed = |name: &str| if drawn(name) { name.to_owned() } else { format!("{name} (no data)") };
    spec.names().into_iter().map(printed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spread_keeps_order_gap_and_bounds(wanted in prop::collection::vec(-50.0..150.0f64, 0..10)) {
            let placed = spread(&wanted, 10.0, 0.0, 100.0).expect("ten gaps of ten fit");
            for (i, a) in placed.iter().enumerate() {
                prop_assert!((-1e-9..=100.0 + 1e-9).contains(a));
                for (j, b) in placed.iter().enumerate().filter(|&(j, _)| j != i) {
                    prop_assert!((a - b).abs() >= 10.0 - 1e-9);
                    prop_assert!(wanted[i] >= wanted[j] || a < b);
                }
            }
        }
    }

    #[test]
    fn what_has_room_stays() {
        assert_eq!(spread(&[70.0, 10.0], 10.0, 0.0, 100.0), Some(vec![70.0, 10.0]));
        assert_eq!(spread(&[50.0, 50.0], 10.0, 0.0, 100.0), Some(vec![45.0, 55.0]));
        assert_eq!(spread(&[0.0; 12], 10.0, 0.0, 100.0), None);
    }
}
