//! Planning a step: running requests first, then the queue.

use super::config::{Gate, StepKind, VictimRule};
use super::live::{Live, Slot, State, World};
use super::replica::{Allowance, Core, Replica, Row};
use crate::error::{Error, Result};
use crate::kv::Hit;
use crate::latency::{Chunk, Row as Offered, StepShape, Work};
use crate::record::{EventKind, StepRecord};
use crate::scheduler::{Admit, Budget, Evict, How, Notice, Requeue, Shortage, View};
use crate::time::{MaybeTime, SimTime};

impl Replica {
    /// Plans and starts a step at `now`. Returns its end, or `None` if there is nothing to do.
    pub fn plan(&mut self, now: SimTime, world: &mut World<'_>) -> Result<Option<SimTime>> {
        let asked = self.dirty || now >= self.wake_at || self.core.sums.steps >= self.wake_step;
        if asked {
            self.dirty = false;
            self.limit(now)?;
            self.preempt_by_choice(now, world)?;
        }
        let mut allowance = self.limits;
        let short = self.schedule_running(now, &mut allowance, world)?;
        if (asked || short) && (!short || self.core.engine.admit_in_preempt_step) {
            self.admit(now, &mut allowance, world)?;
        }
        self.dirty |= short;
        if asked || short {
            self.set_wake(now)?;
        }
        if self.core.rows.is_empty() && self.core.batch.members() == 0 {
            // Everybody lost their memory, and nobody may be admitted in such a step: the next one is now.
            return if short { self.plan(now, world) } else { Ok(None) };
        }
        self.start(now, world)
    }

    fn limit(&mut self, now: SimTime) -> Result<()> {
        self.limits = self.core.allowance();
        let view = View::new(now, self.core.id, self.core.sums.steps, &self.core);
        if let Budget::Limit { tokens, seats } = self.scheduler.budget(&view) {
            if tokens > self.limits.tokens || seats as usize > self.limits.seats {
                return Err(self.broken(None, "a budget must not exceed the engine's tokens and seats"));
            }
            self.limits = Allowance { tokens, seats: seats as usize };
        }
        Ok(())
    }

    fn set_wake(&mut self, now: SimTime) -> Result<()> {
        let view = View::new(now, self.core.id, self.core.sums.steps, &self.core);
        let wake = self.scheduler.wake(&view);
        if wake.after_steps == Some(0) || wake.at.is_some_and(|at| at <= now) {
            return Err(self.broken(None, "a wake-up must lie in the future"));
        }
        self.wake_at = wake.at.unwrap_or(SimTime::MAX);
        self.wake_step = wake.after_steps.map_or(u64::MAX, |k| self.core.sums.steps.saturating_add(k));
        Ok(())
    }

    fn preempt_by_choice(&mut self, now: SimTime, world: &mut World<'_>) -> Result<()> {
        if !self.scheduler.preempts() || self.core.running.is_empty() {
            return Ok(());
        }
        let mut evictions = std::mem::take(&mut self.evictions);
        evictions.clear();
        self.rerank(now)?;
        let view = View::new(now, self.core.id, self.core.sums.steps, &self.core);
        self.scheduler.preempt(&view, &mut evictions);
        for evict in &evictions {
            let slot = self.find_running(evict)?;
            self.evict(slot, *evict, now, world)?;
        }
        self.evictions = evictions;
        Ok(())
    }

    fn find_running(&self, evict: &Evict) -> Result<Slot> {
        let found = self.core.running.iter().find(|&&s| self.core.slab.get(s).visible.id == evict.id);
        match found {
            Some(&slot) if self.core.engine.step == StepKind::Mixed => Ok(slot),
            Some(&slot) => Err(self.broken(Some(slot), "a lock-step batch cannot be taken apart")),
            None => Err(Error::Scheduler {
                scheduler: self.scheduler_name.clone(),
                request: evict.id.to_string(),
                rule: "it is not running and cannot be evicted".into(),
            }),
        }
    }

