//! Certified lower bounds: no run of any scheduler is below, step times never fall under their minorants, tiny
//! instances against every order, closed forms.

use crate::support::World;
use foretoken::bound::{Bound, Certificate, Demand, Limits, lower_bound};
use foretoken::engine::{self, ClusterConfig, Gate, Group, Preset, Recording};
use foretoken::latency::{Chunk, Draws, Minorant, Profile, StepLimits, StepShape};
use foretoken::predict::{LengthSample, PredictorConfig};
use foretoken::record::{RequestRecord, Status};
use foretoken::rng::Stream;
use foretoken::scheduler::{Params, Registry};

fn between(draw: &mut Stream, low: u64, high: u64) -> u64 {
    low + draw.below(high - low + 1)
}

/// A number whose magnitude is drawn too; now and then 0.
fn coefficient(draw: &mut Stream, largest: f64) -> f64 {
    if draw.below(6) == 0 { 0.0 } else { largest * libm::pow(10.0, -4.0 * draw.uniform()) * draw.uniform() }
}

/// A profile of one of the kinds with random numbers.
fn profile(draw: &mut Stream) -> Profile {
    let c = |draw: &mut Stream, largest| coefficient(draw, largest);
    let timing = match draw.below(6) {
        0 => format!(
            "[timing.linear]\nstep_s={}\nprefill_token_s={}\ndecode_s={}\ncontext_token_s={}\nprefill_pair_s={}",
            1e-4 + c(draw, 1e-2),
            c(draw, 1e-3),
            c(draw, 1e-2),
            c(draw, 1e-3),
            c(draw, 1e-4)
        ),
        1 => polynomial(draw),
        2 => roofline(draw),
        3 => piecewise(draw),
        4 => static_batch(draw),
        _ => table(draw),
    };
    let head = "schema=1\nname=\"p\"\ndescription=\"\"\n[provenance]\nwho=\"\"\ndevice=\"\"\nsoftware=\"\"\n\
                date=\"2026-01-01\"\nhow=\"analytic\"\n";
    Profile::parse("p.toml", &format!("{head}{timing}\n{}", noise(draw))).unwrap()
}

/// In one of three, factors on either side of 1, or all above it.
fn noise(draw: &mut Stream) -> String {
    if draw.below(3) > 0 {
        return String::new();
    }
    let least = 0.3 + 1.2 * draw.uniform();
    let mut factor = least;
    let mut text =
        format!("[noise]\nkind=\"regions\"\nautocorrelation={}\n[[noise.regions]]\n", 0.9 * draw.uniform());
    for key in ["min", "p10", "median", "p90", "max"] {
        text += &format!("{key}={factor}\n");
        factor *= 1.0 + 0.3 * draw.uniform();
    }
    text
}

/// Random numbers of some replica.
fn draws(replica: u32) -> Draws {
    Draws { seed: 11, replicate: 0, replica: replica.into() }
}

fn polynomial(draw: &mut Stream) -> String {
    let decode = match draw.below(3) {
        0 => [5.74, 54.01, -25.74],
        1 => [1.0 + 5.0 * draw.uniform(), 10.0 * draw.uniform(), 10.0 * draw.uniform()],
        _ => [3.0, -4.0 * draw.uniform(), 2.0 * draw.uniform()],
    };
    let slope = coefficient(draw, 1.0);
    format!(
        "[timing.polynomial]\nprefill_ms=[{},{slope},{}]\ndecode_ms={decode:?}\ndecode_min_ms={}",
        2.0 + 15.0 * draw.uniform(),
        coefficient(draw, 0.1),
        0.5 + draw.uniform()
    )
}

