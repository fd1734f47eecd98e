//! The answer of a public peer, request by request (tests/data/dynamo/README.md).

use crate::support::Listed;
use foretoken::engine::{self, ClusterConfig, EngineConfig, Group, KvConfig, Preset};
use foretoken::latency::Profile;
use foretoken::predict::{LengthSample, PredictorConfig};
use foretoken::record::RequestRecord;
use foretoken::scheduler::{Params, Registry};
use foretoken::time::SimTime;
use foretoken::trace::{self, ReadOptions};
use foretoken::workload::{Request, TrueLength, Visible};
use std::path::{Path, PathBuf};

/// (TTFT, E2E) of each request, ms.
fn answer(path: &Path) -> Vec<(f64, f64)> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let number = |s: &str| s.parse::<f64>().unwrap();
    reader.records().map(|r| r.unwrap()).map(|r| (number(&r[3]), number(&r[5]))).collect()
}

fn replay(trace: &Path, preset: Preset, blocks: u64) -> Vec<RequestRecord> {
    let rows = trace::open(trace, &ReadOptions::default()).unwrap().map(|row| row.unwrap());
    let rows: Vec<_> = rows.collect();
    let start = rows[0].arrival.0;
    let requests = rows.iter().map(|row| Request {
        visible: Visible {
            id: foretoken::ids::RequestId(row.id),
            arrival: SimTime(row.arrival.0 - start),
            prompt_tokens: row.prompt_tokens,
            ..Visible::default()
        },
        truth: TrueLength::new(row.output_tokens),
        law: None,
        client_wait_ns: 0,
    });
    let mut engine = EngineConfig::preset(preset);
    engine.max_tokens_per_step = 2048;
    let profile = Profile::load("dynamo-polynomial").unwrap();
    let setup = engine::Setup {
        groups: &[Group {
            replicas: 1,
            engine: &engine,
            kv: &KvConfig::preset(preset),
            kv_blocks: blocks,
            profile_name: &profile.name,
        }],
        router_name: "round-robin",
        router: &|| ClusterConfig::default().router(0),
        prompts: None,
        scheduler_name: "fcfs",
        scheduler: &|_| Registry::builtin().make("fcfs", &Params::new(), 0),
        model: &|_| profile.model(blocks * 16),
        prediction: &foretoken::predict::PredictionConfig::default(),
        stepwise: false,
        horizon: None,
    };
    let mut predictor = PredictorConfig::None.build(&LengthSample::default(), 0, 0).unwrap();
    let mut records: Vec<RequestRecord> = Vec::new();
    let mut source = Listed::new(requests.collect());
    engine::run(&setup, &mut source, predictor.as_mut(), &mut records).unwrap();
    records.sort_by_key(|r| r.id);
    records
}

/// Largest difference between our times and the answer's, ns.
fn largest_difference_ns(records: &[RequestRecord], answer: &[(f64, f64)]) -> f64 {
    assert_eq!(records.len(), answer.len());
    let ns = |span: Option<foretoken::time::Span>| span.unwrap().0 as f64;
    let of = |(r, (ttft_ms, e2e_ms)): (&RequestRecord, &(f64, f64))| {
        (ns(r.ttft()) - ttft_ms * 1e6).abs().max((ns(r.e2e()) - e2e_ms * 1e6).abs())
    };
    records.iter().zip(answer).map(of).fold(0.0, f64::max)
}

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dynamo").join(name)
}

#[test]
fn own_trace_to_the_nanosecond() {
    for preset in [Preset::VllmV1, Preset::VllmV12025] {
        let records = replay(&own("trace.jsonl"), preset, 7424);
        assert!(largest_difference_ns(&records, &answer(&own("polynomial_7424.csv"))) < 0.5);
    }
}

/// With memory for a tenth of it, recomputation and its odd price included. The peer admits as vllm-v1 does.
#[test]
fn own_trace_in_tight_memory_to_the_nanosecond() {
    let records = replay(&own("trace.jsonl"), Preset::VllmV1, 640);
    assert_eq!(records.iter().map(|r| r.preemptions).sum::<u32>(), 92);
    assert!(largest_difference_ns(&records, &answer(&own("polynomial_640.csv"))) < 0.5);
}

#[test]
fn published_reference_of_1000_requests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/peers/dynamo");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not here", folder.display());
        return;
    }
    let records = replay(&folder.join("trace_mooncake_1000.jsonl"), Preset::VllmV12025, 7424);
    let answer = answer(&folder.join("polynomial_1000.csv"));
    assert!(largest_difference_ns(&records, &answer) < 1000.0);
}
