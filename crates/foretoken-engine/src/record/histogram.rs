//! [`LogHistogram`]: a log-linear histogram of nanoseconds with exact moments.

use crate::record::PercentileConvention;

/// Sub-buckets an octave, as a power of two.
const SUB_BITS: u32 = 10;
const PAGE: usize = 1 << SUB_BITS;
/// Values under 1024 are exact (one page); every octave from 2^10 to 2^64 has a page of its own.
const PAGES: usize = 64 - SUB_BITS as usize + 1;

/// Counts of u64 values (ns) in 1,024 buckets an octave: a quantile is within 0.1% of an order
/// statistic, while n, sum, sum of squares, minimum and maximum are exact. Values under 2,048 are exact
/// too. A page of 8 KiB is allocated for each octave that is seen.
#[derive(Clone, Debug)]
pub struct LogHistogram {
    pages: [Option<Box<[u64; PAGE]>>; PAGES],
    n: u64,
    sum: u128,
    squares: u128,
    min: u64,
    max: u64,
}

impl Default for LogHistogram {
    fn default() -> LogHistogram {
        let pages = [const { None }; PAGES];
        LogHistogram { pages, n: 0, sum: 0, squares: 0, min: u64::MAX, max: 0 }
    }
}

impl LogHistogram {
    /// An empty histogram.
    pub fn new() -> LogHistogram {
        LogHistogram::default()
    }

    /// Counts `value` `weight` times.
    ///
    /// # Panics
    /// If the sum of squares passes 2^128 ns² (over 10^10 gaps of a day each).
    #[inline]
    pub fn add(&mut self, value: u64, weight: u64) {
        if weight == 0 {
            return;
        }
        let (page, slot) = bucket(value);
        match &mut self.pages[page] {
            Some(counts) => counts[slot] += weight,
            empty => open_page(empty, slot, weight),
        }
        self.n += weight;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let total = u128::from(value) * u128::from(weight);
        self.sum += total;
        let square = match u64::try_from(total) {
            Ok(total) => u128::from(total) * u128::from(value),
            Err(_) => total.checked_mul(u128::from(value)).expect(SQUARES),
        };
        self.squares = self.squares.checked_add(square).expect(SQUARES);
    }

    /// Adds everything that `other` counted.
    pub fn merge(&mut self, other: &LogHistogram) {
        for (mine, theirs) in self.pages.iter_mut().zip(&other.pages) {
            match (mine, theirs) {
                (Some(mine), Some(theirs)) => mine.iter_mut().zip(&theirs[..]).for_each(|(a, b)| *a += b),
                (mine @ None, theirs) => *mine = theirs.clone(),
                (Some(_), None) => {}
            }
        }
        self.n += other.n;
        self.sum += other.sum;
        self.squares = self.squares.checked_add(other.squares).expect(SQUARES);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Values counted.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Exact sum, ns.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// Exact sum of squares, ns².
    pub fn sum_of_squares(&self) -> u128 {
        self.squares
    }

    /// Smallest value, ns.
    pub fn min(&self) -> Option<u64> {
        (self.n > 0).then_some(self.min)
    }

    /// Largest value, ns.
    pub fn max(&self) -> Option<u64> {
        (self.n > 0).then_some(self.max)
    }

    /// Quantile `q` in [0, 1], in ns, within 0.1% of the exact one; `None` if nothing was counted.
    pub fn quantile(&self, q: f64, convention: PercentileConvention) -> Option<f64> {
        (self.n > 0).then(|| convention.rank(self.n, q).read(|k| self.order_statistic(k)))
    }

    /// The middle of the bucket that holds the `k`-th smallest value (0-based).
    fn order_statistic(&self, k: u64) -> f64 {
        let mut left = k;
        for (page, counts) in self.pages.iter().enumerate() {
            let Some(counts) = counts else { continue };
            for (slot, &count) in counts.iter().enumerate() {
                if left < count {
                    return middle(page, slot).clamp(self.min as f64, self.max as f64);
                }
                left -= count;
            }
        }
        self.max as f64
    }
}

const SQUARES: &str = "sum of squared gaps overflows 2^128 ns²";

#[cold]
fn open_page(page: &mut Option<Box<[u64; PAGE]>>, slot: usize, weight: u64) {
    page.insert(Box::new([0; PAGE]))[slot] = weight;
}

/// Page and slot of `value`: the leading bit picks the page, the next ten bits the slot.
#[inline]
fn bucket(value: u64) -> (usize, usize) {
    // ilog2 of at least 10, so that page 0 holds 0..1024 and page 1 holds 1024..2048 one by one.
    let shift = (value | PAGE as u64).ilog2() - SUB_BITS;
    let index = ((shift as usize) << SUB_BITS) + (value >> shift) as usize;
    (index >> SUB_BITS, index & (PAGE - 1))
}

/// Middle of a bucket, ns.
fn middle(page: usize, slot: usize) -> f64 {
    let shift = page.saturating_sub(1);
    let leading = if page == 0 { 0 } else { PAGE };
    let low = ((leading + slot) as u64) << shift;
    low as f64 + ((1u64 << shift) - 1) as f64 / 2.0
}
