//! Figures of single requests: distributions of latencies, completion times, predictions.

use super::source::{Group, Source, groups};
use super::table::Table;
use super::words::axis;
use super::{Choices, Drawn, nothing};
use crate::error::{Error, Result};
use crate::report::calibration::{Predictions, calibration_figure};
use crate::report::cells::{Cloud, histogram2d_figure};
use crate::report::charts::{Distributions, ecdf_figure};
use crate::report::figure::Width;

const REQUESTS: &str = "every replay writes it, whole without --columns: replay again";
const BELIEFS: &str =
    "replay with a scheduler that reads predictions, as `--scheduler sjf --predictor 'noisy{sigma=0.5}'`";

/// Names on the command line, columns and labels of the latencies.
const LATENCIES: [(&str, &str, &str); 4] = [
    ("ttft", "ttft_s", "Time to first token"),
    ("tpot", "tpot_s", "Time per output token"),
    ("e2e", "e2e_s", "End-to-end latency"),
    ("per_token", "per_token_s", "Latency per output token"),
];

/// Panels of a figure of two-dimensional histograms beyond these are too small.
const PANELS: usize = 9;

/// Rows of `requests.csv`, replicates one after the other: the columns `names` of rows that have all of them.
pub fn read(group: &Group, names: &[&str], made_by: &'static str) -> Result<Vec<Vec<f64>>> {
    let mut columns = vec![Vec::new(); names.len()];
    for dir in &group.dirs {
        let table = Table::open(&dir.join("requests.csv"), made_by)?;
        let at = names.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
        table.each(|row| {
            let values = at.iter().map(|&i| row.number(i)).collect::<Result<Option<Vec<f64>>>>()?;
            columns.iter_mut().zip(values.into_iter().flatten()).for_each(|(column, v)| column.push(v));
            Ok(())
        })?;
    }
    Ok(columns)
}

/// What a figure of pooled replicates says of it.
fn pooled(groups: &[Group]) -> Vec<String> {
    let most = groups.iter().map(|g| g.dirs.len()).max().unwrap_or(0);
    (most > 1).then(|| format!("Requests of {most} seeds together.")).into_iter().collect()
}

/// Distribution functions, one panel per latency.
pub fn cdf(sources: &[Source], choices: &Choices) -> Result<Drawn> {
    let groups = groups(sources, &choices.only)?;
    let usual = ["ttft", "tpot", "e2e"].map(str::to_owned);
    let chosen = if choices.y.is_empty() { &usual[..] } else { &choices.y };
    let (mut panels, mut cut) = (Vec::new(), false);
    for name in chosen {
        let Some(&(_, column, label)) = LATENCIES.iter().find(|l| l.0 == name || l.1 == name) else {
            return Err(Error::unknown("latency", name, LATENCIES.map(|l| l.0)));
        };
        let sample = |g: &Group| Ok((g.name.clone(), read(g, &[column], REQUESTS)?.swap_remove(0)));
        let samples = groups.iter().map(sample).collect::<Result<Vec<(String, Vec<f64>)>>>()?;
        if samples.iter().all(|s| s.1.is_empty()) {
            return Err(nothing(&format!("no request has a {column}")));
        }
        let positive = samples.iter().flat_map(|s| &s.1).all(|&v| v > 0.0);
        let mut x = axis(choices.is_log("x", positive), label, "s");
        if let Some(range) = body(&samples, positive) {
            x.range = Some(range);
            cut = true;
        }
        panels.push(Distributions { x, samples });
    }
    let mut spec = ecdf_figure(&panels, "requests");
    spec.width = choices.width(panels.len() > 1);
    if spec.width == Width::OneColumn && panels.len() > 1 {
        (spec.columns, spec.plot_height_mm) = (1, Some(30.0));
    }
    spec.notes = pooled(&groups);
    if cut {
        spec.notes.push("Where a curve leaves its panel, the slowest 0.1% lie beyond.".to_owned());
    }
    Ok(Drawn { spec, remarks: Vec::new() })
}

