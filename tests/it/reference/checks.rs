//! The naive model against worked examples, invariants and a public peer.

use super::*;
use proptest::prelude::*;
use std::path::Path;

fn requests(rows: &[(u64, u32, u32)]) -> Vec<RefRequest> {
    let of_row = |&(arrival_ns, prompt, output)| RefRequest {
        arrival_ns,
        prompt,
        output,
        rank: 0.0,
        early_rank: 0.0,
        priority: 0,
    };
    rows.iter().map(of_row).collect()
}

fn config(preset: RefPreset) -> RefConfig {
    RefConfig {
        preset,
        max_tokens_per_step: 8,
        max_seqs: 256,
        chunk: true,
        long_prefill_threshold: 0,
        block_tokens: 4,
        blocks: 6,
        watermark: 0.0,
        max_len: 12,
        victim: RefVictim::LastAdmitted,
        requeue: RefRequeue::Front,
        admit_in_preempt_step: false,
        predictor: None,
    }
}

/// Steps of one unit each, so that times are step numbers.
fn run_units(requests: &[RefRequest], config: &RefConfig) -> RefOutcome {
    let outcome = run(requests, config, &|_| 1);
    check_log(requests, config, &outcome);
    outcome
}

fn scheduled(outcome: &RefOutcome) -> Vec<Vec<(u32, u64)>> {
    outcome.steps.iter().map(|step| step.scheduled.clone()).collect()
}

fn free(outcome: &RefOutcome) -> Vec<u64> {
    outcome.steps.iter().map(|step| step.free_blocks_after_scheduling).collect()
}

const ABC: [(u64, u32, u32); 3] = [(0, 6, 4), (0, 5, 6), (0, 3, 5)];
const A: u32 = 0;
const B: u32 = 1;
const C: u32 = 2;
const D: u32 = 3;

#[test]
fn vllm_v1_follows_the_golden_trace() {
    for preset in [RefPreset::VllmV1, RefPreset::VllmV1Of2025] {
        let outcome = run_units(&requests(&ABC), &config(preset));
        let steps = [
            vec![(A, 6), (B, 2)],
            vec![(A, 1), (B, 3), (C, 3)],
            vec![(A, 1), (B, 1), (C, 1)],
            vec![(A, 1), (B, 1)],
            vec![(B, 1), (C, 5)],
            vec![(B, 1), (C, 1)],
            vec![(B, 1), (C, 1)],
        ];
        assert_eq!(scheduled(&outcome), steps);
        assert_eq!(free(&outcome), [3, 1, 1, 1, 2, 1, 1]);
        assert_eq!(outcome.steps[3].preempted, [C]);
        assert_eq!(outcome.preemptions, [0, 0, 1]);
        // A token of step k is delivered at k + 1.
        assert_eq!(outcome.tokens, [vec![1, 2, 3, 4], vec![2, 3, 4, 5, 6, 7], vec![2, 3, 5, 6, 7]]);
    }
}

#[test]
fn static_batches_follow_the_golden_trace() {
    let outcome = run_units(&requests(&ABC), &config(RefPreset::Static));
    let pair = vec![(A, 1), (B, 1)];
    let mut steps = vec![vec![(A, 6), (B, 5)]];
    steps.extend(vec![pair; 5]);
    steps.push(vec![(C, 3)]);
    steps.extend(vec![vec![(C, 1)]; 4]);
    assert_eq!(scheduled(&outcome), steps);
    assert_eq!(free(&outcome), [0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3]);
    assert_eq!(outcome.tokens, [(1..=4).collect(), (1..=6).collect(), (7..=11).collect::<Vec<u64>>()]);
}

#[test]
fn a_padded_row_keeps_its_context() {
    let contexts = std::cell::RefCell::new(vec![]);
    run(&requests(&[(0, 3, 1), (0, 3, 3)]), &config(RefPreset::Static), &|step| {
        contexts.borrow_mut().push(step.rows.iter().map(|row| row.context).collect::<Vec<_>>());
        1
    });
    assert_eq!(contexts.into_inner(), [[0, 0], [3, 3], [3, 4]]);
}

fn theory(memory: u64, admit_in_preempt_step: bool) -> RefConfig {
    RefConfig { block_tokens: 1, blocks: memory, admit_in_preempt_step, ..config(RefPreset::Theory) }
}

#[test]
fn theory_holds_prompt_and_progress() {
    let outcome = run_units(&requests(&[(5, 3, 4)]), &theory(10, true));
    assert_eq!(outcome.tokens, [[6, 7, 8, 9]]);
    assert_eq!(free(&outcome), [6, 5, 4, 3], "round j holds s + j");
}

