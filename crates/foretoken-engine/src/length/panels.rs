//! [`Panels`]: what depends on nu alone in integrals of exp(sigma t) against Student's t density.
//!
//! The axis is cut at +-b 2^k. Weights of a Gauss-Legendre rule times the density are kept per panel; as a panel
//! is twice the one before, exp(sigma t) at its nodes is the square of what it was there, so that a whole ladder
//! of panels costs one exponential per node. A panel that is entered only in part takes the density from a
//! polynomial.

use super::student::{ABSCISSAE, NODES, Student, WEIGHTS, gauss};
use std::f64::consts::PI;

/// Coefficients of a panel's polynomials.
const TERMS: usize = 20;
/// Largest nu whose panels hold their accuracy; above, polynomials would have to follow too steep a fall.
const STEEPEST_NU: f64 = 20.0;
/// Most panels to a side.
const MOST: usize = 60;
/// Squarings after which the rounding of the first exponential has grown to 1e-11.
const SQUARINGS: i32 = 16;
/// Factors of exp(sigma t) below this end the ladder to the left.
const VANISHED: f64 = 1e-30;

/// One panel of the side t > 0, or the one around 0.
#[derive(Clone, Debug)]
struct Panel {
    lo: f64,
    hi: f64,
    /// Weight times density at the nodes.
    mass: [f64; NODES],
    /// The density as a polynomial of [`Panel::local`], constant term first.
    pdf: [f64; TERMS],
    /// P(T > t) likewise.
    sf: [f64; TERMS],
}

/// The panels of one law.
#[derive(Clone, Debug)]
pub(super) struct Panels {
    core: Panel,
    side: Vec<Panel>,
}

/// A fixed upper limit of an integral: the panel it lies in, and weights times density from that panel's start.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    rank: usize,
    from: f64,
    to: f64,
    mass: [f64; NODES],
}

/// Integrals of exp(sigma t) f(t) from -infinity to the start of each panel, from the left.
pub(super) struct Ladder {
    sigma: f64,
    before: [f64; 2 * MOST + 2],
}

/// A law with a quick survival function, where its tables hold 1e-10 relative.
#[derive(Clone, Debug)]
pub(super) struct Quick {
    law: Student,
    panels: Option<Panels>,
}

impl Quick {
    pub fn new(law: Student) -> Quick {
        Quick { law, panels: (law.nu() <= STEEPEST_NU).then(|| Panels::new(&law)) }
    }

    /// Without tables, for few questions.
    pub fn plain(law: Student) -> Quick {
        Quick { law, panels: None }
    }

    /// The tables, where there are any.
    pub fn panels(&self) -> Option<&Panels> {
        self.panels.as_ref()
    }

    /// P(T > t).
    pub fn sf(&self, t: f64) -> f64 {
        match &self.panels {
            Some(panels) if t.abs() < panels.end() => panels.sf(t),
            _ => self.law.sf(t),
        }
    }
}

impl std::ops::Deref for Quick {
    type Target = Student;

    fn deref(&self) -> &Student {
        &self.law
    }
}

impl Panel {
    /// The panel `lo`..`hi` where `above` is P(T > hi).
    fn new(law: &Student, lo: f64, hi: f64, above: f64) -> Panel {
        let density = |t: f64| law.pdf(t);
        let blank = Panel { lo, hi, mass: masses(lo, hi, density), pdf: [0.0; TERMS], sf: [0.0; TERMS] };
        let at = chebyshev().map(|u| blank.at(u));
        // The nodes run down from `hi` in the middle panel and up from `lo` in the others.
        let mut sf = [0.0; TERMS];
        let (mut from, mut sum) = (hi, above);
        for step in 0..TERMS {
            let i = if lo < 0.0 { step } else { TERMS - 1 - step };
            sum += gauss(at[i], from, density);
            (from, sf[i]) = (at[i], sum);
        }
        Panel { pdf: polynomial(&at.map(density)), sf: polynomial(&sf), ..blank }
    }

    /// The polynomials' variable, in [-1, 1]: t itself in the middle, else 1 / t, in which a power tail is smooth.
    fn local(&self, t: f64) -> f64 {
        if self.lo < 0.0 { t / self.hi } else { 4.0 * self.lo / t - 3.0 }
    }