    /// Takes a running request out: memory back, progress kept or void, back to the queue.
    fn evict(&mut self, slot: Slot, evict: Evict, now: SimTime, world: &mut World<'_>) -> Result<()> {
        self.spend(Some(slot))?;
        let core = &mut self.core;
        if core.slab.get(slot).state == State::Uniform {
            core.leave_batch(slot, now);
        } else {
            Core::unseat(&core.slab, &mut core.partial, slot);
        }
        Core::unseat(&core.slab, &mut core.running, slot);
        let scheduled = core.rows.iter().find(|row| row.slot == slot).map_or(0, |row| u64::from(row.tokens));
        core.rows.retain(|row| row.slot != slot);
        let live = core.slab.get(slot);
        let kv_tokens = live.kv_tokens;
        core.release(slot, kv_tokens + scheduled);
        core.note_lost(slot, kv_tokens);
        let kind = match evict.how {
            How::Recompute => EventKind::Preemption,
            How::Restart => EventKind::Kill,
        };
        core.event(world, now, kind, slot, kv_tokens)?;
        core.sums.wasted_tokens += kv_tokens;
        let live = core.slab.get_mut(slot);
        live.record.preemptions += 1;
        live.record.recomputed_tokens += kv_tokens;
        live.kv_tokens = 0;
        live.state = State::Waiting;
        live.generated_before = live.generated_before.max(live.generated);
        if evict.how == How::Restart {
            live.generated = 0;
            live.record.first_token = MaybeTime::NONE;
            live.record.second_token = MaybeTime::NONE;
        }
        if evict.requeue == Requeue::Back {
            live.queued_at = now;
        }
        self.released(slot);
        self.scheduler.notice(&Notice::Evicted(self.core.waiting_view(slot), evict.how));
        if self.predicts_again && self.core.slab.get(slot).ticket == 0 {
            self.core.forget(slot);
            self.note(slot, now, true);
        }
        let live = self.core.slab.get(slot);
        self.dirty = true;
        match evict.requeue {
            Requeue::Front => {
                self.core.queue.push_front(live.queued_at, live.visible.id.0, slot);
                Ok(())
            }
            _ => self.enqueue(slot, now),
        }
    }

    /// Phase A: every running request that the budget reaches gets its tokens. Returns whether somebody
    /// lost their memory.
    fn schedule_running(
        &mut self,
        now: SimTime,
        allowance: &mut Allowance,
        world: &mut World<'_>,
    ) -> Result<bool> {
        if self.core.stepwise {
            self.core.dissolve(now);
        }
        let chooses = self.scheduler.chooses_victims();
        // Where blocks have content it matters who took and gave them in which order.
        let in_order = self.core.pool.cache().is_some()
            || if chooses {
                self.core.engine.self_preempt_stops
            } else {
                self.core.engine.victim != VictimRule::LastAdmitted
            };
        let mut short = false;
        loop {
            let (tokens, blocks) = self.core.demand();
            let fits = blocks <= self.core.pool.free();
            if tokens > allowance.tokens || (!fits && in_order) {
                self.core.dissolve(now);
                return Ok(self.schedule_in_order(now, allowance, world)? || short);
            }
            if fits {
                allowance.tokens -= tokens;
                self.core.grant(blocks);
                return Ok(short);
            }
            short = true;
            if chooses {
                let (slot, missing) = (self.core.first_short(), blocks - self.core.pool.free());
                self.make_room(slot, missing, allowance, now, world)?;
                continue;
            }
            // Taking from the end until the rest fits is what going through the list in order comes to.
            let victim = self.core.preset_victim();
            let slot = *self.core.running.last().expect("somebody runs out of memory");
            self.evict(slot, victim, now, world)?;
        }
    }

