//! From a [`Spec`] and the rows of a trace to a [`Workload`].

use super::check::bad;
use super::process::Process;
use super::request::{Request, RequestSource};
use super::rows::{Intern, Ledger, Requests, moved, shared};
use super::source::{ClosedLoop, Conversations, Gate, Open};
use super::spec::{Arrivals, Lengths, Scale, Sessions, Spec};
use super::stages;
use crate::error::Result;
use crate::rng::Stream;
use crate::time::{SimTime, Span};
use crate::trace::TraceRow;
use std::sync::Arc;

/// A stream of requests in order of arrival, and what is to be known about it.
pub struct Workload {
    /// The requests, for the engine.
    pub source: Box<dyn RequestSource + Send>,
    /// Class names and counters; still readable once the engine has the source.
    pub ledger: Arc<Ledger>,
}

/// The workload that `spec` makes of `rows`.
///
/// Rows are read as the source is drained, in constant memory, unless something needs them all: resampling,
/// rate matching, closed sessions, and without `requests` normalizing and ramps.
///
/// `seed` and `replicate` choose the random streams: both move drawn arrivals, resampled lengths, thinning
/// and jitter; nothing else does, so that all schedulers see one workload.
///
/// # Errors
/// A bad key is refused here by its dotted name; what only a row shows (times that run backwards, an
/// over-long request, too few rows) comes from the source.
pub fn build(
    spec: &Spec,
    rows: impl Iterator<Item = Result<TraceRow>> + Send + 'static,
    seed: u64,
    replicate: u64,
) -> Result<Workload> {
    let (rows, ledger) = Intern::new(Box::new(rows));
    assemble(spec, Box::new(rows), ledger, seed, replicate)
}

/// As [`build`], from requests at their recorded times.
pub(super) fn assemble(
    spec: &Spec,
    rows: Requests,
    ledger: Arc<Ledger>,
    seed: u64,
    replicate: u64,
) -> Result<Workload> {
    spec.check()?;
    let chance = Chance { seed, replicate };
    let rows = whole(spec, rows, &ledger);
    let rows = picked(spec, rows, chance)?;
    let source: Box<dyn RequestSource + Send> = match (&spec.arrivals, spec.sessions) {
        (Arrivals::ClosedLoop { clients, think_s }, _) => {
            Box::new(ClosedLoop::new(rows, *clients, span(*think_s)))
        }
        (_, Sessions::Closed { think_s, .. }) => {
            Box::new(conversations(spec, rows, chance, span(think_s), &ledger)?)
        }
        _ => Box::new(Open::new(stages::until(timed(spec, rows, chance)?, spec.duration_s))),
    };
    let source = match spec.max_concurrency {
        Some(slots) => Box::new(Gate::new(source, slots)),
        None => source,
    };
    Ok(Workload { source, ledger })
}

/// What the random streams of a workload are keyed by, besides their purpose.
#[derive(Clone, Copy)]
struct Chance {
    seed: u64,
    replicate: u64,
}

impl Chance {
    fn stream(self, purpose: &str) -> Stream {
        Stream::new(self.seed, self.replicate, purpose, 0)
    }
}

fn span(secs: f64) -> Span {
    Span::from_secs(secs).expect("checked: a length of time")
}

/// Rows as requests of their final lengths.
fn whole(spec: &Spec, mut rows: Requests, ledger: &Arc<Ledger>) -> Requests {
    if matches!(spec.arrivals, Arrivals::Trace {}) {
        rows = stages::in_order(rows);
    }
    if spec.sessions != (Sessions::Off {}) {
        rows = stages::with_history(rows, spec.sessions.adds_history());
    }
    stages::limited(rows, spec, ledger)
}

/// As many requests as asked for.
fn picked(spec: &Spec, rows: Requests, chance: Chance) -> Result<Requests> {
    let rows = match spec.lengths {
        Lengths::Trace => scaled(spec, rows, chance),
        Lengths::Resample => {
            let pool = rows.collect::<Result<Arc<[_]>>>()?;
            if pool.is_empty() {
                return Err(bad(
                    "workload.lengths",
                    "there are no rows to draw from",
                    "give a trace with rows",
                ));
            }
            let endless = spec.requests.is_some() || spec.duration_s.is_some();
            let times: Requests = match spec.arrivals {
                Arrivals::Trace {} => Box::new(shared(&pool).map(Ok)),
                _ if endless => stages::repeated(&pool),
                _ => Box::new(shared(&pool).map(Ok)),
            };
            stages::resampled(scaled(spec, times, chance), pool, chance.stream("lengths"))
        }
    };
    Ok(match spec.requests {
        Some(n) => stages::counted(rows, n),
        None => rows,
    })
}

