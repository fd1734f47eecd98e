//! Steps offered request by request: they add up to the shape, follow every request's memory, and change nothing.

use crate::stepwise::micro_world;
use crate::support::World;
use foretoken::engine::StepKind;
use foretoken::error::Result;
use foretoken::ids::RequestId;
use foretoken::latency::{LatencyModel, Needs, Row, StepShape, Work};
use foretoken::scheduler::Registry;
use foretoken::time::{SimTime, Span};
use foretoken::workload::Request;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Rows and releases that were checked, so that the test cannot pass on none.
static ROWS: AtomicU64 = AtomicU64::new(0);
static RELEASES: AtomicU64 = AtomicU64::new(0);

fn duration(shape: &StepShape<'_>) -> Span {
    Span(1000 + 37 * shape.prefill_tokens() + 11 * shape.decodes + shape.context_sum % 7)
}

/// Keeps its own books of who holds how much KV, from rows and releases alone.
#[derive(Default)]
struct Bookkeeper {
    held: BTreeMap<RequestId, u32>,
    last: SimTime,
}

impl LatencyModel for Bookkeeper {
    fn step(&mut self, shape: &StepShape<'_>) -> Result<Span> {
        let rows = shape.by_request;
        let (prefill, rest): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|r| r.work == Work::Prefill);
        let chunks: Vec<_> = shape.prefill.iter().map(|c| (c.context, c.new)).collect();
        assert_eq!(prefill.iter().map(|r| (r.context, r.new)).collect::<Vec<_>>(), chunks);
        assert_eq!(rest.len() as u64, shape.decodes);
        assert_eq!(rest.iter().map(|r| u64::from(r.context) + 1).sum::<u64>(), shape.context_sum);
        for row in rows {
            let held = self.held.entry(row.request).or_default();
            assert_eq!(*held, row.context, "{row:?}");
            if row.work != Work::Padding {
                *held += row.new;
            }
            match row.work {
                Work::Prefill if *held < row.prompt_tokens => assert!(!row.emits, "{row:?}"),
                Work::Prefill => {}
                Work::Decode => assert!(row.emits, "{row:?}"),
                Work::Padding => assert!(!row.emits, "{row:?}"),
            }
            ROWS.fetch_add(1, Relaxed);
        }
        assert!(shape.start >= self.last, "steps begin in order");
        self.last = shape.start;
        Ok(duration(shape))
    }

    fn needs(&self) -> Needs {
        Needs { rows: true, ..Needs::default() }
    }

    fn released(&mut self, request: RequestId) {
        self.held.remove(&request);
        RELEASES.fetch_add(1, Relaxed);
    }
}

impl Drop for Bookkeeper {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.held.is_empty(), "never released: {:?}", self.held);
    }
}

fn runs_alike(world: &World, requests: &[Request], seed: u64) {
    let registry = Registry::builtin();
    let make = |_| registry.make(&world.scheduler, &world.params, 7);
    let plain = world.run(requests, |shape| duration(shape).0);
    let booked = world.run_on(requests, &|_| Ok(Box::new(Bookkeeper::default())), &make);
    match (plain, booked) {
        (Ok((a, _)), Ok((b, _))) => assert_eq!(a.digest, b.digest, "world {seed}"),
        (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string(), "world {seed}"),
        (a, b) => panic!("world {seed}: {:?} against {:?}", a.map(|_| ()), b.map(|_| ())),
    }
}

#[test]
fn rows_add_up_and_change_nothing() {
    let mut lockstep = 0;
    for seed in 0..600 {
        let (mut world, requests) = micro_world(seed);
        lockstep += u32::from(world.engine.step == StepKind::Lockstep);
        runs_alike(&world, &requests, seed);
        // Cut off in the middle: whoever is inside is released too.
        world.horizon = Some(SimTime(4000));
        runs_alike(&world, &requests, seed);
    }
    assert!(lockstep > 20 && ROWS.load(Relaxed) > 10_000 && RELEASES.load(Relaxed) > 2000);
}