#[test]
fn theory_kills_the_last_and_voids_its_tokens() {
    // A(3, 4) and B(2, 3) in 8: 4 + 3, then 5 + 4 overflows.
    let outcome = run_units(&requests(&[(0, 3, 4), (0, 2, 3)]), &theory(8, true));
    assert_eq!(free(&outcome), [1, 0, 2, 1, 5, 4, 3], "B restarts at once, and is killed again");
    assert_eq!(outcome.preemptions, [0, 2]);
    assert_eq!(outcome.tokens, [vec![1, 2, 3, 4], vec![5, 6, 7]]);

    let outcome = run_units(&requests(&[(0, 3, 4), (0, 2, 3)]), &theory(8, false));
    assert_eq!(free(&outcome), [1, 3, 2, 1, 5, 4, 3]);
    assert_eq!(outcome.preemptions, [0, 1]);
    assert_eq!(outcome.tokens, [vec![1, 2, 3, 4], vec![5, 6, 7]]);
}

#[test]
fn theory_rejects_what_cannot_fit() {
    let outcome = run_units(&requests(&[(0, 8, 1), (0, 3, 10), (0, 7, 1)]), &theory(8, true));
    assert_eq!(outcome.rejected, [0, 1], "8 + 1 at arrival; 3 + 6 once five tokens are out");
    assert_eq!(outcome.tokens, [vec![], vec![], vec![6]]);
}

#[test]
fn a_request_that_outgrows_memory_is_rejected_when_alone() {
    let outcome = run_units(&requests(&[(0, 20, 9), (4, 4, 2)]), &config(RefPreset::VllmV1));
    // 24 slots: computed reaches 24 with 5 outputs, the next token has no slot. Chunks take steps 0-2.
    assert_eq!(outcome.rejected, [0]);
    assert_eq!(outcome.tokens, [vec![3, 4, 5, 6, 7], vec![8, 9]]);
}

#[test]
fn gates_differ_on_the_second_chunk() {
    // A runs with 4 of 6 blocks; B needs 4, its first chunk of 7 only 2.
    let both = requests(&[(0, 13, 3), (0, 16, 1)]);
    let first_step_of_b = |preset| {
        let outcome = run_units(&both, &config(preset));
        outcome.steps.iter().position(|step| step.scheduled.iter().any(|&(id, _)| id == B)).unwrap()
    };
    assert_eq!((first_step_of_b(RefPreset::VllmV1), first_step_of_b(RefPreset::VllmV1Of2025)), (4, 1));
}

/// Who comes in first after C, of the worst priority, was preempted while D waited for a seat.
fn first_back(requeue: RefRequeue, rank_of_d: f64) -> u32 {
    let mut all = requests(&[(0, 4, 8), (0, 4, 8), (0, 4, 8), (1, 4, 1)]);
    all[C as usize].priority = 2;
    all[D as usize].rank = rank_of_d;
    let victim = RefVictim::WorstPriority;
    let max_seqs = 3;
    let config =
        RefConfig { requeue, victim, max_seqs, max_tokens_per_step: 12, ..config(RefPreset::VllmV1) };
    let outcome = run_units(&all, &config);
    let preempted_at = outcome.steps.iter().position(|step| step.preempted == [C]).unwrap();
    let later = outcome.steps[preempted_at..].iter().flat_map(|step| &step.scheduled);
    later.map(|&(id, _)| id).find(|&id| id >= C).unwrap()
}

#[test]
fn requeue_places_the_preempted() {
    assert_eq!(first_back(RefRequeue::Front, 0.0), C);
    assert_eq!(first_back(RefRequeue::Ranked, 0.0), C, "arrived before D");
    assert_eq!(first_back(RefRequeue::Back, 0.0), D, "D was queued before C came back");
    assert_eq!(first_back(RefRequeue::Front, -1.0), C, "whatever the rank of D");
    assert_eq!(first_back(RefRequeue::Ranked, -1.0), D);
}

#[test]
fn of_two_in_front_the_last_preempted_is_first() {
    // A takes a block a step: C is preempted in step 2, B in step 4, both come back when A is done.
    let all = requests(&[(0, 20, 1), (0, 4, 8), (0, 4, 8)]);
    let back = |requeue| {
        let small = config(RefPreset::VllmV1Of2025);
        let config = RefConfig { requeue, long_prefill_threshold: 4, max_tokens_per_step: 12, ..small };
        let outcome = run_units(&all, &config);
        assert_eq!((&outcome.steps[2].preempted, &outcome.steps[4].preempted), (&vec![C], &vec![B]));
        outcome.steps[5].scheduled.clone()
    };
    assert_eq!(back(RefRequeue::Front), [(B, 4), (C, 4)]);
    assert_eq!(back(RefRequeue::Back), [(C, 4), (B, 4)]);
}

