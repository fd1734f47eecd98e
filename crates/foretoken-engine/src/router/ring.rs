//! A hash ring: each replica at several points of a circle, a key served by the next one.

use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(super) struct Ring {
    /// (point, replica), sorted.
    points: Vec<(u64, u32)>,
}

impl Ring {
    /// `points` of each of `replicas`. Like names, replicas have the same points in every run.
    pub fn new(replicas: usize, points: u32) -> Ring {
        let at = |r: usize, i: u32| hash(&[r as u64, u64::from(i)], 1);
        let mut points: Vec<(u64, u32)> =
            (0..replicas).flat_map(|r| (0..points).map(move |i| (at(r, i), r as u32))).collect();
        points.sort_unstable();
        Ring { points }
    }

    /// Replicas from the one that serves `key` on, around the circle; some several times.
    pub fn from(&self, key: u64) -> impl Iterator<Item = usize> + '_ {
        let start = self.points.partition_point(|(point, _)| *point < key);
        let (before, after) = self.points.split_at(start);
        after.iter().chain(before).map(|(_, r)| *r as usize)
    }
}

/// A point of the circle for some numbers.
pub(super) fn hash(numbers: &[u64], salt: u64) -> u64 {
    numbers.iter().fold(salt, |so_far, n| xxh3_64_with_seed(&n.to_le_bytes(), so_far))
}
