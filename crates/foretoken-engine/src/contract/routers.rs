//! What every router owes, checked in the same random worlds.

use super::rules::{self, Outcome, Way};
use super::world::{Kind, World};
use super::{WORLDS, in_world};
use crate::engine::Preset;
use crate::error::{Error, Result};
use crate::ids::RequestId;
use crate::rng::Stream;
use crate::router::{Arrival, Entry, Fleet, Registry, Router};
use crate::scheduler::{self, Params};
use crate::time::Span;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a check that found nothing wrong has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RouterReport {
    /// The router.
    pub router: String,
    /// Random worlds tried, each several times.
    pub worlds: u64,
    /// Requests routed.
    pub routed: u64,
    /// Those of them that were served to their last token.
    pub completed: u64,
    /// Requests that went to another replica than the one before.
    pub turns: u64,
}

/// Checks the router of `entry`, with parameters `params`, against its contract:
///
/// - every choice is a replica, and polls are some time apart;
/// - every request that fits into an empty replica is served to its last token, all others are refused, and the
///   router hears once of each that it has left the replica it was sent to;
/// - the same world gives the same events twice, and with quiet stretches turned off;
/// - one whose entry says that it does not look at beliefs, prompts or sessions gives the same events whatever they
///   are.
///
/// # Errors
/// [`Error::Router`] with router, request, rule and world of the first breach; wrong parameters.
pub fn check_router(entry: &Entry, params: &Params) -> Result<RouterReport> {
    let mut report = RouterReport { router: entry.name.into(), worlds: WORLDS, ..RouterReport::default() };
    for seed in 0..WORLDS {
        let kind = Kind::ALL[(seed % Kind::ALL.len() as u64) as usize];
        let world = || decorated(entry, params, seed, Look { sessions: true, prompts: true });
        let first = watched(entry, world()?, Way::Quiet, kind, seed)?;
        rules::keeps(&world()?, &first.outcome).map_err(|(id, rule)| breach(entry, seed, id, &rule))?;
        let same = |world: World, way: Way, kind: Kind, rule: &str| {
            let again = watched(entry, world, way, kind, seed)?;
            match again.outcome.totals.digest == first.outcome.totals.digest {
                true => Ok(()),
                false => {
                    let id = rules::first_difference(&first.outcome, &again.outcome);
                    Err(breach(entry, seed, id, rule))
                }
            }
        };
        same(world()?, Way::Quiet, kind, "the same run must give the same events twice")?;
        same(world()?, Way::Stepwise, kind, "choices must not depend on quiet stretches")?;
        if !entry.reads_belief {
            let other = Kind::ALL[((seed + 1) % Kind::ALL.len() as u64) as usize];
            same(world()?, Way::Quiet, other, "its entry says that it reads no beliefs, and it does")?;
        }
        if !entry.reads_session {
            let blind = decorated(entry, params, seed, Look { sessions: false, prompts: true })?;
            same(blind, Way::Quiet, kind, "its entry says that it reads no sessions, and it does")?;
        }
        if !entry.reads_prompt {
            let blind = decorated(entry, params, seed, Look { sessions: true, prompts: false })?;
            same(blind, Way::Quiet, kind, "its entry says that it reads no prompts, and it does")?;
        }
        report.routed += first.book.sent.len() as u64;
        report.turns += first.book.turns;
        report.completed += first.outcome.requests.iter().filter(|r| r.finish.is_some()).count() as u64;
    }
    Ok(report)
}

/// What requests show.
#[derive(Clone, Copy)]
struct Look {
    sessions: bool,
    prompts: bool,
}

/// The `seed`-th world with one to four replicas behind the router, and requests of few sessions and few beginnings.
fn decorated(entry: &Entry, params: &Params, seed: u64, look: Look) -> Result<World> {
    let mut world = World::random(seed, &Preset::ALL);
    let mut draw = Stream::new(seed, 0, "contract.routers", 0);
    world.replicas = 1 + draw.below(4) as u32;
    for request in &mut world.requests {
        let (session, symbols) = (draw.below(5), draw.below(6));
        let beginning: Vec<u64> = (0..symbols).map(|_| draw.below(2)).collect();
        if look.sessions && session > 0 {
            request.visible.session = Some(session as u32);
        }
        if look.prompts {
            request.visible.content = world.ledger.keep(&beginning)?;
        }
    }
    let (entry, params) = (*entry, params.clone());
    world.router = Box::new(move |site| Registry::from(entry).make(entry.name, &params, site));
    Ok(world)
}

/// What a router was told and answered.
#[derive(Clone, Debug, Default)]
struct Book {
    sent: BTreeMap<RequestId, usize>,
    left: BTreeMap<RequestId, usize>,
    last: Option<usize>,
    turns: u64,
    /// The first request that left twice, or where it was not.
    astray: Option<RequestId>,
}

struct Watch {
    inner: Box<dyn Router>,
    book: Arc<Mutex<Book>>,
}

impl Watch {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Router for Watch {
    fn route(&mut self, request: &Arrival<'_>, fleet: &dyn Fleet) -> usize {
        let chosen = self.inner.route(request, fleet);
        let mut book = self.book();
        book.sent.insert(request.visible.id, chosen);
        book.turns += u64::from(book.last.is_some_and(|last| last != chosen));
        book.last = Some(chosen);
        chosen
    }

    fn left(&mut self, request: RequestId, replica: usize) {
        let mut book = self.book();
        let twice = book.left.insert(request, replica).is_some();
        if twice || book.sent.get(&request) != Some(&replica) {
            book.astray.get_or_insert(request);
        }
        drop(book);
        self.inner.left(request, replica);
    }

    fn polls(&self) -> Option<Span> {
        self.inner.polls()
    }

    fn poll(&mut self, fleet: &dyn Fleet) {
        self.inner.poll(fleet);
    }
}

struct Watched {
    outcome: Outcome,
    book: Book,
}

/// Runs `world` first come, first served, and holds what the router was told against what it answered.
fn watched(entry: &Entry, mut world: World, way: Way, kind: Kind, seed: u64) -> Result<Watched> {
    let book: Arc<Mutex<Book>> = Arc::default();
    let (make, shared) = (world.router, Arc::clone(&book));
    world.router =
        Box::new(move |site| Ok(Box::new(Watch { inner: make(site)?, book: Arc::clone(&shared) })));
    let fcfs = |seed| scheduler::Registry::builtin().make("fcfs", &Params::new(), seed);
    let outcome = rules::run(&world, "fcfs", &fcfs, way, kind, seed, &rules::uneven);
    let outcome = outcome.map_err(|e| in_world(named(entry, e), seed))?;
    let book = book.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let lost = book.sent.keys().find(|id| !book.left.contains_key(id)).copied();
    if let Some(id) = book.astray.or(lost) {
        return Err(breach(entry, seed, Some(id), "it must leave its replica exactly once"));
    }
    Ok(Watched { outcome, book })
}

/// The engine's complaint under the router's own name.
fn named(entry: &Entry, error: Error) -> Error {
    match error {
        Error::Router { request, rule, .. } => Error::Router { router: entry.name.into(), request, rule },
        other => other,
    }
}

fn breach(entry: &Entry, seed: u64, request: Option<RequestId>, rule: &str) -> Error {
    let request = request.map_or("-".into(), |id| id.to_string());
    in_world(Error::Router { router: entry.name.into(), request, rule: rule.into() }, seed)
}
