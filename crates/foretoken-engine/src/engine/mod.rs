//! The engine: clock, events, replicas. The only place that mutates a run's state.
//!
//! Event order is total: (time, class, replica), classes being step done, arrival, prediction, timer, plan. A replica
//! never runs past the next event of another or the next arrival.

mod batch;
mod cache;
mod cluster;
mod config;
mod heap;
mod live;
mod log;
mod plan;
mod queue;
mod quiet;
mod replica;
mod rounds;

pub use cluster::{ClusterConfig, GroupConfig};
pub use config::{Cache, EngineConfig, Gate, KvConfig, Never, Preset, StepKind, VictimRule};
pub use log::{Recording, Sink};
pub use rounds::{ROUND_NS, RoundRequest, Rounds, run_rounds};

use crate::error::{Error, Place, Result};
use crate::ids::ReplicaId;
use crate::latency::LatencyModel;
use crate::length::Belief;
use crate::predict::{AfterPreemption, PredictionConfig, PredictionMode, Predictor, Server, ServerTotals};
use crate::record::{CacheTotals, PredictionTotals, RequestRecord, RunTotals};
use crate::router::{Arrival, Prompt, Router};
use crate::scheduler::{Noted, Scheduler};
use crate::time::{SimTime, Span};
use crate::workload::{Content, Prompts, Request, RequestSource, Visible};
use cache::{CacheSums, Cached};
use cluster::Replicas;
use live::{Live, State, World};
use log::Log;
use queue::Queue;
use replica::{Ask, Core, Replica, Sums, later};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Like replicas.
#[derive(Clone, Copy)]
pub struct Group<'a> {
    /// How many.
    pub replicas: u32,
    /// `[engine]`.
    pub engine: &'a EngineConfig,
    /// `[kv]`.
    pub kv: &'a KvConfig,
    /// Usable KV blocks of a replica.
    pub kv_blocks: u64,
    /// Name of its latency profile, for error messages.
    pub profile_name: &'a str,
}

/// Everything about a run but its requests.
pub struct Setup<'a> {
    /// Groups of like replicas, at least one; replicas are numbered through in this order.
    pub groups: &'a [Group<'a>],
    /// Name for error messages.
    pub router_name: &'a str,
    /// Makes the router of all replicas.
    pub router: &'a dyn Fn() -> Result<Box<dyn Router>>,
    /// What hashed prompts say, where it matters (`kv.cache`, routers that look at prompts).
    pub prompts: Option<Prompts<'a>>,
    /// Name for error messages.
    pub scheduler_name: &'a str,
    /// Makes the scheduler of a replica.
    pub scheduler: &'a dyn Fn(ReplicaId) -> Result<Box<dyn Scheduler>>,
    /// Makes the latency model of a replica.
    pub model: &'a dyn Fn(ReplicaId) -> Result<Box<dyn LatencyModel>>,
    /// `[prediction]`.
    pub prediction: &'a PredictionConfig,
    /// Take every step and every request one by one: slow, same bytes.
    pub stepwise: bool,
    /// Stop here; requests inside are unfinished.
    pub horizon: Option<SimTime>,
}

impl Setup<'_> {
    /// An idle replica of `group`.
    fn replica(&self, group: &Group<'_>, id: ReplicaId) -> Result<Replica> {
        let scheduler = (self.scheduler)(id)?;
        if group.engine.step == StepKind::Lockstep && scheduler.preempts() {
            return Err(Error::Usage(format!(
                "scheduler {} preempts, and a lock-step batch cannot be taken apart; choose another \
                 scheduler or engine.step = \"mixed\"",
                self.scheduler_name
            )));
        }
        let queue = Queue::new(scheduler.order());
        let mut core = Core::new(id, group.engine.clone(), group.kv, group.kv_blocks, queue)?;
        core.stepwise = self.stepwise;
        core.hash_tokens = self.prompts.map_or(1, |prompts| prompts.hash_tokens);
        let model = (self.model)(id)?;
        Ok(Replica {
            limits: core.allowance(),
            fruitless: 0,
            core,
            scheduler,
            scheduler_name: self.scheduler_name.into(),
            predicts_again: self.prediction.after_preemption == AfterPreemption::Again,
            needs: model.needs(),
            pure_model: model.is_pure() && !model.needs().rows,
            model,
            profile_name: group.profile_name.into(),
            dirty: false,
            wake_at: SimTime::MAX,
            wake_step: u64::MAX,
            end: None,
            evictions: Vec::new(),
            done: Vec::new(),
        })
    }

    /// The sum of `of` over all replicas.
    fn sum(&self, of: impl Fn(&Group<'_>) -> u64) -> u64 {
        self.groups.iter().map(|group| of(group) * u64::from(group.replicas)).sum()
    }
}

