//! Coloured cells: a quantity over two parameters, and two-dimensional histograms. All panels share one scale.

use super::figure::{Axis, FigureSpec, Grid, Legend, Mark, Panel, Scale, Series, Width};

/// Cells of one panel.
#[derive(Clone, Debug)]
pub struct Field {
    /// Facet label; `None` where there is one panel.
    pub label: Option<String>,
    /// The cells.
    pub grid: Grid,
    /// Numbers about all of them, for the data file.
    pub numbers: Vec<(String, f64)>,
}

/// Pairs of numbers under one name.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Facet label.
    pub label: Option<String>,
    /// (x, y), in any order.
    pub points: Vec<(f64, f64)>,
}

/// Height of the plot areas where there are several rows, mm.
const ROW_MM: f64 = 36.0;
/// Columns and rows of a two-dimensional histogram.
const CELLS: [usize; 2] = [36, 30];

/// One panel per field on shared axes and one colour scale.
pub fn heat_figure(x: &Axis, y: &Axis, colour: Axis, fields: Vec<Field>, width: Width) -> FigureSpec {
    let most = if width == Width::OneColumn { 2 } else { 3 };
    let columns = match fields.len() {
        4 => 2,
        n => n.clamp(1, most),
    };
    let rows = fields.len().div_ceil(columns);
    let panel = |f: Field| Panel {
        label: f.label,
        x: x.clone(),
        y: y.clone(),
        series: vec![Series::new("", Mark::Heat(f.grid))],
        numbers: f.numbers,
        ..Panel::default()
    };
    FigureSpec {
        width,
        columns,
        caption: format!("{} over {} and {}.", colour.label, x.label, y.label),
        panels: fields.into_iter().map(panel).collect(),
        plot_height_mm: (rows > 1 && width == Width::TwoColumn).then_some(ROW_MM),
        share_x: true,
        share_y: true,
        legend: Legend::None,
        colour: Some(colour),
        ..FigureSpec::default()
    }
}

/// How many pairs of each cloud lie in each cell, one panel per cloud, with Spearman's rank correlation and the
/// [`concentration`] in the facet label. `of` names what is counted ("Requests"). Cells without any stay empty. `whole`: x counts things, and no
/// edge falls on a value.
pub fn histogram2d_figure(
    x: &Axis,
    y: &Axis,
    whole: bool,
    clouds: &[Cloud],
    of: &str,
    width: Width,
) -> FigureSpec {
    let all = || clouds.iter().flat_map(|c| c.points.iter().copied());
    let x_edges = edges(all().map(|p| p.0), x.scale, whole, CELLS[0]);
    let y_edges = edges(all().map(|p| p.1), y.scale, false, CELLS[1]);
    let field = |cloud: &Cloud| {
        let [rho, within] = [spearman(&cloud.points), concentration(&cloud.points)];
        let said = |name: &str, v: Option<f64>| {
            v.map_or(format!("{name} undefined"), |v| format!("{name}={}", signed(v)))
        };
        let words = format!("{}, {}", said("ρ", rho), said("C", within));
        let label = cloud.label.as_ref().map_or_else(|| words.clone(), |l| format!("{l}: {words}"));
        let numbers = [("spearman", rho), ("concentration", within)];
        let numbers = numbers.into_iter().filter_map(|(name, v)| Some((name.to_owned(), v?))).collect();
        Field { label: Some(label), grid: counted(&cloud.points, &x_edges, &y_edges), numbers }
    };
    let colour = Axis::log(&format!("{of} per cell"), "");
    let spec = heat_figure(x, y, colour, clouds.iter().map(field).collect(), width);
    let rho = "ρ: Spearman's rank correlation.".to_owned();
    let within = "C: concentration, the share of points whose two ranks differ by at most a tenth of all; 0.19 by chance.";
    FigureSpec { notes: vec![rho, within.to_owned()], ..spec }
}

/// Two digits with a typographic minus.
fn signed(value: f64) -> String {
    format!("{:.2}", value + 0.0).replace('-', "−")
}

/// At most `n` equal steps, of the value or its logarithm, from the least to the greatest of `values`. Edges between
/// `whole` numbers lie half way, so that no step is without a number of its own.
pub(super) fn edges(values: impl Iterator<Item = f64>, scale: Scale, whole: bool, n: usize) -> Vec<f64> {
    let margin = if whole { 0.5 } else { 0.0 };
    let (lo, hi) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v - margin), b.max(v + margin)));
    let (lo, hi) = match (lo < hi, scale) {
        (true, _) => (lo, hi),
        (false, _) if lo > hi => (1.0, 2.0),
        (false, Scale::Log) => (lo / 2.0, hi * 2.0),
        (false, Scale::Linear) => (lo - 0.5, hi + 0.5),
    };
    let between = |i: usize| {
        let share = i as f64 / n as f64;
        let edge = match scale {
            Scale::Linear => lo + (hi - lo) * share,
            Scale::Log => lo * libm::pow(hi / lo, share),
        };
        if whole { libm::floor(edge) + 0.5 } else { edge }
    };
    let mut edges = vec![lo];
    edges.extend((1..n).map(between).filter(|&e| lo < e && e < hi));
    edges.push(hi);
    edges.dedup();
    edges
}

