//! What every scheduler owes, checked: for authors of schedulers, in this crate or outside.
//!
//! [`check`] runs a scheduler in hundreds of random small worlds, of every engine preset it can run on,
//! with memory, seats and tokens too short, requests in bursts, deadlines, priorities, and every kind of
//! belief that it does not refuse. It sits above the engine because it runs it.

mod routers;
mod rules;
mod world;

pub use routers::{RouterReport, check_router};

use crate::engine::Preset;
use crate::error::{Error, Result};
use crate::ids::RequestId;
use crate::latency::LatencyModel;
use crate::length::Belief;
use crate::scheduler::{Crowd, Entry, Noted, Params, Registry, Scheduler, Waiting};
use crate::time::SimTime;
use crate::workload::{Request, TrueLength, Visible};
use rules::Way;
use serde::Serialize;
use world::{Kind, World};

/// Worlds that one check tries.
const WORLDS: u64 = 200;

/// What a check that found nothing wrong has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The scheduler.
    pub scheduler: String,
    /// Random worlds tried, each several times.
    pub worlds: u64,
    /// Requests served to their last token.
    pub completed: u64,
    /// Requests refused because they could never fit.
    pub rejected: u64,
    /// Times a request lost its memory.
    pub preemptions: u64,
    /// Engine steps.
    pub steps: u64,
}

/// Checks the scheduler of `entry`, with parameters `params`, against its contract:
///
/// - every decision passes the engine's own rules (no NaN rank, no budget beyond the engine's, no wake-up in
///   the past, no eviction of a request that does not run, no preempting for ever, nobody left waiting);
/// - no step exceeds tokens, seats or KV blocks;
/// - every request that fits into an empty replica is served to its last token, all others are refused;
/// - computed tokens are useful or wasted, none is lost;
/// - the same world gives the same events twice, and with quiet stretches turned off;
/// - a scheduler whose [`Order`](crate::scheduler::Order) is static gives the same events when its queue is
///   ranked again at every admission point;
/// - one whose entry says that it reads no beliefs gives the same events whatever it could believe.
///
/// # Errors
/// [`Error::Scheduler`] with scheduler, request, rule and world of the first breach; wrong parameters.
pub fn check(entry: &Entry, params: &Params) -> Result<Report> {
    examine(entry, params, WORLDS, None)
}

/// The same in `worlds` worlds whose steps a device executes: `open` puts it in the loop. A world's first run is on
/// the device; the runs that must give the same events take the step times that it measured. Worlds are of one
/// replica, at most 16 requests at a time, and at most 312 tokens each.
///
/// # Errors
/// Those of [`check`], and the device's.
pub fn check_on(entry: &Entry, params: &Params, worlds: u64, open: &Open<'_>) -> Result<Report> {
    examine(entry, params, worlds, Some(open))
}

/// Puts a device in the loop.
pub type Open<'a> = dyn Fn() -> Result<Box<dyn LatencyModel>> + 'a;

fn examine(entry: &Entry, params: &Params, worlds: u64, device: Option<&Open<'_>>) -> Result<Report> {
    let make = |seed| Registry::from(*entry).make(entry.name, params, seed);
    let mut presets = Preset::ALL.to_vec();
    let probe = make(0)?;
    if probe.preempts() {
        presets.retain(|p| *p != Preset::Static);
    }
    let kinds = beliefs(entry, probe.as_ref())?;
    let mut report = Report { scheduler: entry.name.into(), worlds, ..Report::default() };
    for seed in 0..worlds {
        let mut world = World::random(seed, &presets);
        let kind = kinds[(seed % kinds.len() as u64) as usize];
        if device.is_some() {
            world.replicas = 1;
        }
        let run = |way: Way, kind: Kind, model: &rules::MakeModel<'_>| {
            rules::run(&world, entry.name, &make, way, kind, seed, model).map_err(|e| in_world(e, seed))
        };
        let first = match device {
            Some(open) => run(Way::Quiet, kind, &|_| open())?,
            None => run(Way::Quiet, kind, &rules::uneven)?,
        };
        let recorded = first.recorded(&world);
        let again = |way: Way, kind: Kind| match device {
            Some(_) => run(way, kind, &|_| Ok(Box::new(recorded.clone()))),
            None => run(way, kind, &rules::uneven),
        };
        rules::keeps(&world, &first).map_err(|(id, rule)| breach(entry, seed, id, &rule))?;
        let same = |way: Way, kind: Kind, rule: &str| {
            let again = again(way, kind)?;
            match again.totals.digest == first.totals.digest {
                true => Ok(()),
                false => Err(breach(entry, seed, rules::first_difference(&first, &again), rule)),
            }
        };
        same(Way::Quiet, kind, "the same run must give the same events twice")?;
        same(Way::Stepwise, kind, "decisions must not depend on quiet stretches: ask to be woken")?;
        same(Way::Reranked, kind, "ranks change while a request waits, and order() says that they do not")?;
        if !entry.reads_belief {
            let other = kinds[((seed + 1) % kinds.len() as u64) as usize];
            same(Way::Quiet, other, "its entry says that it reads no beliefs, and it does")?;
        }
        report.add(&first);
    }
    Ok(report)
}

impl Report {
    fn add(&mut self, run: &rules::Outcome) {
        self.steps += run.totals.steps;
        for r in &run.requests {
            self.completed += u64::from(r.finish.is_some());
            self.rejected += u64::from(r.status == crate::record::Status::Rejected);
            self.preemptions += u64::from(r.preemptions);
        }
    }
}

/// Kinds of belief that a scheduler does not refuse.
fn beliefs(entry: &Entry, scheduler: &dyn Scheduler) -> Result<Vec<Kind>> {
    let deadline = Some(SimTime(1));
    let visible = Visible { prompt_tokens: 1, deadline, ..Visible::default() };
    let accepts = |belief: &Belief| {
        let asked = Waiting {
            visible: &visible,
            belief,
            queued_at: SimTime::ZERO,
            generated: 0,
            generated_before: 0,
            preemptions: 0,
            noted: Noted::default(),
            crowd: Crowd { waiting: 1, seats: 1 },
        };
        scheduler.refuses(&asked).is_none()
    };
    if !entry.reads_belief && !accepts(&Belief::Unknown) {
        let rule = "its entry says that it reads no beliefs, and it refuses a request without one";
        return Err(breach(entry, 0, None, rule));
    }
    let law = crate::length::LogT { mu: 1.0, sigma: 1.0, nu: 3.0, cap: 9 };
    let probe = Request { visible, truth: TrueLength::new(1), law: Some(law), client_wait_ns: 0 };
    let mut accepted = Vec::new();
    for kind in Kind::ALL {
        if accepts(&kind.predictor(0)?.predict(&probe)?) {
            accepted.push(kind);
        }
    }
    if accepted.is_empty() {
        return Err(breach(entry, 0, None, "it refuses requests with every kind of belief"));
    }
    Ok(accepted)
}

fn breach(entry: &Entry, seed: u64, request: Option<RequestId>, rule: &str) -> Error {
    let request = request.map_or("-".into(), |id| id.to_string());
    in_world(Error::Scheduler { scheduler: entry.name.into(), request, rule: rule.into() }, seed)
}

/// Adds where a breach was seen.
fn in_world(error: Error, seed: u64) -> Error {
    match error {
        Error::Scheduler { scheduler, request, rule } => {
            Error::Scheduler { scheduler, request, rule: format!("{rule} (contract world {seed})") }
        }
        Error::Router { router, request, rule } => {
            Error::Router { router, request, rule: format!("{rule} (contract world {seed})") }
        }
        other => other,
    }
}