/// Runs `source` through the engine. Records go to `sink`; the totals come back.
///
/// # Errors
/// Whatever the source, the latency model or the sink say; a scheduler that breaks a rule
/// ([`Error::Scheduler`]).
pub fn run(
    setup: &Setup<'_>,
    source: &mut dyn RequestSource,
    predictor: &mut dyn Predictor,
    sink: &mut dyn Sink,
) -> Result<RunTotals> {
    if setup.prediction.mode == PredictionMode::Instant && predictor.takes_time() {
        let what = "predictions take time (cost_s), and prediction.mode is instant";
        let help = "choose asynchronous or synchronous, or leave cost_s empty";
        return Err(Error::input(Place::key("prediction.mode"), what, help));
    }
    let mut cluster = Cluster::new(setup)?;
    let mut world = World { source, log: Log::new(sink), left: Vec::new() };
    cluster.drive(predictor, &mut world)?;
    cluster.close(&mut world)?;
    Ok(cluster.totals(world.log))
}

/// Classes of events at equal times, in order.
const STEP_DONE: u8 = 0;
const TIMER: u8 = 4;

struct Cluster<'a> {
    setup: &'a Setup<'a>,
    replicas: Vec<Replica>,
    router: Box<dyn Router>,
    /// Next time that it looks at the replicas.
    poll_at: SimTime,
    /// (time, class, replica): steps in flight and timers of idle replicas.
    events: BinaryHeap<Reverse<(SimTime, u8, usize)>>,
    /// Replicas to plan at the present instant.
    pending: Vec<usize>,
    /// Who makes beliefs that take time.
    server: Option<Server<Job>>,
    now: SimTime,
    arrived: u64,
}

/// What the prediction server works on.
enum Job {
    /// A request in a replica, which goes on without it.
    Late(usize, Ask),
    /// A request that has yet to join a queue.
    Held(Box<Request>, Belief),
}