    /// The t of a [`Panel::local`].
    fn at(&self, u: f64) -> f64 {
        if self.lo < 0.0 { u * self.hi } else { 4.0 * self.lo / (u + 3.0) }
    }

    /// Integral of exp(`sigma` t) f(t) from `from` to `to`, which lie in the panel.
    fn part(&self, from: f64, to: f64, sigma: f64) -> f64 {
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        let u: [f64; NODES] = std::array::from_fn(|i| self.local(middle + half * node(i)));
        let mut density = [self.pdf[TERMS - 1]; NODES];
        for c in self.pdf[..TERMS - 1].iter().rev() {
            for i in 0..NODES {
                density[i] = density[i] * u[i] + c;
            }
        }
        let growth = exponentials(sigma * middle, sigma * half);
        let sum: f64 = (0..NODES).map(|i| weight(i) * density[i] * growth[i]).sum();
        half * sum
    }
}

impl Panels {
    pub fn new(law: &Student) -> Panels {
        let b = law.core();
        // To where the mass beyond is under 1e-17, or exp(sigma t) is as good as 0 to the left.
        let count = (libm::ceil(57.0 / law.nu()) as usize + 2).clamp(12, MOST);
        let mut hi = b * libm::scalbn(1.0, count as i32);
        let mut above = law.sf(hi);
        let mut side = Vec::with_capacity(count);
        for _ in 0..count {
            let lo = 0.5 * hi;
            side.push(Panel::new(law, lo, hi, above));
            above += gauss(0.75 * hi, hi, |t| law.pdf(t)) + gauss(lo, 0.75 * hi, |t| law.pdf(t));
            hi = lo;
        }
        side.reverse();
        Panels { core: Panel::new(law, -b, b, above), side }
    }

    /// Half the width of the middle panel.
    pub fn core(&self) -> f64 {
        self.core.hi
    }

    /// Values of |t| from here on are in no panel.
    pub fn end(&self) -> f64 {
        self.side[self.side.len() - 1].hi
    }

    /// Values of |t| up to here are within reach of a ladder that keeps its accuracy.
    pub fn reach(&self) -> f64 {
        self.end().min(self.core() * libm::scalbn(1.0, SQUARINGS))
    }

    /// P(T > t) for |t| < [`Panels::end`].
    pub fn sf(&self, t: f64) -> f64 {
        let (panel, size) = (self.panel(t), t.abs());
        if t.abs() < self.core() {
            return horner(&self.core.sf, self.core.local(t));
        }
        let above = horner(&panel.sf, panel.local(size));
        if t > 0.0 { above } else { 1.0 - above }
    }

    /// The integrals up to the panel of `furthest`.
    pub fn ladder(&self, sigma: f64, furthest: f64) -> Ladder {
        let (n, last) = (self.side.len(), self.rank(furthest));
        let mut before = [0.0; 2 * MOST + 2];
        let b = self.core();
        let mut right = exponentials(1.5 * sigma * b, 0.5 * sigma * b);
        let mut left = right.map(|e| 1.0 / e);
        for (k, panel) in self.side.iter().enumerate() {
            before[n - k] = dot(&panel.mass, &left);
            if left[0] < VANISHED {
                break;
            }
            left.iter_mut().for_each(|e| *e *= *e);
        }
        if last > n {
            before[n + 1] = dot(&self.core.mass, &exponentials(0.0, sigma * b));
        }
        for (k, panel) in self.side.iter().enumerate().take(last.saturating_sub(n + 1)) {
            before[n + 2 + k] = dot(&panel.mass, &right);
            right.iter_mut().for_each(|e| *e *= *e);
        }
        for i in 1..=last {
            before[i] += before[i - 1];
        }
        Ladder { sigma, before }
    }

    /// Integral of exp(sigma t) f(t) from -infinity to `to`, which is at most the ladder's furthest.
    pub fn below(&self, ladder: &Ladder, to: f64) -> f64 {
        let rank = self.rank(to);
        let panel = self.panel(to);
        let part = match rank < self.side.len() {
            true => panel.part(-to, panel.hi, -ladder.sigma),
            false => panel.part(panel.lo, to, ladder.sigma),
        };
        ladder.before[rank] + part
    }

