//! What a request's steps cost at least: in time for itself, and in shares of the steps it takes part in.

use super::{Demand, Limits, Shares};
use crate::latency::Minorant;

const FS_PER_S: f64 = 1e15;
const FS_PER_NS: u128 = 1_000_000;
const FS_PER_PS: u128 = 1_000;
const PS_PER_NS: u64 = 1_000;

/// A minorant in whole femtoseconds, rounded down, with the host's time and room for the rounding of steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Law {
    prompt_step: u128,
    decode_step: u128,
    prefill_token: u128,
    prefill_pair: u128,
    decode: u128,
    context_token: u128,
    resumes: bool,
}

impl Law {
    /// `None` where steps may take less than a nanosecond.
    pub fn new(m: &Minorant, limits: &Limits) -> Option<Law> {
        let whole = |seconds: f64| (seconds >= 0.0).then_some((seconds * FS_PER_S) as u128);
        // A step is rounded by half a nanosecond; the other half is for the last bits of floats.
        let constant = |seconds: f64| {
            (whole(seconds)? + u128::from(limits.overhead_ns) * FS_PER_NS).checked_sub(FS_PER_NS)
        };
        let (prompt_step, decode_step) = (constant(m.prompt_step_s)?, constant(m.decode_step_s)?);
        Some(Law {
            prompt_step,
            // Without `resumes`, a token may come from a step without decodes.
            decode_step: if m.resumes { decode_step } else { decode_step.min(prompt_step) },
            prefill_token: whole(m.prefill_token_s)?,
            prefill_pair: whole(m.prefill_pair_s)?,
            decode: whole(m.decode_s)?,
            context_token: whole(m.context_token_s)?,
            resumes: m.resumes,
        })
    }

    /// Of computing `tokens` tokens from nothing, however they are split.
    fn prefill(&self, tokens: u64) -> u128 {
        let n = u128::from(tokens);
        self.prefill_token * n + self.prefill_pair * n * n / 2
    }

    /// Of emitting a token that attends to `context` tokens, by a decode or by computing them all again.
    fn emit(&self, context: u64) -> u128 {
        let decode = self.decode + self.context_token * u128::from(context);
        if self.resumes { decode } else { decode.min(self.prefill(context)) }
    }

    /// Least time to a first token.
    fn first(&self, prompt_tokens: u64, limits: &Limits) -> u128 {
        let steps = u128::from(prompt_tokens.div_ceil(limits.chunk_tokens.max(1)).max(1));
        self.prompt_step * steps + self.prefill(prompt_tokens)
    }

    /// Least time between two tokens, the later one attending to `context` tokens.
    fn next(&self, context: u64) -> u128 {
        self.decode_step + self.emit(context)
    }
}

/// A law of work, with how constant parts are shared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sharing {
    pub law: Law,
    pub shares: Shares,
}

impl Sharing {
    /// Part of a step that takes `constant` fs whatever it holds, of a request that holds `context` tokens and
    /// computes `tokens` (which may be spread over several steps).
    fn part(&self, constant: u128, context: u64, tokens: u64, limits: &Limits) -> u128 {
        let Shares { kv, seats, tokens: by_tokens } = self.shares;
        let held = (context + limits.lookahead_tokens).div_ceil(limits.block_tokens);
        let blocks = limits.reserved_blocks.unwrap_or(held);
        let share = |quarters: u8, part: u64, whole: u64| {
            constant * u128::from(quarters) * u128::from(part) / (4 * u128::from(whole.max(1)))
        };
        share(kv, blocks, limits.blocks)
            + share(seats, 1, limits.step.rows)
            + share(by_tokens, tokens, limits.step.tokens)
    }

    /// Work up to the first token, ps.
    fn first_ps(&self, prompt_tokens: u64, limits: &Limits) -> u128 {
        let part = self.part(self.law.prompt_step, prompt_tokens, prompt_tokens, limits);
        (part + self.law.prefill(prompt_tokens)) / FS_PER_PS
    }

