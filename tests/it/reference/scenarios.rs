//! Small random cases in which everything happens: shortages, chunks, ties, rejections, full seats.

use super::{RefConfig, RefPreset, RefRequest, RefRequeue, RefServer, RefStep, RefVictim};
use foretoken::rng::Stream;
use proptest::collection::vec;
use proptest::prelude::*;

const UNIT_NS: u64 = 1_000;

/// Every step lasts 1 us, so that arrivals often fall on its end.
pub fn unit_step_ns(_: &RefStep) -> u64 {
    UNIT_NS
}

/// Tells steps apart by rows, new tokens and context.
pub fn linear_step_ns(step: &RefStep) -> u64 {
    let of_row = |row: &super::RefRow| 11 + 3 * row.tokens + row.context;
    UNIT_NS + step.rows.iter().map(of_row).sum::<u64>()
}

/// The `seed`-th case: at most 12 requests, 40 blocks and 32 tokens a step, under any preset. Fast: for counts that
/// proptest is too slow for.
pub fn micro_scenario(seed: u64) -> (Vec<RefRequest>, RefConfig) {
    let mut rng = Stream::new(seed, 0, "micro scenario", 0);
    let mut pick = |low: u64, high: u64| low + rng.below(high - low + 1);
    let config = RefConfig {
        preset: PRESETS[pick(0, 3) as usize],
        max_tokens_per_step: pick(1, 32),
        max_seqs: pick(1, 8) as u32,
        chunk: pick(0, 3) > 0,
        long_prefill_threshold: if pick(0, 2) == 0 { pick(1, 8) as u32 } else { 0 },
        block_tokens: pick(1, 5) as u32,
        blocks: pick(2, 40),
        watermark: [0.0, 0.0, 0.05, 0.25][pick(0, 3) as usize],
        max_len: pick(4, 24) as u32,
        victim: VICTIMS[pick(0, 1) as usize],
        requeue: REQUEUES[pick(0, 2) as usize],
        admit_in_preempt_step: pick(0, 2) == 0,
        predictor: server(pick(0, 3), pick(1, 4), pick(0, 23)),
    };
    let spread = [0, 4, 16, 48][pick(0, 3) as usize];
    let order = ORDERS[pick(0, 2) as usize];
    let requests = (0..pick(1, 12))
        .map(|_| {
            let half_steps = pick(0, spread);
            let odd_ns = if pick(0, 2) == 0 { pick(0, 499) } else { 0 };
            let (prompt, output) = (pick(1, 24) as u32, pick(1, 16) as u32);
            request(half_steps * UNIT_NS / 2 + odd_ns, prompt, output, pick(0, 3) as i32, order)
        })
        .collect();
    coherent(requests, config)
}

/// The same kind of cases, for proptest to shrink.
pub fn micro_scenarios() -> impl Strategy<Value = (Vec<RefRequest>, RefConfig)> {
    let limits = (1..=32u64, 1..=8u32, 1..=5u32, 2..=40u64, 4..=24u32);
    let threshold = prop_oneof![2 => Just(0u32), 1 => 1..=8u32];
    let watermark = prop::sample::select(vec![0.0, 0.0, 0.05, 0.25]);
    let rules =
        (prop::sample::select(&PRESETS), prop::sample::select(&VICTIMS), prop::sample::select(&REQUEUES));
    let predictor = (0..=3u64, 1..=4u64, 0..=23u64);
    let config = (limits, threshold, watermark, rules, any::<bool>(), any::<bool>(), predictor).prop_map(
        |(limits, long_prefill_threshold, watermark, (preset, victim, requeue), no_chunk, admit, how)| {
            let (max_tokens_per_step, max_seqs, block_tokens, blocks, max_len) = limits;
            RefConfig {
                preset,
                max_tokens_per_step,
                max_seqs,
                chunk: !no_chunk,
                long_prefill_threshold,
                block_tokens,
                blocks,
                watermark,
                max_len,
                victim,
                requeue,
                admit_in_preempt_step: admit,
                predictor: server(how.0, how.1, how.2),
            }
        },
    );
    let arrival = prop_oneof![(0..=24u64).prop_map(|halves| halves * UNIT_NS / 2), 0..=24_000u64];
    let one = (arrival, 1..=24u32, 1..=16u32, 0..=3i32);
    (vec(one, 1..=12), prop::sample::select(&ORDERS), config).prop_map(|(rows, order, config)| {
        let of_row = |(arrival, prompt, output, priority)| request(arrival, prompt, output, priority, order);
        coherent(rows.into_iter().map(of_row).collect(), config)
    })
}

const PRESETS: [RefPreset; 4] =
    [RefPreset::VllmV1, RefPreset::VllmV1Of2025, RefPreset::Static, RefPreset::Theory];
const VICTIMS: [RefVictim; 2] = [RefVictim::LastAdmitted, RefVictim::WorstPriority];
const REQUEUES: [RefRequeue; 3] = [RefRequeue::Front, RefRequeue::Back, RefRequeue::Ranked];

/// None half of the time; else one whose batches take about as long as steps.
fn server(mode: u64, max: u64, times: u64) -> Option<RefServer> {
    let (wait_ns, batch_ns, prompt_ns) = (
        [0, 2 * UNIT_NS][(times % 2) as usize],
        [0, UNIT_NS, 5 * UNIT_NS][(times / 2 % 3) as usize],
        times / 6 % 2 * UNIT_NS,
    );
    let (holds, again) = (mode == 3, mode == 2 && times >= 12);
    let server = RefServer { max: max as usize, wait_ns, batch_ns, prompt_ns, holds, again };
    (mode >= 2).then_some(server)
}

/// How the queue is ranked.
#[derive(Clone, Copy, Debug)]
enum Ranks {
    Fcfs,
    Priority,
    Output,
}

const ORDERS: [Ranks; 3] = [Ranks::Fcfs, Ranks::Priority, Ranks::Output];

fn request(arrival_ns: u64, prompt: u32, output: u32, priority: i32, order: Ranks) -> RefRequest {
    let rank = match order {
        Ranks::Fcfs => 0.0,
        Ranks::Priority => f64::from(priority),
        Ranks::Output => f64::from(output),
    };
    RefRequest { arrival_ns, prompt, output, rank, early_rank: f64::from(priority) * rank.min(2.0), priority }
}

/// What a preset fixes; and no accepted request may outgrow its static reserve. Trace order is order of arrival.
fn coherent(mut requests: Vec<RefRequest>, mut config: RefConfig) -> (Vec<RefRequest>, RefConfig) {
    requests.sort_by_key(|request| request.arrival_ns);
    if matches!(config.preset, RefPreset::Static | RefPreset::Theory) {
        // Or most would be rejected at arrival.
        requests.iter_mut().for_each(|request| request.prompt = request.prompt.div_ceil(3));
    }
    match config.preset {
        RefPreset::VllmV1 => {}
        RefPreset::VllmV1Of2025 => config.watermark = 0.0,
        RefPreset::Static => {
            config.watermark = 0.0;
            for request in &mut requests {
                let room = config.max_len.saturating_sub(request.prompt);
                request.output = request.output.min(room.max(1));
            }
        }
        RefPreset::Theory => {
            config.block_tokens = 1;
            config.long_prefill_threshold = 0;
            config.chunk = false;
        }
    }
    (requests, config)
}
