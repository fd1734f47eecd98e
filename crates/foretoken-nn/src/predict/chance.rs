//! Seeded chance: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    /// A stream of its own for each `purpose`.
    pub fn new(seed: u64, purpose: u64) -> Chance {
        let mut chance = Chance(seed ^ purpose.wrapping_mul(0xD1B5_4A32_D192_ED03));
        chance.bits();
        chance
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..n.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f64) as usize).min(n - 1)
    }

    /// Numbers of 0 to n - 1 in a random order.
    pub fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }

    /// As many numbers of 0 to n - 1 as there are `weights`, drawn with replacement in proportion to them.
    pub fn draws(&mut self, weights: &[f64]) -> Vec<usize> {
        let mut up_to = 0.0;
        let ends: Vec<f64> = weights
            .iter()
            .map(|w| {
                up_to += w;
                up_to
            })
            .collect();
        let draw = |chance: &mut Chance| {
            let at = chance.uniform() * up_to;
            ends.partition_point(|&end| end <= at).min(weights.len() - 1)
        };
        weights.iter().map(|_| draw(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_permutations_and_draws_follow_weights() {
        let mut chance = Chance::new(1, 0);
        let mut order = chance.order(50);
        assert_ne!(order, (0..50).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
        let weights: Vec<f64> = (0..4000).map(|i| if i < 2000 { 1.0 } else { 3.0 }).collect();
        let heavy = chance.draws(&weights).into_iter().filter(|&i| i >= 2000).count();
        assert!((2900..3100).contains(&heavy), "{heavy}");
    }
}