impl<'a> Cluster<'a> {
    fn new(setup: &'a Setup<'a>) -> Result<Cluster<'a>> {
        let mut replicas = Vec::new();
        for group in setup.groups {
            for _ in 0..group.replicas {
                replicas.push(setup.replica(group, ReplicaId(replicas.len() as u32))?);
            }
        }
        let router = (setup.router)()?;
        Ok(Cluster {
            setup,
            replicas,
            poll_at: if router.polls().is_some() { SimTime::ZERO } else { SimTime::MAX },
            router,
            events: BinaryHeap::new(),
            pending: Vec::new(),
            server: match setup.prediction.mode {
                PredictionMode::Instant => None,
                _ => Some(Server::new(setup.prediction)?),
            },
            now: SimTime::ZERO,
            arrived: 0,
        })
    }

    fn drive(&mut self, predictor: &mut dyn Predictor, world: &mut World<'_>) -> Result<()> {
        let horizon = self.setup.horizon.unwrap_or(SimTime::MAX);
        loop {
            let arrival = world.source.next_time()?.unwrap_or(SimTime::MAX);
            let event = self.events.peek().map_or(SimTime::MAX, |Reverse((time, ..))| *time);
            let outside = self.server.as_ref().map_or(arrival, |server| arrival.min(server.next()));
            if outside.min(event) == SimTime::MAX {
                return Ok(());
            }
            let outside = outside.min(self.poll_at);
            let next = outside.min(event);
            if next > horizon {
                self.now = horizon;
                return Ok(());
            }
            if event < outside && self.run_ahead(outside.min(horizon), world)? {
                continue;
            }
            self.now = next;
            self.instant(predictor, world)?;
        }
    }

    /// Lets the replica of the earliest event run its quiet steps up to the next event of anybody else.
    /// Returns whether it got anywhere.
    fn run_ahead(&mut self, limit: SimTime, world: &mut World<'_>) -> Result<bool> {
        let Some(Reverse((time, STEP_DONE, r))) = self.events.peek().copied() else { return Ok(false) };
        self.events.pop();
        let limit = self.events.peek().map_or(limit, |Reverse((other, ..))| limit.min(*other));
        let planned = self.replicas[r].run_quiet(limit, world)?;
        if let Some(at) = planned {
            self.now = at;
            self.plan(r, world)?;
            return Ok(true);
        }
        let end = self.replicas[r].end.expect("a step is in flight");
        self.events.push(Reverse((end, STEP_DONE, r)));
        Ok(end > time)
    }

    /// Everything that happens at `self.now`: step ends, arrivals, predictions, timers, then plans.
    fn instant(&mut self, predictor: &mut dyn Predictor, world: &mut World<'_>) -> Result<()> {
        let now = self.now;
        while let Some(Reverse((time, STEP_DONE, r))) = self.events.peek().copied()
            && time == now
        {
            self.events.pop();
            self.replicas[r].deliver(now, world)?;
            self.pending.push(r);
        }
        self.tell(world);
        self.poll()?;
        while world.source.next_time()? == Some(now) {
            let request = world.source.take()?;
            self.arrive(request, predictor, world)?;
        }
        self.predict(world)?;
        while let Some(Reverse((time, _, r))) = self.events.peek().copied()
            && time == now
        {
            self.events.pop();
            if self.replicas[r].end.is_none() {
                self.pending.push(r);
            }
        }
        self.pending.sort_unstable();
        self.pending.dedup();
        for i in 0..self.pending.len() {
            self.plan(self.pending[i], world)?;
        }
        self.pending.clear();
        Ok(())
    }

    fn arrive(
        &mut self,
        request: Request,
        predictor: &mut dyn Predictor,
        world: &mut World<'_>,
    ) -> Result<()> {
        self.arrived += 1;
        let belief = predictor.predict(&request)?;
        let Some(server) = &mut self.server else { return self.receive(&request, belief, Span::ZERO, world) };
        let cost = server.cost(predictor.cost(&request));
        if self.setup.prediction.mode == PredictionMode::Asynchronous {
            return self.receive(&request, belief, cost, world);
        }
        server.submit(self.now, cost, Job::Held(Box::new(request), belief));
        Ok(())
    }

    /// A request joins a replica.
    fn receive(
        &mut self,
        request: &Request,
        belief: Belief,
        prediction_cost: Span,
        world: &mut World<'_>,
    ) -> Result<()> {
        let late = self.setup.prediction.mode == PredictionMode::Asynchronous;
        let r = self.route(request, if late { &Belief::Unknown } else { &belief })?;
        let visible = request.visible;
        let mut record = arrived(request);
        if !late {
            record.predicted_tokens = belief.tokens().map_or(f32::NAN, |p| p as f32);
        }
        let caches = self.replicas[r].core.pool.cache().is_some();
        let live = Live {
            visible,
            belief,
            noted: Noted::default(),
            ticket: 0,
            prediction_cost,
            record,
            state: State::Waiting,
            queued_at: visible.arrival,
            admitted_at: SimTime::ZERO,
            seat: 0,
            kv_tokens: 0,
            generated: 0,
            offset: 0,
            generated_before: 0,
            last_token: SimTime::ZERO,
            cached: caches.then(|| Box::new(Cached::new(visible.content, self.setup.prompts))),
        };
        let replica = &mut self.replicas[r];
        replica.arrive(live, late, self.now, world)?;
        if replica.end.is_none() {
            self.pending.push(r);
        }
        self.tell(world);
        self.ask(r);
        Ok(())
    }

    /// The replica that the router chooses.
    fn route(&mut self, request: &Request, belief: &Belief) -> Result<usize> {
        let visible = &request.visible;
        let (symbols, symbol_tokens) =
            self.setup.prompts.map_or_else(Default::default, |p| symbols(visible, p));
        let prompt = Prompt { symbols: &symbols, symbol_tokens, tokens: visible.prompt_tokens };
        let arrival = Arrival { now: self.now, visible, belief, prompt };
        let chosen = self.router.route(&arrival, &Replicas(&self.replicas));
        if chosen < self.replicas.len() {
            return Ok(chosen);
        }
        let rule = format!("it chooses replica {chosen}, and there are {}", self.replicas.len());
        Err(Error::Router {
            router: self.setup.router_name.into(),
            request: request.visible.id.to_string(),
            rule,
        })
    }

    /// Tells the router who has left.
    fn tell(&mut self, world: &mut World<'_>) {
        for (request, replica) in world.left.drain(..) {
            self.router.left(request, replica.0 as usize);
        }
    }

    /// Lets the router look at the replicas if it is time to.
    fn poll(&mut self) -> Result<()> {
        if self.poll_at > self.now {
            return Ok(());
        }
        self.router.poll(&Replicas(&self.replicas));
        let every = self.router.polls().filter(|span| *span > Span::ZERO).ok_or_else(|| Error::Router {
            router: self.setup.router_name.into(),
            request: "-".into(),
            rule: "it polls replicas after no time at all".into(),
        })?;
        self.poll_at = later(self.now, every)?;
        Ok(())
    }

    /// Passes on what a replica wants predicted.
    fn ask(&mut self, r: usize) {
        let Some(server) = &mut self.server else { return };
        for ask in self.replicas[r].core.asks.drain(..) {
            server.submit(self.now, ask.cost, Job::Late(r, ask));
        }
    }

    /// Hands out the predictions that are done at `self.now`, and lets the server go on.
    fn predict(&mut self, world: &mut World<'_>) -> Result<()> {
        while let Some(server) = self.server.as_mut().filter(|server| server.next() <= self.now) {
            let Some(job) = server.land(self.now) else {
                server.start(self.now)?;
                continue;
            };
            match job {
                Job::Held(request, belief) => self.receive(&request, belief, Span::ZERO, world)?,
                Job::Late(r, ask) => {
                    self.replicas[r].learn(ask, self.now)?;
                    if self.replicas[r].end.is_none() {
                        self.pending.push(r);
                    }
                }
            }
        }
        Ok(())
    }

    fn plan(&mut self, r: usize, world: &mut World<'_>) -> Result<()> {
        let replica = &mut self.replicas[r];
        if let Some(end) = replica.plan(self.now, world)? {
            self.events.push(Reverse((end, STEP_DONE, r)));
        } else if replica.outstanding() > 0 && replica.wake_at < SimTime::MAX {
            replica.spend(None)?;
            self.events.push(Reverse((replica.wake_at, TIMER, r)));
        }
        // A plan may find that a request can never run.
        self.tell(world);
        self.ask(r);
        Ok(())
    }

    /// The run is over: whoever is still inside is unfinished.
    fn close(&mut self, world: &mut World<'_>) -> Result<()> {
        let ran_out = self.setup.horizon.is_none_or(|h| self.now < h);
        for replica in &mut self.replicas {
            replica.cut_off(self.now);
            for i in 0..replica.core.running.len() {
                replica.released(replica.core.running[i]);
            }
            let core = &replica.core;
            if ran_out && let Some(slot) = core.queue.head().or_else(|| core.running.first().copied()) {
                return Err(replica.broken(Some(slot), "it waits, no step is taken, and no wake-up is set"));
            }
            let waiting = (0..core.queue.len()).map(|i| core.queue.slot(i));
            let running = core.running.iter().copied().filter(|&s| core.slab.get(s).state != State::Padded);
            for slot in waiting.chain(running) {
                world.log.sink.request(core.slab.get(slot).record)?;
            }
        }
        let held = self.server.iter().flat_map(Server::jobs).filter_map(|job| match job {
            Job::Held(request, _) => Some(request),
            Job::Late(..) => None,
        });
        for request in held {
            world.log.sink.request(arrived(request))?;
        }
        Ok(())
    }

    fn totals(&self, log: Log<'_>) -> RunTotals {
        let mut sums = Sums::default();
        let mut cache: Option<CacheTotals> = None;
        for replica in &self.replicas {
            if let Some(pool) = replica.core.pool.cache() {
                let CacheSums { queried, hit, requeried, rehit } = replica.core.cache_sums;
                let of = CacheTotals { queried, hit, requeried, rehit, evicted_blocks: pool.evictions() };
                cache.get_or_insert_default().add(of);
            }
            let s = &replica.core.sums;
            sums.steps += s.steps;
            sums.busy_ns += s.busy_ns;
            sums.kv_block_ns += s.kv_block_ns;
            sums.seat_ns += s.seat_ns;
            sums.out_of_domain_steps += s.out_of_domain_steps;
            if let Some(joules) = s.energy_j {
                *sums.energy_j.get_or_insert(0.0) += joules;
            }
            if let Some([compute, memory]) = s.at_peak_s {
                let total = sums.at_peak_s.get_or_insert([0.0; 2]);
                total[0] += compute;
                total[1] += memory;
            }
            sums.computed_tokens += s.computed_tokens;
            sums.wasted_tokens += s.wasted_tokens;
            sums.intervals.add(s.intervals);
        }
        RunTotals {
            arrived: self.arrived,
            steps: sums.steps,
            out_of_domain_steps: sums.out_of_domain_steps,
            busy: Span(sums.busy_ns),
            kv_block_ns: sums.kv_block_ns,
            seat_ns: sums.seat_ns,
            kv_blocks: self.setup.sum(|group| group.kv_blocks),
            seats: self.setup.sum(|group| u64::from(group.engine.max_seqs)),
            replicas: self.replicas.len() as u32,
            horizon: self.now,
            digest: log.digest.hex(),
            itl: log.itl,
            computed_tokens: sums.computed_tokens,
            wasted_tokens: sums.wasted_tokens,
            intervals: sums.intervals,
            peak_requests: log.peak_inside,
            peak_output_tokens: log.peak_tokens,
            at_peak_s: sums.at_peak_s,
            energy_j: sums.energy_j,
            cache,
            predictions: self.server.as_ref().map(|server| {
                let ServerTotals { batches, prompts, busy, latency_ns } = server.totals_at(self.now);
                PredictionTotals { batches, prompts, busy, latency_ns }
            }),
        }
    }
}

/// Tokens that a symbol stands for where turns continue one another: a block of most engines.
const SESSION_SYMBOL_TOKENS: u32 = 16;

/// What the prompt of `request` begins with, and the tokens that each symbol of it stands for.
fn symbols(request: &Visible, prompts: Prompts<'_>) -> (Box<[u64]>, u32) {
    match (request.content, request.session) {
        (Content::Session, Some(session)) => {
            let symbol = |i| u64::from(session) << 32 | u64::from(i);
            let count = request.prompt_tokens.div_ceil(SESSION_SYMBOL_TOKENS);
            ((0..count).map(symbol).collect(), SESSION_SYMBOL_TOKENS)
        }
        _ => (prompts.hashes(request.content), prompts.hash_tokens),
    }
}

/// The record of a request that has only arrived.
fn arrived(request: &Request) -> RequestRecord {
    RequestRecord::arrived(&request.visible, request.truth.reveal(), Span(request.client_wait_ns))
}