/// The range up to the largest 99.9th percentile of any sample, where single outliers would take most of the axis.
fn body(samples: &[(String, Vec<f64>)], positive: bool) -> Option<[f64; 2]> {
    let all = || samples.iter().flat_map(|s| s.1.iter().copied());
    let (lo, hi) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    let percentile = |(_, sample): &(String, Vec<f64>)| {
        let mut sorted = sample.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() * 999 / 1000).copied()
    };
    let most = samples.iter().filter_map(percentile).fold(0.0, f64::max);
    (positive && hi > 2.0 * most && most > lo).then_some([lo * 0.97, most * 1.03])
}

/// Completion time against output length, one panel per run.
pub fn completion(sources: &[Source], choices: &Choices) -> Result<Drawn> {
    let groups = groups(sources, &choices.only)?;
    if groups.len() > PANELS {
        let what = format!("{} panels are too many", groups.len());
        return Err(Error::Usage(format!("{what}; keep some with --only LABELS")));
    }
    let cloud = |g: &Group| {
        let [lengths, times] = two(read(g, &["output_tokens", "e2e_s"], REQUESTS)?);
        Ok(Cloud { label: Some(g.name.clone()), points: lengths.into_iter().zip(times).collect() })
    };
    let clouds = groups.iter().map(cloud).collect::<Result<Vec<_>>>()?;
    let all = || clouds.iter().flat_map(|c| &c.points);
    if all().next().is_none() {
        return Err(nothing("no request completed"));
    }
    let log = |side: &str, of: fn(&(f64, f64)) -> f64| choices.is_log(side, all().all(|p| of(p) > 0.0));
    let x = axis(log("x", |p| p.0), "Output length", "tokens");
    let y = axis(log("y", |p| p.1), "Completion time", "s");
    let mut spec = histogram2d_figure(&x, &y, true, &clouds, "Requests", choices.width(clouds.len() > 2));
    spec.notes.push("Completion time: from arrival to the last token.".to_owned());
    spec.notes.extend(pooled(&groups));
    Ok(Drawn { spec, remarks: Vec::new() })
}

fn two(mut columns: Vec<Vec<f64>>) -> [Vec<f64>; 2] {
    let second = columns.pop().unwrap_or_default();
    [columns.pop().unwrap_or_default(), second]
}

/// Predicted against true lengths of every run that had predictions.
pub fn calibration(sources: &[Source], choices: &Choices) -> Result<Drawn> {
    let groups = groups(sources, &choices.only)?;
    let mut remarks = Vec::new();
    let (mut all, mut without) = (Vec::new(), Vec::new());
    for group in &groups {
        let file = group.dirs[0].join("requests.csv");
        if choices.only.is_empty()
            && groups.len() > 1
            && Table::open(&file, REQUESTS)?.find("predicted_tokens").is_none()
        {
            without.push(group.name.clone());
            continue;
        }
        let [predicted, observed] = two(read(group, &["predicted_tokens", "output_tokens"], BELIEFS)?);
        let pairs: Vec<(f64, f64)> = predicted.into_iter().zip(observed).collect();
        let drawn: Vec<(f64, f64)> = pairs.iter().copied().filter(|p| p.0 > 0.0 && p.1 > 0.0).collect();
        if drawn.len() < pairs.len() {
            let n = pairs.len() - drawn.len();
            remarks.push(format!("{}: {n} predictions of zero or less are left out", group.name));
        }
        all.push(Predictions { name: group.name.clone(), pairs: drawn });
    }
    if !without.is_empty() {
        remarks.push(format!("without predictions, and left out: {}", without.join(", ")));
    }
    if all.iter().all(|p| p.pairs.is_empty()) {
        return Err(nothing(&format!("no request has a prediction; {BELIEFS}")));
    }
    let mut spec = calibration_figure(&all, "output length", "tokens", "requests", choices.width(true));
    spec.notes.extend(pooled(&groups));
    Ok(Drawn { spec, remarks })
}
