//! Quiet stretches: steps at whose boundaries nothing can change, run in a tight loop that touches no
//! request. `--stepwise` runs the same steps one by one, with the same bytes.

use super::config::Gate;
use super::live::World;
use super::replica::Replica;
use crate::error::Result;
use crate::latency::StepShape;
use crate::time::SimTime;

impl Replica {
    /// Whether the step in flight and those after it are decodes of one batch and nothing else.
    fn is_quiet(&self) -> bool {
        self.pure_model
            && !self.core.stepwise
            && !self.dirty
            && self.core.rows.is_empty()
            && self.end.is_some()
    }

    /// Runs steps from the one in flight on, as long as each ends before `limit` and nothing but decoding
    /// happens. Leaves either a step in flight, or none and the time at which one must be planned.
    pub fn run_quiet(&mut self, limit: SimTime, world: &mut World<'_>) -> Result<Option<SimTime>> {
        let Some(mut end) = self.end.filter(|_| self.is_quiet()) else { return Ok(None) };
        let core = &mut self.core;
        core.second_tokens(end);
        let (members, grows) = (core.batch.members(), core.gate != Gate::MaxLen);
        let decodes = members + core.padded;
        // The step that completes somebody, or that a scheduler waits for, is delivered the general way.
        let to_due = core.batch.next_due() - core.batch.counter();
        let to_wake = self.wake_step.saturating_sub(core.sums.steps);
        let most = to_due.min(to_wake).saturating_sub(1);
        let limit = limit.min(self.wake_at);
        let (residues, mut residue) = core.batch.residues();
        let mut context_sum = core.batch.context_sum();
        let mut squares = core.batch.context_squares();
        let [mut longest, longest_padded] = if self.needs.max { core.longest() } else { [0; 2] };
        let (mut free, used) = (core.pool.free(), core.pool.usable());
        let mut duration = core.duration;
        let mut steps = 0;
        let mut planned = None;
        // Only what changes from step to step is set in the loop.
        let mut shape = StepShape { decodes, ..StepShape::default() };
        while steps < most && end < limit {
            // Deliver the step in flight.
            world.log.itl.add(duration.0, members);
            world.log.tokens(end, members);
            core.sums.busy_ns += duration.0;
            steps += 1;
            residue = if residue == 0 { residues.len() - 1 } else { residue - 1 };
            squares += 2 * u128::from(context_sum) + u128::from(members);
            context_sum += members;
            longest += 1;
            // Plan the next one.
            let new_blocks = if grows { u64::from(residues[residue]) } else { 0 };
            if new_blocks > free {
                planned = Some(end);
                break;
            }
            free -= new_blocks;
            shape.step = core.sums.steps + steps;
            shape.context_sum = context_sum + core.padded_context;
            shape.context_squares = if self.needs.squares { squares + core.padded_squares } else { 0 };
            shape.context_max = if self.needs.max { longest.max(longest_padded) } else { 0 };
            let took =
                self.model.step(&shape).map_err(|e| e.at_step(&self.profile_name, core.id.0, shape.step))?;
            duration = took + core.overhead;
            core.sums.step(self.model.as_ref(), self.needs, &shape, duration);
            core.sums.kv_block_ns += u128::from(used - free) * u128::from(duration.0);
            core.sums.seat_ns += core.running.len() as u128 * u128::from(duration.0);
            if world.log.steps_wanted {
                core.sums.steps += steps;
                let mut record = core.step_record(end, 0, decodes);
                core.sums.steps -= steps;
                (record.duration, record.prefills, record.kv_blocks_used) = (duration, 0, used - free);
                world.log.sink.step(record)?;
            }
            end = super::replica::later(end, duration)?;
        }
        let started = steps - u64::from(planned.is_some());
        core.sums.steps += steps;
        core.sums.computed_tokens += started * members;
        core.sums.last.tokens = members;
        core.duration = duration;
        let grown = core.pool.free() - free;
        let taken = core.pool.take(grown);
        debug_assert!(taken);
        core.batch.advance(steps);
        self.end = if planned.is_some() { None } else { Some(end) };
        Ok(planned)
    }
}