    /// The same when budget or memory does not reach everybody: in order of admission, with victims.
    fn schedule_in_order(
        &mut self,
        now: SimTime,
        allowance: &mut Allowance,
        world: &mut World<'_>,
    ) -> Result<bool> {
        let (mut short, mut at) = (false, 0);
        while allowance.tokens > 0 {
            let core = &self.core;
            let Some(&slot) = core.running.get(at) else { break };
            let seat = core.slab.get(slot).seat;
            let want = core.want(slot).min(allowance.tokens);
            let need = core.growth(slot, want);
            let mut self_evicted = false;
            while !self_evicted && !self.core.pool.take(need) {
                short = true;
                let missing = need - self.core.pool.free();
                self_evicted = self.make_room(slot, missing, allowance, now, world)?;
                // Whoever left may have stood before it.
                let core = &self.core;
                at = core.running.partition_point(|&s| core.slab.get(s).seat < seat);
            }
            if self_evicted && self.core.engine.self_preempt_stops {
                break;
            }
            if !self_evicted {
                allowance.tokens -= want;
                self.core.push_row(slot, want);
                at += 1;
            }
        }
        self.dirty = true;
        Ok(short)
    }

    /// Memory ran out for `slot`, `blocks` are missing: evicts somebody. Returns whether it was `slot` itself.
    fn make_room(
        &mut self,
        slot: Slot,
        blocks: u64,
        allowance: &mut Allowance,
        now: SimTime,
        world: &mut World<'_>,
    ) -> Result<bool> {
        let mut evictions = std::mem::take(&mut self.evictions);
        evictions.clear();
        let wanted_by = self.core.slab.get(slot).visible.id;
        let view = View::new(now, self.core.id, self.core.sums.steps, &self.core);
        if self.scheduler.chooses_victims() {
            self.scheduler.victims(Shortage { blocks, wanted_by }, &view, &mut evictions);
        } else {
            evictions.push(self.core.preset_victim());
        }
        if evictions.is_empty() {
            return Err(self.broken(Some(slot), "memory ran out and no victim was named"));
        }
        let mut self_evicted = false;
        for evict in &evictions {
            let victim = self.find_running(evict)?;
            let row = self.core.rows.iter().find(|row| row.slot == victim);
            allowance.tokens += row.map_or(0, |row| u64::from(row.tokens));
            self_evicted |= victim == slot;
            self.evict(victim, *evict, now, world)?;
        }
        self.evictions = evictions;
        Ok(self_evicted)
    }

    fn rerank(&mut self, now: SimTime) -> Result<()> {
        let view = View::new(now, self.core.id, self.core.sums.steps, &self.core);
        if !self.scheduler.reorders(&view) && !self.core.queue.is_dynamic() {
            return Ok(());
        }
        let crowd = self.core.crowd();
        let Core { queue, slab, .. } = &mut self.core;
        let scheduler = &mut self.scheduler;
        let mut broken = None;
        queue.rerank(|slot| {
            let rank = scheduler.rank(&slab.get(slot).waiting(crowd), now).0;
            if rank.is_nan() {
                broken = Some(slot);
            }
            rank
        });
        match broken {
            Some(slot) => Err(self.broken(Some(slot), "a rank must not be NaN")),
            None => Ok(()),
        }
    }

    /// Phase B: admits from the head of the queue while tokens, seats and memory last.
    fn admit(&mut self, now: SimTime, allowance: &mut Allowance, world: &mut World<'_>) -> Result<()> {
        let closed = self.core.engine.step == StepKind::Lockstep && !self.core.running.is_empty();
        if closed || self.core.queue.is_empty() || self.core.running.len() >= allowance.seats {
            return Ok(());
        }
        self.rerank(now)?;
        let mut set_aside = Vec::new();
        while allowance.tokens > 0 && self.core.running.len() < allowance.seats {
            let Some(key) = self.core.queue.pop() else { break };
            let slot = key.slot;
            if self.core.unservable(slot) {
                if self.core.running.is_empty() {
                    world.log.left();
                    self.reject(slot, now, world)?;
                    // Whoever was set aside for its sake gets another look.
                    set_aside.drain(..).for_each(|key| self.core.queue.put_back(key));
                    continue;
                }
                self.core.queue.put_back(key);
                break;
            }
            let view = View::new(now, self.core.id, self.core.sums.steps, &self.core);
            let decision = self.scheduler.admit(&self.core.waiting_view(slot), &view);
            if decision == Admit::Skip {
                set_aside.push(key);
                continue;
            }
            let alone = self.outstanding() + set_aside.len() == 0;
            let gate = if decision == Admit::Now { Gate::Known } else { self.core.gate };
            if decision == Admit::Stop || !self.seat_if_fits(slot, gate, alone, allowance, (now, world))? {
                self.core.queue.put_back(key);
                break;
            }
        }
        for key in set_aside {
            self.core.queue.put_back(key);
        }
        Ok(())
    }

