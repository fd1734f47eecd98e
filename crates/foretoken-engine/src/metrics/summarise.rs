//! From records to a [`Summary`].

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Place, Result};
use crate::metrics::fairness::Fairness;
use crate::metrics::{
    ClassSummary, Counts, Distribution, FinishedBy, Latencies, LowerBound, Peaks, PredictionError,
    PredictionServer, PrefixCache, Slo, Stages, SteadyState, Summary, Throughput, TimeAt, Utilisation,
};
use crate::record::{LogHistogram, PercentileConvention, RequestRecord, RunTotals, Status};
use crate::time::{SimTime, Span};
use crate::workload::ClassId;

/// Everything of one run that its summary is made of.
#[derive(Clone, Copy, Debug)]
pub struct RunRecord<'a> {
    /// Scheduler label.
    pub scheduler: &'a str,
    /// Engine preset.
    pub engine: &'a str,
    /// Latency profile.
    pub profile: &'a str,
    /// Predictor label, if there was one.
    pub predictor: Option<&'a str>,
    /// One record per request.
    pub requests: &'a [RequestRecord],
    /// Sums over the run.
    pub totals: &'a RunTotals,
    /// Names that class ids index.
    pub classes: &'a [String],
}

/// How to summarise.
#[derive(Clone, Copy, Default)]
pub struct SummaryOptions<'a> {
    /// How percentiles are read.
    pub percentiles: PercentileConvention,
    /// Limits to judge requests by.
    pub slo: Option<Slo>,
    /// Ends to cut off for the steady-state block.
    pub trim: Option<Trim>,
    /// Numbers of completed requests whose times are wanted.
    pub time_at: &'a [u64],
    /// Times, seconds from the first arrival, by which completed requests are to be counted.
    pub finished_by_s: &'a [f64],
    /// E2E latency of a request (prompt, output tokens) alone on an idle replica. With it, the summary
    /// has slowdowns and Jain's index.
    pub isolated: Option<&'a dyn Fn(u32, u32) -> Span>,
    /// What no schedule of the completed requests can beat.
    pub floor: Option<Floor>,
}

/// A lower bound on the mean E2E latency of the completed requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// What it rests on.
    pub name: &'static str,
    /// The bound, seconds.
    pub mean_e2e_s: f64,
    /// What each request's own steps alone say of it, seconds.
    pub isolated_mean_e2e_s: f64,
}

impl Floor {
    /// Beside the mean that was reached, seconds.
    fn beside(self, mean_e2e_s: f64) -> LowerBound {
        LowerBound {
            name: self.name.to_owned(),
            mean_e2e_s: self.mean_e2e_s,
            isolated_mean_e2e_s: self.isolated_mean_e2e_s,
            ratio: mean_e2e_s / self.mean_e2e_s,
        }
    }
}

/// Shares of a run's duration to leave out of steady-state numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trim {
    /// At the start.
    pub warmup: f64,
    /// At the end.
    pub cooldown: f64,
}

/// Summarises a run.
///
/// # Errors
/// Limits or shares out of range.
pub fn summarise(run: &RunRecord<'_>, options: &SummaryOptions<'_>) -> Result<Summary> {
    let (requests, totals, convention) = (run.requests, run.totals, options.percentiles);
    let completed: Vec<&RequestRecord> = requests.iter().filter(|r| r.status == Status::Completed).collect();
    let (from, to) = duration(requests, &completed);
    let duration_s = (to - from).as_secs();
    let output_tokens: u64 = completed.iter().map(|r| u64::from(r.output_tokens)).sum();
    let latencies_of_all = latencies(completed.iter().copied(), convention);
    let asked = !(options.time_at.is_empty() && options.finished_by_s.is_empty());
    let ends = if asked { ends(&completed, from) } else { Vec::new() };
    let fairness = options.isolated.map(|isolated| Fairness::new(&completed, isolated));
    Ok(Summary {
        schema: 1,
        scheduler: run.scheduler.to_owned(),
        engine: run.engine.to_owned(),
        profile: run.profile.to_owned(),
        predictor: run.predictor.map(str::to_owned),
        requests: counts(totals.arrived, requests.iter()),
        duration_s,
        steps: totals.steps,
        digest: totals.digest.clone(),
        latencies: latencies_of_all,
        stages: stages(&completed, convention),
        itl_s: Distribution::from_histogram(&totals.itl, convention),
        client_wait_s: client_wait(requests, convention),
        throughput: throughput(completed.iter().copied(), duration_s),
        slo: options.slo.map(|slo| slo.judge(requests, totals.horizon, duration_s)).transpose()?,
        preemptions: requests.iter().map(|r| u64::from(r.preemptions)).sum(),
        computed_tokens: totals.computed_tokens,
        wasted_tokens: totals.wasted_tokens,
        peak: Peaks {
            output_tokens_per_s: totals.peak_output_tokens,
            concurrent_requests: totals.peak_requests,
        },
        utilisation: utilisation(totals),
        out_of_domain_share: totals.out_of_domain_steps as f64 / totals.steps as f64,
        longest_wait_s: longest_wait(requests, totals.horizon).as_secs(),
        slowdown: fairness.as_ref().map(|f| f.slowdown(None, convention)),
        slowdown_by_output: fairness.as_ref().map_or(Vec::new(), |f| f.by_output(convention)),
        jain_index: fairness.as_ref().and_then(|f| f.jain()),
        lower_bound: options.floor.map(|f| f.beside(latencies_of_all.e2e_s.mean)),
        classes: classes(run, &completed, fairness.as_ref(), convention),
        steady_state: options
            .trim
            .map(|trim| steady_state(&completed, trim, (from, to), convention))
            .transpose()?,
        time_at: time_at(&ends, options.time_at),
        finished_by: finished_by(&ends, options.finished_by_s),
        prediction: prediction_error(requests),
        intervals: Some(totals.intervals).filter(|i| i.given > 0),
        prefix_cache: prefix_cache(totals),
        prediction_server: prediction_server(totals),
        energy_j: totals.energy_j,
        j_per_output_token: totals.energy_j.filter(|_| output_tokens > 0).map(|j| j / output_tokens as f64),
        percentile_convention: convention,
    })
}

