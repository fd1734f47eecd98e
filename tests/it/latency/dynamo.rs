//! The polynomial profile, driven by a naive serving loop, against what Dynamo's replay answered.

use foretoken::latency::{Chunk, LatencyModel, Profile, StepShape};
use foretoken::time::SimTime;
use std::collections::VecDeque;
use std::path::Path;

const BLOCKS: u64 = 7_424;
const BLOCK_TOKENS: u64 = 16;
const TOKENS_PER_STEP: u32 = 2_048;
const SEATS: usize = 256;

struct Request {
    arrival: SimTime,
    prompt: u32,
    output: u32,
    computed: u32,
    emitted: u32,
    first: SimTime,
    finish: SimTime,
}

/// One step: running requests in admission order, then the queue. Returns the (request, tokens) planned.
fn plan(
    requests: &[Request],
    running: &mut Vec<usize>,
    queue: &mut VecDeque<usize>,
    now: SimTime,
) -> Vec<(usize, u32)> {
    let mut left = TOKENS_PER_STEP;
    let mut planned = Vec::new();
    let want = |i: usize| requests[i].prompt + requests[i].emitted - requests[i].computed;
    for &i in running.iter() {
        let take = want(i).min(left);
        if take > 0 {
            planned.push((i, take));
            left -= take;
        }
    }
    while left > 0 && running.len() < SEATS {
        match queue.front() {
            Some(&i) if requests[i].arrival <= now => {
                let take = want(i).min(left);
                queue.pop_front();
                running.push(i);
                planned.push((i, take));
                left -= take;
            }
            _ => break,
        }
    }
    planned
}

/// Serves all requests; the number of steps.
fn serve(requests: &mut [Request], model: &mut dyn LatencyModel) -> u64 {
    let mut queue: VecDeque<usize> = (0..requests.len()).collect();
    let (mut running, mut now, mut steps) = (Vec::new(), SimTime::ZERO, 0);
    while !(queue.is_empty() && running.is_empty()) {
        let planned = plan(requests, &mut running, &mut queue, now);
        if planned.is_empty() {
            now = requests[queue[0]].arrival;
            continue;
        }
        let prefilling = |&&(i, _): &&(usize, u32)| requests[i].computed < requests[i].prompt;
        let prefill: Vec<Chunk> = planned
            .iter()
            .filter(prefilling)
            .map(|&(i, new)| Chunk::of_prompt(requests[i].computed, new))
            .collect();
        let decoding = planned.iter().filter(|p| !prefilling(p));
        let context_sum = decoding.map(|&(i, _)| u64::from(requests[i].prompt + requests[i].emitted)).sum();
        let decodes = (planned.len() - prefill.len()) as u64;
        let shape =
            StepShape { step: steps, prefill: &prefill, decodes, context_sum, ..StepShape::default() };
        now += model.step(&shape).unwrap();
        steps += 1;
        for (i, tokens) in planned {
            let r = &mut requests[i];
            r.computed += tokens;
            if r.computed == r.prompt + r.emitted {
                r.emitted += 1;
                r.first = if r.emitted == 1 { now } else { r.first };
                r.finish = now;
            }
        }
        running.retain(|&i| requests[i].emitted < requests[i].output);
    }
    steps
}

#[test]
#[allow(clippy::print_stderr, reason = "says why it skips")]
fn polynomial_meets_dynamo() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/peers/dynamo/polynomial_1000.csv");
    if !file.exists() {
        eprintln!("skipped: no {}", file.display());
        return;
    }
    let mut reader = csv::Reader::from_path(file).unwrap();
    let rows: Vec<Vec<f64>> =
        reader.records().map(|row| row.unwrap().iter().map(|cell| cell.parse().unwrap()).collect()).collect();
    let request = |row: &Vec<f64>| Request {
        arrival: SimTime::from_secs(row[0] / 1e3).unwrap(),
        prompt: row[1] as u32,
        output: row[2] as u32,
        computed: 0,
        emitted: 0,
        first: SimTime::ZERO,
        finish: SimTime::ZERO,
    };
    let mut requests: Vec<Request> = rows.iter().map(request).collect();
    let mut model = Profile::load("dynamo-polynomial").unwrap().model(BLOCKS * BLOCK_TOKENS).unwrap();
    let steps = serve(&mut requests, &mut *model);
    assert_eq!((requests.len(), steps), (1_000, 30_425));
    for (row, r) in rows.iter().zip(&requests) {
        let ttft_ms = r.first.since(r.arrival).as_secs() * 1e3;
        let e2e_ms = r.finish.since(r.arrival).as_secs() * 1e3;
        assert!((ttft_ms - row[3]).abs() < 1e-5, "ttft {ttft_ms} ms, Dynamo {} ms", row[3]);
        assert!((e2e_ms - row[5]).abs() < 1e-5, "e2e {e2e_ms} ms, Dynamo {} ms", row[5]);
    }
}
