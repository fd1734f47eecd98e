//! Whether measuring again gives the same profile.

use super::form::Form;
use super::law::Law;
use super::needs::lacking;
use super::report::Repeat;
use super::target::{Target, median, targets};
use crate::calibrate::{Clock, Point, Sample, Samples};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Two calibrations that differ by more than this share are not to be trusted.
pub const MOST_DIFFERENCE: f64 = 0.05;

/// Measurements of one plan under a name.
struct Measured {
    name: String,
    targets: Vec<Target>,
}

/// Compares fits of `form`: to the later half of the passes with that to the earlier, and to the samples `against`
/// with that to all of these. Says in `notes` what was too little to be fitted.
pub fn compare(
    form: Form,
    samples: &Samples,
    against: Option<&Samples>,
    clock: Clock,
    kv_capacity_tokens: u64,
    notes: &mut Vec<String>,
) -> Result<Vec<Repeat>> {
    let of = |name: String, samples: &Samples| {
        let all = targets(samples, clock)?;
        let targets = all.into_iter().filter(|t| form != Form::StaticBatch || !t.work.is_mixed()).collect();
        Ok(Measured { name, targets })
    };
    let mut pairs = Vec::new();
    if let Some([early, late]) = halves(samples) {
        pairs.push([of("earlier passes".to_string(), &early)?, of("later passes".to_string(), &late)?]);
    }
    if let Some(other) = against {
        pairs.push([of("these samples".to_string(), samples)?, of("the other file".to_string(), other)?]);
    }
    let mut repeats = Vec::new();
    for [first, second] in &pairs {
        let short = |m: &Measured| {
            let why = lacking(form, &m.refs(), kv_capacity_tokens)?;
            Some(format!("{} alone cannot be fitted: {why}", m.name))
        };
        match short(first).or_else(|| short(second)) {
            Some(note) => notes.push(note),
            None => repeats.push(first.repeat(second, form, kv_capacity_tokens)?),
        }
    }
    Ok(repeats)
}

/// The samples of the earlier and of the later passes; none of one pass. Each point's passes are halved by
/// themselves: those that are known well enough are left out of later passes.
fn halves(samples: &Samples) -> Option<[Samples; 2]> {
    let mut passes: BTreeMap<&Point, BTreeSet<u32>> = BTreeMap::new();
    for sample in &samples.rows {
        passes.entry(&sample.point).or_default().insert(sample.pass);
    }
    let is_early = |sample: &&Sample| {
        let all = &passes[&sample.point];
        all.range(..sample.pass).count() < all.len().div_ceil(2)
    };
    let (early, late): (Vec<&Sample>, Vec<&Sample>) = samples.rows.iter().partition(is_early);
    let half = |rows: Vec<&Sample>| Samples { rows: rows.into_iter().cloned().collect() };
    (!late.is_empty()).then(|| [half(early), half(late)])
}

impl Measured {
    fn refs(&self) -> Vec<&Target> {
        self.targets.iter().collect()
    }

    /// The fits to both, over the points of both.
    fn repeat(&self, second: &Measured, form: Form, kv_capacity_tokens: u64) -> Result<Repeat> {
        let fit = |m: &Measured| Law::fit(form, &m.refs(), kv_capacity_tokens);
        let known: BTreeSet<_> = self.targets.iter().map(|t| &t.point).collect();
        let new = second.targets.iter().filter(|t| !known.contains(&t.point));
        let points: Vec<&Target> = self.targets.iter().chain(new).collect();
        let (a, b) = (fit(self).predict(&points)?, fit(second).predict(&points)?);
        let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (b / a - 1.0).abs()).collect();
        Ok(Repeat {
            what: format!("{} against {}", second.name, self.name),
            points: points.len(),
            median_difference: median(&differences),
            bias: b.iter().sum::<f64>() / a.iter().sum::<f64>() - 1.0,
        })
    }
}

/// Whether a comparison says that the device did not hold still.
pub fn differs(repeat: &Repeat) -> bool {
    repeat.median_difference > MOST_DIFFERENCE || repeat.bias.abs() > MOST_DIFFERENCE
}