/// First arrival and last completion; an empty interval if nothing completed.
fn duration(requests: &[RequestRecord], completed: &[&RequestRecord]) -> (SimTime, SimTime) {
    let from = requests.iter().map(|r| r.arrival).min().unwrap_or(SimTime::ZERO);
    let to = completed.iter().filter_map(|r| r.finish.get()).max().unwrap_or(from);
    (from, to)
}

fn counts<'a>(arrived: u64, requests: impl Iterator<Item = &'a RequestRecord>) -> Counts {
    let mut counts = Counts { arrived, ..Counts::default() };
    let mut recorded = 0;
    for request in requests {
        recorded += 1;
        match request.status {
            Status::Completed => counts.completed += 1,
            Status::Rejected => counts.rejected += 1,
            Status::Unfinished => counts.unfinished += 1,
        }
    }
    counts.lost = arrived.saturating_sub(recorded);
    counts
}

fn latencies<'a>(
    completed: impl Iterator<Item = &'a RequestRecord> + Clone,
    convention: PercentileConvention,
) -> Latencies {
    let of = |metric: fn(&RequestRecord) -> Option<Span>| {
        let mut values: Vec<u64> = completed.clone().filter_map(metric).map(|span| span.0).collect();
        Distribution::from_ns(&mut values, convention)
    };
    Latencies {
        ttft_s: of(RequestRecord::ttft),
        tpot_s: of(RequestRecord::tpot),
        e2e_s: of(RequestRecord::e2e),
        per_token_s: of(RequestRecord::per_token),
        queue_s: of(RequestRecord::queue),
    }
}

fn stages(completed: &[&RequestRecord], convention: PercentileConvention) -> Stages {
    let of = |stage: fn(&RequestRecord) -> Option<Span>| {
        let mut histogram = LogHistogram::new();
        completed.iter().filter_map(|r| stage(r)).for_each(|span| histogram.add(span.0, 1));
        Distribution::from_histogram(&histogram, convention)
    };
    Stages {
        ttst_s: of(RequestRecord::ttst),
        prefill_s: of(RequestRecord::prefill),
        decode_s: of(RequestRecord::decode),
        inference_s: of(RequestRecord::inference),
    }
}

fn client_wait(requests: &[RequestRecord], convention: PercentileConvention) -> Option<Distribution> {
    let mut waits: Vec<u64> = requests.iter().map(|r| r.client_wait.0).collect();
    let used = waits.iter().any(|&wait| wait > 0);
    used.then(|| Distribution::from_ns(&mut waits, convention))
}

fn throughput<'a>(completed: impl Iterator<Item = &'a RequestRecord>, duration_s: f64) -> Throughput {
    let (mut requests, mut output, mut total) = (0u64, 0u64, 0u64);
    for r in completed {
        requests += 1;
        output += u64::from(r.output_tokens);
        total += u64::from(r.prompt_tokens) + u64::from(r.output_tokens);
    }
    let rate = |count: u64| if duration_s > 0.0 { count as f64 / duration_s } else { f64::NAN };
    Throughput {
        requests_per_s: rate(requests),
        output_tokens_per_s: rate(output),
        total_tokens_per_s: rate(total),
    }
}

fn utilisation(totals: &RunTotals) -> Utilisation {
    let share = |used: u128, capacity: u64| {
        used as f64 / (u128::from(totals.horizon.0) * u128::from(capacity)) as f64
    };
    let replica_s = totals.horizon.as_secs() * f64::from(totals.replicas);
    let at_peak = |which: usize| totals.at_peak_s.filter(|_| replica_s > 0.0).map(|s| s[which] / replica_s);
    Utilisation {
        busy: share(u128::from(totals.busy.0), u64::from(totals.replicas)),
        kv: share(totals.kv_block_ns, totals.kv_blocks),
        seats: share(totals.seat_ns, totals.seats),
        mfu: at_peak(0),
        mbu: at_peak(1),
    }
}

