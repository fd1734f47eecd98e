//! Two quantities against each other, and what no other point betters in both.

use super::figure::{Axis, Datum, FigureSpec, Intervals, Legend, Mark, Panel, Series, Width};

/// Which end of an axis is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Small values.
    Low,
    /// Large values.
    High,
}

impl Better {
    /// Whether `a` is at least as good as `b`.
    fn no_worse(self, a: f64, b: f64) -> bool {
        if self == Better::Low { a <= b } else { a >= b }
    }
}

/// The points that no other point betters in one quantity and equals in the other, best `x` last. Equal points
/// count once.
pub fn front(points: &[(f64, f64)], better: [Better; 2]) -> Vec<(f64, f64)> {
    let beaten = |p: &(f64, f64)| {
        points.iter().any(|q| q != p && better[0].no_worse(q.0, p.0) && better[1].no_worse(q.1, p.1))
    };
    let mut kept: Vec<(f64, f64)> = points.iter().copied().filter(|p| !beaten(p)).collect();
    kept.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    kept.dedup();
    if better[0] == Better::Low {
        kept.reverse();
    }
    kept
}

/// Points by name, with the front as a stair of what can be had: along it, neither quantity is bettered.
///
/// `x` and `y` come with the wanted end; the intervals of `points` are vertical.
pub fn pareto_figure(
    (x, x_better): (Axis, Better),
    (y, y_better): (Axis, Better),
    points: &[(String, Vec<Datum>)],
    intervals: Option<Intervals>,
    width: Width,
) -> FigureSpec {
    let all: Vec<(f64, f64)> = points.iter().flat_map(|(_, p)| p).map(|d| (d.x, d.y)).collect();
    let mut stair: Vec<Datum> =
        front(&all, [x_better, y_better]).iter().map(|p| Datum::new(p.0, p.1)).collect();
    // Steps hold a point's level until the next x: from the better x towards the worse.
    stair.reverse();
    // From the first point towards worse y, from the last towards worse x, as far as there are points.
    let worst = |better: Better, values: &mut dyn Iterator<Item = f64>| match better {
        Better::Low => values.fold(f64::NEG_INFINITY, f64::max),
        Better::High => values.fold(f64::INFINITY, f64::min),
    };
    if let (Some(&first), Some(&last)) = (stair.first(), stair.last()) {
        stair.insert(0, Datum::new(first.x, worst(y_better, &mut all.iter().map(|p| p.1))));
        stair.push(Datum::new(worst(x_better, &mut all.iter().map(|p| p.0)), last.y));
    }
    let guide = Series::new("", Mark::Step(stair));
    let named = points.iter().map(|(name, p)| Series::new(name, Mark::Points(p.clone())));
    let word = |b: Better| if b == Better::Low { "low" } else { "high" };
    let (for_x, for_y) = (word(x_better), word(y_better));
    let wanted = format!("Dashed: Pareto front. Better: {} {for_x}, {} {for_y}.", x.label, y.label);
    FigureSpec {
        width,
        caption: format!("{} against {}, with the Pareto front.", y.label, x.label),
        panels: vec![Panel {
            x,
            y,
            series: std::iter::once(guide).chain(named).collect(),
            ..Panel::default()
        }],
        legend: Legend::Outside,
        intervals,
        notes: vec![wanted],
        ..FigureSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_bettered_is_left_out() {
        let points = [(1.0, 5.0), (2.0, 3.0), (2.0, 4.0), (3.0, 3.0), (4.0, 1.0), (4.0, 1.0)];
        let low = front(&points, [Better::Low, Better::Low]);
        assert_eq!(low, [(4.0, 1.0), (2.0, 3.0), (1.0, 5.0)]);
        let high = front(&points, [Better::High, Better::Low]);
        assert_eq!(high, [(4.0, 1.0)]);
    }

    proptest! {
        #[test]
        fn every_point_is_on_the_front_or_bettered(points in prop::collection::vec((0..9i32, 0..9i32), 1..20)) {
            let points: Vec<(f64, f64)> = points.into_iter().map(|(x, y)| (f64::from(x), f64::from(y))).collect();
            let front = front(&points, [Better::High, Better::Low]);
            prop_assert!(front.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
            for p in &points {
                prop_assert!(front.iter().any(|f| f.0 >= p.0 && f.1 <= p.1));
            }
        }
    }
}
