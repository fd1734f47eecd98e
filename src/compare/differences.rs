//! [`differences`]: runs of replay directories held against one of them.

use super::LEVEL;
use super::stored::Stored;
use crate::error::{Error, Place, Result};
use crate::metrics::stats::{self, Interval};
use crate::metrics::{Better, METRICS, Metric, Summary, matched};
use crate::record::RequestRecord;
use crate::replay::RunEntry;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is compared when nobody says what; those that a result does not have are left out.
const USUAL: [&str; 7] = [
    "e2e_mean_s",
    "e2e_p99_s",
    "ttft_mean_s",
    "ttft_p99_s",
    "tpot_mean_s",
    "output_tokens_per_s",
    "goodput_rps",
];

/// What a difference amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Shown to be better than the baseline.
    #[serde(rename = "better")]
    Better,
    /// Shown to be worse.
    #[serde(rename = "worse")]
    Worse,
    /// Too small for what was measured, or none at all.
    #[serde(rename = "no difference shown")]
    NoDifference,
    /// There is no interval: one run alone says nothing about this metric's spread.
    #[serde(rename = "not tested")]
    NotTested,
}

impl Verdict {
    /// In plain words.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::NoDifference => "no difference shown",
            Verdict::NotTested => "not tested",
        }
    }
}

/// One contestant against the baseline, in one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Name of the metric; its unit is that of `baseline`, `value`, `difference`, `lo` and `hi`.
    pub metric: String,
    /// Who.
    pub label: String,
    /// Mean of the baseline over the pairs.
    pub baseline: f64,
    /// Mean of the contestant over the pairs.
    pub value: f64,
    /// Contestant minus baseline.
    pub difference: f64,
    /// Lower end of its interval.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
    /// Difference over the baseline's magnitude; none where that is zero.
    pub relative: Option<f64>,
    /// Mean difference over the standard deviation of the paired differences (Cohen's d_z).
    pub effect_size: Option<f64>,
    /// Share of pairs in which the contestant is better; a tie counts half.
    pub win_fraction: Option<f64>,
    /// Pairs: replicates, or requests.
    pub pairs: u64,
    /// Two-sided p-value of "there is no difference".
    pub p: Option<f64>,
    /// The same, corrected for all tests of the report.
    pub p_holm: Option<f64>,
    /// What it amounts to.
    pub verdict: Verdict,
}

/// All differences to a baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Differences {
    /// Version of this format.
    pub schema: u32,
    /// `differences`.
    pub kind: String,
    /// Confidence level of every interval.
    pub level: f64,
    /// What the others are compared with.
    pub baseline: String,
    /// What is paired: `replicates`, or, with one run each, `requests`.
    pub paired_by: String,
    /// How p-values are corrected: `holm`.
    pub correction: String,
    /// Over how many tests.
    pub tests: u64,
    /// Metric by metric, contestant by contestant.
    pub rows: Vec<Difference>,
    /// What a reader should know.
    pub remarks: Vec<String>,
}

/// One scheduler of one directory.
struct Contestant<'a> {
    label: String,
    stored: &'a Stored,
    /// By replicate.
    runs: Vec<&'a RunEntry>,
    summaries: Vec<Summary>,
}

/// Compares every scheduler in `dirs`, results of `foretoken replay`, with `baseline`, which is the first one if
/// it is `None`. No metric means the usual ones.
///
/// Replicates are paired by number. With one run each, means over requests are paired by request, and their
/// intervals are made of batch means; other metrics then have a difference and no interval.
///
/// # Errors
/// Something that is no result, damaged, or of other requests; an unknown label or metric; a metric that a
/// result does not have; a single scheduler.
pub fn differences(dirs: &[PathBuf], baseline: Option<&str>, metrics: &[String]) -> Result<Differences> {
    let stored = dirs.iter().map(|dir| Stored::open(dir)).collect::<Result<Vec<_>>>()?;
    if let Some((first, rest)) = stored.split_first() {
        rest.iter().try_for_each(|other| other.comparable(first))?;
    }
    let mut contestants = contestants(&stored)?;
    let labels: Vec<String> = contestants.iter().map(|c| c.label.clone()).collect();
    if contestants.len() < 2 {
        let what = "there is one scheduler, and nothing to compare it with; name another result directory";
        return Err(Error::Usage(what.into()));
    }
    let at = match baseline {
        None => 0,
        Some(name) => labels
            .iter()
            .position(|label| label == name)
            .ok_or_else(|| Error::unknown("baseline", name, labels.iter().cloned()))?,
    };
    let mut remarks = Vec::new();
    if alike(&contestants) {
        remarks.push("the replicates are identical and count as one run each".to_string());
        contestants.iter_mut().for_each(Contestant::keep_first);
    }
    remarks.extend(versions(&stored));
    let base = contestants.remove(at);
    let metrics = chosen(metrics, &base, &contestants)?;
    let mut rows = match base.runs.len() {
        1 => by_request(&base, &contestants, &metrics, &mut remarks)?,
        _ => by_replicate(&base, &contestants, &metrics),
    };
    rows.sort_by_key(|row| metrics.iter().position(|m| m.name == row.metric));
    let tests = judge(&mut rows);
    let paired_by = if base.runs.len() == 1 { "requests" } else { "replicates" };
    Ok(Differences {
        schema: 1,
        kind: "differences".into(),
        level: LEVEL,
        baseline: base.label,
        paired_by: paired_by.into(),
        correction: "holm".into(),
        tests,
        rows,
        remarks,
    })
}

