//! [`Comparison`]: several schedulers over the same workload.

use std::collections::BTreeMap;
use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ids::RequestId;
use crate::metrics::Summary;
use crate::metrics::distribution::null_is_nan;
use crate::metrics::metric::{METRICS, Series};
use crate::metrics::stats::{self, Interval, Paired};
use crate::record::RequestRecord;
use crate::time::Span;

/// One run of one scheduler.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Its summary.
    pub summary: &'a Summary,
    /// Its requests, in any order.
    pub requests: &'a [RequestRecord],
}

/// One scheduler with its replicates; replicate i of every contestant has the same workload.
#[derive(Clone, Debug)]
pub struct Contestant<'a> {
    /// Scheduler with its changed parameters.
    pub label: &'a str,
    /// Runs, by replicate.
    pub runs: Vec<Run<'a>>,
}

/// What mean E2E latencies are held against, seconds, one value per replicate; empty if unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct References {
    /// Under the best clairvoyant schedule that was found.
    pub best_known_e2e_s: Vec<f64>,
    /// Certified lower bound; without it each summary's own bound is used, if it has one.
    pub lower_bound_e2e_s: Vec<f64>,
}

/// A mean over replicates, with its interval where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean over replicates; null if undefined in any.
    #[serde(deserialize_with = "null_is_nan")]
    pub mean: f64,
    /// Lower end.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
}

/// One scheduler's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// Scheduler with its changed parameters.
    pub scheduler: String,
    /// Runs.
    pub replicates: u64,
    /// By name, units in the name; see [`Comparison::metric_names`].
    pub metrics: BTreeMap<String, Estimate>,
    /// Mean E2E latency, seconds, minus the first scheduler's; absent for the first, and where too few
    /// pairs exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_difference_s: Option<Paired>,
}

/// Schedulers side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Confidence level of all intervals.
    pub level: f64,
    /// What an interval treats as independent: `replicates`, or, with one run each, `batches` of
    /// consecutive requests.
    pub intervals_over: String,
    /// One per scheduler, in the order given.
    pub rows: Vec<ComparisonRow>,
}

const RATIO_BEST_KNOWN: &str = "ratio_best_known";
const RATIO_LOWER_BOUND: &str = "ratio_lower_bound";

/// Compares schedulers over common random numbers, the first one being the baseline.
///
/// With two replicates or more, intervals are Student-t over replicates. With one, those of means over
/// requests come from batch means and other numbers have none.
///
/// # Errors
/// No contestant, different numbers of runs, or references that do not match them.
pub fn compare(contestants: &[Contestant<'_>], references: &References, level: f64) -> Result<Comparison> {
    let baseline =
        contestants.first().ok_or_else(|| Error::Usage("nothing to compare: give a run".into()))?;
    let replicates = baseline.runs.len();
    let fits = |given: &[f64]| given.is_empty() || given.len() == replicates;
    let matching = contestants.iter().all(|c| c.runs.len() == replicates);
    if replicates == 0 || !matching {
        return Err(Error::Usage("every scheduler needs the same number of runs, one at least".into()));
    }
    if !fits(&references.best_known_e2e_s) || !fits(&references.lower_bound_e2e_s) {
        return Err(Error::Usage(format!("references need one value for each of {replicates} replicates")));
    }
    let row = |(i, contestant): (usize, &Contestant<'_>)| ComparisonRow {
        scheduler: contestant.label.to_owned(),
        replicates: replicates as u64,
        metrics: metrics(contestant, references, level),
        e2e_difference_s: if i > 0 { difference(contestant, baseline, level) } else { None },
    };
    let over = if replicates > 1 { "replicates" } else { "batches" };
    let rows = contestants.iter().enumerate().map(row).collect();
    Ok(Comparison { level, intervals_over: over.to_owned(), rows })
}

fn metrics(contestant: &Contestant<'_>, references: &References, level: f64) -> BTreeMap<String, Estimate> {
    let runs = &contestant.runs;
    let mut estimates = BTreeMap::new();
    for metric in &METRICS {
        let values: Option<Vec<f64>> = runs.iter().map(|run| (metric.of)(run.summary)).collect();
        let Some(values) = values else { continue };
        let interval = match (runs.as_slice(), metric.series) {
            ([run], Some(series)) => stats::batch_means(&seconds(run.requests, series), level),
            _ => stats::t_interval(&values, level),
        };
        estimates.insert(metric.name.to_owned(), Estimate::new(&values, interval));
    }
    let e2e = || runs.iter().map(|run| run.summary.latencies.e2e_s.mean);
    let against = |bounds: &[f64]| e2e().zip(bounds).map(|(mean, bound)| mean / bound).collect::<Vec<_>>();
    let own = || runs.iter().map(|run| run.summary.lower_bound.as_ref().map(|b| b.ratio)).collect();
    let lower = Some(against(&references.lower_bound_e2e_s)).filter(|v| !v.is_empty()).or_else(own);
    let best = Some(against(&references.best_known_e2e_s)).filter(|v| !v.is_empty());
    for (name, values) in [(RATIO_BEST_KNOWN, best), (RATIO_LOWER_BOUND, lower)] {
        if let Some(values) = values {
            let interval = stats::t_interval(&values, level);
            estimates.insert(name.to_owned(), Estimate::new(&values, interval));
        }
    }
    estimates
}

/// Values of `series` in order of arrival, which is the order that batches need.
fn seconds(requests: &[RequestRecord], series: Series) -> Vec<f64> {
    let mut requests: Vec<&RequestRecord> = requests.iter().collect();
    requests.sort_by_key(|r| (r.arrival, r.id));
    requests.into_iter().filter_map(series).map(Span::as_secs).collect()
}

fn difference(ours: &Contestant<'_>, baseline: &Contestant<'_>, level: f64) -> Option<Paired> {
    if let ([ours], [theirs]) = (ours.runs.as_slice(), baseline.runs.as_slice()) {
        let (ours, theirs) = matched(ours.requests, theirs.requests, RequestRecord::e2e);
        return stats::paired_series(&ours, &theirs, level);
    }
    let means = |c: &Contestant<'_>| -> Vec<f64> {
        c.runs.iter().map(|run| run.summary.latencies.e2e_s.mean).collect()
    };
    stats::paired_replicates(&means(ours), &means(baseline), level)
}