fn roofline(draw: &mut Stream) -> String {
    let mut c = |largest| coefficient(draw, largest);
    let mut text = format!(
        "[timing.roofline]\nstep_overhead_s={}\nmatmul_flops_per_s=1e12\nattention_flops_per_s=1e12\n\
         memory_bytes_per_s=1e12\ncompute_efficiency=0.7\nbandwidth_efficiency=0.8\nlinear_flops_per_token={}\n\
         linear_bytes={}\nhead_flops_per_row={}\nhead_bytes={}\ndecode_flops_per_context_token={}\n\
         prefill_flops_per_pair={}\nprefill_flops_per_context_token={}\nkv_bytes_per_token={}\n",
        1e-6 + c(1e-2),
        c(1e10),
        c(1e10),
        c(1e9),
        c(1e9),
        c(1e9),
        c(1e9),
        c(1e9),
        c(1e9)
    );
    if c(1.0) > 0.01 {
        text += &format!(
            "[timing.roofline.experts]\ncount=8\nactive=2\nflops_per_token={}\nbytes_per_expert={}\n",
            c(1e10),
            c(1e10)
        );
    }
    text
}

/// A curve with cliffs, dips and plateaus.
fn piecewise(draw: &mut Stream) -> String {
    let mut rows = vec![between(draw, 1, 3)];
    for _ in 0..draw.below(8) {
        rows.push(rows[rows.len() - 1] + between(draw, 1, 200));
    }
    let step_s: Vec<f64> = rows.iter().map(|_| 1e-4 + coefficient(draw, 1e-2)).collect();
    let mut c = |largest| coefficient(draw, largest);
    format!(
        "[timing.piecewise]\nrows={rows:?}\nstep_s={step_s:?}\nrequest_s={}\nseveral_s={}\nprefill_s={}\n\
         context_token_s={}\nprefill_pair_s={}",
        c(1e-3),
        c(1e-3),
        c(1e-3),
        c(1e-4),
        c(1e-5)
    )
}

fn static_batch(draw: &mut Stream) -> String {
    let mut c = |largest| coefficient(draw, largest);
    format!(
        "[timing.static-batch]\nprefill_s={}\nprefill_token_s={}\nprefill_square_s={}\ndecode_s={}\n\
         decode_row_s={}\ndecode_context_s={}",
        1e-4 + c(1e-2),
        c(1e-3),
        c(1e-5),
        1e-4 + c(1e-2),
        c(1e-3),
        c(1e-5)
    )
}

fn table(draw: &mut Stream) -> String {
    let mut cell = || (1..=2).map(|_| 1e-3 + coefficient(draw, 1e-2)).collect::<Vec<f64>>();
    let step_s: Vec<Vec<Vec<f64>>> = (0..3).map(|_| vec![cell(), cell()]).collect();
    let outside = if draw.below(2) == 0 { "clamp" } else { "error" };
    format!(
        "[timing.table]\noutside=\"{outside}\"\nprefill_tokens=[0,16,2048]\ndecodes=[0,64]\n\
         context_sum_tokens=[0,65536]\nstep_s={step_s:?}"
    )
}

/// Least time of a step by the definition of a minorant, seconds, for the worst x and y.
fn least_s(m: &Minorant, shape: &StepShape<'_>) -> f64 {
    let (mut rows, mut context) = (shape.decodes, shape.context_sum);
    let (mut tokens, mut pairs, mut prompt) = (0.0, 0.0, false);
    for chunk in shape.prefill {
        if m.resumes && chunk.resumes {
            rows += 1;
            context += u64::from(chunk.context + chunk.new);
        }
        let new = f64::from(if m.resumes { chunk.prompt_new } else { chunk.new });
        prompt |= !m.resumes || chunk.prompt_new > 0;
        tokens += new;
        pairs += new * (f64::from(chunk.context) + 0.5 * new);
    }
    let x = if prompt || !m.resumes { m.prompt_step_s } else { 0.0 };
    let y = if rows > 0 || !m.resumes { m.decode_step_s } else { 0.0 };
    let linear = m.prefill_token_s * tokens + m.prefill_pair_s * pairs;
    x.max(y) + linear + m.decode_s * rows as f64 + m.context_token_s * context as f64
}

