//! Cutting paths and areas at a frame, so that a chosen range hides the rest without huge coordinates.

use super::canvas::{Point, Rect};

/// The parts of an open path inside `frame`.
pub(super) fn path(points: &[Point], frame: Rect) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        let Some((a, b)) = segment(pair[0], pair[1], frame) else { continue };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&a) => part.push(b),
            _ => parts.push(vec![a, b]),
        }
    }
    parts
}

/// The part of a segment inside `frame` (Liang and Barsky 1984).
fn segment(a: Point, b: Point, frame: Rect) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let sides =
        [(-dx, a.0 - frame.left), (dx, frame.right - a.0), (-dy, a.1 - frame.top), (dy, frame.bottom - a.1)];
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for (outward, room) in sides {
        if outward == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if outward < 0.0 {
            enter = enter.max(room / outward);
        } else {
            leave = leave.min(room / outward);
        }
    }
    let at = |t: f64| match t {
        0.0 => a,
        1.0 => b,
        t => (a.0 + t * dx, a.1 + t * dy),
    };
    (enter <= leave).then(|| (at(enter), at(leave)))
}

/// The part of an area inside `frame` (Sutherland and Hodgman 1974).
pub(super) fn area(points: &[Point], frame: Rect) -> Vec<Point> {
    type Inside = fn(Point, Rect) -> f64;
    let sides: [Inside; 4] =
        [|p, f| p.0 - f.left, |p, f| f.right - p.0, |p, f| p.1 - f.top, |p, f| f.bottom - p.1];
    sides.into_iter().fold(points.to_vec(), |ring, inside| {
        let mut kept = Vec::with_capacity(ring.len());
        for (i, &b) in ring.iter().enumerate() {
            let a = ring[(i + ring.len() - 1) % ring.len()];
            let (da, db) = (inside(a, frame), inside(b, frame));
            if (da < 0.0) != (db < 0.0) {
                let t = da / (da - db);
                kept.push((a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)));
            }
            if db >= 0.0 {
                kept.push(b);
            }
        }
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Rect = Rect { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };

    #[test]
    fn a_path_that_leaves_and_returns_has_two_parts() {
        let parts = path(&[(0.5, 0.5), (0.5, 2.0), (0.7, 2.0), (0.7, 0.5)], UNIT);
        assert_eq!(parts, [[(0.5, 0.5), (0.5, 1.0)], [(0.7, 1.0), (0.7, 0.5)]]);
        assert!(path(&[(2.0, 0.0), (3.0, 1.0)], UNIT).is_empty());
    }

    #[test]
    fn an_area_is_cut_at_the_frame() {
        let ring = area(&[(0.5, -1.0), (2.0, -1.0), (2.0, 2.0), (0.5, 2.0)], UNIT);
        assert!(ring.iter().all(|p| (0.5..=1.0).contains(&p.0) && (0.0..=1.0).contains(&p.1)));
        assert_eq!(ring.len(), 4);
    }
}
