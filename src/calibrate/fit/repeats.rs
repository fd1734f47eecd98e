//! Whether measuring again gives the same profile.

use super::form::Form;
use super::law::Law;
use super::needs::lacking;
use super::report::Repeat;
use super::target::{Target, median, targets};
use crate::calibrate::{Clock, Samples};
use crate::error::Result;
use std::collections::BTreeSet;

/// Two calibrations that differ by more than this share are not to be trusted.
pub const MOST_DIFFERENCE: f64 = 0.05;

/// Measurements of one plan under a name.
struct Measured {
    name: String,
    targets: Vec<Target>,
}

/// Fits `form` to each pass of `samples` after the first and to the samples `against`, and compares each with the
/// fit to the first pass, or to all samples for the file. Says in `notes` what was too little to be fitted.
pub fn compare(
    form: Form,
    samples: &Samples,
    against: Option<&Samples>,
    clock: Clock,
    kv_capacity_tokens: u64,
    notes: &mut Vec<String>,
) -> Result<Vec<Repeat>> {
    let of = |name: String, samples: &Samples, pass| {
        let all = targets(samples, clock, pass)?;
        let targets = all.into_iter().filter(|t| form != Form::StaticBatch || !t.work.is_mixed()).collect();
        Ok(Measured { name, targets })
    };
    let passes: BTreeSet<u32> = samples.rows.iter().map(|s| s.pass).collect();
    let mut passes = passes.into_iter().map(|p| of(format!("pass {p}"), samples, Some(p)));
    let mut pairs = Vec::new();
    if let Some(first) = passes.next().transpose()? {
        for later in passes {
            pairs.push((first.targets.clone(), first.name.clone(), later?));
        }
    }
    if let Some(other) = against {
        let all = of("these samples".to_string(), samples, None)?;
        pairs.push((all.targets, all.name, of("the other file".to_string(), other, None)?));
    }
    let mut repeats = Vec::new();
    for (first, name, second) in &pairs {
        let first = Measured { name: name.clone(), targets: first.clone() };
        let short = [&first, second]
            .into_iter()
            .find_map(|m| Some((m, lacking(form, &m.refs(), kv_capacity_tokens)?)));
        match short {
            Some((m, why)) => notes.push(format!("{} is not compared: {why}", m.name)),
            None => repeats.push(first.repeat(second, form, kv_capacity_tokens)?),
        }
    }
    Ok(repeats)
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
