//! Learning to rank: a ranker's order, and its authors' preemptive scheduler with starvation control.

use super::aging::Aging;
use super::{
    Budget, Entry, Evict, Notice, Order, Rank, Requeue, Running, Scheduler, View, Waiting, Wake, parse,
};
use crate::ids::RequestId;
use crate::length::Belief;
use crate::time::SimTime;
use serde::Deserialize;
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
    /// Whether a better ranked request takes the seat or the memory of a running one, one in each step. What is
    /// taken is computed again (the authors' engine swaps it out, which is not modelled).
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
        let Some(head) = view.blocked_head() else { return };
        let score = |r: &Running<'_>| self.score(r.visible.id, r.belief);
        // Of equals the last admitted, which has the least to lose.
        let Some(worst) = view.preemptible().max_by(|a, b| score(a).total_cmp(&score(b))) else { return };
        if self.score(head.visible.id, head.belief) < score(&worst) {
            out.push(Evict { id: worst.visible.id, how: view.shortfall(), requeue: Requeue::Ranked });
        }
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
