//! Least squares with coefficients of zero or more.

use nalgebra::{DMatrix, DVector};

/// Smallest share of the right-hand side that a gradient must have to count, and of the largest singular value.
const TINY: f64 = 1e-10;

/// The x >= 0 that minimises |a·x - b|, by an active set (Lawson and Hanson, Solving Least Squares Problems, 1974,
/// chapter 23). Starts from the columns that are positive without the constraint, which is mostly all of them.
///
/// Columns that depend on each other share their weight; columns of zeros get 0.
pub fn nnls(a: &DMatrix<f64>, b: &DVector<f64>) -> DVector<f64> {
    let scales: Vec<f64> = a.column_iter().map(|c| c.norm()).collect();
    let mut scaled = a.clone();
    for (mut column, &scale) in scaled.column_iter_mut().zip(&scales) {
        if scale > 0.0 {
            column /= scale;
        }
    }
    let columns = (0..scales.len()).filter(|&j| scales[j] > 0.0).collect();
    let mut x = Problem::new(scaled, b.clone()).solve(columns);
    for (value, &scale) in x.iter_mut().zip(&scales) {
        *value = if scale > 0.0 { *value / scale } else { 0.0 };
    }
    x
}

/// Columns of unit length, and what they are to add up to.
struct Problem {
    a: DMatrix<f64>,
    b: DVector<f64>,
    tiny: f64,
}

impl Problem {
    /// Tall problems are made square first, which changes no distance between them.
    fn new(a: DMatrix<f64>, b: DVector<f64>) -> Problem {
        let tiny = TINY * b.norm();
        let columns = a.ncols();
        if a.nrows() <= columns {
            return Problem { a, b, tiny };
        }
        let qr = a.qr();
        let mut turned = b;
        qr.q_tr_mul(&mut turned);
        Problem { a: qr.r(), b: turned.rows(0, columns).into_owned(), tiny }
    }

    /// Unconstrained solution over the columns in `set`; the shortest one where there are several.
    fn over(&self, set: &[usize]) -> Vec<f64> {
        let svd = self.a.select_columns(set).svd(true, true);
        let threshold = TINY * svd.singular_values.max();
        let solution = svd.solve(&self.b, threshold).expect("both sides of the decomposition were asked for");
        solution.iter().copied().collect()
    }

    fn solve(&self, columns: Vec<usize>) -> DVector<f64> {
        let (mut set, mut x) = self.start(columns.clone());
        // Columns whose gradient is rounding: they came in and went out at once.
        let mut blocked: Vec<usize> = Vec::new();
        for _ in 0..10 * columns.len() {
            let gradient = self.a.tr_mul(&(&self.b - &self.a * &x));
            let rises = |j: &usize| gradient[*j] > self.tiny && !set.contains(j) && !blocked.contains(j);
            let steepest = columns.iter().copied().filter(rises);
            let Some(j) = steepest.max_by(|&i, &j| gradient[i].total_cmp(&gradient[j])) else { break };
            set.push(j);
            if self.settle(&mut set, &mut x) {
                blocked.clear();
            } else {
                blocked.push(j);
            }
        }
        x
    }

    /// A feasible solution of some of the columns: those that stay positive while the others are dropped.
    fn start(&self, mut set: Vec<usize>) -> (Vec<usize>, DVector<f64>) {
        let mut x = DVector::zeros(self.a.ncols());
        while !set.is_empty() {
            let solution = self.over(&set);
            if solution.iter().all(|&s| s > 0.0) {
                set.iter().zip(&solution).for_each(|(&j, &s)| x[j] = s);
                break;
            }
            let mut positive = solution.iter().map(|&s| s > 0.0);
            set.retain(|_| positive.next().unwrap_or(false));
        }
        (set, x)
    }

    /// Moves `x` to the solution over `set`, whose last column is new, dropping what would turn negative.
    /// `false` where the new column itself would.
    fn settle(&self, set: &mut Vec<usize>, x: &mut DVector<f64>) -> bool {
        let mut solution = self.over(set);
        if solution.last().is_none_or(|&s| s <= 0.0) {
            set.pop();
            return false;
        }
        while solution.iter().any(|&s| s <= 0.0) {
            let pairs = || set.iter().zip(&solution).map(|(&j, &s)| (x[j], s));
            let share = pairs().filter(|p| p.1 <= 0.0).map(|(x, s)| x / (x - s)).fold(1.0, f64::min);
            let reached: Vec<f64> = pairs().map(|(x, s)| x + share * (s - x)).collect();
            let leaves: Vec<bool> =
                solution.iter().zip(&reached).map(|(&s, &r)| s <= 0.0 && r <= f64::EPSILON).collect();
            for ((&j, &r), &leaves) in set.iter().zip(&reached).zip(&leaves) {
                x[j] = if leaves { 0.0 } else { r };
            }
            let mut leaves = leaves.into_iter();
            set.retain(|_| !leaves.next().unwrap_or(false));
            solution = self.over(set);
        }
        set.iter().zip(&solution).for_each(|(&j, &s)| x[j] = s);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use proptest::prelude::*;

    fn distance(a: &DMatrix<f64>, b: &DVector<f64>, x: &DVector<f64>) -> f64 {
        (a * x - b).norm()
    }

    /// The best of the solutions over every subset of the columns that has no negative part.
    fn naive(a: &DMatrix<f64>, b: &DVector<f64>) -> f64 {
        let mut best = b.norm();
        for subset in 1u32..1 << a.ncols() {
            let set: Vec<usize> = (0..a.ncols()).filter(|j| subset >> j & 1 == 1).collect();
            let s = a.select_columns(&set).svd(true, true).solve(b, 1e-12).unwrap();
            if s.iter().all(|&v| v >= 0.0) {
                let mut x = DVector::zeros(a.ncols());
                set.iter().zip(s.iter()).for_each(|(&j, &v)| x[j] = v);
                best = best.min(distance(a, b, &x));
            }
        }
        best
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// As good as the best of all subsets, whatever the scales, also with columns that repeat.
        #[test]
        fn meets_enumeration(seed: u64, rows in 1usize..9, columns in 1usize..6, twice: bool) {
            let mut draw = Stream::new(seed, 0, "nnls", 0);
            let mut a = DMatrix::from_fn(rows, columns, |_, j| draw.normal() * 10f64.powi(j as i32 - 2));
            if twice && columns > 1 {
                let first = a.column(0) * 3.0;
                a.set_column(columns - 1, &first);
            }
            let b = DVector::from_fn(rows, |_, _| draw.normal());
            let x = nnls(&a, &b);
            prop_assert!(x.iter().all(|&v| v >= 0.0), "{x}");
            let (ours, best) = (distance(&a, &b, &x), naive(&a, &b));
            prop_assert!(ours <= best + 1e-8 * b.norm(), "{ours} against {best}");
        }
    }

    #[test]
    fn columns_of_zeros_and_impossible_sides_give_nothing() {
        let a = DMatrix::from_row_slice(2, 2, &[0.0, 1.0, 0.0, 1.0]);
        assert_eq!(nnls(&a, &DVector::from_vec(vec![2.0, 2.0])).as_slice(), [0.0, 2.0]);
        assert_eq!(nnls(&a, &DVector::from_vec(vec![-1.0, -1.0])).as_slice(), [0.0, 0.0]);
    }
}
