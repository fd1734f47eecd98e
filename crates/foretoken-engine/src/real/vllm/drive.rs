//! The loop around the scheduler: arrivals, plans, deliveries. A step that computes takes one unit of time.

use super::Version;
use super::scenario::{Planned, Scenario, Served};
use super::scheduler::{Plan, Scheduler};
use crate::error::Result;
use std::collections::VecDeque;

/// Plans of asynchronous scheduling whose outputs are not in.
const MOST_IN_FLIGHT: usize = 2;

pub(super) fn run(scenario: &Scenario, version: Version) -> Result<Planned> {
    let depth = if scenario.asynchronous { MOST_IN_FLIGHT } else { 1 };
    let mut engine = Engine {
        scenario,
        scheduler: Scheduler::new(scenario, version)?,
        arrived: 0,
        now: 0,
        device_free: 0,
        plans: 0,
        flush: false,
        flying: VecDeque::new(),
        empty_plans: 0,
        planned: Planned::default(),
    };
    loop {
        engine.arrive();
        if engine.has_work() && engine.flying.len() < depth {
            engine.plan();
            if engine.flying.len() < depth {
                continue;
            }
        }
        let delivered = engine.deliver();
        if delivered && !engine.stands_still() {
            continue;
        }
        if !engine.wait() {
            return engine.close();
        }
    }
}

struct Engine<'a> {
    scenario: &'a Scenario,
    scheduler: Scheduler<'a>,
    /// Requests that have come.
    arrived: usize,
    now: u64,
    device_free: u64,
    plans: u64,
    /// Asynchronous scheduling makes one more plan after a request is done, to tell its workers.
    flush: bool,
    /// Plans whose outputs are not in, oldest first. An empty one takes its place among them, but no time.
    flying: VecDeque<Plan>,
    /// Empty plans one after the other.
    empty_plans: usize,
    planned: Planned,
}

impl Engine<'_> {
    fn arrive(&mut self) {
        while self.scenario.requests.get(self.arrived).is_some_and(|r| r.arrival <= self.now) {
            self.scheduler.enqueue(self.arrived, false);
            self.arrived += 1;
        }
    }

    fn has_work(&self) -> bool {
        self.scheduler.is_busy() || self.flush
    }

    fn plan(&mut self) {
        self.flush = false;
        let mut plan = self.scheduler.plan(self.now);
        plan.step.step = self.plans;
        self.plans += 1;
        plan.step.start = self.now.max(self.device_free);
        plan.step.end = plan.step.start + u64::from(!plan.step.tokens.is_empty());
        self.device_free = plan.step.end;
        self.flying.push_back(plan);
    }

    /// Waits for the oldest plan. Returns false if there is none.
    fn deliver(&mut self) -> bool {
        let Some(mut plan) = self.flying.pop_front() else { return false };
        self.now = self.now.max(plan.step.end);
        let delivered = self.scheduler.deliver(&plan.emitting, self.now);
        let done = |&&r: &&usize| self.scheduler.requests[r].finish.is_some();
        self.flush = self.scenario.asynchronous && (self.flush || delivered.iter().any(|r| done(&r)));
        plan.step.emitted = delivered.into_iter().map(|r| self.scheduler.name(r)).collect();
        if plan.step.tokens.is_empty() && plan.step.preempted.is_empty() {
            self.empty_plans += 1;
        } else {
            self.empty_plans = 0;
            self.planned.steps.push(plan.step);
        }
        true
    }

    /// Whether plans come out empty although nothing is in flight that they could wait for.
    fn stands_still(&self) -> bool {
        self.empty_plans > MOST_IN_FLIGHT
    }

    /// The clock goes on to the next arrival. Returns false if there is none.
    fn wait(&mut self) -> bool {
        self.empty_plans = 0;
        let next = self.scenario.requests.get(self.arrived).map(|r| r.arrival);
        self.now = next.unwrap_or(self.now).max(self.now);
        next.is_some()
    }

    fn close(mut self) -> Result<Planned> {
        if let Some(&r) = self.scheduler.waiting.front() {
            let what = "it waits for a step that is large enough, for ever".into();
            let help = "allow chunks, or a larger budget";
            return Err(self.scenario.wrong(&self.scheduler.name(r), "budget", what, help));
        }
        let served = |(asked, request): (&super::Asked, super::scheduler::Request)| Served {
            id: asked.id.clone(),
            token_times: request.token_times,
            preemptions: request.preemptions,
            finish: request.finish.unwrap_or_default(),
        };
        let requests = self.scheduler.requests;
        self.planned.requests = self.scenario.requests.iter().zip(requests).map(served).collect();
        Ok(self.planned)
    }
}
