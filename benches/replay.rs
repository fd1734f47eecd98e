//! Cost of the hot paths: a quiet decode step, a request's events under each kind of queue, reading and
//! writing a row. `scripts/bench.sh` measures whole processes; `scripts/instructions.sh` counts instructions.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use foretoken::latency::{Piecewise, Profile, StepShape, Timing};
use foretoken::record::{Columns, LogHistogram, RequestsCsv};
use foretoken::replay::{Inputs, Job, Listeners};
use foretoken::scenario::{Layers, Scenario, resolve};
use foretoken::scheduler::Registry;
use foretoken::trace::{self, ReadOptions};
use std::hint::black_box;

/// The shipped trace at a share of the capacity of llama3-8b-h100, resampled to `requests`.
fn scenario(requests: u32, schedulers: &[&str], rate_rps: f64) -> Scenario {
    let mut layers = Layers::default();
    let trace = concat!(env!("CARGO_MANIFEST_DIR"), "/traces/lmsys-like.csv.gz");
    let list = schedulers.iter().map(|s| format!("{{ name = \"{s}\" }}")).collect::<Vec<_>>().join(", ");
    for set in [
        format!("trace.path={trace}"),
        "workload.arrivals.kind=poisson".into(),
        format!("workload.rate_rps={rate_rps}"),
        "workload.lengths=resample".into(),
        format!("workload.requests={requests}"),
        format!("schedulers=[{list}]"),
    ] {
        layers.set(&set).expect("the keys exist");
    }
    resolve(&layers).expect("the scenario is sound")
}

fn replays(c: &mut Criterion) {
    const REQUESTS: u32 = 20_000;
    let names = ["fcfs", "sjf", "hrrn", "srpt"];
    let scenario = scenario(REQUESTS, &names, 84.0);
    let inputs = Inputs::load(&scenario, 2).expect("the trace is there");
    let registry = Registry::builtin();
    let mut group = c.benchmark_group("replay near saturation");
    group.throughput(Throughput::Elements(REQUESTS.into())).sample_size(10);
    for (scheduler, name) in names.iter().enumerate() {
        let job = Job { scheduler, replicate: 0, rate_rps: None };
        group.bench_function(*name, |b| {
            b.iter(|| job.run(&scenario, &inputs, &registry, false, &mut Listeners::default()).unwrap());
        });
    }
    group.finish();
}

/// A curve of as many knots as a calibration leaves.
fn fitted() -> Profile {
    let rows = vec![1, 2, 3, 4, 5, 6, 8, 12, 16, 32, 64, 128, 256, 520];
    let step_s = rows.iter().map(|&n| 1e-3 + 1e-5 * n as f64).collect();
    let request_s = 1e-6;
    let terms = Piecewise {
        request_s,
        several_s: 1e-5,
        context_token_s: 1e-8,
        prefill_pair_s: 1e-9,
        ..Piecewise::default()
    };
    let curve = Piecewise { rows, step_s, ..terms };
    let mut profile = Profile::load("unit").unwrap();
    profile.name = "piecewise".into();
    profile.timing = Timing::Piecewise(curve);
    profile
}

fn latency(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode step");
    let mut profiles: Vec<Profile> = ["unit", "dynamo-polynomial", "llama3-8b-h100", "mixtral-8x7b-h100-tp2"]
        .map(|name| Profile::load(name).unwrap())
        .into();
    profiles.push(fitted());
    for profile in profiles {
        let mut model = profile.model(118_784).unwrap();
        let mut context_sum = 10_000;
        group.bench_function(&profile.name, |b| {
            b.iter(|| {
                context_sum += 1;
                let shape = StepShape { decodes: 64, context_sum, ..StepShape::default() };
                black_box(model.step(&shape).unwrap())
            });
        });
    }
    group.finish();
}

fn records(c: &mut Criterion) {
    let scenario = scenario(20_000, &["fcfs"], 40.0);
    let inputs = Inputs::load(&scenario, 1).unwrap();
    let job = Job { scheduler: 0, replicate: 0, rate_rps: None };
    let done = job.run(&scenario, &inputs, &Registry::builtin(), false, &mut Listeners::default()).unwrap();
    let mut group = c.benchmark_group("record");
    group.throughput(Throughput::Elements(done.records.len() as u64));
    group.bench_function("requests.csv", |b| {
        let columns = Columns::for_records(&done.records);
        b.iter(|| RequestsCsv::write(std::io::sink(), &done.records, columns.clone(), &[]).unwrap());
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("histogram", |b| {
        let mut value = 1_000_000;
        b.iter_batched_ref(
            LogHistogram::new,
            |h| {
                value += 12_345;
                h.add(black_box(value), 64);
            },
            BatchSize::NumIterations(100_000),
        );
    });
    group.finish();
}

fn traces(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trace.jsonl");
    let line = |i: u32| {
        format!(
            "{{\"timestamp\": {i}.5, \"input_length\": {}, \"output_length\": 109, \"hash_ids\": [{i}]}}\n",
            1 + i % 500
        )
    };
    std::fs::write(&path, (0..20_000).map(line).collect::<String>()).unwrap();
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(20_000));
    group.bench_function("mooncake", |b| {
        b.iter(|| {
            trace::open(&path, &ReadOptions::default())
                .unwrap()
                .map(|row| row.unwrap().output_tokens)
                .sum::<u32>()
        });
    });
    group.finish();
}

criterion_group!(benches, replays, latency, records, traces);
criterion_main!(benches);
