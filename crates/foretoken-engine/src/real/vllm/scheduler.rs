//! What vLLM decides in a step: running requests first, then the queue.

use super::Version;
use super::prompt;
use super::scenario::{Policy, Scenario, Step, Tokens};
use crate::error::Result;
use crate::kv::{BlockHash, HashPool, Holding};
use std::cmp::Reverse;
use std::collections::VecDeque;

/// A request inside.
pub(super) struct Request {
    /// Hashes of its blocks, outputs to come included; only those of known tokens are looked at.
    chain: Vec<BlockHash>,
    /// Outputs delivered.
    pub outputs: u64,
    /// Tokens whose KV is there or planned.
    computed: u64,
    /// Tokens planned to be emitted that are not there yet (asynchronous scheduling).
    in_flight: u64,
    holding: Holding,
    /// Blocks were given to it and it has not lost them.
    seated: bool,
    pub token_times: Vec<u64>,
    pub preemptions: u64,
    pub finish: Option<u64>,
}

/// A plan under way on the device.
pub(super) struct Plan {
    pub step: Step,
    /// Who gets a token at its end, in order of the scenario.
    pub emitting: Vec<usize>,
}

pub(super) struct Scheduler<'a> {
    scenario: &'a Scenario,
    version: Version,
    pub requests: Vec<Request>,
    pub running: Vec<usize>,
    pub waiting: VecDeque<usize>,
    pool: HashPool,
}

/// What one plan has handed out so far.
#[derive(Default)]
struct Draft {
    budget: u64,
    tokens: Vec<(usize, u64)>,
    hits: Vec<(usize, u64)>,
    preempted: Vec<usize>,
}