#[test]
fn watermark_spares_the_first() {
    let config = RefConfig { watermark: 0.5, max_tokens_per_step: 99, ..config(RefPreset::VllmV1) };
    let outcome = run_units(&requests(&[(0, 17, 1), (0, 4, 1)]), &config);
    assert_eq!(
        scheduled(&outcome),
        [vec![(A, 17)], vec![(B, 4)]],
        "5 of 6 blocks for A alone; B leaves fewer than 3"
    );
}

/// Works through a log and checks every invariant that it shows: memory (I1), budget and seats (I2), tokens (I3, I4),
/// an end (I5), order without preemption (I7), time (I9).
pub fn check_log(requests: &[RefRequest], config: &RefConfig, outcome: &RefOutcome) {
    let theory = config.preset == RefPreset::Theory;
    let lockstep = config.preset == RefPreset::Static;
    let n = requests.len();
    let (mut computed, mut tokens) = (vec![0u64; n], vec![vec![]; n]);
    let (mut holds, mut preemptions) = (vec![0u64; n], vec![0; n]);
    let mut clock = 0;
    for step in &outcome.steps {
        assert!(step.start_ns >= clock && step.dur_ns > 0);
        clock = step.start_ns + step.dur_ns;
        for &id in &step.preempted {
            let i = id as usize;
            assert!(holds[i] > 0, "{id} was not running");
            (computed[i], holds[i], preemptions[i]) = (0, 0, preemptions[i] + 1);
            if theory {
                tokens[i].clear();
            }
        }
        for &(id, new) in &step.scheduled {
            let i = id as usize;
            assert!(step.start_ns >= requests[i].arrival_ns && new > 0);
            let padded = tokens[i].len() == requests[i].output as usize;
            assert!(!padded || lockstep);
            computed[i] += if padded { 0 } else { new };
            let known = u64::from(requests[i].prompt) + tokens[i].len() as u64;
            assert!(computed[i] <= known);
            let slots = if lockstep { u64::from(config.max_len) } else { computed[i] + u64::from(theory) };
            holds[i] = slots.div_ceil(u64::from(config.block_tokens));
        }
        assert_eq!(holds.iter().sum::<u64>() + step.free_blocks_after_scheduling, config.blocks);
        assert!(holds.iter().filter(|&&blocks| blocks > 0).count() <= config.max_seqs as usize);
        let total: u64 = step.scheduled.iter().map(|&(_, new)| new).sum();
        assert!(theory || lockstep || total <= config.max_tokens_per_step);
        for &(id, _) in &step.scheduled {
            let i = id as usize;
            if computed[i] == u64::from(requests[i].prompt) + tokens[i].len() as u64 {
                tokens[i].push(clock);
            }
        }
        let done = |i: usize| tokens[i].len() == requests[i].output as usize;
        let batch_done = (0..n).all(|i| holds[i] == 0 || done(i));
        (0..n).filter(|&i| if lockstep { batch_done } else { done(i) }).for_each(|i| holds[i] = 0);
    }
    check_ends(requests, outcome, &tokens);
    check_order(requests, config, outcome);
    assert!(preemptions.iter().zip(&outcome.preemptions).all(|(logged, all)| logged <= all));
}

/// Each request had its tokens once, in growing time, or was rejected.
fn check_ends(requests: &[RefRequest], outcome: &RefOutcome, tokens: &[Vec<u64>]) {
    for (i, request) in requests.iter().enumerate() {
        assert!(outcome.tokens[i].windows(2).all(|pair| pair[0] < pair[1]));
        let times_rejected = outcome.rejected.iter().filter(|&&id| id == i as u32).count();
        match times_rejected {
            0 => assert_eq!(outcome.tokens[i].len(), request.output as usize),
            _ => assert!(times_rejected == 1 && outcome.tokens[i].len() < request.output as usize),
        }
        // A kill after the last step is in no log.
        assert!(outcome.tokens[i] == tokens[i] || times_rejected == 1 && outcome.tokens[i].is_empty());
    }
}

fn check_order(requests: &[RefRequest], config: &RefConfig, outcome: &RefOutcome) {
    let fcfs = requests.iter().all(|request| request.rank == 0.0 && request.early_rank == 0.0);
    if !fcfs || outcome.preemptions.iter().any(|&times| times > 0) {
        return;
    }
    let mut seen: Vec<u32> = vec![];
    for (id, _) in outcome.steps.iter().flat_map(|step| step.scheduled.iter().copied()) {
        if !seen.contains(&id) {
            seen.push(id);
        }
    }
    let arrived = |&id: &u32| (requests[id as usize].arrival_ns, id);
    assert!(seen.is_sorted_by_key(arrived), "{seen:?} {config:?}");
}

