//! A check of certificates that shares no code with what makes them: sums are taken step by step, in floats,
//! and mean busy times come from the dual of their linear program instead of a schedule.

use super::certificate::{Certificate, Certified, SCHEMA};
use super::{Demand, Method};
use crate::error::{Error, Result};
use crate::latency::Minorant;
use std::collections::BTreeMap;

/// Share by which the mean of a certificate may exceed what the check finds: sums in floats differ in the end.
const TOLERANCE: f64 = 1e-6;

/// A request with what it costs, seconds.
#[derive(Clone, Copy)]
struct Costed {
    release_s: f64,
    isolated_s: f64,
    work_s: f64,
    tail_s: f64,
}

impl Certificate {
    /// Works out anew what the certificate's requests, limits and minorants prove, seconds of mean E2E, and
    /// holds its claim against it. Whether they are those of a run is for the caller to compare.
    ///
    /// # Errors
    /// [`Error::Check`]: another schema, numbers out of range, or a claim above what is proved.
    pub fn check(&self) -> Result<f64> {
        self.well_formed().map_err(|what| Error::Check(format!("certificate: {what}")))?;
        let mut groups: BTreeMap<u32, [Vec<Costed>; 2]> = BTreeMap::new();
        let mut sum_s = 0.0;
        for request in &self.requests {
            let costed = self.cost(&request.demand);
            let [srpt, busy] = groups.entry(request.group).or_default();
            match request.method {
                Method::Isolated => sum_s += costed.isolated_s,
                Method::Srpt => srpt.push(costed),
                Method::Busy => busy.push(costed),
            }
        }
        for [srpt, busy] in groups.values() {
            let tails: f64 = busy.iter().map(|c| c.tail_s).sum();
            sum_s += shortest_first_s(srpt) + mean_busy_s(busy) + tails;
        }
        let proved_s = sum_s / self.requests.len() as f64;
        if self.mean_e2e_s > proved_s * (1.0 + TOLERANCE) {
            let claim = self.mean_e2e_s;
            let what = format!("certificate: it claims a mean of {claim} s and proves {proved_s} s");
            return Err(Error::Check(what));
        }
        Ok(proved_s)
    }

    fn well_formed(&self) -> std::result::Result<(), String> {
        let (l, s) = (&self.limits, &self.shares);
        if self.schema != SCHEMA {
            return Err(format!("schema {} is not {SCHEMA}", self.schema));
        }
        if self.requests.is_empty() || self.minorant >= self.minorants.len() {
            return Err("there are no requests, or no such minorant".into());
        }
        if [l.blocks, l.block_tokens, l.step.rows, l.step.tokens, l.chunk_tokens, l.replicas.into()]
            .contains(&0)
        {
            return Err("a limit is 0".into());
        }
        if u32::from(s.kv) + u32::from(s.seats) + u32::from(s.tokens) > 4 {
            return Err("more than the whole of a step is shared".into());
        }
        let usable = |m: &Minorant| {
            let (prompt_s, decode_s) = self.constants_s(m);
            prompt_s.min(decode_s) >= 0.0 && coefficients(m).iter().all(|&c| c >= 0.0)
        };
        if let Some(m) = self.minorants.iter().find(|m| !usable(m)) {
            return Err(format!("{m:?} is no minorant of steps of a nanosecond or more"));
        }
        let arrivals = |w: &[Certified]| w[0].demand.arrival_ns <= w[1].demand.arrival_ns;
        let lengths = self.requests.iter().all(|r| r.demand.output_tokens > 0);
        if !self.requests.windows(2).all(arrivals) || !lengths {
            return Err("requests are out of order, or have no output".into());
        }
        Ok(())
    }

    /// Constants of a minorant with the host's time and less a nanosecond: (with prompt tokens, later tokens).
    fn constants_s(&self, m: &Minorant) -> (f64, f64) {
        let host_s = 1e-9 * self.limits.overhead_ns as f64 - 1e-9;
        let (prompt, decode) = (m.prompt_step_s + host_s, m.decode_step_s + host_s);
        (prompt, if m.resumes { decode } else { decode.min(prompt) })
    }

    /// The request's steps, one by one.
    fn cost(&self, demand: &Demand) -> Costed {
        let (l, law) = (&self.limits, &self.minorants[self.minorant]);
        let prompt = u64::from(demand.prompt_tokens);
        let chunks = (prompt as f64 / l.chunk_tokens as f64).ceil().max(1.0);
        let first = |m: &Minorant| self.constants_s(m).0 * chunks + prefill_s(m, prompt);
        let next = |m: &Minorant, context| self.constants_s(m).1 + emit_s(m, context);
        let most = |of: &dyn Fn(&Minorant) -> f64| self.minorants.iter().map(of).fold(0.0, f64::max);
        let (prompt_s, decode_s) = self.constants_s(law);
        let mut work_s = prompt_s * self.part(prompt, prompt) + prefill_s(law, prompt);
        let (mut after_s, mut weighted) = (0.0, 0.0);
        for context in prompt + 1..prompt + u64::from(demand.output_tokens) {
            let gap_s = most(&|m| next(m, context));
            // All work so far still has this step before it.
            weighted += work_s * gap_s;
            work_s += decode_s * self.part(context, 1) + emit_s(law, context);
            after_s += gap_s;
        }
        Costed {
            release_s: 1e-9 * demand.arrival_ns as f64,
            isolated_s: most(&first) + after_s,
            work_s: work_s / f64::from(l.replicas),
            tail_s: if work_s > 0.0 { weighted / work_s } else { 0.0 },
        }
    }

