//! The replay's engine against the plans: step by step on the reference scenarios, and on random ones.

use super::reference;
use foretoken::engine::{self, Cache, ClusterConfig, EngineConfig, Group, KvConfig, Preset, Recording};
use foretoken::error::Result;
use foretoken::latency::{LatencyModel, Needs, StepShape};
use foretoken::predict::{LengthSample, PredictionConfig, PredictorConfig};
use foretoken::real;
use foretoken::real::vllm::{Asked, Policy, Scenario, Version, plan};
use foretoken::record::RunTotals;
use foretoken::rng::Stream;
use foretoken::scheduler::{Params, Registry};
use foretoken::time::{SimTime, Span};
use foretoken::trace::TraceRow;
use foretoken::workload::{Prompts, Rows, Spec};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const STEP: u64 = 1000;

/// (request, new tokens, tokens before them) of every step.
type Steps = Arc<Mutex<Vec<(u64, Vec<(u32, u32, u32)>)>>>;

/// Steps of one unit that are written down.
#[derive(Clone)]
struct Unit(Option<Steps>);

impl LatencyModel for Unit {
    fn step(&mut self, shape: &StepShape<'_>) -> Result<Span> {
        if let Some(steps) = &self.0 {
            let rows = shape.by_request.iter().map(|r| (r.request.0, r.new, r.context)).collect();
            steps.lock().unwrap().push((shape.start.0 / STEP, rows));
        }
        Ok(Span(STEP))
    }

    fn needs(&self) -> Needs {
        Needs { rows: self.0.is_some(), ..Needs::default() }
    }
}

/// The requests of a scenario as rows of a trace, with a hash for every token.
fn rows(scenario: &Scenario) -> Vec<TraceRow> {
    let mut numbers: BTreeMap<(u64, String), u64> = BTreeMap::new();
    let mut said: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut row = |(i, r): (usize, &'_ Asked), said: &BTreeMap<&str, Vec<String>>| {
        let mut tokens: Vec<String> = Vec::new();
        for (stream, count) in &r.shared {
            match stream.strip_prefix('@') {
                Some(other) => tokens.extend(said[other][..*count as usize].iter().cloned()),
                None => tokens.extend((0..*count).map(|at| format!("{stream} {at}"))),
            }
        }
        tokens.truncate(r.prompt as usize);
        tokens.extend((tokens.len() as u64..r.prompt).map(|at| format!("@{} {at}", r.id)));
        let mut before = 0;
        let chained = tokens.iter().map(|token| {
            let next = numbers.len() as u64 + 1;
            before = *numbers.entry((before, token.clone())).or_insert(next);
            before
        });
        let row = TraceRow {
            id: i as u32,
            arrival: SimTime(r.arrival * STEP),
            prompt_tokens: r.prompt as u32,
            output_tokens: r.output as u32,
            priority: Some(r.priority as i32),
            prefix_hashes: chained.collect(),
            ..TraceRow::default()
        };
        (row, tokens)
    };
    let mut made = Vec::new();
    for (i, r) in scenario.requests.iter().enumerate() {
        let (one, tokens) = row((i, r), &said);
        said.insert(&r.id, tokens);
        made.push(one);
    }
    made
}