#[test]
fn no_step_is_shorter_than_a_minorant() {
    let (limits, mut tight) = (StepLimits { rows: 64, tokens: 2048 }, 0);
    for seed in 0..400 {
        let mut draw = Stream::new(seed, 0, "bound.minorants", 0);
        let profile = profile(&mut draw);
        let mut model = profile.noisy_model(65_536, draws(0)).unwrap();
        let minorants = model.minorants(&limits);
        assert!(!minorants.is_empty(), "{:?}", profile.timing);
        for step in 0..60 {
            let decodes = if draw.below(3) == 0 { 0 } else { between(&mut draw, 1, 48) };
            let chunks: Vec<Chunk> = (0..draw.below(5)).map(|_| chunk(&mut draw)).collect();
            if decodes == 0 && chunks.is_empty() {
                continue;
            }
            let context_sum = if decodes > 0 { between(&mut draw, decodes, 1000 * decodes) } else { 0 };
            let context_max = between(&mut draw, context_sum.div_ceil(decodes.max(1)), context_sum);
            let prefill = &chunks;
            let shape =
                StepShape { step, prefill, decodes, context_sum, context_max, ..StepShape::default() };
            let took = model.step(&shape).unwrap().as_secs();
            for m in &minorants {
                let least = least_s(m, &shape);
                assert!(
                    took + 1e-9 >= least * (1.0 - 1e-12),
                    "seed {seed}: {took} < {least}, {m:?}, {shape:?}"
                );
                tight += u32::from(took < least * 1.0001);
            }
        }
    }
    assert!(tight > 1000, "minorants are reached: {tight}");
}

fn chunk(draw: &mut Stream) -> Chunk {
    let (context, new) = (between(draw, 0, 200) as u32, between(draw, 1, 400) as u32);
    let recomputes = draw.below(3) == 0;
    let prompt_new = if recomputes { draw.below(u64::from(new) + 1) as u32 } else { new };
    Chunk { context, new, prompt_new, resumes: recomputes && draw.below(2) == 0 }
}

/// A small world with its requests, in which something is short.
fn world(draw: &mut Stream) -> (World, Vec<foretoken::workload::Request>) {
    let preset = Preset::ALL[draw.below(4) as usize];
    let mut world = World::new(preset);
    world.engine.max_seqs = between(draw, 1, 6) as u32;
    world.cluster = ClusterConfig { replicas: between(draw, 1, 2) as u32, ..ClusterConfig::default() };
    if preset != Preset::Theory {
        world.kv.block_tokens = between(draw, 1, 5) as u32;
        world.engine.host_overhead_s = if draw.below(2) == 0 { 0.0 } else { 1e-4 };
    }
    if !matches!(preset, Preset::Theory | Preset::Static) {
        world.engine.max_tokens_per_step = between(draw, 1, 40);
        world.engine.long_prefill_threshold = [0, 0, 3][draw.below(3) as usize];
    }
    if preset == Preset::Static {
        world.engine.max_model_len = 64;
    }
    let gap = [0, 1_000_000, 30_000_000][draw.below(3) as usize];
    let mut at = 0;
    let mut largest = 0;
    let requests = (0..between(draw, 1, 14)).map(|id| {
        at += if gap == 0 { 0 } else { draw.below(gap) };
        let (prompt, output) = (between(draw, 1, 12) as u32, between(draw, 1, 30) as u32);
        largest = largest.max(u64::from(prompt + output) + 1);
        crate::support::request(id as u32, at, prompt, output)
    });
    let requests: Vec<_> = requests.collect();
    let needed = if world.kv.gate == Gate::MaxLen { 65 } else { largest };
    world.blocks = needed.div_ceil(u64::from(world.kv.block_tokens)) * between(draw, 1, 3);
    (world, requests)
}