impl<'a> Scheduler<'a> {
    pub fn new(scenario: &'a Scenario, version: Version) -> Result<Scheduler<'a>> {
        let request = |chain| Request {
            chain,
            outputs: 0,
            computed: 0,
            in_flight: 0,
            holding: Holding::default(),
            seated: false,
            token_times: Vec::new(),
            preemptions: 0,
            finish: None,
        };
        Ok(Scheduler {
            scenario,
            version,
            requests: prompt::chains(scenario)?.into_iter().map(request).collect(),
            running: Vec::new(),
            waiting: VecDeque::new(),
            pool: HashPool::new(scenario.usable),
        })
    }

    /// Whether somebody waits or runs.
    pub fn is_busy(&self) -> bool {
        !self.running.is_empty() || !self.waiting.is_empty()
    }

    /// Request `r` joins the queue, or comes back to it.
    pub fn enqueue(&mut self, r: usize, front: bool) {
        let at = match self.scenario.policy {
            Policy::Priority => {
                let place = |r: usize| (self.urgency(r), &self.scenario.requests[r].id);
                self.waiting.partition_point(|&other| place(other) < place(r))
            }
            Policy::Fcfs if front => 0,
            Policy::Fcfs => self.waiting.len(),
        };
        self.waiting.insert(at, r);
    }

    /// Who goes first: (priority, arrival); equal arrivals are told apart as clock times would.
    fn urgency(&self, r: usize) -> (i64, u64, usize) {
        let asked = &self.scenario.requests[r];
        (asked.priority, asked.arrival, if asked.equal_times { 0 } else { r })
    }

    fn known(&self, r: usize) -> u64 {
        self.scenario.requests[r].prompt + self.requests[r].outputs
    }

    /// Makes a plan at time `now`.
    pub fn plan(&mut self, now: u64) -> Plan {
        let mut draft = Draft { budget: self.scenario.budget, ..Draft::default() };
        self.schedule_running(&mut draft);
        if draft.preempted.is_empty() {
            self.admit(&mut draft);
        }
        self.commit(draft, now)
    }

    /// Phase A: the running list in order, as long as there are tokens to hand out.
    fn schedule_running(&mut self, draft: &mut Draft) {
        let mut at = 0;
        while at < self.running.len() && draft.budget > 0 {
            let r = self.running[at];
            let want = self.want(r).min(draft.budget);
            if want == 0 {
                at += 1;
                continue;
            }
            if self.make_room(r, want, &mut at, draft) {
                draft.tokens.push((r, want));
                draft.budget -= want;
                at += 1;
            } else if self.version == Version::V0_32 {
                break;
            }
        }
    }

    /// Tokens that running request `r` would compute next; 0 if all it may have are in flight.
    fn want(&self, r: usize) -> u64 {
        let Request { outputs, in_flight, computed, .. } = self.requests[r];
        if in_flight > 0 && outputs + in_flight >= self.scenario.requests[r].limit() {
            return 0;
        }
        let left = self.known(r) + in_flight - computed;
        // The position of the last token that the model's length allows is never computed.
        self.cap(left).min(self.scenario.model_len() - 1 - computed)
    }

    /// The long-prefill threshold. A request that is alone in the engine has none.
    fn cap(&self, tokens: u64) -> u64 {
        let Scenario { threshold, adaptive, budget, .. } = *self.scenario;
        let inside = (self.running.len() + self.waiting.len()) as u64;
        match threshold {
            0 => tokens,
            _ if inside == 1 => tokens,
            _ if adaptive => tokens.min(threshold.max(budget / inside)),
            _ => tokens.min(threshold),
        }
    }

    /// Finds blocks for `want` more tokens of running request `r`, which stands at `at`, at the cost of others.
    /// Returns false if `r` lost its own memory.
    fn make_room(&mut self, r: usize, want: u64, at: &mut usize, draft: &mut Draft) -> bool {
        loop {
            let request = &mut self.requests[r];
            let upto = request.computed + want;
            let need = upto.div_ceil(self.scenario.block).saturating_sub(request.holding.blocks());
            if self.pool.grow(&mut request.holding, need) {
                self.publish(r, upto);
                return true;
            }
            let victim = self.victim();
            let place = self.running.iter().position(|&v| v == victim).expect("it runs");
            self.running.remove(place);
            *at -= usize::from(place < *at);
            if let Some(given) = draft.tokens.iter().position(|&(v, _)| v == victim) {
                draft.budget += draft.tokens.remove(given).1;
            }
            self.preempt(victim);
            draft.preempted.push(victim);
            if victim == r {
                return false;
            }
        }
    }

    /// Who loses memory: the last that was admitted, or the least urgent, of equals the first in the list.
    fn victim(&self) -> usize {
        let found = match self.scenario.policy {
            Policy::Fcfs => self.running.last(),
            Policy::Priority => self.running.iter().min_by_key(|&&r| Reverse(self.urgency(r))),
        };
        *found.expect("somebody runs out of memory")
    }

    fn preempt(&mut self, r: usize) {
        let request = &mut self.requests[r];
        self.pool.release(&mut request.holding);
        request.seated = false;
        request.computed = 0;
        request.in_flight = 0;
        request.preemptions += 1;
        self.enqueue(r, true);
    }

    /// Blocks of `r` that hold nothing but known tokens below `upto` can be found from now on.
    fn publish(&mut self, r: usize, upto: u64) {
        if !self.scenario.cache {
            return;
        }
        let full = (upto.min(self.known(r)) / self.scenario.block) as usize;
        let Request { chain, holding, .. } = &mut self.requests[r];
        while holding.hashed() < full {
            self.pool.publish(holding, chain[holding.hashed()]);
        }
    }

    /// Phase B: the head of the queue, as long as there are tokens, seats and memory.
    fn admit(&mut self, draft: &mut Draft) {
        let Scenario { block, cache, chunked, reserve_full, .. } = *self.scenario;
        while draft.budget > 0 && self.running.len() < self.scenario.seqs {
            let Some(&r) = self.waiting.front() else { break };
            let known = self.known(r);
            // One token at least is computed, or there would be nothing to sample from.
            let findable = if cache { (known - 1) / block } else { 0 };
            let hit = self.pool.find(self.requests[r].chain[..findable as usize].iter().copied());
            let found = hit.blocks() * block;
            let want = self.cap(known - found);
            if !chunked && want > draft.budget {
                break;
            }
            let want = want.min(draft.budget);
            let gated = if reserve_full { known } else { found + want };
            // Blocks found that nobody holds are taken from the free ones too.
            let need = |tokens: u64| tokens.div_ceil(block) - hit.blocks();
            if need(gated) + hit.idle() + self.watermark_blocks() > self.pool.free() {
                break;
            }
            let need = need(found + want);
            self.waiting.pop_front();
            let request = &mut self.requests[r];
            request.holding = self.pool.hold(hit);
            request.computed = found;
            request.seated = true;
            let grown = self.pool.grow(&mut request.holding, need);
            debug_assert!(grown, "the gate asks for no less");
            self.publish(r, found + want);
            self.running.push(r);
            draft.tokens.push((r, want));
            draft.budget -= want;
            if found > 0 {
                draft.hits.push((r, found));
            }
        }
    }

    /// Blocks that admission leaves free: a share of all, the null block included, while somebody runs.
    fn watermark_blocks(&self) -> u64 {
        let all = (self.scenario.usable + 1) as f64;
        if self.running.is_empty() { 0 } else { (self.scenario.watermark * all) as u64 }
    }

    /// What was handed out counts as computed from now on, and whoever is through gets a token at the end.
    fn commit(&mut self, draft: Draft, now: u64) -> Plan {
        let mut emitting = Vec::new();
        for &(r, tokens) in &draft.tokens {
            let known = self.known(r);
            let request = &mut self.requests[r];
            request.computed += tokens;
            if request.computed == known + request.in_flight {
                request.in_flight += 1;
                emitting.push(r);
            }
        }
        emitting.sort_unstable();
        let mut preempted = draft.preempted;
        preempted.sort_unstable();
        let named =
            |counts: &[(usize, u64)]| Tokens(counts.iter().map(|&(r, n)| (self.name(r), n)).collect());
        let step = Step {
            planned: now,
            tokens: named(&draft.tokens),
            hit: named(&draft.hits),
            preempted: self.names(preempted),
            running: self.names(self.running.iter().copied()),
            waiting: self.names(self.waiting.iter().copied()),
            free: self.pool.free(),
            ..Step::default()
        };
        Plan { step, emitting }
    }

    pub fn name(&self, r: usize) -> String {
        self.scenario.requests[r].id.clone()
    }

    fn names(&self, requests: impl IntoIterator<Item = usize>) -> Vec<String> {
        requests.into_iter().map(|r| self.name(r)).collect()
    }

    /// The plan's tokens are there at `now`. Returns who got one; some of them may be done by it.
    pub fn deliver(&mut self, emitting: &[usize], now: u64) -> Vec<usize> {
        let mut delivered = Vec::new();
        for &r in emitting {
            // A slot that was planned before it was known that the request stops there is wasted.
            if self.requests[r].finish.is_some() {
                continue;
            }
            delivered.push(r);
            let request = &mut self.requests[r];
            request.outputs += 1;
            request.in_flight = request.in_flight.saturating_sub(1);
            request.token_times.push(now);
            // Outputs are known only now; without asynchronous scheduling the next plan is soon enough.
            if request.seated && self.scenario.asynchronous {
                let upto = request.computed - request.in_flight;
                self.publish(r, upto);
            }
            // Outputs beyond `output` never come: that one was a stop token, if not the last allowed.
            let stops = self.requests[r].outputs == self.scenario.requests[r].output;
            if stops || self.known(r) >= self.scenario.model_len() {
                self.finish(r, now);
            }
        }
        delivered
    }

    fn finish(&mut self, r: usize, now: u64) {
        self.requests[r].finish = Some(now);
        self.pool.release(&mut self.requests[r].holding);
        self.running.retain(|&other| other != r);
        self.waiting.retain(|&other| other != r);
    }
}