/// Replays a scenario; `steps` is for the rows of each step.
fn replay(
    scenario: &Scenario,
    version: Version,
    stepwise: bool,
    steps: Option<Steps>,
) -> (RunTotals, Recording) {
    let engine = EngineConfig {
        max_tokens_per_step: scenario.budget,
        max_seqs: scenario.seqs as u32,
        chunked_prefill: scenario.chunked,
        long_prefill_threshold: scenario.threshold as u32,
        self_preempt_stops: version == Version::V0_32,
        ..EngineConfig::preset(Preset::VllmV1)
    };
    let kv = KvConfig {
        block_tokens: scenario.block as u32,
        cache: if scenario.cache { Cache::Hash } else { Cache::Off },
        watermark: scenario.watermark,
        ..KvConfig::preset(Preset::VllmV1)
    };
    let spec: Spec = serde_json::from_value(serde_json::json!({})).unwrap();
    let rows = Rows::load(rows(scenario).into_iter().map(Ok)).unwrap();
    let mut workload = rows.build(&spec, 0, 0).unwrap();
    let ledger = workload.ledger.clone();
    let name = if scenario.policy == Policy::Priority { "priority" } else { "fcfs" };
    let model = Unit(steps);
    let setup = engine::Setup {
        groups: &[Group {
            replicas: 1,
            engine: &engine,
            kv: &kv,
            kv_blocks: scenario.usable,
            profile_name: "unit",
        }],
        router_name: "round-robin",
        router: &|| ClusterConfig::default().router(0),
        prompts: Some(Prompts { ledger: &ledger, hash_tokens: 1 }),
        scheduler_name: name,
        scheduler: &|_| Registry::builtin().make(name, &Params::new(), 0),
        model: &|_| Ok(Box::new(model.clone())),
        prediction: &PredictionConfig::default(),
        stepwise,
        horizon: None,
    };
    let mut predictor = PredictorConfig::None.build(&LengthSample::default(), 0, 0).unwrap();
    let mut seen = Recording::default();
    let totals = engine::run(&setup, workload.source.as_mut(), predictor.as_mut(), &mut seen).unwrap();
    (totals, seen)
}

/// Where replay and plan part, if they do.
fn parts(scenario: &Scenario, version: Version) -> Option<String> {
    let planned = plan(scenario, version).unwrap();
    // A replay counts time from its first request.
    let first = scenario.requests[0].arrival;
    let steps = Steps::default();
    let (totals, seen) = replay(scenario, version, false, Some(steps.clone()));
    let index: BTreeMap<&str, u32> = (0..).zip(&scenario.requests).map(|(i, r)| (r.id.as_str(), i)).collect();
    let steps = steps.lock().unwrap();
    let ran = planned.steps.iter().filter(|step| !step.tokens.is_empty());
    for (i, step) in ran.enumerate() {
        let wanted: Vec<(u32, u32)> =
            step.tokens.0.iter().map(|(id, n)| (index[id.as_str()], *n as u32)).collect();
        let Some((start, rows)) = steps.get(i) else { return Some(format!("no step {i}")) };
        let start = start + first;
        let got: Vec<(u32, u32)> = rows.iter().map(|&(id, new, _)| (id, new)).collect();
        let hits = step.hit.0.iter().all(|(id, hit)| {
            rows.iter().any(|&(row, _, context)| row == index[id.as_str()] && u64::from(context) == *hit)
        });
        let record = seen.steps[i];
        let state =
            (u64::from(record.running), u64::from(record.waiting), scenario.usable - record.kv_blocks_used);
        let state_wanted = (step.running.len() as u64, step.waiting.len() as u64, step.free);
        if (start, &got) != (step.start, &wanted) || !hits || state != state_wanted {
            return Some(format!("{} step {i}: {start} {rows:?} {state:?}, planned {step:?}", scenario.id));
        }
    }
    let mut records = seen.requests.clone();
    records.sort_by_key(|r| r.id);
    for (record, served) in records.iter().zip(&planned.requests) {
        let got = (
            record.first_token.get().map(|t| t.0 / STEP + first),
            record.finish.get().map(|t| t.0 / STEP + first),
            u64::from(record.preemptions),
        );
        if got != (served.token_times.first().copied(), Some(served.finish), served.preemptions) {
            return Some(format!("{}: {record:?}, planned {served:?}", scenario.id));
        }
    }
    // The same in quiet stretches, and one by one.
    for stepwise in [false, true] {
        let (other, others) = replay(scenario, version, stepwise, None);
        let same =
            sorted(&others) == sorted(&seen) && other.cache == totals.cache && other.digest == totals.digest;
        if !same {
            return Some(format!("{}: stepwise {stepwise} differs", scenario.id));
        }
    }
    None
}

/// Records in order of ids, as text: not every field is equal to itself.
fn sorted(seen: &Recording) -> String {
    let mut records = seen.requests.clone();
    records.sort_by_key(|r| r.id);
    format!("{records:?}")
}