/// The schedulers of all directories, with names that tell them apart.
fn contestants(stored: &[Stored]) -> Result<Vec<Contestant<'_>>> {
    let mut found: Vec<Contestant<'_>> = Vec::new();
    for stored in stored {
        let mut by_scheduler: BTreeMap<usize, Vec<&RunEntry>> = BTreeMap::new();
        for run in &stored.manifest.runs {
            by_scheduler.entry(run.scheduler).or_default().push(run);
        }
        for mut runs in by_scheduler.into_values() {
            runs.sort_by_key(|run| run.replicate);
            let summaries = runs.iter().map(|run| stored.summary(run)).collect::<Result<_>>()?;
            found.push(Contestant { label: runs[0].label.clone(), stored, runs, summaries });
        }
    }
    let repeated = |labels: &[String], label: &String| labels.iter().filter(|l| *l == label).count() > 1;
    let labels: Vec<String> = found.iter().map(|c| c.label.clone()).collect();
    if labels.iter().any(|label| repeated(&labels, label)) {
        for contestant in &mut found {
            contestant.label = format!("{}:{}", folder(&contestant.stored.dir, stored), contestant.label);
        }
    }
    let labels: Vec<String> = found.iter().map(|c| c.label.clone()).collect();
    for (i, contestant) in found.iter_mut().enumerate() {
        let before = labels[..i].iter().filter(|l| **l == labels[i]).count();
        if before > 0 {
            contestant.label = format!("{}#{}", labels[i], before + 1);
        }
    }
    Ok(found)
}

/// The last part of a directory's name, or all of it where another directory has the same.
fn folder(dir: &Path, all: &[Stored]) -> String {
    let last = dir.file_name();
    let shared = all.iter().any(|other| other.dir != dir && other.dir.file_name() == last);
    match last {
        Some(name) if !shared => name.to_string_lossy().into_owned(),
        _ => dir.display().to_string(),
    }
}

/// Whether there are replicates, and those of every scheduler are one run repeated: an interval over them would
/// have no width, and mean nothing.
fn alike(contestants: &[Contestant<'_>]) -> bool {
    let same = |c: &Contestant<'_>| c.runs.iter().all(|run| run.digest == c.runs[0].digest);
    contestants.iter().any(|c| c.runs.len() > 1) && contestants.iter().all(same)
}

impl Contestant<'_> {
    fn keep_first(&mut self) {
        self.runs.truncate(1);
        self.summaries.truncate(1);
    }

    /// Values by replicate; `None` if one is undefined.
    fn values(&self, metric: &Metric) -> Option<Vec<f64>> {
        self.summaries.iter().map(|s| (metric.of)(s).filter(|v| v.is_finite())).collect()
    }
}

