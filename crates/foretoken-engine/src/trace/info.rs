//! What a trace is like: how many requests, how bursty, how long.

use super::{Notes, Reader, TraceRow};
use crate::error::Result;
use crate::time::SimTime;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Windows in which arrivals are counted for the index of dispersion, seconds.
pub const WINDOWS_S: [u64; 3] = [1, 10, 60];
const NS_PER_S: u64 = 1_000_000_000;

/// A trace in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Info {
    /// Version of this object's shape.
    pub schema: u32,
    /// Name of the format.
    pub format: &'static str,
    /// Requests in the file, with failed ones.
    pub rows: u64,
    /// Requests that the numbers below are about.
    pub requests: u64,
    /// Requests that the recorded system did not answer.
    pub failed: u64,
    /// Failed requests left out.
    pub dropped: u64,
    /// Requests outside of the window that was asked for.
    pub outside: u64,
    /// Outputs as long as their limit.
    pub censored: u64,
    /// Arrivals; `None` where the format has no times.
    pub arrivals: Option<Arrivals>,
    /// Prompt lengths; `None` where the file has none.
    pub prompt_tokens: Option<Lengths>,
    /// Output lengths.
    pub output_tokens: Lengths,
    /// Requests by class, those without one left out.
    pub classes: BTreeMap<Box<str>, u64>,
    /// Different sessions.
    pub sessions: u64,
    /// Tokens that a prefix hash stands for; `None` where the file has no hashes.
    pub hash_block_tokens: Option<u32>,
    /// What else to know, in whole sentences.
    pub remarks: Vec<String>,
}

/// How requests arrive.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arrivals {
    /// From the first arrival to the last, seconds.
    pub span_s: f64,
    /// Requests over the span, per second; `None` if the span is zero.
    pub rate_rps: Option<f64>,
    /// Coefficient of variation of the gaps between arrivals (population standard deviation over mean).
    pub gap_cv: Option<f64>,
    /// Index of dispersion per window of [`WINDOWS_S`].
    pub dispersion: Vec<Dispersion>,
    /// Requests in equal parts of the span, in order.
    pub profile: Vec<u64>,
}

/// Variance over mean of the number of arrivals in windows of equal length; 1 for a Poisson process.
///
/// Windows start at the first arrival; a last one that the trace does not fill is left out; the variance
/// is that of the population.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Dispersion {
    /// Window, seconds.
    pub window_s: u64,
    /// Index of dispersion; `None` where fewer than two windows or no request fit.
    pub index: Option<f64>,
}

/// Lengths in tokens. Percentiles interpolate linearly between order statistics (Hyndman and Fan, type 7).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Lengths {
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Shortest.
    pub min: u32,
    /// Longest.
    pub max: u32,
}

impl Info {
    /// Reads `reader` to its end. Memory: 8 bytes a request, plus its different classes and sessions.
    pub fn of(reader: &mut Reader) -> Result<Info> {
        let (mut prompts, mut outputs) = (Vec::new(), Vec::new());
        let (mut classes, mut sessions) = (BTreeMap::new(), BTreeSet::new());
        let mut counter = Counter::default();
        let mut row = TraceRow::default();
        while reader.read_into(&mut row)? {
            prompts.push(row.prompt_tokens);
            outputs.push(row.output_tokens);
            counter.add(row.arrival);
            if let Some(class) = row.class.take() {
                *classes.entry(class).or_insert(0) += 1;
            }
            sessions.extend(row.session.take());
        }
        let Notes { rows, failed, dropped, outside, censored, remarks } = reader.notes().clone();
        Ok(Info {
            schema: 1,
            format: reader.format().name(),
            rows,
            requests: counter.n,
            failed,
            dropped,
            outside,
            censored,
            arrivals: reader.has_times().then(|| counter.finish()),
            prompt_tokens: reader.has_prompts().then(|| Lengths::of(&mut prompts)),
            output_tokens: Lengths::of(&mut outputs),
            classes,
            sessions: sessions.len() as u64,
            hash_block_tokens: reader.columns().prefix_hashes.then(|| reader.hash_block_tokens()),
            remarks,
        })
    }
}

impl Lengths {
    /// Describes `lengths`, of which there must be at least one; sorts them.
    pub fn of(lengths: &mut [u32]) -> Lengths {
        lengths.sort_unstable();
        let sum: u64 = lengths.iter().map(|&l| u64::from(l)).sum();
        Lengths {
            mean: sum as f64 / lengths.len() as f64,
            p50: percentile(lengths, 0.5),
            p90: percentile(lengths, 0.9),
            p99: percentile(lengths, 0.99),
            min: lengths[0],
            max: lengths[lengths.len() - 1],
        }
    }
}

fn percentile(sorted: &[u32], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let low = at as usize;
    let high = (low + 1).min(sorted.len() - 1);
    let (a, b) = (f64::from(sorted[low]), f64::from(sorted[high]));
    a + (at - low as f64) * (b - a)
}