    /// Gives a waiting request a seat and its first chunk, if there is memory for it.
    fn seat_if_fits(
        &mut self,
        slot: Slot,
        gate: Gate,
        alone: bool,
        allowance: &mut Allowance,
        (now, world): (SimTime, &mut World<'_>),
    ) -> Result<bool> {
        let core = &mut self.core;
        if core.still_blocked(slot) {
            return Ok(false);
        }
        let hit = core.look_up(slot);
        let found = hit.blocks() * u64::from(core.pool.block_tokens());
        let want = core.capped(core.slab.get(slot).known() - found, alone);
        if !core.engine.chunked_prefill && want > allowance.tokens {
            return Ok(false);
        }
        let chunk = want.min(allowance.tokens);
        if !core.fits(slot, found + chunk, &hit, gate) {
            core.note_blocked(slot, gate);
            return Ok(false);
        }
        let blocks = core.held(found + chunk) - hit.blocks();
        core.slab.get_mut(slot).kv_tokens = core.take_hit(slot, hit);
        let taken = core.pool.take(blocks);
        debug_assert!(taken, "checked by fits");
        allowance.tokens -= chunk;
        let seat = core.next_seat;
        core.next_seat += 1;
        let live = core.slab.get_mut(slot);
        live.seat = seat;
        live.state = State::Prefill;
        live.admitted_at = now;
        if !live.record.first_scheduled.is_some() {
            live.record.first_scheduled = now.into();
        }
        let known = live.known();
        core.running.push(slot);
        core.partial.push(slot);
        core.push_row(slot, chunk);
        core.event(world, now, EventKind::Admission, slot, known)?;
        let view = View::new(now, core.id, core.sums.steps, core);
        if let Some(running) = view.running().next_back() {
            self.scheduler.notice(&Notice::Admitted(running));
        }
        Ok(true)
    }

    /// Times the planned step and sets it going.
    fn start(&mut self, now: SimTime, world: &mut World<'_>) -> Result<Option<SimTime>> {
        let core = &mut self.core;
        core.chunks.clear();
        let (mut singles, mut context_sum, mut squares, mut prefill_tokens) = (0, 0, 0u128, 0);
        for row in &core.rows {
            let live = core.slab.get(row.slot);
            let kv_tokens = live.kv_tokens;
            if row.decode {
                singles += 1;
                context_sum += kv_tokens + 1;
                squares += u128::from(kv_tokens + 1) * u128::from(kv_tokens + 1);
            } else {
                prefill_tokens += u64::from(row.tokens);
                let (context, new) = (kv_tokens as u32, row.tokens);
                core.chunks.push(Chunk {
                    context,
                    new,
                    prompt_new: new.min(live.visible.prompt_tokens.saturating_sub(context)),
                    resumes: live.generated > 0 && kv_tokens + u64::from(new) == live.known(),
                });
            }
        }
        if self.needs.rows {
            core.offer();
        }
        let shape = StepShape {
            start: now,
            by_request: &core.offered,
            step: core.sums.steps,
            prefill: &core.chunks,
            decodes: core.batch.members() + singles + core.padded,
            context_sum: core.batch.context_sum() + context_sum + core.padded_context,
            context_max: if self.needs.max { core.longest().into_iter().max().unwrap_or(0) } else { 0 },
            context_squares: if self.needs.squares {
                core.batch.context_squares() + squares + core.padded_squares
            } else {
                0
            },
        };
        let took =
            self.model.step(&shape).map_err(|e| e.at_step(&self.profile_name, core.id.0, shape.step))?;
        let duration = took + core.overhead;
        core.sums.last.tokens = prefill_tokens + core.batch.members() + singles;
        core.sums.computed_tokens += core.sums.last.tokens;
        core.sums.step(self.model.as_ref(), self.needs, &shape, duration);
        let decodes = shape.decodes;
        core.duration = duration;
        core.account();
        if world.log.steps_wanted {
            let record = core.step_record(now, prefill_tokens, decodes);
            world.log.sink.step(record)?;
        }
        let end =
            now.checked_add(duration).ok_or_else(|| self.broken(None, "the clock overflows 584 years"))?;
        self.end = Some(end);
        Ok(self.end)
    }
}

impl Core {
    /// Tokens that the running requests want in the next step, and blocks that they take for them.
    fn demand(&self) -> (u64, u64) {
        let mut tokens = self.batch.members();
        let mut blocks = if self.gate == Gate::MaxLen { 0 } else { self.batch.new_blocks() };
        for &slot in &self.partial {
            let want = self.want(slot);
            tokens += want;
            blocks += self.growth(slot, want);
        }
        (tokens, blocks)
    }

