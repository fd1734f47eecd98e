//! One replica: its memory, its queue, its running requests, and what the end of a step does to them.

use super::batch::Batch;
use super::cache::{Blocked, CacheSums};
use super::config::{Cache, EngineConfig, Gate, KvConfig, StepKind};
use super::live::{Live, Slab, Slot, State, World};
use super::queue::Queue;
use crate::error::{Error, Result};
use crate::ids::ReplicaId;
use crate::kv::BlockPool;
use crate::latency::{self, Chunk, LatencyModel, Needs, StepShape};
use crate::length::Belief;
use crate::record::{Event, EventKind, IntervalCounts, Status};
use crate::scheduler::{Crowd, How, KvView, Noted, Notice, Running, Scheduler, ViewSource, Waiting};
use crate::time::{SimTime, Span};
use crate::workload::Outcome;

/// What one request gets in the step in flight (uniform decodes have no row).
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub slot: Slot,
    pub tokens: u32,
    pub decode: bool,
}

/// Sums over the steps of a replica; see `RunTotals`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub steps: u64,
    pub busy_ns: u64,
    pub kv_block_ns: u128,
    pub seat_ns: u128,
    pub out_of_domain_steps: u64,
    pub energy_j: Option<f64>,
    pub at_peak_s: Option<[f64; 2]>,
    pub computed_tokens: u64,
    pub wasted_tokens: u64,
    pub intervals: IntervalCounts,
    pub last: Last,
}

/// What the step in flight added to the sums: a run that is cut off takes the part after its end back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Last {
    pub outside: bool,
    pub energy_j: f64,
    pub at_peak_s: [f64; 2],
    pub tokens: u64,
}

impl Sums {
    /// Adds what the model says of a step beyond its duration.
    #[inline]
    pub fn step(&mut self, model: &dyn LatencyModel, needs: Needs, shape: &StepShape<'_>, took: Span) {
        if needs.domain {
            self.last.outside = !model.in_domain(shape);
            self.out_of_domain_steps += u64::from(self.last.outside);
        }
        if needs.device {
            if let Some(joules) = model.energy_j(shape, took) {
                *self.energy_j.get_or_insert(0.0) += joules;
                self.last.energy_j = joules;
            }
            if let Some(at_peak_s) = model.at_peak_s(shape) {
                // A step that noise made shorter than the peaks allow had the device at its peak, not above.
                let part = at_peak_s.map(|s| s.min(took.as_secs()));
                let sums = self.at_peak_s.get_or_insert([0.0; 2]);
                sums[0] += part[0];
                sums[1] += part[1];
                self.last.at_peak_s = part;
            }
        }
    }

    /// Cuts the step in flight, `took` long and using `blocks` and `seats`, off after its first `within`: what
    /// lies before the cut counts, and the step is one of those taken if any of it does.
    fn cut(&mut self, took: Span, within: Span, blocks: u64, seats: usize) {
        let rest = took.0 - within.0;
        let share = if took.0 == 0 { 0.0 } else { rest as f64 / took.0 as f64 };
        self.busy_ns += within.0;
        self.kv_block_ns -= u128::from(blocks) * u128::from(rest);
        self.seat_ns -= seats as u128 * u128::from(rest);
        let begun = within > Span::ZERO;
        self.steps += u64::from(begun);
        self.out_of_domain_steps -= u64::from(self.last.outside && !begun);
        if let Some(sum) = &mut self.energy_j {
            *sum = (*sum - self.last.energy_j * share).max(0.0);
        }
        if let Some(sums) = &mut self.at_peak_s {
            for (sum, last) in sums.iter_mut().zip(self.last.at_peak_s) {
                *sum = (*sum - last * share).max(0.0);
            }
        }
        let tokens = u128::from(self.last.tokens);
        let done = (tokens * u128::from(within.0)).checked_div(u128::from(took.0)).unwrap_or(0);
        self.computed_tokens -= (tokens - done) as u64;
    }
}

