//! The figure of `profile show`: the model's step times on fine grids.

use super::show::Z90;
use crate::cli::Console;
use crate::error::{Error, Result};
use crate::latency::{Chunk, LatencyModel, Noise, Profile, StepShape};
use crate::report::figure::{self, Axis, Picture, Style};
use crate::report::profile::{StepTimes, Time, profile_figure};
use std::path::Path;

/// Contexts of the decode panel, tokens of each request.
const CONTEXTS: [u64; 4] = [128, 1_024, 4_096, 16_384];
/// Where panels end if the domain does not say: decode rows, prompt tokens.
const LAST: [u64; 2] = [256, 8_192];
/// Grid points for each doubling.
const PER_OCTAVE: f64 = 8.0;

/// Draws `profile` on a replica of `kv_tokens` into folder `dir`, under the profile's name.
pub fn draw(dir: &Path, profile: &Profile, kv_tokens: u64, console: &Console) -> Result<()> {
    let mut model = profile.model(kv_tokens)?;
    let mut probe = Probe { model: &mut *model, noise: &profile.noise };
    let panels = [probe.decodes(profile, kv_tokens), probe.prefills(profile, kv_tokens)];
    let panels: Vec<StepTimes> = panels.into_iter().filter(|p| !p.curves.is_empty()).collect();
    if panels.is_empty() {
        let what = format!("--figure: {} has no step time to draw with {kv_tokens} KV tokens", profile.name);
        return Err(Error::Usage(what));
    }
    let spec = profile_figure(&panels, &format!("profile {}", profile.name));
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    let stem = dir.join(profile.name.replace(odd, "-"));
    for path in figure::save(&stem, &spec, Style::default(), &Picture::ALL)? {
        console.talk(&path.display().to_string());
    }
    Ok(())
}

/// Whole numbers from 1 to `last`, about equally far apart in their logarithms.
fn grid(last: u64) -> Vec<u64> {
    let points = (libm::log2(last.max(1) as f64) * PER_OCTAVE) as u32;
    let at = |i: u32| libm::exp2(f64::from(i) / PER_OCTAVE).round() as u64;
    let mut grid: Vec<u64> = (0..=points).map(at).chain([last]).collect();
    grid.dedup();
    grid.retain(|n| (1..=last).contains(n));
    grid
}

/// Where a panel ends whose domain ends at `limit`: half as far again.
fn beyond(limit: u64) -> u64 {
    limit.saturating_add(limit.div_ceil(2))
}

struct Probe<'a> {
    model: &'a mut dyn LatencyModel,
    noise: &'a Noise,
}

impl Probe<'_> {
    /// Over decode rows, at several contexts; no batch is larger than KV memory.
    fn decodes(&mut self, profile: &Profile, kv_tokens: u64) -> StepTimes {
        let limit = profile.domain.max_decodes;
        let last = limit.map_or(LAST[0], beyond);
        let mut curves = Vec::new();
        for context in CONTEXTS {
            let rows = grid(last.min(kv_tokens / context));
            let shape = |n: &u64| StepShape { decodes: *n, context_sum: n * context, ..StepShape::default() };
            let times: Vec<Time> = rows.iter().filter_map(|n| self.time(*n, &shape(n))).collect();
            curves.push((format!("{context} tokens of context"), times));
        }
        panel("Decode rows", "", limit, curves)
    }

    /// Over the length of one prompt, computed in one step.
    fn prefills(&mut self, profile: &Profile, kv_tokens: u64) -> StepTimes {
        let limit = profile.domain.max_prefill_tokens;
        let last = limit.map_or(LAST[1], beyond);
        let mut times = Vec::new();
        for tokens in grid(last.min(kv_tokens).min(u64::from(u32::MAX))) {
            let chunk = [Chunk::of_prompt(0, tokens as u32)];
            times.extend(self.time(tokens, &StepShape { prefill: &chunk, ..StepShape::default() }));
        }
        panel("Prompt length", "tokens", limit, vec![("prompt alone".to_string(), times)])
    }

    /// None where the model has no answer.
    fn time(&mut self, x: u64, shape: &StepShape<'_>) -> Option<Time> {
        let ms = 1e3 * self.model.step(shape).ok()?.as_secs();
        let quantile = |z: f64| ms * self.noise.factor(z, shape.rows());
        let band_ms = (!self.noise.is_calm()).then(|| [quantile(-Z90), quantile(Z90)]);
        // A logarithmic axis has no zero.
        (ms > 0.0).then(|| Time { x: x as f64, ms, band_ms, in_domain: self.model.in_domain(shape) })
    }
}

fn panel(x: &str, unit: &str, limit: Option<u64>, mut curves: Vec<(String, Vec<Time>)>) -> StepTimes {
    // A table may begin above the first point of a grid.
    for (_, times) in &mut curves {
        times.drain(..times.iter().position(|t| t.in_domain).unwrap_or(0));
    }
    StepTimes {
        x: Axis::log(x, unit),
        y: Axis::log("Step time", "ms"),
        curves: curves.into_iter().filter(|(_, times)| times.len() > 1).collect(),
        limit: limit.map(|most| most as f64),
    }
}