fn limits(world: &World) -> Limits {
    let (engine, kv) = (&world.engine, &world.kv);
    let threshold = if engine.long_prefill_threshold == 0 || engine.chunked_prefill {
        u64::MAX
    } else {
        engine.long_prefill_threshold.into()
    };
    let (block, lookahead) = (u64::from(kv.block_tokens), u64::from(kv.lookahead_tokens));
    Limits {
        replicas: world.cluster.replicas,
        blocks: world.blocks,
        block_tokens: block,
        lookahead_tokens: lookahead,
        reserved_blocks: (kv.gate == Gate::MaxLen)
            .then(|| (u64::from(engine.max_model_len) + lookahead).div_ceil(block)),
        step: StepLimits { rows: engine.max_seqs.into(), tokens: engine.max_tokens_per_step },
        chunk_tokens: engine.max_tokens_per_step.min(threshold),
        overhead_ns: (engine.host_overhead_s * 1e9) as u64,
    }
}

fn demands(records: &[RequestRecord]) -> Vec<Demand> {
    let done = records.iter().filter(|r| r.status == Status::Completed);
    let mut demands: Vec<Demand> = done
        .map(|r| Demand {
            arrival_ns: r.arrival.0,
            prompt_tokens: r.prompt_tokens,
            output_tokens: r.output_tokens,
        })
        .collect();
    demands.sort_by_key(|d| d.arrival_ns);
    demands
}

/// Runs `requests`, or tells that the model had no answer for a step.
fn run(
    world: &World,
    profile: &Profile,
    name: &str,
    requests: &[foretoken::workload::Request],
) -> Option<Vec<RequestRecord>> {
    let registry = Registry::builtin();
    let setup = engine::Setup {
        prediction: &foretoken::predict::PredictionConfig::default(),
        groups: &[Group {
            replicas: world.cluster.replicas,
            engine: &world.engine,
            kv: &world.kv,
            kv_blocks: world.blocks,
            profile_name: "p",
        }],
        router_name: &world.cluster.router,
        router: &|| world.cluster.router(7),
        prompts: None,
        scheduler_name: name,
        scheduler: &|_| registry.make(name, &Params::new(), 7),
        model: &|id| profile.noisy_model(world.blocks * u64::from(world.kv.block_tokens), draws(id.0)),
        stepwise: false,
        horizon: None,
    };
    let mut seen = Recording::default();
    let mut predictor = PredictorConfig::Oracle.build(&LengthSample::default(), 7, 0).unwrap();
    let mut source = crate::support::Listed::new(requests.to_vec());
    engine::run(&setup, &mut source, predictor.as_mut(), &mut seen).ok()?;
    Some(seen.requests)
}

/// Sum of E2E latencies, ns.
fn reached(records: &[RequestRecord]) -> u128 {
    records.iter().filter_map(RequestRecord::e2e).map(|s| u128::from(s.0)).sum()
}

#[test]
fn no_run_of_any_scheduler_is_below_the_bound() {
    let names: Vec<&str> = Registry::builtin().entries().iter().map(|e| e.name).collect();
    let (mut runs, mut by_work, mut tight) = (0, 0, 0);
    for seed in 0..1000 {
        let mut draw = Stream::new(seed, 0, "bound.worlds", 0);
        let (world, requests) = world(&mut draw);
        let profile = profile(&mut draw);
        let capacity = world.blocks * u64::from(world.kv.block_tokens);
        let minorants = profile.noisy_model(capacity, draws(0)).unwrap().minorants(&limits(&world).step);
        for _ in 0..3 {
            let name = names[draw.below(names.len() as u64) as usize];
            let Some(records) = run(&world, &profile, name, &requests) else { continue };
            let demands = demands(&records);
            let Some(bound) = lower_bound(&demands, &limits(&world), &minorants) else { continue };
            let sum = reached(&records);
            assert!(
                bound.sum_ns <= sum,
                "seed {seed}, {name}: {bound:?} above {sum}\n{:?}\n{:?}",
                world.engine,
                profile.timing
            );
            assert!(bound.isolated_ns <= bound.sum_ns);
            certified(&Certificate::new(&bound, &demands, &limits(&world), &minorants));
            runs += 1;
            by_work += u32::from(bound.name() == "work");
            tight += u32::from(bound.sum_ns as f64 > 0.9 * sum as f64);
        }
    }
    assert!(runs > 1500 && by_work > 150 && tight > 150, "{runs} runs, {by_work} by work, {tight} tight");
}