/// Everything but the two plug-ins, so that a scheduler can look at it while it is asked.
pub(super) struct Core {
    pub id: ReplicaId,
    pub engine: EngineConfig,
    pub gate: Gate,
    pub watermark_blocks: u64,
    pub overhead: Span,
    pub stepwise: bool,
    pub pool: BlockPool,
    pub slab: Slab,
    pub queue: Queue,
    /// Seats in order of admission.
    pub running: Vec<Slot>,
    /// Those of them that are not uniform decodes, in the same order.
    pub partial: Vec<Slot>,
    pub batch: Batch,
    pub padded: u64,
    pub padded_context: u64,
    pub padded_squares: u128,
    /// Those whose first token came with the last step: their second comes with the step in flight.
    pub fresh: Vec<Slot>,
    /// The step in flight.
    pub rows: Vec<Row>,
    pub chunks: Vec<Chunk>,
    /// The same by request, for models that ask.
    pub offered: Vec<latency::Row>,
    pub duration: Span,
    pub next_seat: u64,
    pub sums: Sums,
    /// Tokens that a hash of a prompt stands for.
    pub hash_tokens: u32,
    pub blocked: Option<Blocked>,
    pub cache_sums: CacheSums,
    /// Predictions to ask for, and how many were asked for before.
    pub asks: Vec<Ask>,
    pub tickets: u64,
}

/// A belief kept from a waiting request until the server has it.
pub(super) struct Ask {
    pub slot: Slot,
    pub ticket: u64,
    pub belief: Belief,
    pub cost: Span,
}

/// What is left to hand out in a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub tokens: u64,
    pub seats: usize,
}

pub(super) struct Replica {
    pub core: Core,
    pub scheduler: Box<dyn Scheduler>,
    pub scheduler_name: String,
    pub model: Box<dyn LatencyModel>,
    pub profile_name: String,
    pub needs: Needs,
    pub pure_model: bool,
    /// Whether a request that loses its memory loses its belief too.
    pub predicts_again: bool,
    /// Something happened since the scheduler was asked last.
    pub dirty: bool,
    pub wake_at: SimTime,
    pub wake_step: u64,
    /// The scheduler's limits of a step, as of the last time it was asked.
    pub limits: Allowance,
    /// Evictions and idle wake-ups since anybody got a new first token or finished.
    pub fruitless: u32,
    /// End of the step in flight.
    pub end: Option<SimTime>,
    /// Scratch.
    pub evictions: Vec<crate::scheduler::Evict>,
    pub done: Vec<(u64, Slot)>,
}

/// More than any policy does that means to serve requests; small enough to end in seconds.
const MAX_FRUITLESS: u32 = 1 << 16;
/// The same for each request inside: where memory is short, thousands may lose theirs in one step.
const MAX_FRUITLESS_EACH: u32 = 1 << 8;

/// The clock after a step.
pub(super) fn later(now: SimTime, duration: Span) -> Result<SimTime> {
    now.checked_add(duration).ok_or_else(|| Error::Usage("simulated time overflows 584 years".into()))
}

impl Core {
    pub fn new(
        id: ReplicaId,
        engine: EngineConfig,
        kv: &KvConfig,
        blocks: u64,
        queue: Queue,
    ) -> Result<Core> {
        let overhead = Span::from_secs(engine.host_overhead_s).ok_or_else(|| {
            Error::Usage("engine.host_overhead_s must be a non-negative number of seconds".into())
        })?;
        let pool = BlockPool::new(kv.block_tokens, blocks, kv.lookahead_tokens);
        Ok(Core {
            id,
            gate: kv.gate,
            // vLLM counts its null block in.
            watermark_blocks: (kv.watermark * (blocks + 1) as f64) as u64,
            overhead,
            stepwise: false,
            pool: match kv.cache {
                Cache::Off => pool,
                Cache::Hash => pool.caching(),
            },
            slab: Slab::default(),
            queue,
            running: Vec::new(),
            partial: Vec::new(),
            batch: Batch::new(kv.block_tokens),
            padded: 0,
            padded_context: 0,
            padded_squares: 0,
            fresh: Vec::new(),
            rows: Vec::new(),
            chunks: Vec::new(),
            offered: Vec::new(),
            duration: Span::ZERO,
            next_seat: 0,
            sums: Sums::default(),
            hash_tokens: 1,
            blocked: None,
            cache_sums: CacheSums::default(),
            asks: Vec::new(),
            tickets: 0,
            engine,
        })
    }

    /// Blocks reserved by a request under [`Gate::MaxLen`].
    pub fn reserve(&self) -> u64 {
        self.pool.blocks_for(u64::from(self.engine.max_model_len))
    }

