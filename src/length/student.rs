//! Student's t distribution, on `libm` alone, and quantiles of the log-t law.

use super::LogT;

impl LogT {
    /// Probability of at most `tokens` tokens.
    pub fn cdf(&self, tokens: u32) -> f64 {
        if tokens >= self.cap {
            return 1.0;
        }
        // Rounded to whole tokens: up to k means below k + 1/2.
        let distance = libm::log(f64::from(tokens) + 0.5) - self.mu;
        match self.sigma {
            0.0 if distance < 0.0 => 0.0,
            0.0 => 1.0,
            sigma => student_cdf(distance / sigma, self.nu),
        }
    }

    /// Smallest length, tokens, of probability at least `p` up to it; in 1..=cap.
    pub fn quantile(&self, p: f64) -> u32 {
        let (mut below, mut at) = (0, self.cap.max(1));
        while at - below > 1 {
            let middle = u32::midpoint(below, at);
            if self.cdf(middle) >= p { at = middle } else { below = middle }
        }
        at
    }
}

/// P(T <= x) for Student's t of `nu` degrees of freedom: I_z(nu/2, 1/2)/2 with z = nu/(nu + x^2), in the tail.
fn student_cdf(x: f64, nu: f64) -> f64 {
    let tail = 0.5 * beta_share(nu / (nu + x * x), 0.5 * nu, 0.5);
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// The regularised incomplete beta function I_x(a, b).
fn beta_share(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let ln_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = libm::exp(a * libm::log(x) + b * libm::log1p(-x) - ln_beta);
    // The continued fraction converges fast on this side of the mean; the other follows by symmetry.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

/// Its continued fraction (DLMF 8.17.22), evaluated by Lentz's method.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut value = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            change = c * d;
            value *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_by_closed_forms() {
        let pi = std::f64::consts::PI;
        for x in [-30.0, -2.0, -0.3, 0.0, 0.1, 1.0, 5.0, 400.0] {
            let cauchy = 0.5 + libm::atan(x) / pi;
            let two = 0.5 + x / (2.0 * libm::sqrt(2.0 + x * x));
            assert!((student_cdf(x, 1.0) - cauchy).abs() < 1e-13, "{x}");
            assert!((student_cdf(x, 2.0) - two).abs() < 1e-13, "{x}");
            // Many degrees of freedom: the normal law.
            let normal = 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
            assert!((student_cdf(x, 1e8) - normal).abs() < 1e-7, "{x}");
        }
    }

    #[test]
    fn quantiles_invert_the_cdf() {
        for (mu, sigma, nu, cap) in
            [(3.0, 1.0, 3.0, 500), (0.0, 0.0, 1.0, 9), (5.0, 2.0, 0.7, 40), (2.0, 0.1, 50.0, 99)]
        {
            let law = LogT { mu, sigma, nu, cap };
            for i in 1..100 {
                let p = f64::from(i) / 100.0;
                let k = law.quantile(p);
                assert!((1..=cap).contains(&k) && law.cdf(k) >= p, "{law:?} {p}: {k}");
                assert!(k == 1 || law.cdf(k - 1) < p, "{law:?} {p}: {k}");
            }
        }
    }
}