/// Holds a certificate against the independent check, and against claims that are too much.
fn certified(certificate: &Certificate) {
    let text = serde_json::to_string(certificate).unwrap();
    let read: Certificate = serde_json::from_str(&text).unwrap();
    let proved = read.check().unwrap_or_else(|e| panic!("{e}: {text}"));
    assert!((proved / read.mean_e2e_s - 1.0).abs() < 1e-4, "{proved}: {text}");
    let greedy = Certificate { mean_e2e_s: 1.001 * proved, ..read.clone() };
    assert!(greedy.check().unwrap_err().to_string().contains("claims"));
}

/// The theory preset's limits on one replica of `m` tokens, with unit steps.
fn theory(m: u64) -> (Limits, Vec<Minorant>) {
    let mut world = World::new(Preset::Theory);
    world.blocks = m;
    let limits = limits(&world);
    let minorants = Profile::load("unit").unwrap().model(m).unwrap().minorants(&limits.step);
    (limits, minorants)
}

/// The bound on requests (prompt, output), all there at 0, in rounds.
fn rounds(m: u64, requests: &[(u32, u32)]) -> (Bound, f64) {
    let (limits, minorants) = theory(m);
    let demand =
        |&(prompt_tokens, output_tokens): &(u32, u32)| Demand { arrival_ns: 0, prompt_tokens, output_tokens };
    let demands: Vec<Demand> = requests.iter().map(demand).collect();
    let bound = lower_bound(&demands, &limits, &minorants).unwrap();
    certified(&Certificate::new(&bound, &demands, &limits, &minorants));
    let sum = bound.sum_ns as f64 / 1e9;
    (bound, sum)
}

/// Least sum of completion times in rounds and tokens by trying every start of every request: with known
/// lengths, interruptions never help.
fn optimum(m: u64, requests: &[(u32, u32)]) -> u32 {
    fn best(m: u64, requests: &[(u32, u32)], used: &mut [u64], sum: u32, least: &mut u32) {
        let Some((&(prompt, output), rest)) = requests.split_first() else {
            *least = sum.min(*least);
            return;
        };
        for start in 0..used.len() - output as usize {
            let done = sum + start as u32 + output;
            if done >= *least {
                break;
            }
            let held = |k: usize| u64::from(prompt) + k as u64 + 1;
            let span = 0..output as usize;
            if span.clone().all(|k| used[start + k] + held(k) <= m) {
                span.clone().for_each(|k| used[start + k] += held(k));
                best(m, rest, used, done, least);
                span.for_each(|k| used[start + k] -= held(k));
            }
        }
    }
    let horizon = requests.iter().map(|r| r.1 as usize).sum::<usize>() + 1;
    let mut least = u32::MAX;
    best(m, requests, &mut vec![0; horizon], 0, &mut least);
    least
}

#[test]
fn tiny_instances_have_no_better_order() {
    let mut tight = 0.0f64;
    for seed in 0..200 {
        let mut draw = Stream::new(seed, 0, "bound.tiny", 0);
        let m = between(&mut draw, 6, 14);
        let request = |_| {
            let prompt = between(&mut draw, 1, 3) as u32;
            (prompt, between(&mut draw, 1, (m - 3).min(4)) as u32)
        };
        let requests: Vec<(u32, u32)> = (0..4).map(request).collect();
        let (optimum, (_, bound)) = (optimum(m, &requests), rounds(m, &requests));
        assert!(bound <= f64::from(optimum), "M = {m}, {requests:?}: {bound} > {optimum}");
        tight = tight.max(bound / f64::from(optimum));
    }
    assert!(tight > 0.95, "{tight}");
}