    /// The first running request, in order of admission, whom the free blocks do not reach.
    fn first_short(&self) -> Slot {
        let mut free = self.pool.free();
        let short = self.running.iter().copied().find(|&slot| {
            let want = if self.slab.get(slot).state == State::Uniform { 1 } else { self.want(slot) };
            let (kv_tokens, _) = self.progress(slot);
            let growth = self.held(kv_tokens + want) - self.held(kv_tokens);
            let reached = growth <= free;
            free -= growth.min(free);
            !reached
        });
        short.expect("somebody runs out of memory")
    }

    /// Gives every running request what it wants: `blocks` in all.
    fn grant(&mut self, blocks: u64) {
        let taken = self.pool.take(blocks);
        debug_assert!(taken, "the caller compared");
        for i in 0..self.partial.len() {
            let slot = self.partial[i];
            let want = self.want(slot);
            self.push_row(slot, want);
        }
    }

    /// What the engine has to hand out in a step.
    pub fn allowance(&self) -> Allowance {
        Allowance { tokens: self.engine.max_tokens_per_step, seats: self.engine.max_seqs as usize }
    }

    /// Tokens that a seated or waiting request would compute next, before the budget.
    fn want(&self, slot: Slot) -> u64 {
        let live = self.slab.get(slot);
        self.capped(live.known() - live.kv_tokens, self.running.len() + self.queue.len() == 1)
    }

    /// Tokens that a request with `left` to compute gets at most. One that is alone in the engine has no threshold, if
    /// the budget may cut it.
    fn capped(&self, left: u64, alone: bool) -> u64 {
        match u64::from(self.engine.long_prefill_threshold) {
            0 => left,
            _ if alone && self.engine.chunked_prefill => left,
            threshold => left.min(threshold),
        }
    }

    /// Blocks that a running request takes to compute `tokens` more.
    fn growth(&self, slot: Slot, tokens: u64) -> u64 {
        let kv_tokens = self.slab.get(slot).kv_tokens;
        self.held(kv_tokens + tokens) - self.held(kv_tokens)
    }

    /// Whether a waiting request that starts with `first` tokens, those of `hit` among them, finds the memory its
    /// gate asks for. What it found and nobody holds is taken from the free blocks too.
    fn fits(&self, slot: Slot, first: u64, hit: &Hit, gate: Gate) -> bool {
        let known = self.slab.get(slot).known();
        let gated = if gate == Gate::KnownFull { known } else { first };
        let free_of_it = self.running.is_empty() || gate == Gate::MaxLen;
        let watermark = if free_of_it { 0 } else { self.watermark_blocks };
        self.held(gated) - hit.blocks() + hit.idle() + watermark <= self.pool.free()
    }