    /// Prepares `to` as a limit for [`Panels::below_limit`].
    pub fn limit(&self, law: &Student, to: f64) -> Limit {
        let (rank, panel) = (self.rank(to), self.panel(to));
        let from = if rank < self.side.len() { -panel.hi } else { panel.lo };
        Limit { rank, from, to, mass: masses(from, to, |t| law.pdf(t)) }
    }

    /// As [`Panels::below`], for a prepared limit.
    pub fn below_limit(&self, ladder: &Ladder, limit: &Limit) -> f64 {
        let (middle, half) = (0.5 * (limit.from + limit.to), 0.5 * (limit.to - limit.from));
        let growth = exponentials(ladder.sigma * middle, ladder.sigma * half);
        ladder.before[limit.rank] + dot(&limit.mass, &growth)
    }

    /// Where `t`'s panel stands from the left; the middle one's rank is the number of panels to a side.
    fn rank(&self, t: f64) -> usize {
        let n = self.side.len();
        match self.index(t) {
            None => n,
            Some(k) if t > 0.0 => n + 1 + k,
            Some(k) => n - 1 - k,
        }
    }

    fn panel(&self, t: f64) -> &Panel {
        self.index(t).map_or(&self.core, |k| &self.side[k])
    }

    /// Which panel of its side `t` lies in; `None` for the middle one.
    fn index(&self, t: f64) -> Option<usize> {
        let ratio = t.abs() / self.core();
        (ratio >= 1.0).then(|| (libm::ilogb(ratio) as usize).min(self.side.len() - 1))
    }
}

/// The rule's `i`-th node, from the left.
fn node(i: usize) -> f64 {
    if i < NODES / 2 { -ABSCISSAE[NODES / 2 - 1 - i] } else { ABSCISSAE[i - NODES / 2] }
}

/// The weight of the rule's `i`-th node.
fn weight(i: usize) -> f64 {
    WEIGHTS[if i < NODES / 2 { NODES / 2 - 1 - i } else { i - NODES / 2 }]
}

/// Weight times `f` at the nodes of `lo`..`hi`.
fn masses(lo: f64, hi: f64, f: impl Fn(f64) -> f64) -> [f64; NODES] {
    let (middle, half) = (0.5 * (lo + hi), 0.5 * (hi - lo));
    std::array::from_fn(|i| half * weight(i) * f(middle + half * node(i)))
}

/// exp(`middle` + `half` u) at the nodes u.
fn exponentials(middle: f64, half: f64) -> [f64; NODES] {
    let centre = libm::exp(middle);
    let mut out = [0.0; NODES];
    for (i, u) in ABSCISSAE.iter().enumerate() {
        let e = libm::exp(half * u);
        out[NODES / 2 + i] = centre * e;
        out[NODES / 2 - 1 - i] = centre / e;
    }
    out
}

fn dot(a: &[f64; NODES], b: &[f64; NODES]) -> f64 {
    let mut lanes = [0.0; 4];
    for i in 0..NODES {
        lanes[i % 4] += a[i] * b[i];
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

fn horner(coefficients: &[f64], u: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * u + c)
}

/// Chebyshev's nodes on [-1, 1], from the right.
fn chebyshev() -> [f64; TERMS] {
    std::array::from_fn(|i| libm::cos(angle(i)))
}

fn angle(i: usize) -> f64 {
    PI * (i as f64 + 0.5) / TERMS as f64
}

/// The polynomial through `values` at Chebyshev's nodes, constant term first.
fn polynomial(values: &[f64; TERMS]) -> [f64; TERMS] {
    let mut out = [0.0; TERMS];
    // Powers in the Chebyshev polynomials of one degree less, and of this one.
    let (mut last, mut this) = ([0.0; TERMS], [0.0; TERMS]);
    this[0] = 1.0;
    for degree in 0..TERMS {
        let sum: f64 = values.iter().enumerate().map(|(i, v)| v * libm::cos(degree as f64 * angle(i))).sum();
        let coefficient = sum * if degree == 0 { 1.0 } else { 2.0 } / TERMS as f64;
        for (o, power) in out.iter_mut().zip(&this) {
            *o += coefficient * power;
        }
        let next: [f64; TERMS] = std::array::from_fn(|i| {
            let shifted = if i > 0 { this[i - 1] } else { 0.0 };
            if degree == 0 { shifted } else { 2.0 * shifted - last[i] }
        });
        (last, this) = (this, next);
    }
    out
}
