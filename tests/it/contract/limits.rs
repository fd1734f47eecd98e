//! Limits and pauses of a scheduler's own hold in every step, not only in those before which it is asked.

use crate::support::{World, request};
use foretoken::engine::Preset;
use foretoken::record::Status;
use foretoken::scheduler::{Budget, Rank, Requeue, Scheduler, View, Waiting, Wake};
use foretoken::time::SimTime;

/// At most so many tokens and seats; nothing at all within `shut`.
#[derive(Clone)]
struct Narrow {
    tokens: u64,
    seats: u32,
    shut: std::ops::Range<SimTime>,
}

impl Scheduler for Narrow {
    fn rank(&mut self, _: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(0.0)
    }

    fn budget(&mut self, view: &View<'_>) -> Budget {
        let tokens = if self.shut.contains(&view.now) { 0 } else { self.tokens };
        Budget::Limit { tokens, seats: self.seats }
    }

    fn wake(&mut self, view: &View<'_>) -> Wake {
        let next = [self.shut.start, self.shut.end].into_iter().find(|t| *t > view.now);
        Wake { at: next, after_steps: None }
    }
}

fn narrow_world() -> World {
    let mut world = World::new(Preset::VllmV12025);
    world.kv.block_tokens = 2;
    world.blocks = 24;
    world.engine.admit_in_preempt_step = true;
    world.engine.requeue = Requeue::Back;
    world
}

#[test]
fn limits_hold_in_every_step() {
    let requests: Vec<_> = (0..30).map(|i| request(i, u64::from(i) * 900, 1 + i % 7, 3 + i % 19)).collect();
    let narrow = Narrow { tokens: 5, seats: 3, shut: SimTime(0)..SimTime(0) };
    let mut preemptions = 0;
    for stepwise in [false, true] {
        let world = World { stepwise, ..narrow_world() };
        let (_, seen) = world.run_with(&requests, |_| 1000, &|_| Ok(Box::new(narrow.clone()))).unwrap();
        assert!(seen.requests.iter().all(|r| r.status == Status::Completed));
        for step in &seen.steps {
            assert!(step.prefill_tokens + u64::from(step.decodes) <= 5 && step.running <= 3, "{step:?}");
        }
        preemptions += seen.requests.iter().map(|r| r.preemptions).sum::<u32>();
    }
    assert!(preemptions > 0, "memory must run short, for steps that admit without being asked");
}

#[test]
fn a_scheduler_may_pause_and_wakes_again() {
    let requests = [request(0, 0, 4, 10), request(1, 500, 4, 10)];
    let shut = SimTime(4_000)..SimTime(50_000);
    let narrow = Narrow { tokens: 64, seats: 8, shut: shut.clone() };
    let mut digests = Vec::new();
    for stepwise in [false, true] {
        let world = World { stepwise, blocks: 100, ..narrow_world() };
        let (totals, seen) = world.run_with(&requests, |_| 1000, &|_| Ok(Box::new(narrow.clone()))).unwrap();
        assert!(seen.steps.iter().all(|s| !shut.contains(&s.start)), "{:?}", seen.steps);
        assert!(seen.requests.iter().all(|r| r.finish.get().unwrap() > shut.end));
        // Ten tokens each have nine gaps, of which the pause made one long.
        assert_eq!((totals.itl.n(), totals.itl.max()), (18, Some(47_000)));
        digests.push(totals.digest);
    }
    assert_eq!(digests[0], digests[1]);
}