    /// Whether a waiting request can never be served: it has grown beyond what the replica holds (a void
    /// attempt counts: it taught how long the request is at least), or its prompt must go in one step and
    /// is more than a step takes.
    fn unservable(&self, slot: Slot) -> bool {
        let live = self.slab.get(slot);
        let known = u64::from(live.visible.prompt_tokens + live.generated.max(live.generated_before));
        let slots = known + u64::from(self.pool.lookahead_tokens());
        (live.record.preemptions > 0 && self.never_fits(known, slots))
            || (!self.engine.chunked_prefill && self.want(slot) > self.engine.max_tokens_per_step)
    }

    fn push_row(&mut self, slot: Slot, tokens: u64) {
        let Live { state, kv_tokens, .. } = *self.slab.get(slot);
        let decode = state == State::Single;
        self.rows.push(Row { slot, tokens: tokens as u32, decode });
        if !decode {
            // A planned block counts as cached at once.
            self.publish(slot, kv_tokens + tokens);
        }
    }

    /// Who loses their KV when the scheduler has no opinion.
    fn preset_victim(&self) -> Evict {
        let last = *self.running.last().expect("somebody runs out of memory");
        // Equal arrivals are told apart by id, as a clock would.
        let worst = |key: fn(&crate::workload::Visible) -> (i32, SimTime)| {
            let of = |s: Slot| {
                let v = &self.slab.get(s).visible;
                (key(v), v.id)
            };
            self.running.iter().copied().max_by_key(|&s| of(s)).unwrap_or(last)
        };
        let slot = match self.engine.victim {
            VictimRule::LastAdmitted => last,
            VictimRule::LatestArrival => worst(|v| (0, v.arrival)),
            VictimRule::WorstPriority => worst(|v| (v.priority, v.arrival)),
        };
        Evict { id: self.slab.get(slot).visible.id, how: self.engine.shortfall, requeue: self.engine.requeue }
    }

    /// Lists the step in flight request by request, in order of seats.
    fn offer(&mut self) {
        self.offered.clear();
        let mut rows = self.rows.iter().peekable();
        for &slot in &self.running {
            let live = self.slab.get(slot);
            let (kv_tokens, _) = self.progress(slot);
            let (work, new) = match live.state {
                State::Uniform => (Work::Decode, 1),
                State::Padded => (Work::Padding, 1),
                _ => match rows.next_if(|row| row.slot == slot) {
                    Some(row) if row.decode => (Work::Decode, 1),
                    Some(row) => (Work::Prefill, row.tokens),
                    None => continue,
                },
            };
            let emits = match work {
                Work::Prefill => kv_tokens + u64::from(new) == live.known(),
                Work::Decode => true,
                Work::Padding => false,
            };
            let (request, prompt_tokens) = (live.visible.id, live.visible.prompt_tokens);
            let context = kv_tokens as u32;
            self.offered.push(Offered { request, work, prompt_tokens, context, new, emits });
        }
        debug_assert!(rows.next().is_none(), "rows are in order of seats");
    }

    /// Largest context of the rows that decode, and of those that are padding: what they ended at. Only models
    /// that ask for it pay for it.
    pub fn longest(&self) -> [u64; 2] {
        let mut longest = [0; 2];
        for &slot in &self.running {
            let state = self.slab.get(slot).state;
            if state != State::Prefill {
                let kind = &mut longest[usize::from(state == State::Padded)];
                *kind = (*kind).max(self.progress(slot).0 + 1);
            }
        }
        longest
    }

    /// Adds the step in flight to the sums.
    pub fn account(&mut self) {
        let ns = u128::from(self.duration.0);
        self.sums.kv_block_ns += u128::from(self.pool.used()) * ns;
        self.sums.seat_ns += self.running.len() as u128 * ns;
    }

    pub fn step_record(&self, start: SimTime, prefill_tokens: u64, decodes: u64) -> StepRecord {
        StepRecord {
            replica: self.id,
            step: self.sums.steps,
            start,
            duration: self.duration,
            prefill_tokens,
            prefills: self.chunks.len() as u32,
            decodes: decodes as u32,
            running: self.running.len() as u32,
            waiting: self.queue.len() as u32,
            kv_blocks_used: self.pool.used(),
        }
    }
}