    /// Work of a later token, ps.
    fn next_ps(&self, context: u64, limits: &Limits) -> u128 {
        (self.part(self.law.decode_step, context, 1, limits) + self.law.emit(context)) / FS_PER_PS
    }

    /// About what a request's work is, ps: each later token taken for the middle one.
    pub fn rough_ps(&self, demand: &Demand, limits: &Limits) -> u128 {
        let (prompt, more) = (u64::from(demand.prompt_tokens), u64::from(demand.output_tokens) - 1);
        self.first_ps(prompt, limits) + u128::from(more) * self.next_ps(prompt + more / 2 + 1, limits)
    }
}

/// What a request costs at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// E2E by its own steps, ns.
    pub isolated_ns: u64,
    /// Work over all replicas, ns of a machine as fast as all of them.
    pub work_ns: u64,
    /// Mean over its work of the time that its own steps still take after it, ns.
    pub tail_ns: u64,
}

/// Sums over contexts, so that a request costs a few look-ups.
pub(super) struct Costs {
    replicas: u64,
    /// Least time to a first token, by prompt length, ps.
    first_ps: Vec<u64>,
    /// Work up to it, ps.
    first_work_ps: Vec<u64>,
    /// Σ of least times between tokens with contexts up to the index, ps.
    time_ps: Vec<u64>,
    /// Σ of works, ps.
    work_ps: Vec<u64>,
    /// Σ of work · `time_ps`.
    moment: Vec<u128>,
}

impl Costs {
    /// For requests of up to `longest` tokens. `None` where sums would overflow: over 200 days of steps.
    pub fn new(limits: &Limits, laws: &[Law], sharing: Sharing, longest: u64) -> Option<Costs> {
        let most = |of: &dyn Fn(&Law) -> u128| laws.iter().map(of).max().unwrap_or(0) / FS_PER_PS;
        let (mut first_ps, mut first_work_ps) = (Vec::new(), Vec::new());
        let (mut time_ps, mut work_ps, mut moment) = (Vec::new(), Vec::new(), Vec::new());
        let (mut time, mut work, mut weighted) = (0u64, 0u64, 0u128);
        for context in 0..=longest {
            first_ps.push(u64::try_from(most(&|law| law.first(context, limits))).ok()?);
            first_work_ps.push(u64::try_from(sharing.first_ps(context, limits)).ok()?);
            if context > 0 {
                let own = u64::try_from(sharing.next_ps(context, limits)).ok()?;
                time = time.checked_add(u64::try_from(most(&|law| law.next(context))).ok()?)?;
                work = work.checked_add(own)?;
                weighted = weighted.checked_add(u128::from(own) * u128::from(time))?;
            }
            time_ps.push(time);
            work_ps.push(work);
            moment.push(weighted);
        }
        // The largest sums that `of` takes.
        time.checked_add(*first_ps.iter().max()?)?;
        work.checked_add(*first_work_ps.iter().max()?)?;
        Some(Costs {
            replicas: limits.replicas.max(1).into(),
            first_ps,
            first_work_ps,
            time_ps,
            work_ps,
            moment,
        })
    }

    #[inline]
    pub fn of(&self, demand: &Demand) -> Cost {
        let from = demand.prompt_tokens as usize;
        let to = from + demand.output_tokens as usize - 1;
        let first_work = self.first_work_ps[from];
        let work = first_work + self.work_ps[to] - self.work_ps[from];
        let (before, after) = (u128::from(self.time_ps[from]), u128::from(self.time_ps[to]));
        let weighted = u128::from(work) * after
            - u128::from(first_work) * before
            - (self.moment[to] - self.moment[from]);
        // In floats, which are quicker; the nanosecond is a million times their error.
        let tail_ns = weighted as f64 / (work.max(1) as f64) / PS_PER_NS as f64 - 1.0;
        Cost {
            isolated_ns: (self.first_ps[from] + self.time_ps[to] - self.time_ps[from]) / PS_PER_NS,
            work_ns: work / (PS_PER_NS * self.replicas),
            tail_ns: tail_ns as u64,
        }
    }
}