/// Sums over arrivals in order, all in integers.
#[derive(Default)]
struct Counter {
    n: u64,
    first: SimTime,
    last: SimTime,
    gap_squares: f64,
    windows: [Window; WINDOWS_S.len()],
    profile: Profile,
}

/// Arrivals in windows of one length.
#[derive(Clone, Copy, Default)]
struct Window {
    index: u64,
    count: u64,
    sum: u64,
    squares: u128,
}

impl Window {
    fn add(&mut self, index: u64) {
        if index != self.index {
            self.close();
            self.index = index;
        }
        self.count += 1;
    }

    fn close(&mut self) {
        self.sum += self.count;
        self.squares += u128::from(self.count) * u128::from(self.count);
        self.count = 0;
    }

    /// Of `whole` windows: E[c^2] / E[c] - E[c]. The window being counted is the one after them.
    fn index_of_dispersion(self, whole: u64) -> Option<f64> {
        let (sum, n) = (self.sum as f64, whole as f64);
        (whole >= 2 && self.sum > 0).then(|| self.squares as f64 / sum - sum / n)
    }
}

impl Counter {
    fn add(&mut self, at: SimTime) {
        if self.n == 0 {
            (self.first, self.last) = (at, at);
        }
        let gap = at.since(self.last).0 as f64;
        self.gap_squares += gap * gap;
        self.last = at;
        self.n += 1;
        let since = at.since(self.first).0;
        for (window, seconds) in self.windows.iter_mut().zip(WINDOWS_S) {
            window.add(since / (seconds * NS_PER_S));
        }
        self.profile.add(since);
    }

    fn finish(self) -> Arrivals {
        let span = self.last.since(self.first);
        let gaps = self.n.saturating_sub(1) as f64;
        let mean = span.0 as f64 / gaps;
        let moved = span.0 > 0;
        let dispersion = |(window, window_s): (Window, u64)| Dispersion {
            window_s,
            index: window.index_of_dispersion(span.0 / (window_s * NS_PER_S)),
        };
        Arrivals {
            span_s: span.as_secs(),
            rate_rps: moved.then(|| self.n as f64 / span.as_secs()),
            gap_cv: moved.then(|| (self.gap_squares / gaps / (mean * mean) - 1.0).max(0.0).sqrt()),
            dispersion: self.windows.into_iter().zip(WINDOWS_S).map(dispersion).collect(),
            profile: self.profile.counts,
        }
    }
}

/// Counts in equal parts of a span that is not known yet: when they run out, neighbours are merged.
struct Profile {
    width_ns: u64,
    counts: Vec<u64>,
}

/// Most parts of a profile; there are at least half as many, but for very short spans.
const PARTS: usize = 80;

impl Default for Profile {
    fn default() -> Profile {
        Profile { width_ns: 1, counts: Vec::new() }
    }
}

impl Profile {
    fn add(&mut self, since: u64) {
        while since / self.width_ns >= PARTS as u64 {
            self.width_ns *= 2;
            self.counts = self.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
        }
        let part = (since / self.width_ns) as usize;
        self.counts.resize(self.counts.len().max(part + 1), 0);
        self.counts[part] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(seconds: &[u64]) -> Arrivals {
        let mut counter = Counter::default();
        seconds.iter().for_each(|&s| counter.add(SimTime(s * NS_PER_S)));
        counter.finish()
    }

    #[test]
    fn percentiles_interpolate() {
        let lengths = Lengths::of(&mut [40, 10, 30, 20]);
        assert_eq!((lengths.mean, lengths.p50, lengths.min, lengths.max), (25.0, 25.0, 10, 40));
        assert!((lengths.p90 - 37.0).abs() < 1e-12, "{}", lengths.p90);
    }

    #[test]
    fn even_arrivals_have_no_dispersion() {
        let even: Vec<u64> = (100..200).collect();
        let found = arrivals(&even);
        assert_eq!((found.span_s, found.gap_cv), (99.0, Some(0.0)));
        let indices: Vec<_> = found.dispersion.iter().map(|d| d.index).collect();
        assert_eq!(indices, [Some(0.0), Some(0.0), None]);
        assert_eq!(found.profile.iter().sum::<u64>(), 100);
        assert!(found.profile.len() > PARTS / 2 && found.profile.len() <= PARTS);
    }

    #[test]
    fn bursts_are_counted_by_hand() {
        // Whole 1 s windows hold 4, 0, 0, 2 (the arrival at 4 s is in a window of its own that is not whole).
        let found = arrivals(&[0, 0, 0, 0, 3, 3, 4]);
        let (mean, variance) = (1.5, (6.25 + 2.25 + 2.25 + 0.25) / 4.0);
        assert!((found.dispersion[0].index.unwrap() - variance / mean).abs() < 1e-12);
        assert_eq!(arrivals(&[5]).rate_rps, None);
    }
}