    /// Blocks held by a running request with `kv_tokens` computed.
    pub fn held(&self, kv_tokens: u64) -> u64 {
        match self.gate {
            Gate::MaxLen => self.reserve(),
            _ => self.pool.blocks_for(kv_tokens),
        }
    }

    /// Whether a request with `known` tokens that must hold `slots` of them in KV could not even run alone.
    pub fn never_fits(&self, known: u64, slots: u64) -> bool {
        let limit = u64::from(self.engine.max_model_len);
        let blocks = match self.gate {
            Gate::MaxLen => self.reserve(),
            _ => slots.div_ceil(u64::from(self.pool.block_tokens())),
        };
        blocks > self.pool.usable() || (limit > 0 && known + 1 > limit)
    }

    /// Progress of a slot, wherever it is kept: (tokens in KV, output tokens).
    pub fn progress(&self, slot: Slot) -> (u64, u32) {
        let live = self.slab.get(slot);
        match live.state {
            State::Uniform => {
                let generated = self.batch.counter().wrapping_add(live.offset) as u32;
                (u64::from(live.visible.prompt_tokens) + u64::from(generated) - 1, generated)
            }
            _ => (live.kv_tokens, live.generated),
        }
    }

    /// Takes a slot out of a list sorted by seat.
    pub fn unseat(slab: &Slab, list: &mut Vec<Slot>, slot: Slot) {
        let seat = slab.get(slot).seat;
        let at = list.partition_point(|&s| slab.get(s).seat < seat);
        debug_assert_eq!(list[at], slot);
        list.remove(at);
    }

    pub fn event(
        &self,
        world: &mut World<'_>,
        time: SimTime,
        kind: EventKind,
        slot: Slot,
        value: u64,
    ) -> Result<()> {
        world.log.event(Event {
            time,
            kind,
            replica: self.id,
            request: self.slab.get(slot).visible.id,
            value,
            steps: self.sums.steps,
            busy_ns: self.sums.busy_ns,
        })
    }

    /// Moves a decoding slot into the uniform batch.
    fn join(&mut self, slot: Slot) {
        let lookahead = self.pool.lookahead_tokens();
        let live = self.slab.get_mut(slot);
        live.state = State::Uniform;
        live.offset = u64::from(live.generated).wrapping_sub(self.batch.counter());
        let remaining = live.record.output_tokens - live.generated;
        self.batch.join(slot, live.seat, live.kv_tokens, lookahead, remaining);
    }

    /// The fresh members of the batch delivered their second tokens at `now`. Whoever left the batch in
    /// between is told apart by its state.
    pub fn second_tokens(&mut self, now: SimTime) {
        while let Some(slot) = self.fresh.pop() {
            let live = self.slab.get_mut(slot);
            if live.state == State::Uniform {
                live.record.second_token = now.into();
            }
        }
    }

    /// Takes one uniform decode out of the batch, its last token delivered at `now`. Its entry among the
    /// completions goes stale: nobody else ever has that seat.
    pub fn leave_batch(&mut self, slot: Slot, now: SimTime) {
        let (kv_tokens, generated) = self.progress(slot);
        self.batch.leave(kv_tokens, self.pool.lookahead_tokens());
        let live = self.slab.get_mut(slot);
        (live.kv_tokens, live.generated, live.last_token) = (kv_tokens, generated, now);
        live.state = State::Single;
    }

    /// Takes every uniform decode out of the batch and keeps its progress by itself.
    pub fn dissolve(&mut self, last_token: SimTime) {
        if self.batch.members() == 0 {
            return;
        }
        for i in 0..self.running.len() {
            let slot = self.running[i];
            if self.slab.get(slot).state == State::Uniform {
                let (kv_tokens, generated) = self.progress(slot);
                let live = self.slab.get_mut(slot);
                (live.kv_tokens, live.generated) = (kv_tokens, generated);
                live.last_token = last_token;
                live.state = State::Single;
            }
        }
        self.batch.clear();
        self.partial.clone_from(&self.running);
    }

    pub fn crowd(&self) -> Crowd {
        Crowd { waiting: self.queue.len() as u32, seats: self.engine.max_seqs }
    }