fn scaled(spec: &Spec, rows: Requests, chance: Chance) -> Requests {
    match spec.scale {
        Some(Scale::Thin { keep }) => stages::thinned(rows, keep, chance.stream("thin")),
        Some(Scale::Replicate { copies, jitter_s }) => {
            stages::replicated(rows, copies, jitter_s, chance.stream("jitter"))
        }
        Some(Scale::Compress { .. } | Scale::RateMatch {}) | None => rows,
    }
}

/// Requests at their arrival times.
fn timed(spec: &Spec, rows: Requests, chance: Chance) -> Result<Requests> {
    let rate = spec.rate_rps.map_or(f64::NAN, |r| r.0);
    if matches!(spec.arrivals, Arrivals::Trace {}) {
        let rows = stages::from_first(rows);
        return match spec.scale {
            Some(Scale::Compress { factor }) => Ok(stretched(rows, 1.0 / factor)),
            Some(Scale::RateMatch {}) => matched(rows, rate),
            _ => Ok(rows),
        };
    }
    let (rows, count) = match spec.requests {
        Some(n) if !matches!(spec.sessions, Sessions::Closed { .. }) => (rows, u64::from(n)),
        _ if spec.normalize || matches!(spec.arrivals, Arrivals::Ramp { .. }) => {
            let all = rows.collect::<Result<Vec<_>>>()?;
            let count = all.len() as u64;
            (Box::new(all.into_iter().map(Ok)) as Requests, count)
        }
        _ => (rows, 0),
    };
    let process = Process::new(&spec.arrivals, rate, count, chance.seed, chance.replicate);
    let process = process.expect("trace and closed-loop arrivals are handled above");
    let last_s = if spec.normalize { process.clone().take(count as usize).last() } else { None };
    // All at once needs no stretching, and has nothing to divide by.
    let stretch = match last_s {
        Some(last_s) if last_s > 0.0 => count as f64 / rate / last_s,
        _ => 1.0,
    };
    Ok(Box::new(rows.zip(process).map(move |(row, t)| at(row?, t * stretch))))
}

/// All times multiplied by `factor`.
fn stretched(rows: Requests, factor: f64) -> Requests {
    Box::new(rows.map(move |row| {
        let r = row?;
        at(r, r.visible.arrival.as_secs() * factor)
    }))
}

/// Times multiplied so that the last of n requests arrives at n / rate.
fn matched(rows: Requests, rate: f64) -> Result<Requests> {
    let all = rows.collect::<Result<Vec<_>>>()?;
    let last_s = all.last().map_or(0.0, |r| r.visible.arrival.as_secs());
    if last_s == 0.0 && !all.is_empty() && rate.is_finite() {
        let help = "draw them: workload.arrivals.kind = \"poisson\"";
        return Err(bad(
            "workload.scale.kind",
            "all rows arrive at one time: there is no rate to match",
            help,
        ));
    }
    let factor = if rate.is_finite() { all.len() as f64 / rate / last_s } else { 0.0 };
    Ok(stretched(Box::new(all.into_iter().map(Ok)), factor))
}

fn at(r: Request, secs: f64) -> Result<Request> {
    match SimTime::from_secs(secs) {
        Some(t) => Ok(moved(r, t)),
        None => Err(bad(
            "workload.arrivals",
            format!("request {} would arrive after {secs} s, beyond the clock", r.visible.id),
            "raise the rate",
        )),
    }
}

/// Links the turns of each session and times the first ones.
fn conversations(
    spec: &Spec,
    rows: Requests,
    chance: Chance,
    think: Span,
    ledger: &Arc<Ledger>,
) -> Result<Conversations> {
    let requests = rows.collect::<Result<Vec<_>>>()?;
    let mut next = vec![None; requests.len()];
    let mut last: Vec<Option<u32>> = Vec::new();
    let mut starts = Vec::new();
    for (i, r) in (0u32..).zip(&requests) {
        let Some(session) = r.visible.session.map(|s| s as usize) else {
            starts.push(i);
            continue;
        };
        last.resize(last.len().max(session + 1), None);
        match last[session].replace(i) {
            Some(before) => next[before as usize] = Some(i),
            None => starts.push(i),
        }
    }
    let first: Vec<Request> = starts.iter().map(|&i| requests[i as usize]).collect();
    let first = timed(spec, Box::new(first.into_iter().map(Ok)), chance)?;
    let starts = first.zip(starts).map(|(r, i)| Ok((r?.visible.arrival, i))).collect::<Result<Vec<_>>>()?;
    Ok(Conversations::new(requests, next, starts, think, ledger.clone()))
}
