//! [`Student`]: Student's t law by quadrature, with relative accuracy in both tails.
//!
//! The shipped statistics crates take platform logarithms and lose digits in far tails; a score must be the same
//! bytes everywhere, so the few functions that are needed stand here, on `libm`.

use crate::error::{Error, Result};
use crate::rng::Stream;
use std::f64::consts::PI;

/// Nodes of the Gauss-Legendre rule.
pub(super) const NODES: usize = 12;
/// Positive abscissae of the rule of 12 points on [-1, 1].
pub(super) const ABSCISSAE: [f64; NODES / 2] = [
    0.125_233_408_511_468_9,
    0.367_831_498_998_180_2,
    0.587_317_954_286_617_5,
    0.769_902_674_194_304_7,
    0.904_117_256_370_474_9,
    0.981_560_634_246_719_3,
];
/// Their weights.
pub(super) const WEIGHTS: [f64; NODES / 2] = [
    0.249_147_045_813_402_8,
    0.233_492_536_538_354_8,
    0.203_167_426_723_065_9,
    0.160_078_328_543_346_2,
    0.106_939_325_995_318_4,
    0.047_175_336_386_511_8,
];

/// A part of an integral below this share of the sum is the last one.
const NEGLIGIBLE: f64 = 1e-18;
/// Beyond this, squares overflow and no admitted law has mass that counts.
const FAR: f64 = 1e150;

/// Student's t law with `nu` degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Student {
    nu: f64,
    /// Logarithm of the density at 0.
    ln_peak: f64,
}

impl Student {
    /// The law of `nu` degrees of freedom.
    ///
    /// # Errors
    /// `nu` is not in 0.1..=1e9.
    pub fn new(nu: f64) -> Result<Student> {
        if !(0.1..=1e9).contains(&nu) {
            return Err(Error::Usage(format!("nu is {nu}; give degrees of freedom from 0.1 to 1e9")));
        }
        Ok(Student::of(nu))
    }

    /// The law of any positive `nu`.
    pub(super) fn of(nu: f64) -> Student {
        Student { nu, ln_peak: ln_gamma_half_step(0.5 * nu) - 0.5 * libm::log(nu * PI) }
    }

    /// Degrees of freedom.
    pub fn nu(&self) -> f64 {
        self.nu
    }

    /// Logarithm of the density at `t`.
    pub fn ln_pdf(&self, t: f64) -> f64 {
        self.ln_peak - 0.5 * (self.nu + 1.0) * libm::log1p(t * t / self.nu)
    }

    /// Density at `t`.
    pub fn pdf(&self, t: f64) -> f64 {
        libm::exp(self.ln_pdf(t))
    }

    /// P(T <= t), to 1e-13 relative also where it is tiny.
    pub fn cdf(&self, t: f64) -> f64 {
        if t > 0.0 { 1.0 - self.lower(-t) } else { self.lower(t) }
    }

    /// P(T > t), to 1e-13 relative also where it is tiny.
    pub fn sf(&self, t: f64) -> f64 {
        self.cdf(-t)
    }

    /// The t with P(T <= t) = `p`; infinite at 0 and 1.
    pub fn quantile(&self, p: f64) -> f64 {
        if p > 0.5 { -self.low_quantile(1.0 - p) } else { self.low_quantile(p) }
    }

    /// A draw.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        stream.student_t(self.nu)
    }

    /// Half the width of the part around 0 that one panel of a quadrature covers: no more than half of the way
    /// to the density's singularities at +-i sqrt(nu).
    pub(super) fn core(&self) -> f64 {
        0.5 * libm::sqrt(self.nu).min(2.0)
    }

    /// Integral of exp(`shift` + `sigma` t) times the density over t from `lo` (may be -infinity) to a finite
    /// `hi`; `sigma` >= 0.
    ///
    /// Steps grow with the distance from 0, as the density flattens, and hold at most 2 / `sigma`; each is a
    /// Gauss-Legendre rule. To the left of 0 both factors fall, so a negligible step is the last.
    pub(super) fn integral(&self, lo: f64, hi: f64, sigma: f64, shift: f64) -> f64 {
        let (mut sum, mut to) = (0.0, hi);
        while to > lo {
            let step = (0.25 * to.abs().max(2.0 * self.core())).min(2.0 / sigma);
            let from = (to - step).max(lo);
            let part = gauss(from, to, |t| libm::exp(shift + sigma * t + self.ln_pdf(t)));
            sum += part;
            if to < 0.0 && (part <= NEGLIGIBLE * sum || to < -FAR) {
                break;
            }
            to = from;
        }
        sum
    }

    /// P(T <= t) for t <= 0.
    fn lower(&self, t: f64) -> f64 {
        if t < -FAR { 0.0 } else { self.integral(f64::NEG_INFINITY, t, 0.0, 0.0) }
    }

    /// The quantile of `p` <= 0.5: Newton's method on ln P(T <= -sinh s), which is concave in s, and a straight
    /// line in the tail.
    fn low_quantile(&self, p: f64) -> f64 {
        if p <= 0.0 {
            return f64::NEG_INFINITY;
        }
        let (mut s, target) = (0.0, libm::log(p));
        for _ in 0..200 {
            let t = -libm::sinh(s);
            let below = self.lower(t);
            if below == 0.0 {
                s *= 0.5;
                continue;
            }
            let slope = self.pdf(t) * libm::cosh(s) / below;
            let step = (libm::log(below) - target) / slope;
            s = (s + step).max(0.0);
            if step.abs() <= 1e-15 * (1.0 + s) {
                break;
            }
        }
        -libm::sinh(s)
    }
}

/// The Gauss-Legendre sum of `f` over `lo`..`hi`.
pub(super) fn gauss(lo: f64, hi: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (middle, half) = (0.5 * (lo + hi), 0.5 * (hi - lo));
    let pairs = ABSCISSAE.iter().zip(WEIGHTS);
    half * pairs.map(|(u, w)| w * (f(middle - half * u) + f(middle + half * u))).sum::<f64>()
}

/// ln Gamma(x + 1/2) - ln Gamma(x); for large x by its asymptotic series, as the difference would lose digits.
fn ln_gamma_half_step(x: f64) -> f64 {
    if x < 40.0 {
        return libm::lgamma(x + 0.5) - libm::lgamma(x);
    }
    let r = 1.0 / (x * x);
    0.5 * libm::log(x) - (1.0 / 8.0 - r * (1.0 / 192.0 - r * (1.0 / 640.0 - r * 17.0 / 14336.0))) / x
}