fn counted(points: &[(f64, f64)], x_edges: &[f64], y_edges: &[f64]) -> Grid {
    let (columns, rows) = (x_edges.len() - 1, y_edges.len() - 1);
    let cell =
        |edges: &[f64], v: f64| edges.partition_point(|&e| e <= v).saturating_sub(1).min(edges.len() - 2);
    let mut counts = vec![0u64; columns * rows];
    for &(x, y) in points {
        counts[cell(y_edges, y) * columns + cell(x_edges, x)] += 1;
    }
    let values = counts.into_iter().map(|n| (n > 0).then_some(n as f64)).collect();
    Grid { x_edges: x_edges.to_vec(), y_edges: y_edges.to_vec(), values }
}

/// Spearman's rank correlation, equal values sharing the mean of their ranks; `None` where either side is constant
/// or there are fewer than two points.
pub fn spearman(points: &[(f64, f64)]) -> Option<f64> {
    let x = ranks(points.iter().map(|p| p.0));
    let y = ranks(points.iter().map(|p| p.1));
    let middle = (points.len() as f64 - 1.0) / 2.0;
    let product =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum() };
    let (xx, yy) = (product(&x, &x), product(&y, &y));
    (xx > 0.0 && yy > 0.0).then(|| product(&x, &y) / (xx * yy).sqrt())
}

/// Half the width of the diagonal band of ranks, as a share of all points.
const BAND: f64 = 0.1;

/// Share of the points whose ranks on the two sides, equal values sharing the mean of theirs, differ by at most a tenth
/// of the number of points: 1 where the sides have one order, 1 - 0.9^2 = 0.19 in the limit where they are
/// independent. `None` as for [`spearman`].
pub fn concentration(points: &[(f64, f64)]) -> Option<f64> {
    spearman(points)?;
    let x = ranks(points.iter().map(|p| p.0));
    let y = ranks(points.iter().map(|p| p.1));
    let reach = BAND * points.len() as f64;
    let inside = x.iter().zip(&y).filter(|(x, y)| (*x - *y).abs() <= reach).count();
    Some(inside as f64 / points.len() as f64)
}

/// Ranks from 0; equal values share the mean of theirs.
fn ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = first as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank);
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values by hand, and scipy.stats.spearmanr([1,2,3,4,5],[5,6,7,8,7]) = 0.8207826816681233.
    #[test]
    fn spearman_by_hand() {
        let pairs = |y: [f64; 5]| [1.0, 2.0, 3.0, 4.0, 5.0].into_iter().zip(y).collect::<Vec<_>>();
        let rho = spearman(&pairs([5.0, 6.0, 7.0, 8.0, 7.0])).expect("both sides vary");
        assert!((rho - 0.820_782_681_668_123_3).abs() < 1e-12, "{rho}");
        assert_eq!(spearman(&pairs([5.0, 4.0, 3.0, 2.0, 1.0])), Some(-1.0));
        assert_eq!(spearman(&pairs([1.0; 5])), None);
    }

    /// One order is all in the band; two independent ones have 0.19 of their points there.
    #[test]
    fn concentration_of_known_orders() {
        let line = |f: &dyn Fn(u32) -> u32| -> Vec<(f64, f64)> {
            (0..10_000).map(|i| (f64::from(i), f64::from(f(i)))).collect()
        };
        assert_eq!(concentration(&line(&|i| 3 * i)), Some(1.0));
        // Every pair of one place in a hundred on either side once.
        let independent = concentration(&line(&|i| i % 100 * 100 + i / 100)).expect("both sides vary");
        assert!((independent - 0.19).abs() < 0.01, "{independent}");
        let against = concentration(&line(&|i| 10_000 - i)).expect("both sides vary");
        assert!((against - 0.1).abs() < 0.001, "{against}");
        assert_eq!(concentration(&[(1.0, 2.0), (1.0, 3.0)]), None);
    }

    #[test]
    fn every_point_is_counted_once() {
        let points: Vec<(f64, f64)> = (1..500).map(|i| (f64::from(i), f64::from(i % 37 + 1))).collect();
        let x = edges(points.iter().map(|p| p.0), Scale::Log, true, 12);
        let y = edges(points.iter().map(|p| p.1), Scale::Linear, false, 9);
        let grid = counted(&points, &x, &y);
        assert_eq!(grid.values.iter().flatten().sum::<f64>(), 499.0);
    }
}