/// Values of `series`, seconds, of the requests that have one in both runs, in order of arrival: the mean of
/// both arrivals where a closed loop lets them differ, so that neither side is special.
pub fn matched(ours: &[RequestRecord], theirs: &[RequestRecord], series: Series) -> (Vec<f64>, Vec<f64>) {
    let of: BTreeMap<RequestId, &RequestRecord> = theirs.iter().map(|r| (r.id, r)).collect();
    let pair = |r: &RequestRecord| {
        let other = of.get(&r.id)?;
        let order = (u128::from(r.arrival.0) + u128::from(other.arrival.0), r.id);
        Some((order, series(r)?.as_secs(), series(other)?.as_secs()))
    };
    let mut pairs: Vec<_> = ours.iter().filter_map(pair).collect();
    pairs.sort_by_key(|p| p.0);
    pairs.into_iter().map(|(_, ours, theirs)| (ours, theirs)).unzip()
}

impl Estimate {
    fn new(values: &[f64], interval: Option<Interval>) -> Estimate {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Estimate { mean, lo: interval.map(|i| i.lo), hi: interval.map(|i| i.hi) }
    }
}

impl Comparison {
    /// Names of the metrics that any row has, in reading order.
    pub fn metric_names(&self) -> Vec<&'static str> {
        let known = METRICS.iter().map(|m| m.name).chain([RATIO_BEST_KNOWN, RATIO_LOWER_BOUND]);
        known.filter(|name| self.rows.iter().any(|row| row.metrics.contains_key(*name))).collect()
    }

    /// Writes `comparison.csv`: a row per scheduler; each metric, then its interval as `_lo` and `_hi`,
    /// then the paired difference of mean E2E latency against the first row.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_csv(&self, out: impl Write) -> std::io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        let names = self.metric_names();
        let mut header = vec!["scheduler".to_owned(), "replicates".to_owned()];
        header.extend(names.iter().flat_map(|n| [(*n).to_owned(), format!("{n}_lo"), format!("{n}_hi")]));
        let paired = ["e2e_difference_s", "e2e_difference_s_lo", "e2e_difference_s_hi"];
        header.extend(paired.map(str::to_owned));
        header.extend(["effect_size", "win_fraction", "pairs"].map(str::to_owned));
        csv.write_record(&header)?;
        for row in &self.rows {
            let mut cells = vec![row.scheduler.clone(), row.replicates.to_string()];
            for name in &names {
                let e = row.metrics.get(*name);
                cells.extend([e.map(|e| e.mean), e.and_then(|e| e.lo), e.and_then(|e| e.hi)].map(number));
            }
            let p = row.e2e_difference_s;
            let ends = p.map(|p| p.difference);
            cells.extend([ends.map(|d| d.mean), ends.map(|d| d.lo), ends.map(|d| d.hi)].map(number));
            cells.extend([p.and_then(|p| p.effect_size), p.map(|p| p.win_fraction)].map(number));
            cells.push(p.map(|p| p.pairs.to_string()).unwrap_or_default());
            csv.write_record(&cells)?;
        }
        csv.flush()
    }
}

/// A CSV cell in the shortest form that reads back the same; empty where there is no number.
fn number(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or(String::new(), |v| v.to_string())
}