    pub fn waiting_view(&self, slot: Slot) -> Waiting<'_> {
        self.slab.get(slot).waiting(self.crowd())
    }

    /// Keeps the belief of a request from its scheduler until the server has predicted it.
    pub fn forget(&mut self, slot: Slot) {
        self.tickets += 1;
        let live = self.slab.get_mut(slot);
        live.ticket = self.tickets;
        let (belief, cost) = (std::mem::take(&mut live.belief), live.prediction_cost);
        self.asks.push(Ask { slot, ticket: live.ticket, belief, cost });
    }

    fn running_view(&self, slot: Slot) -> Running<'_> {
        let (kv_tokens, generated) = self.progress(slot);
        let live = self.slab.get(slot);
        Running {
            visible: &live.visible,
            belief: &live.belief,
            generated,
            generated_before: live.generated_before,
            kv_tokens,
            kv_blocks: self.held(kv_tokens),
            decoding: live.state != State::Prefill,
            preemptions: live.record.preemptions,
            admitted_at: live.admitted_at,
        }
    }
}

impl ViewSource for Core {
    fn kv(&self) -> KvView {
        KvView {
            block_tokens: self.pool.block_tokens(),
            usable_blocks: self.pool.usable(),
            free_blocks: self.pool.free(),
            lookahead_tokens: self.pool.lookahead_tokens(),
        }
    }

    fn max_seqs(&self) -> u32 {
        self.engine.max_seqs
    }

    fn max_tokens_per_step(&self) -> u64 {
        self.engine.max_tokens_per_step
    }

    fn shortfall(&self) -> How {
        self.engine.shortfall
    }

    fn running_len(&self) -> usize {
        self.running.len()
    }

    fn running(&self, i: usize) -> Running<'_> {
        self.running_view(self.running[i])
    }

    fn waiting_len(&self) -> usize {
        self.queue.len()
    }

    fn head(&self) -> Option<Waiting<'_>> {
        self.queue.head().map(|slot| self.waiting_view(slot))
    }

    fn waiting(&self, i: usize) -> Waiting<'_> {
        self.waiting_view(self.queue.slot(i))
    }
}

impl Replica {
    /// Requests in the queue or with a seat.
    pub fn outstanding(&self) -> usize {
        self.core.queue.len() + self.core.running.len()
    }

    pub fn broken(&self, slot: Option<Slot>, rule: impl Into<String>) -> Error {
        Error::Scheduler {
            scheduler: self.scheduler_name.clone(),
            request: slot.map_or("-".into(), |s| self.core.slab.get(s).visible.id.to_string()),
            rule: rule.into(),
        }
    }

    /// Tells a model that follows requests that one holds no memory any more.
    pub fn released(&mut self, slot: Slot) {
        if self.needs.rows {
            self.model.released(self.core.slab.get(slot).visible.id);
        }
    }

    /// Counts what a scheduler may do without end: evictions and wake-ups that nobody gains by.
    pub fn spend(&mut self, slot: Option<Slot>) -> Result<()> {
        self.fruitless += 1;
        let most =
            MAX_FRUITLESS.saturating_add((self.outstanding() as u32).saturating_mul(MAX_FRUITLESS_EACH));
        if self.fruitless < most {
            return Ok(());
        }
        let rule = format!("{most} evictions and idle wake-ups in a row got nobody further: a livelock");
        Err(self.broken(slot, rule))
    }

    /// Rank of a request that is in the queue, or about to be if `joins`.
    fn rank(&mut self, slot: Slot, now: SimTime, joins: bool) -> Result<f64> {
        let mut crowd = self.core.crowd();
        crowd.waiting += u32::from(joins);
        let rank = self.scheduler.rank(&self.core.slab.get(slot).waiting(crowd), now).0;
        if rank.is_nan() {
            return Err(self.broken(Some(slot), "a rank must not be NaN"));
        }
        Ok(rank)
    }

    /// A request arrives, or comes back: rank it and put it in the queue.
    pub fn enqueue(&mut self, slot: Slot, now: SimTime) -> Result<()> {
        let rank = self.rank(slot, now, true)?;
        let live = self.core.slab.get(slot);
        let (queued_at, id) = (live.queued_at, live.visible.id.0);
        self.core.queue.push(rank, queued_at, id, slot);
        self.dirty = true;
        Ok(())
    }

    /// Notes that a request has the belief it has since `now`; `joins` as for its rank.
    pub fn note(&mut self, slot: Slot, now: SimTime, joins: bool) {
        let mut crowd = self.core.crowd();
        crowd.waiting += u32::from(joins);
        let studied = self.scheduler.study(&self.core.slab.get(slot).waiting(crowd));
        self.core.slab.get_mut(slot).noted = Noted { at: now, waiting: crowd.waiting, studied };
    }