proptest! {
    #[test]
    fn invariants_hold((requests, config) in micro_scenarios()) {
        for step_ns in [unit_step_ns, linear_step_ns] {
            check_log(&requests, &config, &run(&requests, &config, &step_ns));
        }
    }
}

#[test]
fn micro_scenarios_hold_the_invariants_and_reach_every_corner() {
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for seed in 0..3_000 {
        let (requests, config) = micro_scenario(seed);
        let outcome = run(&requests, &config, &linear_step_ns);
        check_log(&requests, &config, &outcome);
        let happened = [
            ("preemption", outcome.preemptions.iter().any(|&times| times > 0)),
            ("preempted twice", outcome.preemptions.iter().any(|&times| times > 1)),
            ("rejection", !outcome.rejected.is_empty()),
            ("late rejection", outcome.rejected.iter().any(|&id| outcome.preemptions[id as usize] > 0)),
            ("full seats", outcome.steps.iter().any(|step| step.scheduled.len() == config.max_seqs as usize)),
            ("all done", outcome.rejected.is_empty()),
        ];
        for (what, _) in happened.into_iter().filter(|&(_, yes)| yes) {
            *seen.entry(format!("{:?} {what}", config.preset)).or_default() += 1;
        }
    }
    assert_eq!(seen.len(), 3 * 6 + 3, "{seen:#?}"); // Static preempts no one
    assert!(seen.values().all(|&times| times > 20), "{seen:#?}");
}

/// The step time of the peer's polynomial (tests/data/dynamo/README.md).
fn polynomial_ns(step: &RefStep, slots: u64) -> u64 {
    let ns = |ms: f64| std::time::Duration::from_secs_f64(ms / 1000.0).as_nanos() as u64;
    let prefills: Vec<&RefRow> = step.rows.iter().filter(|row| row.context < row.prompt).collect();
    let k = prefills.len() as u64;
    let mut total = 0;
    if k > 0 {
        let end: u64 = prefills.iter().map(|row| (row.context + row.tokens).min(row.prompt)).sum();
        let start: u64 = prefills.iter().map(|row| row.context).sum();
        let t = (k * (end / k - start / k)) as f64;
        total += ns(4.209989e-7 * (t * t) + 1.518344e-2 * t + 1.650142e1);
    }
    let emits_again = |row: &&RefRow| row.emitted > 0 && row.context + row.tokens == row.prompt + row.emitted;
    let decodes: Vec<&RefRow> = step.rows.iter().filter(emits_again).collect();
    if !decodes.is_empty() {
        let u = decodes.iter().map(|row| row.prompt + row.emitted).sum::<u64>() as f64 / slots as f64;
        total += ns((-25.74 * (u * u) + 54.01 * u + 5.74).max(1.0));
    }
    total
}

#[derive(serde::Deserialize)]
struct PeerRequest {
    timestamp: f64,
    input_length: u32,
    output_length: u32,
}

#[derive(serde::Deserialize)]
struct PeerAnswer {
    ttft_ms: f64,
    e2e_latency_ms: f64,
}

#[test]
fn the_public_peer_agrees_to_the_nanosecond() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dynamo");
    let lines = std::fs::read_to_string(dir.join("trace.jsonl")).unwrap();
    let trace: Vec<PeerRequest> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ns = |ms: f64| (ms * 1e6).round() as u64;
    let arrival = |row: &PeerRequest| ns(row.timestamp - trace[0].timestamp);
    let rows: Vec<_> = trace.iter().map(|row| (arrival(row), row.input_length, row.output_length)).collect();
    let requests = requests(&rows);
    for (blocks, preemptions) in [(7424, 0), (640, 92)] {
        let mut config = config(RefPreset::VllmV1);
        (config.max_tokens_per_step, config.block_tokens, config.blocks) = (2048, 16, blocks);
        let outcome = run(&requests, &config, &|step| polynomial_ns(step, blocks * 16));
        assert_eq!(outcome.preemptions.iter().sum::<u32>(), preemptions);
        let mut answers = csv::Reader::from_path(dir.join(format!("polynomial_{blocks}.csv"))).unwrap();
        for (i, answer) in answers.deserialize().enumerate() {
            let answer: PeerAnswer = answer.unwrap();
            let (tokens, arrival) = (&outcome.tokens[i], requests[i].arrival_ns);
            assert_eq!(tokens[0] - arrival, ns(answer.ttft_ms), "request {i}, {blocks} blocks");
            assert_eq!(
                tokens.last().unwrap() - arrival,
                ns(answer.e2e_latency_ms),
                "request {i}, {blocks} blocks"
            );
        }
    }
}
