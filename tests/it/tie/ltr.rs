//! LTR as its authors' scheduler: seats and memory by score.

use crate::support::{Seen, World, request};
use foretoken::engine::Preset;
use foretoken::workload::Request;

const STEP_NS: u64 = 1_000_000;

fn run(world: &mut World, params: &str, requests: &[Request]) -> Seen {
    (world.scheduler, world.params) = ("ltr".into(), super::parse(params));
    world.run(requests, |_| STEP_NS).unwrap().1
}

fn preemptions(seen: &Seen) -> Vec<u32> {
    seen.requests.iter().map(|r| r.preemptions).collect()
}

/// Two better ranked requests take two seats at once; a third, which is no better, takes none.
#[test]
fn several_seats_change_hands_in_one_step() {
    let mut world = World::new(Preset::VllmV1);
    world.engine.max_seqs = 3;
    let late = 10 * STEP_NS + 1;
    let requests = [(0, 90), (0, 95), (0, 20), (late, 5), (late, 6), (late, 30)];
    let requests: Vec<Request> =
        (0..).zip(requests).map(|(id, (at, output))| request(id, at, 4, output)).collect();
    let seen = run(&mut world, r#"{"preemptive":true}"#, &requests);
    assert_eq!(preemptions(&seen), [1, 1, 0, 0, 0, 0], "the two worst of those who ran");
    let first = |id: usize| seen.requests[id].first_token.get().unwrap();
    assert_eq!(first(3), first(4), "both are served from the same step on");
    assert_eq!(preemptions(&run(&mut world, "{}", &requests)), [0; 6]);
}

/// A shortage takes from the worst ranked, not from the last admitted.
#[test]
fn a_shortage_takes_from_the_worst_ranked() {
    let mut world = World::new(Preset::VllmV1);
    (world.kv.block_tokens, world.kv.watermark, world.blocks) = (4, 0.0, 10);
    let requests = [request(0, 0, 4, 34), request(1, 1, 4, 20)];
    assert_eq!(preemptions(&run(&mut world, r#"{"preemptive":true}"#, &requests)), [1, 0]);
    assert_eq!(preemptions(&run(&mut world, "{}", &requests)), [0, 1], "the last admitted");
}