fn versions(stored: &[Stored]) -> Option<String> {
    let mut versions: Vec<&str> = stored.iter().map(|s| s.manifest.foretoken.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    let which = versions.join(" and ");
    (versions.len() > 1).then(|| format!("the results were made by different versions of foretoken: {which}"))
}

/// The metrics to compare.
fn chosen(
    names: &[String],
    base: &Contestant<'_>,
    others: &[Contestant<'_>],
) -> Result<Vec<&'static Metric>> {
    let lacking = |metric: &Metric| std::iter::once(base).chain(others).find(|c| c.values(metric).is_none());
    if names.is_empty() {
        let usual = METRICS.iter().filter(|m| USUAL.contains(&m.name));
        return Ok(usual.filter(|m| lacking(m).is_none()).collect());
    }
    let mut metrics: Vec<&'static Metric> = Vec::new();
    for name in names {
        let metric = Metric::named(name)?;
        if let Some(contestant) = lacking(metric) {
            let what = format!("{} has no {name}", contestant.label);
            let help = "choose another --metric; goodput and attainment need metrics.slo";
            return Err(Error::input(Place::file(&contestant.stored.dir), what, help));
        }
        if !metrics.iter().any(|m| m.name == metric.name) {
            metrics.push(metric);
        }
    }
    Ok(metrics)
}

fn by_replicate(
    base: &Contestant<'_>,
    others: &[Contestant<'_>],
    metrics: &[&'static Metric],
) -> Vec<Difference> {
    let mut rows = Vec::new();
    for (contestant, metric) in others.iter().flat_map(|c| metrics.iter().map(move |m| (c, m))) {
        if let (Some(ours), Some(theirs)) = (contestant.values(metric), base.values(metric)) {
            rows.push(Difference::of(metric, &contestant.label, &ours, &theirs, stats::t_interval));
        }
    }
    rows
}

fn by_request(
    base: &Contestant<'_>,
    others: &[Contestant<'_>],
    metrics: &[&'static Metric],
    remarks: &mut Vec<String>,
) -> Result<Vec<Difference>> {
    let paired = metrics.iter().any(|m| m.series.is_some());
    let requests = |c: &Contestant<'_>| match paired {
        true => Ok(c.stored.requests(c.runs[0])?.records),
        false => Ok::<_, Error>(Vec::new()),
    };
    let theirs = requests(base)?;
    let mut rows = Vec::new();
    for contestant in others {
        let ours = requests(contestant)?;
        same_requests(contestant, &ours, base, &theirs)?;
        let ended = |records: &[RequestRecord]| records.iter().filter(|r| r.finish.is_some()).count();
        let both = matched(&ours, &theirs, RequestRecord::e2e).0.len();
        let alone = ended(&ours).max(ended(&theirs)) - both;
        if alone > 0 {
            remarks.push(format!(
                "{}: up to {alone} requests completed on one side alone; means over requests leave them out",
                contestant.label
            ));
        }
        for metric in metrics {
            let (ours, theirs) = match (metric.series, contestant.values(metric), base.values(metric)) {
                (Some(series), ..) => matched(&ours, &theirs, series),
                (None, Some(ours), Some(theirs)) => (ours, theirs),
                _ => continue,
            };
            rows.push(Difference::of(metric, &contestant.label, &ours, &theirs, stats::batch_means));
        }
    }
    Ok(rows)
}

/// The same id must be the same request on both sides.
fn same_requests(
    contestant: &Contestant<'_>,
    ours: &[RequestRecord],
    base: &Contestant<'_>,
    theirs: &[RequestRecord],
) -> Result<()> {
    let lengths: BTreeMap<_, _> = theirs.iter().map(|r| (r.id, (r.prompt_tokens, r.output_tokens))).collect();
    let other = ours.iter().find_map(|r| {
        let there = *lengths.get(&r.id)?;
        ((r.prompt_tokens, r.output_tokens) != there).then_some((r, there))
    });
    let Some((r, (prompt, output))) = other else { return Ok(()) };
    let what = format!(
        "request {} has {} + {} tokens under {} and {prompt} + {output} under {}",
        r.id.0, r.prompt_tokens, r.output_tokens, contestant.label, base.label
    );
    let help =
        "the two did not serve the same requests (limits on lengths may differ): run one of them again";
    Err(Error::input(Place::file(&contestant.stored.dir), what, help))
}

impl Difference {
    /// Ours minus theirs, pair by pair, without a verdict yet.
    pub(super) fn of(
        metric: &Metric,
        label: &str,
        ours: &[f64],
        theirs: &[f64],
        interval: fn(&[f64], f64) -> Option<Interval>,
    ) -> Difference {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let differences: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a - b).collect();
        let (n, centre) = (differences.len() as f64, mean(&differences));
        let interval = interval(&differences, LEVEL);
        let baseline = mean(theirs);
        let spread =
            (differences.iter().map(|d| (d - centre) * (d - centre)).sum::<f64>() / (n - 1.0)).sqrt();
        let wins = differences.iter().map(|&d| win(d, metric.better)).sum::<f64>();
        Difference {
            metric: metric.name.into(),
            label: label.into(),
            baseline,
            value: mean(ours),
            difference: centre,
            lo: interval.map(|i| i.lo),
            hi: interval.map(|i| i.hi),
            relative: (baseline != 0.0).then(|| centre / baseline.abs()),
            effect_size: (spread > 0.0).then(|| centre / spread),
            win_fraction: interval.map(|_| wins / n),
            pairs: differences.len() as u64,
            p: interval.as_ref().map(stats::p_value),
            p_holm: None,
            verdict: if centre == 0.0 { Verdict::NoDifference } else { Verdict::NotTested },
        }
    }
}

/// Whether a difference is a win: 1, 0, or half for a tie.
fn win(difference: f64, better: Better) -> f64 {
    match (difference == 0.0, (difference < 0.0) == (better == Better::Lower)) {
        (true, _) => 0.5,
        (false, true) => 1.0,
        (false, false) => 0.0,
    }
}

/// Corrects the p-values for their number, which is returned, and says what each difference amounts to.
fn judge(rows: &mut [Difference]) -> u64 {
    let p: Vec<f64> = rows.iter().filter_map(|row| row.p).collect();
    let adjusted = stats::holm(&p);
    for (row, p) in rows.iter_mut().filter(|row| row.p.is_some()).zip(adjusted) {
        row.p_holm = Some(p);
        let better = METRICS.iter().find(|m| m.name == row.metric).map_or(Better::Lower, |m| m.better);
        row.verdict = match p < 1.0 - LEVEL {
            false => Verdict::NoDifference,
            true if win(row.difference, better) == 1.0 => Verdict::Better,
            true => Verdict::Worse,
        };
    }
    p.len() as u64
}
