//! `length compare`: families side by side on one file.

use super::Fitting;
use super::samples::Source;
use crate::cli::{Console, Format};
use crate::error::{Error, Result};
use crate::length::{Family, Fit, Sample, ks_p};
use crate::report::figure::{self, Style};
use crate::report::lengths::{Density, length_figure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What is compared, in this order.
const FAMILIES: [Family; 4] = [Family::LogT(3.5), Family::LogTFreeNu, Family::LogNormal, Family::Gamma];
/// Level of the goodness-of-fit test.
const LEVEL: f64 = 0.05;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    fitting: Fitting,
    /// Folder for a figure of the lengths with the fitted densities (lengths.svg, .png, .csv).
    #[arg(long, value_name = "DIR")]
    figure: Option<PathBuf>,
}

/// One family on one file.
struct Compared {
    family: Family,
    /// All lengths as one sample.
    pooled: Fit,
    /// One fit per prompt; none where the file is one sample.
    fits: Vec<Fit>,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    args.fitting.check()?;
    let prompts = args.source.read(console)?;
    let lengths: Vec<u32> = prompts.iter().flat_map(|p| p.lengths.iter().copied()).collect();
    let pooled = Sample::new(&lengths, args.fitting.cap);
    let samples: Vec<Sample> = match args.source.pools() || prompts.len() == 1 {
        true => Vec::new(),
        false => prompts.iter().map(|p| Sample::new(&p.lengths, args.fitting.cap)).collect(),
    };
    let compare = |family| Compared {
        family,
        pooled: args.fitting.fit(&pooled, family),
        fits: args.fitting.fits(&samples, family, console),
    };
    let compared = FAMILIES.map(compare);
    if let Some(dir) = &args.figure {
        draw(dir, &lengths, args.fitting.cap, &compared, console)?;
    }
    show(args, &samples, &pooled, &compared, console)
}

fn show(
    args: &Args,
    samples: &[Sample],
    pooled: &Sample,
    compared: &[Compared],
    console: &Console,
) -> Result<()> {
    let objects: Vec<Value> = compared.iter().map(|c| object(c, samples, compared)).collect();
    let keys = ["pooled_ks", "fitted", "ks_median", "ks_p90", "pass_share", "best_share"];
    let text = |v: &Value| match (v, console.format) {
        (Value::Null, _) => "-".to_string(),
        (Value::Number(n), Format::Table) if n.is_f64() => format!("{:.3}", n.as_f64().unwrap_or_default()),
        (v, _) => v.to_string(),
    };
    let row = |(c, o): (&Compared, &Value)| {
        std::iter::once(c.family.to_string()).chain(keys.iter().map(|k| text(&o[*k]))).collect()
    };
    let rows: Vec<Vec<String>> = compared.iter().zip(&objects).map(row).collect();
    let headers: Vec<&str> = std::iter::once("family").chain(keys).collect();
    let json = json!({
        "schema": 1, "file": args.source.file.display().to_string(), "prompts": samples.len(),
        "lengths": pooled.n(), "censored": pooled.censored(), "families": objects,
    });
    console.table(&headers, &rows, &json)
}

/// What the table says of one family. Shares are of the prompts that it could be fitted to.
fn object(one: &Compared, samples: &[Sample], all: &[Compared]) -> Value {
    let mut ks: Vec<f64> = one.fits.iter().filter_map(|f| f.ks).collect();
    ks.sort_unstable_by(f64::total_cmp);
    let share = |count: usize| (!ks.is_empty()).then(|| count as f64 / ks.len() as f64);
    let passes = one.fits.iter().zip(samples).filter(|(f, s)| f.ks.is_some_and(|d| ks_p(d, s.n()) >= LEVEL));
    let closer = |i: usize, other: &Compared| match (one.fits[i].ks, other.fits[i].ks) {
        (Some(mine), Some(theirs)) => mine < theirs,
        (mine, _) => mine.is_some(),
    };
    let count = |other: &Compared| (0..one.fits.len()).filter(|&i| closer(i, other)).count();
    let rivals = || all.iter().filter(|other| other.family != one.family);
    let best = (0..one.fits.len()).filter(|&i| rivals().all(|other| closer(i, other))).count();
    let beats: serde_json::Map<String, Value> =
        rivals().map(|other| (other.family.to_string(), json!(share(count(other))))).collect();
    json!({
        "family": one.family.to_string(), "pooled_ks": one.pooled.ks, "fitted": ks.len(),
        "ks_median": percentile(&ks, 0.5), "ks_p90": percentile(&ks, 0.9),
        "pass_share": share(passes.count()), "best_share": share(best), "closer_than": beats,
    })
}

/// Linear interpolation between order statistics (type 7).
fn percentile(sorted: &[f64], q: f64) -> Option<f64> {
    let at = q * (sorted.len().checked_sub(1)? as f64);
    let low = at as usize;
    let high = (low + 1).min(sorted.len() - 1);
    Some(sorted[low] + (at - low as f64) * (sorted[high] - sorted[low]))
}

fn draw(
    dir: &Path,
    lengths: &[u32],
    cap: Option<u32>,
    compared: &[Compared],
    console: &Console,
) -> Result<()> {
    let seen: Vec<u32> = lengths.iter().copied().filter(|&l| cap.is_none_or(|cap| l < cap)).collect();
    if seen.is_empty() {
        return Err(Error::Usage(
            "--figure: every length is at the cap; there is nothing to draw".to_string(),
        ));
    }
    // One log-t is enough to look at.
    let shown = compared.iter().filter(|c| c.family != Family::LogTFreeNu);
    let laws = shown.filter_map(|c| Some((c.family.to_string(), c.pooled.law.as_ref()?)));
    type Curve<'a> = Box<dyn Fn(f64) -> f64 + 'a>;
    let curves: Vec<(String, Curve)> =
        laws.map(|(name, law)| (name, Box::new(|x| law.pdf(x).unwrap_or(0.0)) as Curve)).collect();
    let laws: Vec<Density> = curves.iter().map(|(name, f)| (name.clone(), f.as_ref())).collect();
    let cut = (lengths.len() - seen.len()) as u64;
    let spec = length_figure(&seen, cut, &laws);
    for path in figure::write(dir, "lengths", &spec, Style::default())? {
        console.talk(&path.display().to_string());
    }
    Ok(())
}