/// What the replay's engine is held to: no asynchronous scheduling, no adaptive threshold, no prompt that repeats
/// what another request answered (a trace's hashes do not say that), no arrivals that no clock tells apart.
fn comparable(scenario: &Scenario) -> bool {
    let heard = |r: &Asked| {
        r.shared.iter().any(|(stream, count)| {
            let other = stream.strip_prefix('@').and_then(|o| scenario.requests.iter().find(|r| r.id == o));
            other.is_some_and(|other| *count > other.prompt)
        })
    };
    let equal = |r: &Asked| r.equal_times;
    !scenario.asynchronous && !scenario.adaptive && !scenario.requests.iter().any(|r| heard(r) || equal(r))
}

#[allow(clippy::print_stdout, reason = "the count is the result")]
fn hold(name: &str, version: Version) {
    let Some(path) = reference(&format!("vllm/{name}")) else { return };
    let mut scenarios: Vec<Scenario> = real::read(&path).unwrap();
    let all = scenarios.len();
    scenarios.retain(comparable);
    let parted: Vec<String> = scenarios.iter().filter_map(|s| parts(s, version)).collect();
    println!(
        "{name}: the replay makes {} of {} plans ({all} in the file)",
        scenarios.len() - parted.len(),
        scenarios.len()
    );
    assert!(parted.is_empty(), "{}", parted.iter().take(2).cloned().collect::<Vec<_>>().join("\n"));
}

#[test]
fn reference_scenarios_with_prefix_caching() {
    hold("random_cache.jsonl.gz", Version::V0_32);
}

#[test]
fn reference_scenarios_made_by_hand() {
    hold("curated.jsonl", Version::V0_32);
}

#[test]
fn reference_scenarios_with_priorities() {
    hold("random_priority.jsonl.gz", Version::V0_32);
    hold("random_priority_033.jsonl.gz", Version::V0_33);
}

/// A micro-scenario: few requests, little memory, prompts that begin alike.
fn random(seed: u64) -> Scenario {
    let draw = &mut Stream::new(seed, 0, "micro", 0);
    let block = [1, 2, 4, 4, 8][draw.below(5) as usize];
    let usable = 3 + draw.below(24);
    let most = (usable * block).min(60);
    let priority = draw.below(4) == 0;
    let mut arrival = 0;
    let requests = (0..2 + draw.below(8)).map(|i| {
        arrival += draw.below(4);
        let output = 1 + draw.below((most / 2).min(16));
        let prompt = 1 + draw.below(most - output);
        let mut shared = Vec::new();
        if draw.below(3) > 0 {
            shared.push((format!("s{}", draw.below(2)), draw.below(40)));
        }
        Asked {
            id: format!("{i}"),
            arrival,
            prompt,
            output,
            max_tokens: None,
            priority: draw.below(3) as i64,
            shared,
            equal_times: false,
        }
    });
    let requests = requests.collect();
    Scenario {
        id: format!("micro {seed}"),
        block,
        usable,
        budget: 2 + draw.below(40),
        seqs: 1 + draw.below(6) as usize,
        cache: draw.below(4) > 0,
        policy: if priority { Policy::Priority } else { Policy::Fcfs },
        threshold: if draw.below(3) == 0 { 1 + draw.below(12) } else { 0 },
        watermark: [0.0, 0.0, 0.1, 0.3][draw.below(4) as usize],
        requests,
        ..Scenario::default()
    }
}

#[test]
fn random_micro_scenarios() {
    let mut preempted = 0;
    for seed in 0..4000 {
        let scenario = random(seed);
        let version = Version::ALL[(seed % 2) as usize];
        let parted = parts(&scenario, version);
        assert_eq!(parted, None, "{scenario:?}");
        preempted += plan(&scenario, version).unwrap().requests.iter().map(|r| r.preemptions).sum::<u64>();
    }
    assert!(preempted > 500, "{preempted} preemptions are too few to tell");
}