    /// The server has predicted a request that came or lost its memory earlier.
    pub fn learn(&mut self, ask: Ask, now: SimTime) -> Result<()> {
        let Ask { slot, ticket, belief, .. } = ask;
        let live = self.core.slab.get_mut(slot);
        if live.ticket != ticket {
            return Ok(());
        }
        live.record.predicted_tokens = belief.tokens().map_or(f32::NAN, |p| p as f32);
        (live.belief, live.ticket) = (belief, 0);
        let waits = live.state == State::Waiting;
        self.note(slot, now, false);
        if waits {
            let rank = self.rank(slot, now, false)?;
            self.core.queue.update(slot, rank);
        }
        self.dirty = true;
        Ok(())
    }

    /// A request reaches this replica. If `late`, its scheduler does not have the belief yet.
    pub fn arrive(&mut self, mut live: Live, late: bool, now: SimTime, world: &mut World<'_>) -> Result<()> {
        live.record.replica = self.core.id;
        let known = live.known();
        let slot = self.core.slab.insert(live);
        self.core.event(world, now, EventKind::Arrival, slot, known)?;
        // The slots that it looks ahead must fit with its prompt, or one more token where it does not.
        let ahead = u64::from(self.core.pool.lookahead_tokens()).max(1);
        if self.core.never_fits(known, known + ahead) {
            return self.reject(slot, now, world);
        }
        if let Some(reason) = self.scheduler.refuses(&self.core.waiting_view(slot)) {
            return Err(self.broken(Some(slot), reason));
        }
        if late && !self.scheduler.serves_unpredicted() {
            let reason = "it needs a request's prediction before it can queue it; set prediction.mode to synchronous \
                          or instant";
            return Err(self.broken(Some(slot), reason));
        }
        world.log.entered();
        if late {
            self.core.forget(slot);
        }
        self.note(slot, now, true);
        self.enqueue(slot, now)
    }

    /// Refuses a request that can never run.
    pub fn reject(&mut self, slot: Slot, now: SimTime, world: &mut World<'_>) -> Result<()> {
        let known = self.core.slab.get(slot).known();
        self.core.event(world, now, EventKind::Rejection, slot, known + 1)?;
        let live = self.core.slab.get_mut(slot);
        live.record.status = Status::Rejected;
        world.log.sink.request(live.record)?;
        let id = live.visible.id;
        self.core.blocked = None;
        self.core.slab.release(slot);
        world.source.left(id, now, Outcome::Rejected);
        world.left.push((id, self.core.id));
        Ok(())
    }

    /// The run ends at `now`, amid a step or not: of a step in flight, only what lies before counts.
    pub fn cut_off(&mut self, now: SimTime) {
        let Some(end) = self.end else { return };
        let core = &mut self.core;
        let within = core.duration.0.saturating_sub(end.since(now).0);
        let (blocks, seats) = (core.pool.used(), core.running.len());
        core.sums.cut(core.duration, Span(within), blocks, seats);
    }

    /// The step in flight ends at `now`: deliver its tokens.
    pub fn deliver(&mut self, now: SimTime, world: &mut World<'_>) -> Result<()> {
        self.end = None;
        let core = &mut self.core;
        core.sums.steps += 1;
        core.sums.busy_ns += core.duration.0;
        if core.batch.members() > 0 {
            world.log.itl.add(core.duration.0, core.batch.members());
            world.log.tokens(now, core.batch.members());
            core.batch.advance(1);
        }
        core.second_tokens(now);
        self.deliver_decodes(now, world)?;
        self.deliver_prefills(now, world)?;
        let core = &mut self.core;
        if !core.rows.is_empty() {
            // Whoever joined the batch or left is no longer a case by itself.
            let Core { partial, slab, .. } = core;
            partial.retain(|&slot| matches!(slab.get(slot).state, State::Prefill | State::Single));
            core.rows.clear();
        }
        if self.core.engine.step == StepKind::Lockstep && self.core.padded == self.core.running.len() as u64 {
            self.disband(now)?;
        }
        Ok(())
    }

