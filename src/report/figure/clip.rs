//! Cutting paths and areas at a frame, so that a chosen range hides the rest without huge coordinates.

use super::canvas::{Point, Rect};

/// A half-plane: where `sign * (coordinate - edge)` is not negative.
#[derive(Clone, Copy)]
struct Side {
    vertical: bool,
    edge: f64,
    sign: f64,
}

fn sides(frame: Rect) -> [Side; 4] {
    let side = |vertical, edge, sign| Side { vertical, edge, sign };
    [
        side(false, frame.left, 1.0),
        side(false, frame.right, -1.0),
        side(true, frame.top, 1.0),
        side(true, frame.bottom, -1.0),
    ]
}

impl Side {
    fn depth(self, p: Point) -> f64 {
        self.sign * (if self.vertical { p.1 } else { p.0 } - self.edge)
    }

    /// Where the way from `inside` to `outside` meets the edge. Reckoned from the inside, which keeps its digits
    /// however far away the other end is.
    fn cut(self, inside: Point, outside: Point) -> Point {
        let (near, far) = (self.depth(inside), self.depth(outside));
        let t = near / (near - far);
        let along = |a: f64, b: f64| a + t * (b - a);
        match self.vertical {
            true => (along(inside.0, outside.0), self.edge),
            false => (self.edge, along(inside.1, outside.1)),
        }
    }
}

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

/// The part of a segment inside `frame`.
fn segment(a: Point, b: Point, frame: Rect) -> Option<(Point, Point)> {
    sides(frame).into_iter().try_fold((a, b), |(a, b), side| {
        match (side.depth(a) >= 0.0, side.depth(b) >= 0.0) {
            (true, true) => Some((a, b)),
            (true, false) => Some((a, side.cut(a, b))),
            (false, true) => Some((side.cut(b, a), b)),
            (false, false) => None,
        }
    })
}

/// The part of an area inside `frame` (Sutherland and Hodgman 1974).
pub(super) fn area(points: &[Point], frame: Rect) -> Vec<Point> {
    sides(frame).into_iter().fold(points.to_vec(), |ring, side| {
        let mut kept = Vec::with_capacity(ring.len());
        for (i, &b) in ring.iter().enumerate() {
            let a = ring[(i + ring.len() - 1) % ring.len()];
            match (side.depth(a) >= 0.0, side.depth(b) >= 0.0) {
                (true, true) => kept.push(b),
                (true, false) => kept.push(side.cut(a, b)),
                (false, true) => kept.extend([side.cut(b, a), b]),
                (false, false) => {}
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
        assert_eq!(path(&[(0.5, 0.5), (1e30, 0.5)], UNIT), [[(0.5, 0.5), (1.0, 0.5)]]);
    }

    #[test]
    fn an_area_is_cut_at_the_frame() {
        let ring = area(&[(0.5, -1.0), (2.0, -1.0), (2.0, 2.0), (0.5, 2.0)], UNIT);
        assert!(ring.iter().all(|p| (0.5..=1.0).contains(&p.0) && (0.0..=1.0).contains(&p.1)));
        assert_eq!(ring.len(), 4);
    }
}
