//! Slots that running requests hold beyond what they computed: who cannot have them is refused on arrival, and
//! nobody waits for ever.

use crate::stepwise::micro_world;
use crate::support::{World, request};
use foretoken::engine::{Gate, Preset};
use foretoken::record::Status;

#[test]
fn a_request_that_never_fits_is_refused_and_the_others_are_served() {
    let mut world = World::new(Preset::VllmV1);
    (world.blocks, world.kv.lookahead_tokens) = (3, 9);
    let (_, seen) = world.run(&[request(0, 0, 40, 1), request(1, 1, 1, 5)], |_| 1000).unwrap();
    let status: Vec<Status> = seen.requests.iter().map(|r| r.status).collect();
    assert_eq!(status, [Status::Rejected, Status::Completed]);
    // 39 + 9 tokens are exactly the 48 that there are.
    let (_, seen) = world.run(&[request(0, 0, 39, 1)], |_| 1000).unwrap();
    assert_eq!(seen.requests[0].status, Status::Completed);
}

#[test]
fn no_look_ahead_stalls_a_run() {
    let (mut refused, mut served) = (0, 0);
    for seed in 0..3000 {
        let (mut world, requests) = micro_world(seed);
        world.kv.lookahead_tokens = (seed % 13) as u32;
        let (totals, seen) = world.run(&requests, |_| 1000).unwrap_or_else(|e| panic!("{seed}: {e}"));
        assert_eq!((totals.arrived, seen.requests.len()), (requests.len() as u64, requests.len()), "{seed}");
        assert!(seen.requests.iter().all(|r| r.status != Status::Unfinished), "{seed}");
        let capacity = world.blocks * u64::from(world.kv.block_tokens);
        for r in seen.requests.iter().filter(|_| world.kv.gate != Gate::MaxLen) {
            let least = u64::from(r.prompt_tokens) + u64::from(world.kv.lookahead_tokens).max(1);
            assert!(least <= capacity || r.status == Status::Rejected, "{seed}: {r:?}");
        }
        let count = seen.requests.iter().filter(|r| r.status == Status::Rejected).count();
        refused += count;
        served += seen.requests.len() - count;
    }
    assert!(refused > 100 && served > 1000, "{refused} refused, {served} served");
}
