//! Points of sampled axes in the unit cube.

use super::spec::{Sampling, Spec};
use crate::error::{Error, Place, Result};
use crate::rng::Stream;

/// Most points of the Sobol sequence that the crate computes.
const MOST_SOBOL: u32 = 1 << 16;
/// Most dimensions likewise.
const MOST_DIMENSIONS: usize = 256;
/// Most independent draws.
const MOST_RANDOM: u32 = 1_000_000;

/// For each sampled axis of `spec`, in order, one number in [0, 1) per sample.
///
/// # Errors
/// Sampled axes without `samples`, or the other way round; more points than the sequence has.
pub(super) fn draws(spec: &Spec, seed: u64) -> Result<Vec<Vec<f64>>> {
    let axes = spec.axes.iter().filter(|a| a.is_sampled()).count();
    let bad = |key: &str, what: String, help: &str| Err(Error::input(Place::key(key), what, help));
    let samples = match (axes, spec.samples) {
        (0, None) if spec.sampling.is_none() => return Ok(Vec::new()),
        (0, _) => {
            let what = "no axis is sampled: all list their values".to_string();
            return bad("sweep.samples", what, "leave it out, or give an axis uniform or log-uniform values");
        }
        (_, None) => {
            let what = "an axis is sampled, and nobody says how many points to draw".to_string();
            return bad("sweep.samples", what, "set it, or --samples N");
        }
        (_, Some(n)) => n,
    };
    let sampling = spec.sampling.unwrap_or_default();
    let most = if sampling == Sampling::Sobol { MOST_SOBOL } else { MOST_RANDOM };
    if samples == 0 || samples > most {
        let what = format!("{samples} samples of {}", sampling.name());
        return bad("sweep.samples", what, &format!("choose 1 to {most}"));
    }
    if axes > MOST_DIMENSIONS {
        return bad("sweep.axes", format!("{axes} sampled axes"), "choose at most 256");
    }
    let scramble = Stream::new(seed, 0, "sweep-sobol", 0).bits() as u32;
    Ok((0..axes as u32)
        .map(|axis| match sampling {
            Sampling::Sobol => {
                (0..samples).map(|i| f64::from(sobol_burley::sample(i, axis, scramble))).collect()
            }
            Sampling::Random => {
                let mut stream = Stream::new(seed, 0, "sweep-random", u64::from(axis));
                (0..samples).map(|_| stream.uniform()).collect()
            }
        })
        .collect())
}
