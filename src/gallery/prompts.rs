//! Output lengths of single prompts, answered many times, with their fitted laws.

use std::path::{Path, PathBuf};

use super::{Choices, Drawn, nothing};
use crate::error::{Error, Result};
use crate::length::{self, Family, FitOptions, Law, Sample};
use crate::report::figure::Width;
use crate::report::fit::{Fit, Fitted, fit_figure};
use crate::trace::{self, Format, ReadOptions, TraceRow};

/// What is fitted, in legend order.
const FAMILIES: [Family; 2] = [Family::LogT(3.5), Family::LogNormal];
/// Panels beyond these are too small.
const PANELS: usize = 9;

/// One panel per prompt: the first of each file, or those that are chosen.
pub fn prompts(sources: &[PathBuf], choices: &Choices) -> Result<Drawn> {
    let (mut chosen, mut remarks) = (Vec::new(), Vec::new());
    for path in sources {
        let mut all = read(path)?;
        if choices.only.is_empty() {
            let (first, n) = (all.first().map(|p| p.0.clone()), all.len());
            all.truncate(1);
            remarks.extend(first.filter(|_| n > 1).map(|id| {
                format!(
                    "{} has {n} prompts, and prompt {id} is drawn; choose with --only IDS",
                    path.display()
                )
            }));
        }
        chosen.extend(all);
    }
    let mut picked = Vec::new();
    for id in &choices.only {
        let known = || chosen.iter().map(|p| p.0.as_str());
        let found =
            chosen.iter().find(|p| p.0 == *id).ok_or_else(|| Error::unknown("prompt", id, known()))?;
        picked.push(found.clone());
    }
    let samples = if choices.only.is_empty() { chosen } else { picked };
    if samples.is_empty() {
        return Err(nothing("the files hold no prompt"));
    }
    if samples.len() > PANELS {
        let what = format!("{} panels are too many", samples.len());
        return Err(Error::Usage(format!("{what}; choose at most {PANELS} with --only IDS")));
    }
    let several = samples.len() > 1;
    let panels: Vec<Fitted> = samples.iter().map(|(id, lengths)| panel(id, lengths, &mut remarks)).collect();
    let x = super::words::axis(choices.is_log("x", true), "Output length", "tokens");
    let width = choices.width.unwrap_or(if several { Width::TwoColumn } else { Width::OneColumn });
    let mut spec = fit_figure(&x, &panels, true, "observed", width);
    spec.notes.push("Laws by maximum likelihood; log-t with 3.5 degrees of freedom.".to_owned());
    Ok(Drawn { spec, remarks })
}

/// Lengths by prompt, in the order in which prompts first appear.
fn read(path: &Path) -> Result<Vec<(String, Vec<u32>)>> {
    let options = ReadOptions { format: Some(Format::Samples), ..ReadOptions::default() };
    let mut reader = trace::open(path, &options)?;
    let (mut row, mut prompts) = (TraceRow::default(), Vec::<(String, Vec<u32>)>::new());
    let mut index = std::collections::BTreeMap::new();
    while reader.read_into(&mut row)? {
        let id = row.class.as_deref().unwrap_or_default().to_owned();
        let at = *index.entry(id.clone()).or_insert(prompts.len());
        if at == prompts.len() {
            prompts.push((id, Vec::new()));
        }
        prompts[at].1.push(row.output_tokens);
    }
    Ok(prompts)
}

/// The histogram of one prompt. A law that cannot be fitted is left out, and `remarks` says why.
fn panel(id: &str, lengths: &[u32], remarks: &mut Vec<String>) -> Fitted {
    let sample = Sample::new(lengths, None);
    let mut fits = Vec::new();
    let mut numbers = vec![("n".to_owned(), lengths.len() as f64)];
    let mut label = format!("{id}: n={}", lengths.len());
    for family in FAMILIES {
        let fit = length::fit(&sample, family, &FitOptions::default());
        let Some(law) = fit.law else {
            let why = fit.reason.unwrap_or_default();
            remarks.push(format!("prompt {id} has no {family} law: {why}"));
            continue;
        };
        numbers.extend(fit.ks.map(|ks| (format!("{family} ks"), ks)));
        if let Law::LogT(law) = &law {
            numbers.extend([("mu".to_owned(), law.mu), ("sigma".to_owned(), law.sigma)]);
            label += &format!(", μ={:.2}, σ={:.2}", law.mu, law.sigma);
        }
        let density = Box::new(move |x: f64| law.pdf(x).unwrap_or(f64::NAN));
        fits.push(Fit { name: family.to_string(), density });
    }
    let sample = lengths.iter().map(|&l| f64::from(l)).collect();
    Fitted { label: Some(label), numbers, sample, fits }
}
