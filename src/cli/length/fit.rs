//! `length fit`: a law for every prompt.

use super::Fitting;
use super::samples::{Prompt, Source};
use crate::cli::{Console, Format};
use crate::error::{Error, Result};
use crate::length::{Family, Fit, Law, Sample};
use serde_json::{Value, json};
use std::str::FromStr;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    fitting: Fitting,
    /// Family of the law: log-t, log-t-free (its own degrees of freedom), log-normal, gamma, empirical.
    #[arg(long, value_name = "NAME", default_value = "log-t", value_parser = Family::from_str)]
    family: Family,
    /// Degrees of freedom of log-t [default: 3.5].
    #[arg(long, allow_negative_numbers = true)]
    nu: Option<f64>,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    args.fitting.check()?;
    let family = family(args)?;
    let prompts = args.source.read(console)?;
    let samples: Vec<Sample> = prompts.iter().map(|p| Sample::new(&p.lengths, args.fitting.cap)).collect();
    if let ([prompt], [sample]) = (&prompts[..], &samples[..]) {
        not_all_cut(prompt, sample)?;
    }
    let fits = args.fitting.fits(&samples, family, console);
    let rows: Vec<Row> = prompts.iter().zip(&samples).zip(&fits).map(|((p, s), f)| (p, s, f)).collect();
    let json = json!({ "schema": 1, "fits": rows.iter().map(object).collect::<Vec<_>>() });
    let mut headers = vec!["prompt_id", "n"];
    headers.extend(parameters(family));
    headers.extend(["censored", "degenerate", "ks", "reason"]);
    let cells: Vec<Vec<String>> = rows.iter().map(|row| cells(row, family, console.format)).collect();
    console.table(&headers, &cells, &json)
}

type Row<'a> = (&'a Prompt, &'a Sample, &'a Fit);

fn family(args: &Args) -> Result<Family> {
    match (args.family, args.nu) {
        (Family::LogT(_), Some(nu)) => {
            crate::length::Student::new(nu)?;
            Ok(Family::LogT(nu))
        }
        (other, Some(_)) => Err(Error::Usage(format!("--nu is for family log-t, not for {other}"))),
        (family, None) => Ok(family),
    }
}

/// A file of one prompt whose lengths are all cut has nothing to fit.
fn not_all_cut(prompt: &Prompt, sample: &Sample) -> Result<()> {
    if sample.censored() < sample.n() {
        return Ok(());
    }
    let what = format!("all {} lengths of prompt {} are at the cap or above", sample.n(), prompt.id);
    let help = "give the cap that the outputs were cut at, or samples that end below it";
    Err(Error::input(prompt.place.clone(), what, help))
}

/// Names of the parameters that a family has.
fn parameters(family: Family) -> &'static [&'static str] {
    match family {
        Family::LogT(_) | Family::LogTFreeNu => &["mu", "sigma", "nu"],
        Family::LogNormal => &["mu", "sigma"],
        Family::Gamma => &["shape", "scale"],
        Family::Empirical => &[],
    }
}

fn parameter(law: Option<&Law>, name: &str) -> Option<f64> {
    match (law?, name) {
        (Law::LogT(law), "mu") => Some(law.mu),
        (Law::LogT(law), "sigma") => Some(law.sigma),
        (Law::LogT(law), "nu") => Some(law.nu),
        (Law::LogNormal(law), "mu") => Some(law.mu),
        (Law::LogNormal(law), "sigma") => Some(law.sigma),
        (Law::Gamma(law), "shape") => Some(law.shape),
        (Law::Gamma(law), "scale") => Some(law.scale),
        _ => None,
    }
}

/// One fit: the same keys for all families, and a gamma law's own.
fn object((prompt, sample, fit): &Row) -> Value {
    let get = |name| parameter(fit.law.as_ref(), name);
    let mut object = json!({
        "prompt_id": prompt.id, "n": sample.n(), "mu": get("mu"), "sigma": get("sigma"), "nu": get("nu"),
        "censored": sample.censored(), "degenerate": fit.degenerate, "ks": fit.ks, "reason": fit.reason,
    });
    if let Some(Law::Gamma(law)) = &fit.law {
        object["shape"] = law.shape.into();
        object["scale"] = law.scale.into();
    }
    object
}

fn cells((prompt, sample, fit): &Row, family: Family, format: Format) -> Vec<String> {
    // People read six digits, programs all.
    let number = |v: Option<f64>| match (v, format) {
        (None, _) => String::new(),
        (Some(v), Format::Table) => format!("{v:.6}"),
        (Some(v), _) => v.to_string(),
    };
    let mut cells = vec![prompt.id.clone(), sample.n().to_string()];
    cells.extend(parameters(family).iter().map(|name| number(parameter(fit.law.as_ref(), name))));
    let degenerate = fit.degenerate.to_string();
    let reason = fit.reason.clone().unwrap_or_default();
    cells.extend([sample.censored().to_string(), degenerate, number(fit.ks), reason]);
    cells
}