    fn deliver_decodes(&mut self, now: SimTime, world: &mut World<'_>) -> Result<()> {
        let core = &mut self.core;
        let mut done = std::mem::take(&mut self.done);
        done.clear();
        while let Some((seat, slot)) = core.batch.pop_due() {
            let live = core.slab.get(slot);
            if live.state == State::Uniform && live.seat == seat {
                core.leave_batch(slot, now);
                done.push((seat, slot));
            }
        }
        let rows = std::mem::take(&mut core.rows);
        for row in rows.iter().filter(|row| row.decode) {
            let live = core.slab.get_mut(row.slot);
            world.log.itl.add((now - live.last_token).0, 1);
            world.log.tokens(now, 1);
            live.last_token = now;
            live.kv_tokens += 1;
            live.generated += 1;
            if live.generated == 2 {
                live.record.second_token = now.into();
            }
            if live.generated == live.record.output_tokens {
                done.push((live.seat, row.slot));
            } else if !core.stepwise {
                core.join(row.slot);
            }
        }
        core.rows = rows;
        // Completions in order of seats, whichever way their progress was kept.
        done.sort_unstable();
        for &(_, slot) in &done {
            self.finish(slot, now, world)?;
        }
        self.done = done;
        Ok(())
    }

    fn deliver_prefills(&mut self, now: SimTime, world: &mut World<'_>) -> Result<()> {
        let rows = std::mem::take(&mut self.core.rows);
        for row in rows.iter().filter(|row| !row.decode) {
            self.dirty = true;
            let core = &mut self.core;
            let live = core.slab.get_mut(row.slot);
            live.kv_tokens += u64::from(row.tokens);
            if live.kv_tokens < live.known() {
                continue;
            }
            live.generated += 1;
            world.log.tokens(now, 1);
            if live.generated > live.generated_before {
                self.fruitless = 0;
            }
            if live.generated == 2 {
                live.record.second_token = now.into();
            }
            let (first, complete) = (live.generated == 1, live.generated == live.record.output_tokens);
            if first {
                live.record.first_token = now.into();
            } else {
                world.log.itl.add((now - live.last_token).0, 1);
            }
            live.last_token = now;
            let prompt_tokens = u64::from(live.visible.prompt_tokens);
            if first {
                core.event(world, now, EventKind::FirstToken, row.slot, prompt_tokens)?;
            }
            if complete {
                self.finish(row.slot, now, world)?;
            } else if core.stepwise {
                core.slab.get_mut(row.slot).state = State::Single;
            } else {
                core.join(row.slot);
                if first {
                    core.fresh.push(row.slot);
                }
            }
        }
        self.core.rows = rows;
        Ok(())
    }

    /// A request's last token was delivered. Its progress is in its slot, and it is in no list but `running`.
    fn finish(&mut self, slot: Slot, now: SimTime, world: &mut World<'_>) -> Result<()> {
        (self.dirty, self.fruitless) = (true, 0);
        world.log.left();
        let lockstep = self.core.engine.step == StepKind::Lockstep;
        let core = &mut self.core;
        let live = core.slab.get_mut(slot);
        if let Belief::Interval { lo, hi } = live.belief {
            core.sums.intervals.count(lo, hi, live.record.output_tokens);
        }
        live.record.status = Status::Completed;
        live.record.finish = now.into();
        live.state = State::Padded;
        let (id, output, kv_tokens) = (live.visible.id, u64::from(live.record.output_tokens), live.kv_tokens);
        world.log.sink.request(live.record)?;
        core.event(world, now, EventKind::Finish, slot, output)?;
        self.scheduler.notice(&Notice::Finished(self.core.running_view(slot)));
        let core = &mut self.core;
        if lockstep {
            let context = kv_tokens + 1;
            core.padded += 1;
            core.padded_context += context;
            core.padded_squares += u128::from(context) * u128::from(context);
        } else {
            core.release(slot, kv_tokens);
            Core::unseat(&core.slab, &mut core.running, slot);
            self.released(slot);
            self.core.slab.release(slot);
        }
        world.source.left(id, now, Outcome::Completed);
        world.left.push((id, self.core.id));
        Ok(())
    }

    /// The whole lock-step batch is done: seats and memory are free again.
    fn disband(&mut self, _now: SimTime) -> Result<()> {
        for slot in std::mem::take(&mut self.core.running) {
            self.released(slot);
            let core = &mut self.core;
            let held = core.held(core.slab.get(slot).kv_tokens);
            core.pool.give(held);
            core.slab.release(slot);
        }
        let core = &mut self.core;
        (core.padded, core.padded_context, core.padded_squares) = (0, 0, 0);
        Ok(())
    }
}
