//! Where a curve over packed rows bends, and its hat functions.

use super::target::Target;

/// Packed rows at which knots are wanted, up to 16 (calibration.md 4); from there they double.
const WANTED: [u64; 9] = [1, 2, 3, 4, 5, 6, 8, 12, 16];
/// Beyond this many rows a knot may be up to a factor of [`NEAR`] from where it is wanted.
const EXACT: u64 = 4;
/// Half an octave.
const NEAR: f64 = std::f64::consts::SQRT_2;
/// Nearer to its neighbour than this factor, a last knot would make a slope out of noise.
const APART: f64 = 1.25;

/// The measured numbers of packed rows nearest to the wanted ones, with the least and the largest: each knot has a
/// point of its own.
pub fn knots(targets: &[&Target]) -> Vec<u64> {
    let mut measured: Vec<u64> = targets.iter().map(|t| t.work.rows).collect();
    measured.sort_unstable();
    measured.dedup();
    let (Some(&least), Some(&most)) = (measured.first(), measured.last()) else { return Vec::new() };
    let near = |wanted: u64| {
        let far = |n: &u64| ratio(*n, wanted);
        let nearest = measured.iter().copied().min_by(|a, b| far(a).total_cmp(&far(b)));
        nearest.filter(|n| *n == wanted || (wanted > EXACT && far(n) < NEAR))
    };
    let doubling = std::iter::successors(Some(32u64), |n| n.checked_mul(2)).take_while(|&n| n / 2 <= most);
    let mut knots: Vec<u64> = WANTED.into_iter().chain(doubling).filter_map(near).chain([least]).collect();
    knots.sort_unstable();
    knots.dedup();
    // The largest number ends the curve in place of a knot just below it; the least never gives way.
    if knots.last().is_some_and(|&last| last != least && ratio(last, most) < APART) {
        knots.pop();
    }
    knots.push(most);
    knots.dedup();
    knots
}

fn ratio(a: u64, b: u64) -> f64 {
    a.max(b) as f64 / a.min(b).max(1) as f64
}

/// Weights of the knots at `n` rows, which add up to one; level outside.
pub fn hats(knots: &[u64], n: u64) -> Vec<f64> {
    let mut weights = vec![0.0; knots.len()];
    match knots.partition_point(|&knot| knot <= n) {
        0 => weights[0] = 1.0,
        above if above == knots.len() => weights[above - 1] = 1.0,
        above => {
            let share = (n - knots[above - 1]) as f64 / (knots[above] - knots[above - 1]) as f64;
            (weights[above - 1], weights[above]) = (1.0 - share, share);
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::super::target::Work;
    use super::*;
    use crate::calibrate::Point;

    fn knots_of(rows: &[u32]) -> Vec<u64> {
        let of = |&n: &u32| {
            let point = Point::decode(8, n);
            Target { work: Work::of(&point), point, seconds: vec![1.0], median_s: 1.0 }
        };
        let targets: Vec<Target> = rows.iter().map(of).collect();
        knots(&targets.iter().collect::<Vec<_>>())
    }

    #[test]
    fn knots_lie_where_steps_were_measured() {
        assert_eq!(knots_of(&[1, 2, 4, 8, 16, 520]), [1, 2, 4, 8, 16, 520]);
        assert_eq!(knots_of(&[1, 2, 5, 60, 70, 500, 512, 520]), [1, 2, 5, 60, 520]);
        assert_eq!(knots_of(&[7, 300]), [7, 300]);
        assert_eq!(knots_of(&[1]), [1]);
        assert_eq!(knots_of(&[1, 40, 100, 200, 260]), [1, 40, 100, 260]);
    }

    #[test]
    fn hats_add_up_to_one_and_give_back_their_knots() {
        let knots = [1, 2, 8, 32];
        for n in [1, 2, 3, 8, 20, 32, 50] {
            let sum: f64 = hats(&knots, n).iter().sum();
            assert!((sum - 1.0).abs() < 1e-12, "{n}");
        }
        assert_eq!(hats(&knots, 5), [0.0, 0.5, 0.5, 0.0]);
        assert_eq!(hats(&knots, 40), [0.0, 0.0, 0.0, 1.0]);
    }
}
