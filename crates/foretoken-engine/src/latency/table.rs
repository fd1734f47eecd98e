//! Step time by interpolation in a measured grid.

use super::model::{Kernel, span_ns};
use super::profile::{Flaw, quantity};
use super::{Minorant, StepLimits, StepShape};
use crate::error::{Error, Result};
use crate::time::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Piecewise trilinear in (prefill tokens, decode rows, sum of decode contexts). The grid is the domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What a step outside of the grid gets.
    pub outside: Outside,
    /// Grid points: prefill tokens in a step, increasing.
    pub prefill_tokens: Vec<u64>,
    /// Grid points: decode rows in a step, increasing.
    pub decodes: Vec<u64>,
    /// Grid points: sum of decode contexts, tokens, increasing.
    pub context_sum_tokens: Vec<u64>,
    /// Seconds; indices run over `prefill_tokens`, then `decodes`, then `context_sum_tokens`.
    pub step_s: Vec<Vec<Vec<f64>>>,
}

/// What a step outside of the grid gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// The run ends with an error.
    Error,
    /// The time at the nearest edge; the run reports the share of such steps.
    Clamp,
}

impl Table {
    pub(super) fn check(&self) -> std::result::Result<(), Flaw> {
        let axes = [
            ("prefill_tokens", &self.prefill_tokens),
            ("decodes", &self.decodes),
            ("context_sum_tokens", &self.context_sum_tokens),
        ];
        for (key, points) in axes {
            if points.is_empty() || !points.is_sorted_by(|a, b| a < b) {
                let what = "grid points are not one or more increasing numbers";
                return Err(Flaw::new(format!("timing.table.{key}"), what, "sort them and remove repeats"));
            }
        }
        let [planes, rows, cells] = axes.map(|(_, points)| points.len());
        let fits = self.step_s.len() == planes
            && self.step_s.iter().all(|p| p.len() == rows && p.iter().all(|r| r.len() == cells));
        if !fits {
            let what = format!("the grid has {planes} x {rows} x {cells} points, step_s another shape");
            return Err(Flaw::new("timing.table.step_s", what, "give one time per grid point"));
        }
        let mut times = self.step_s.iter().flatten().flatten();
        times.try_for_each(|&t| quantity("timing.table", "step_s", t))
    }

    /// The coordinates of a step, with their axes.
    fn axes<'t>(&'t self, shape: &StepShape<'_>) -> [(&'static str, &'t [u64], u64); 3] {
        [
            ("prefill tokens", &self.prefill_tokens, shape.prefill_tokens()),
            ("decode rows", &self.decodes, shape.decodes),
            ("context sum", &self.context_sum_tokens, shape.context_sum),
        ]
    }
}

/// Grid cell below `x` and the fraction of the way to the next; clamped to the ends.
fn cell(points: &[u64], x: u64) -> (usize, f64) {
    let above = points.partition_point(|&p| p <= x);
    match above {
        0 => (0, 0.0),
        n if n == points.len() => (n - 1, 0.0),
        n => {
            let (low, high) = (points[n - 1], points[n]);
            (n - 1, (x - low) as f64 / (high - low) as f64)
        }
    }
}

fn mix(low: f64, high: f64, fraction: f64) -> f64 {
    low + (high - low) * fraction
}

fn inside(points: &[u64], x: u64) -> bool {
    points[0] <= x && x <= points[points.len() - 1]
}

#[cold]
fn off_grid(name: &str, points: &[u64], x: u64) -> Error {
    let (first, last) = (points[0], points[points.len() - 1]);
    Error::Usage(format!(
        "{x} {name} lie outside of the table's {first} to {last}; measure more points, \
         or set timing.table.outside = \"clamp\""
    ))
}

impl Table {
    /// Least slope between neighbours along each axis, 0 or more, where nothing outside of the grid is asked for.
    fn least_slopes(&self) -> [f64; 3] {
        let mut least = [f64::INFINITY; 3];
        let axes = [&self.prefill_tokens, &self.decodes, &self.context_sum_tokens];
        let at = |i: [usize; 3]| self.step_s[i[0]][i[1]][i[2]];
        for i in self.points() {
            for (axis, points) in axes.iter().enumerate() {
                let mut next = i;
                next[axis] += 1;
                if next[axis] < points.len() {
                    let run = (points[next[axis]] - points[i[axis]]) as f64;
                    least[axis] = least[axis].min((at(next) - at(i)) / run);
                }
            }
        }
        least.map(
            |slope| if self.outside == Outside::Error && slope.is_finite() { slope.max(0.0) } else { 0.0 },
        )
    }

    fn points(&self) -> impl Iterator<Item = [usize; 3]> + use<'_> {
        let (rows, cells) = (self.decodes.len(), self.context_sum_tokens.len());
        (0..self.prefill_tokens.len() * rows * cells)
            .map(move |k| [k / (rows * cells), k / cells % rows, k % cells])
    }
}

impl Kernel for Table {
    /// What lies under a multilinear function at all corners of its cells lies under it everywhere.
    fn minorants(&self, _: &StepLimits) -> Vec<Minorant> {
        let slopes = self.least_slopes();
        let axes = [&self.prefill_tokens, &self.decodes, &self.context_sum_tokens];
        let rest = |i: [usize; 3]| {
            let linear: f64 = (0..3).map(|axis| slopes[axis] * axes[axis][i[axis]] as f64).sum();
            self.step_s[i[0]][i[1]][i[2]] - linear
        };
        let least = self.points().map(rest).fold(f64::INFINITY, f64::min);
        let [prefill_token_s, decode_s, context_token_s] = slopes;
        let constant = Minorant { prompt_step_s: least, decode_step_s: least, ..Minorant::default() };
        vec![Minorant { prefill_token_s, decode_s, context_token_s, ..constant }]
    }

    fn step(&self, shape: &StepShape<'_>) -> Result<Span> {
        let axes = self.axes(shape);
        if self.outside == Outside::Error
            && let Some((name, points, x)) = axes.iter().find(|(_, points, x)| !inside(points, *x))
        {
            return Err(off_grid(name, points, *x));
        }
        let [(p, fp), (d, fd), (c, fc)] = axes.map(|(_, points, x)| cell(points, x));
        // An upper neighbour exists wherever its fraction is above 0.
        let row = |row: &[f64]| mix(row[c], row[(c + 1).min(row.len() - 1)], fc);
        let plane = |plane: &[Vec<f64>]| mix(row(&plane[d]), row(&plane[(d + 1).min(plane.len() - 1)]), fd);
        let seconds =
            mix(plane(&self.step_s[p]), plane(&self.step_s[(p + 1).min(self.step_s.len() - 1)]), fp);
        span_ns("the table's step_s", seconds * 1e9)
    }

    fn has_limits(&self) -> bool {
        true
    }

    fn covers(&self, shape: &StepShape<'_>) -> bool {
        self.axes(shape).iter().all(|(_, points, x)| inside(points, *x))
    }
}
