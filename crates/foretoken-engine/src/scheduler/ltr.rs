//! Learning to rank: a ranker's order, and its authors' preemptive scheduler with starvation control.

use super::aging::Aging;
use super::{
    Budget, Entry, Evict, Notice, Order, Rank, Requeue, Running, Scheduler, Shortage, View, Waiting, Wake,
    parse,
};
use crate::ids::RequestId;
use crate::length::Belief;
use crate::time::SimTime;
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "ltr",
    summary: "best ranked first; with preemption and with starvation control as its authors' scheduler",
    source: "LTR (Fu et al. 2024, arXiv 2408.15792) and its released code",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, _| Ok(Box::new(Ltr::new(parse(params)?)?)),
};

/// Parameters of `ltr`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Whether better ranked requests take seats and memory of running ones, in the order of their scores until one
    /// does not fit, and whether a shortage takes from the worst ranked. What is taken is computed again; the authors'
    /// engine swaps it out. A request whose prompt is under way keeps its seat here, and one that is passed over in a
    /// step never keeps its memory.
    preemptive: bool,
    /// Steps without being scheduled after which a request goes before all others; 0 = never (the authors'
    /// default; they measure with 200).
    starved_steps: u64,
    /// Steps that it then runs before it is like the others again (the authors' 10).
    rescued_steps: u64,
    /// Score of a request that is not ranked yet.
    initial_score: f64,
    /// How waiting lowers a score.
    aging: Aging,
}

impl Default for Params {
    fn default() -> Self {
        let initial_score = f64::MAX;
        Params { preemptive: false, starved_steps: 0, rescued_steps: 10, initial_score, aging: Aging::None }
    }
}

/// Score of a rescued request.
const FIRST: f64 = -f64::MAX;

/// What starvation control remembers of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It has waited since that step.
    Idle(u64),
    /// It goes before all others, and has not run since.
    Rescued,
    /// It goes before all others until that step.
    Runs(u64),
}

/// What a step has left for those who wait.
struct Room {
    seats: u64,
    blocks: u64,
    tokens: u64,
}

impl Room {
    fn of(view: &View<'_>) -> Room {
        let running = view.running_len() as u64;
        Room {
            seats: u64::from(view.max_seqs()).saturating_sub(running),
            blocks: view.kv().free_blocks,
            tokens: view.max_tokens_per_step().saturating_sub(running),
        }
    }

    fn holds(&self, blocks: u64) -> bool {
        self.seats > 0 && self.blocks >= blocks
    }

    /// `r` leaves.
    fn gain(&mut self, r: &Running<'_>) {
        self.seats += 1;
        self.blocks += r.kv_blocks;
        self.tokens = self.tokens.saturating_add(1);
    }

    /// Somebody comes; whether the step has tokens for another.
    fn give(&mut self, blocks: u64, tokens: u64) -> bool {
        self.seats -= 1;
        self.blocks -= blocks;
        self.tokens = self.tokens.saturating_sub(tokens);
        self.tokens > 0
    }
}

fn evicted(r: &Running<'_>, view: &View<'_>) -> Evict {
    Evict { id: r.visible.id, how: view.shortfall(), requeue: Requeue::Ranked }
}

struct Ltr {
    params: Params,
    fates: BTreeMap<RequestId, Fate>,
}

impl Ltr {
    fn new(params: Params) -> Result<Ltr, serde_json::Error> {
        let params = Params { aging: params.aging.checked()?, ..params };
        if params.starved_steps > 0 && params.rescued_steps == 0 {
            return Err(serde::de::Error::custom("rescued_steps must be at least 1"));
        }
        if !params.initial_score.is_finite() {
            return Err(serde::de::Error::custom("initial_score must be finite"));
        }
        if params.preemptive && params.aging != Aging::None {
            let what = "a preemptive order does not age: use starved_steps, or aging without preemption";
            return Err(serde::de::Error::custom(what));
        }
        Ok(Ltr { params, fates: BTreeMap::new() })
    }

    fn score(&self, id: RequestId, belief: &Belief) -> f64 {
        match self.fates.get(&id) {
            Some(Fate::Rescued | Fate::Runs(_)) => FIRST,
            _ => belief.point().unwrap_or(self.params.initial_score),
        }
    }

    fn running_score(&self, r: &Running<'_>) -> f64 {
        self.score(r.visible.id, r.belief)
    }

