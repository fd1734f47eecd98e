//! What a fit aims at: each distinct point with the times it took.

use super::quantile;
use crate::calibrate::{Clock, Point, Samples};
use crate::error::{Error, Place, Result};
use crate::latency::static_batch_padding;
use std::collections::BTreeMap;

/// A distinct point, and how long it took each time.
#[derive(Clone, Debug)]
pub struct Target {
    pub point: Point,
    pub work: Work,
    /// Durations in the order they were taken, seconds.
    pub seconds: Vec<f64>,
    pub median_s: f64,
}

/// The quantities of a step that forms are made of.
#[derive(Clone, Debug)]
pub struct Work {
    /// Packed rows: prefill tokens and decode rows.
    pub rows: u64,
    /// Prefill chunks and decode rows.
    pub requests: f64,
    pub chunks: u64,
    pub prefill_tokens: f64,
    /// Prefill tokens as the polynomial counts them: chunks times rounded means.
    pub mean_tokens: f64,
    pub prefill_pairs: f64,
    /// Prefill tokens, and tokens times contexts, with padding.
    pub padded: [f64; 2],
    pub decodes: f64,
    pub context_sum: f64,
    pub context_max: f64,
}

impl Work {
    pub fn of(point: &Point) -> Work {
        let chunks = point.chunks();
        let shape = point.shape(&chunks);
        let k = chunks.len() as u64;
        let context: u64 = chunks.iter().map(|c| u64::from(c.context)).sum();
        let mean_tokens = if k == 0 { 0 } else { k * ((context + shape.prefill_tokens()) / k - context / k) };
        Work {
            rows: shape.prefill_tokens() + shape.decodes,
            requests: point.requests() as f64,
            chunks: k,
            prefill_tokens: shape.prefill_tokens() as f64,
            mean_tokens: mean_tokens as f64,
            prefill_pairs: shape.prefill_pairs(),
            padded: static_batch_padding(&chunks),
            decodes: shape.decodes as f64,
            context_sum: shape.context_sum as f64,
            context_max: shape.context_max as f64,
        }
    }

    /// Whether it has prefill and decodes.
    pub fn is_mixed(&self) -> bool {
        self.chunks > 0 && self.decodes > 0.0
    }

    /// Whether it is `rows` decodes and nothing else.
    pub fn is_decode_of(&self, rows: f64) -> bool {
        self.chunks == 0 && self.decodes == rows
    }
}

/// The distinct points of `samples` on `clock`, in the order of points.
///
/// # Errors
/// A sample without a time on that clock.
pub fn targets(samples: &Samples, clock: Clock) -> Result<Vec<Target>> {
    let mut by_point: BTreeMap<&Point, Vec<f64>> = BTreeMap::new();
    for (i, sample) in samples.rows.iter().enumerate() {
        let Some(seconds) = sample.seconds(clock) else {
            let place = Place::default().line(i as u64 + 2).column("cpu_s");
            let what = "no CPU time was read, and the fit is on the clock cpu";
            return Err(Error::input(place, what, "fit with --clock wall, or measure on a CPU backend"));
        };
        by_point.entry(&sample.point).or_default().push(seconds);
    }
    let target = |(point, seconds): (&Point, Vec<f64>)| Target {
        point: point.clone(),
        work: Work::of(point),
        median_s: median(&seconds),
        seconds,
    };
    Ok(by_point.into_iter().map(target).collect())
}

/// Median of one or more numbers.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}