#[test]
fn in_rounds_it_is_no_less_than_the_volume_bound() {
    let mut draw = Stream::new(5, 0, "bound.volumes", 0);
    let requests: Vec<(u32, u32)> =
        (0..500).map(|_| (between(&mut draw, 1, 60) as u32, between(&mut draw, 1, 100) as u32)).collect();
    let volume = |&(s, o): &(u32, u32)| f64::from(s * o + o * (o + 1) / 2);
    let mut volumes: Vec<f64> = requests.iter().map(volume).collect();
    volumes.sort_by(f64::total_cmp);
    let (mut prefix, mut sum) = (0.0, 0.0);
    for volume in volumes {
        prefix += volume;
        sum += prefix;
    }
    let (bound, rounds) = rounds(1000, &requests);
    assert_eq!(bound.name(), "work");
    assert!(rounds >= sum / 1000.0 * (1.0 - 1e-6), "{rounds} < {}", sum / 1000.0);
    // Tails of the requests' own steps are added to it.
    assert!(rounds > sum / 1000.0 + 0.3 * bound.isolated_ns as f64 / 1e9);
}

#[test]
fn one_seat_is_the_shortest_first_queue() {
    let (mut limits, minorants) = theory(1 << 20);
    limits.step.rows = 1;
    let demand = |(arrival, output_tokens): (u64, u32)| Demand {
        arrival_ns: arrival * 1_000_000_000,
        prompt_tokens: 1,
        output_tokens,
    };
    // The one of 7 is interrupted by both of 2, and those wait for nobody.
    let demands: Vec<Demand> = [(0, 7), (1, 2), (4, 2), (20, 3)].map(demand).into();
    let bound = lower_bound(&demands, &limits, &minorants).unwrap();
    let exact: f64 = 11.0 + 2.0 + 2.0 + 3.0;
    assert!((bound.sum_ns as f64 / 1e9 - exact).abs() < 1e-5, "{bound:?}");
}

#[test]
fn a_certificate_is_refused_where_it_is_wrong() {
    let (limits, minorants) = theory(13);
    let demand = |i: u64| Demand { arrival_ns: i, prompt_tokens: 2, output_tokens: 3 + i as u32 };
    let demands: Vec<Demand> = (0..8).map(demand).collect();
    let bound = lower_bound(&demands, &limits, &minorants).unwrap();
    let right = Certificate::new(&bound, &demands, &limits, &minorants);
    certified(&right);
    let wrong = |change: fn(&mut Certificate)| {
        let mut certificate = right.clone();
        change(&mut certificate);
        certificate.check().unwrap_err().to_string()
    };
    for (change, said) in [
        (wrong(|c| c.schema = 2), "schema 2"),
        (wrong(|c| c.minorant = 9), "no such minorant"),
        (wrong(|c| c.shares.seats = 4), "whole of a step"),
        (wrong(|c| c.limits.blocks *= 2), "claims"),
        (wrong(|c| c.requests[3].demand.output_tokens = 0), "no output"),
        (wrong(|c| c.requests[3].demand.output_tokens = 1), "claims"),
        (wrong(|c| c.requests.swap(0, 7)), "out of order"),
        (wrong(|c| c.requests.clear()), "no requests"),
        (wrong(|c| c.minorants[0].prompt_step_s = 0.0), "no minorant"),
        (wrong(|c| c.limits.chunk_tokens = 0), "a limit is 0"),
    ] {
        assert!(change.contains(said), "{change}: {said}");
    }
}