    /// Share of a step's constant part.
    fn part(&self, context: u64, tokens: u64) -> f64 {
        let (l, s) = (&self.limits, &self.shares);
        let held = (context + l.lookahead_tokens).div_ceil(l.block_tokens);
        let kv = l.reserved_blocks.unwrap_or(held) as f64 / l.blocks as f64;
        let (seats, tokens) = (1.0 / l.step.rows as f64, tokens as f64 / l.step.tokens as f64);
        (f64::from(s.kv) * kv + f64::from(s.seats) * seats + f64::from(s.tokens) * tokens) / 4.0
    }
}

fn coefficients(m: &Minorant) -> [f64; 6] {
    [m.prompt_step_s, m.decode_step_s, m.prefill_token_s, m.prefill_pair_s, m.decode_s, m.context_token_s]
}

fn prefill_s(m: &Minorant, tokens: u64) -> f64 {
    m.prefill_token_s * tokens as f64 + 0.5 * m.prefill_pair_s * (tokens as f64).powi(2)
}

fn emit_s(m: &Minorant, context: u64) -> f64 {
    let decode = m.decode_s + m.context_token_s * context as f64;
    if m.resumes { decode } else { decode.min(prefill_s(m, context)) }
}

/// Sum of flow times, the shortest remaining work first: between releases, whatever is ready in order of work.
fn shortest_first_s(tasks: &[Costed]) -> f64 {
    // By bits of the work left, which order as the (positive) numbers do.
    let mut ready: BTreeMap<(u64, usize), ()> = BTreeMap::new();
    let mut flow_s = 0.0;
    for (i, task) in tasks.iter().enumerate() {
        ready.insert((task.work_s.to_bits(), i), ());
        let mut now_s = task.release_s;
        let until_s = tasks.get(i + 1).map_or(f64::INFINITY, |next| next.release_s);
        while let Some(((bits, j), ())) = ready.pop_first() {
            let left_s = f64::from_bits(bits);
            if now_s + left_s > until_s {
                let left_s = (left_s - (until_s - now_s)).max(0.0);
                ready.insert((left_s.to_bits(), j), ());
                break;
            }
            now_s += left_s;
            flow_s += now_s - tasks[j].release_s;
        }
    }
    flow_s
}

/// The dual of mean busy times: for every set S of tasks, Σ work·busy ≥ Σ work(B)·(start(B) + work(B)/2) over
/// the blocks B in which a machine that serves S alone is busy (Queyranne; Goemans). With the tasks in order of
/// work p, S running over the first 1, 2, ... of them and weights 1/p - 1/p' for the next p', the left sides
/// add up to the sum of busy times. Returns that sum from releases on, seconds.
fn mean_busy_s(tasks: &[Costed]) -> f64 {
    let mut order: Vec<&Costed> = tasks.iter().filter(|t| t.work_s > 0.0).collect();
    order.sort_by(|a, b| a.work_s.total_cmp(&b.work_s));
    // Start, by its bits, and length of every block.
    let mut blocks: BTreeMap<u64, f64> = BTreeMap::new();
    let value = |start_s: f64, length_s: f64| length_s * (start_s + 0.5 * length_s);
    let origin_s = tasks.iter().map(|t| t.release_s).fold(f64::INFINITY, f64::min);
    let (mut set_value, mut sum_s) = (0.0, 0.0);
    for (i, task) in order.iter().enumerate() {
        let release_s = task.release_s - origin_s;
        let (mut start_s, mut length_s) = (release_s, task.work_s);
        let before = blocks.range(..=release_s.to_bits()).next_back().map(|(&bits, &length)| (bits, length));
        if let Some((bits, length)) =
            before.filter(|(bits, length)| f64::from_bits(*bits) + length >= release_s)
        {
            blocks.remove(&bits);
            set_value -= value(f64::from_bits(bits), length);
            (start_s, length_s) = (f64::from_bits(bits), length + length_s);
        }
        while let Some((&bits, &length)) = blocks.range(start_s.to_bits()..).next()
            && f64::from_bits(bits) <= start_s + length_s
        {
            blocks.remove(&bits);
            set_value -= value(f64::from_bits(bits), length);
            length_s += length;
        }
        blocks.insert(start_s.to_bits(), length_s);
        set_value += value(start_s, length_s);
        let next = order.get(i + 1).map_or(0.0, |next| 1.0 / next.work_s);
        sum_s += (1.0 / task.work_s - next) * set_value;
    }
    sum_s - order.iter().map(|t| t.release_s - origin_s).sum::<f64>()
}
