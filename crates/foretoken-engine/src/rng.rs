//! Random streams: one per (seed, replicate, purpose, entity).
//!
//! A stream's key depends on nothing else, so a different scheduler sees the same workload
//! (common random numbers) and a new consumer never shifts another's draws. The samplers use
//! `libm` and plain arithmetic alone: the same bytes on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// A reproducible random stream.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// The stream of `purpose` ("arrivals", "lengths", ...) for one entity (request, replica, client).
    pub fn new(seed: u64, replicate: u64, purpose: &str, entity: u64) -> Stream {
        let mut key = Vec::with_capacity(24 + purpose.len());
        key.extend_from_slice(&seed.to_le_bytes());
        key.extend_from_slice(&replicate.to_le_bytes());
        key.extend_from_slice(&entity.to_le_bytes());
        key.extend_from_slice(purpose.as_bytes());
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&xxh3_128_with_seed(&key, 0).to_le_bytes());
        bytes[16..].copy_from_slice(&xxh3_128_with_seed(&key, 1).to_le_bytes());
        Stream { rng: ChaCha8Rng::from_seed(bytes) }
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in (0, 1): safe to take the logarithm of.
    pub fn open_uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in 0..n without bias (Lemire's method). `n` must be positive.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "below(0)");
        loop {
            let wide = u128::from(self.bits()) * u128::from(n);
            if wide as u64 >= n.wrapping_neg() % n {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.open_uniform())
    }

    /// Standard normal (Box-Muller, one value a call: no state carried between draws).
    pub fn normal(&mut self) -> f64 {
        let r = libm::sqrt(-2.0 * libm::log(self.open_uniform()));
        r * libm::cos(2.0 * std::f64::consts::PI * self.uniform())
    }

    /// Gamma with shape `k` > 0 and scale 1 (Marsaglia and Tsang 2000; boosted below shape 1).
    pub fn gamma(&mut self, k: f64) -> f64 {
        if k < 1.0 {
            let boost = libm::pow(self.open_uniform(), 1.0 / k);
            return self.gamma(k + 1.0) * boost;
        }
        let d = k - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            let u = self.open_uniform();
            if libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// Weibull with shape `k` > 0 and scale 1 (inverse of the cdf).
    pub fn weibull(&mut self, k: f64) -> f64 {
        libm::pow(self.exponential(), 1.0 / k)
    }

    /// Student t with `nu` > 0 degrees of freedom.
    pub fn student_t(&mut self, nu: f64) -> f64 {
        let z = self.normal();
        z / libm::sqrt(self.gamma(0.5 * nu) * 2.0 / nu)
    }
}