fn longest_wait(requests: &[RequestRecord], horizon: SimTime) -> Span {
    let waited = |r: &RequestRecord| match (r.queue(), r.status) {
        (Some(queue), _) => queue,
        (None, Status::Unfinished) => horizon.since(r.arrival),
        (None, _) => Span::ZERO,
    };
    requests.iter().map(waited).max().unwrap_or(Span::ZERO)
}

fn classes(
    run: &RunRecord<'_>,
    completed: &[&RequestRecord],
    fairness: Option<&Fairness<'_>>,
    convention: PercentileConvention,
) -> Vec<ClassSummary> {
    let used: BTreeSet<ClassId> = run.requests.iter().map(|r| r.class).collect();
    if used.iter().all(|class| class.0 == 0) {
        return Vec::new();
    }
    let summary = |class: ClassId| {
        let members = run.requests.iter().filter(move |r| r.class == class);
        let name = run.classes.get(usize::from(class.0)).cloned().unwrap_or_default();
        ClassSummary {
            class: name,
            requests: counts(members.clone().count() as u64, members),
            latencies: latencies(completed.iter().copied().filter(move |r| r.class == class), convention),
            slowdown: fairness.map(|f| f.slowdown(Some(class), convention)),
        }
    };
    used.into_iter().map(summary).collect()
}

fn steady_state(
    completed: &[&RequestRecord],
    trim: Trim,
    (from, to): (SimTime, SimTime),
    convention: PercentileConvention,
) -> Result<SteadyState> {
    let share = 0.0..1.0;
    if !(share.contains(&trim.warmup) && share.contains(&trim.cooldown) && trim.warmup + trim.cooldown < 1.0)
    {
        let what = format!("{} + {} leaves nothing of the run", trim.warmup, trim.cooldown);
        return Err(Error::input(Place::key("trim"), what, "give shares from 0 whose sum is under 1"));
    }
    let part = |share: f64| Span(((to - from).0 as f64 * share).round() as u64);
    let (start, end) = (from + part(trim.warmup), SimTime(to.0 - part(trim.cooldown).0));
    let inside = move |time: SimTime| start <= time && time < end;
    let arrived = completed.iter().copied().filter(move |r| inside(r.arrival));
    let finished = completed.iter().copied().filter(|r| r.finish.get().is_some_and(inside));
    Ok(SteadyState {
        from_s: start.as_secs(),
        to_s: end.as_secs(),
        latencies: latencies(arrived, convention),
        throughput: throughput(finished, end.since(start).as_secs()),
    })
}

fn prediction_error(requests: &[RequestRecord]) -> Option<PredictionError> {
    let (mut n, mut absolute, mut squared, mut signed, mut relative) = (0u64, 0.0, 0.0, 0.0, 0.0);
    for r in requests {
        let Some(predicted) = r.predicted() else { continue };
        let truth = f64::from(r.output_tokens);
        let error = f64::from(predicted) - truth;
        n += 1;
        absolute += error.abs();
        squared += error * error;
        signed += error;
        relative += error.abs() / truth;
    }
    let mean = |sum: f64| sum / n as f64;
    (n > 0).then(|| PredictionError {
        n,
        mae_tokens: mean(absolute),
        rmse_tokens: mean(squared).sqrt(),
        bias_tokens: mean(signed),
        relative: mean(relative),
    })
}

/// Times of completion since the first arrival, in order.
fn ends(completed: &[&RequestRecord], from: SimTime) -> Vec<Span> {
    let mut ends: Vec<Span> = completed.iter().filter_map(|r| Some(r.finish.get()? - from)).collect();
    ends.sort_unstable();
    ends
}

fn time_at(ends: &[Span], counts: &[u64]) -> Vec<TimeAt> {
    let end = |requests: u64| ends.get((requests as usize).checked_sub(1)?).map(|end| end.as_secs());
    counts.iter().map(|&requests| TimeAt { requests, time_s: end(requests) }).collect()
}

fn finished_by(ends: &[Span], times_s: &[f64]) -> Vec<FinishedBy> {
    let count = |time_s: f64| ends.partition_point(|end| end.as_secs() <= time_s) as u64;
    times_s.iter().map(|&time_s| FinishedBy { time_s, requests: count(time_s) }).collect()
}

fn prefix_cache(totals: &RunTotals) -> Option<PrefixCache> {
    totals.cache.map(|c| PrefixCache {
        queried_tokens: c.queried,
        hit_tokens: c.hit,
        hit_rate: if c.queried == 0 { 0.0 } else { c.hit as f64 / c.queried as f64 },
        requeried_tokens: c.requeried,
        rehit_tokens: c.rehit,
        evicted_blocks: c.evicted_blocks,
    })
}

fn prediction_server(totals: &RunTotals) -> Option<PredictionServer> {
    totals.predictions.map(|p| PredictionServer {
        predictions: p.prompts,
        batch_mean: p.prompts as f64 / p.batches as f64,
        latency_mean_s: p.latency_ns as f64 / 1e9 / p.prompts as f64,
        busy: p.busy.as_secs() / totals.horizon.as_secs(),
    })
}