    /// Where a waiting request stands: by score, then as the queue breaks ties.
    fn place(&self, r: &Waiting<'_>) -> (f64, SimTime, RequestId) {
        (self.score(r.visible.id, r.belief), r.queued_at, r.visible.id)
    }

    /// Brings everybody's fate up to the present step.
    fn follow(&mut self, view: &View<'_>) {
        let steps = view.steps;
        for r in view.waiting() {
            let fate = self.fates.entry(r.visible.id).or_insert(Fate::Idle(steps));
            match *fate {
                Fate::Idle(since) if steps - since >= self.params.starved_steps => *fate = Fate::Rescued,
                Fate::Runs(until) if until <= steps => *fate = Fate::Idle(steps),
                _ => {}
            }
        }
        for r in view.running() {
            let Some(fate) = self.fates.get_mut(&r.visible.id) else { continue };
            match *fate {
                Fate::Rescued => *fate = Fate::Runs(steps + self.params.rescued_steps),
                Fate::Runs(until) if until > steps => {}
                _ => {
                    self.fates.remove(&r.visible.id);
                }
            }
        }
    }

    /// Steps until somebody's fate changes.
    fn next_turn(&self, steps: u64) -> Option<u64> {
        let turn = |fate: &Fate| match *fate {
            Fate::Idle(since) => Some(since + self.params.starved_steps),
            Fate::Runs(until) => Some(until),
            Fate::Rescued => None,
        };
        self.fates.values().filter_map(turn).min().map(|turn| turn.saturating_sub(steps).max(1))
    }
}

impl Scheduler for Ltr {
    fn budget(&mut self, view: &View<'_>) -> Budget {
        if self.params.starved_steps > 0 {
            self.follow(view);
        }
        Budget::Preset
    }

    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        let score = self.score(r.visible.id, r.belief);
        if score == FIRST {
            return Rank(score);
        }
        Rank(self.params.aging.rank(score, r.belief.tokens().unwrap_or(f64::INFINITY), r, now))
    }

    fn order(&self) -> Order {
        if self.params.starved_steps > 0 { Order::Dynamic } else { self.params.aging.order() }
    }

    fn preempts(&self) -> bool {
        self.params.preemptive
    }

    fn preempt(&mut self, view: &View<'_>, out: &mut Vec<Evict>) {
        if view.blocked_head().is_none() {
            return;
        }
        let mut waiting: Vec<Waiting<'_>> = view.waiting().collect();
        waiting.sort_by(|a, b| self.place(a).partial_cmp(&self.place(b)).unwrap_or(Ordering::Equal));
        // Of equals the last admitted goes first, which has the least to lose.
        let mut running: Vec<Running<'_>> = view.preemptible().collect();
        running.sort_by(|a, b| self.running_score(a).total_cmp(&self.running_score(b)));
        let mut room = Room::of(view);
        for r in waiting {
            let known = u64::from(r.visible.prompt_tokens) + u64::from(r.generated);
            let mut leaving = running.len();
            while !room.holds(view.kv().blocks_for(known)) {
                let worst = leaving.checked_sub(1).map(|i| &running[i]);
                let Some(worst) = worst.filter(|w| self.place(&r).0 < self.running_score(w)) else { return };
                room.gain(worst);
                leaving -= 1;
            }
            let evict = |r: Running<'_>| evicted(&r, view);
            out.extend(running.drain(leaving..).rev().map(evict));
            if !room.give(view.kv().blocks_for(known), known) {
                return;
            }
        }
    }

    fn chooses_victims(&self) -> bool {
        self.params.preemptive
    }

    fn victims(&mut self, _: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        let worst = view.running().max_by(|a, b| self.running_score(a).total_cmp(&self.running_score(b)));
        out.extend(worst.map(|r| evicted(&r, view)));
    }

    fn wake(&mut self, view: &View<'_>) -> Wake {
        let crowded =
            self.params.preemptive && self.params.starved_steps > 0 && view.blocked_head().is_some();
        Wake { at: None, after_steps: self.next_turn(view.steps).filter(|_| crowded) }
    }

    fn notice(&mut self, what: &Notice<'_>) {
        if let Notice::Finished(r) = what {
            self.fates.remove(&r.visible.id);
        }
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        self.params.aging.refuses(r.belief)
    }
}
