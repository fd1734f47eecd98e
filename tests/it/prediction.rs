//! The prediction server: when beliefs come, what they cost, what happens meanwhile.

use crate::stepwise::micro_world;
use crate::support::{World, request};
use foretoken::engine::Preset;
use foretoken::error::Error;
use foretoken::latency::StepShape;
use foretoken::predict::{AfterPreemption, Batching, PredictionConfig, PredictionMode, Server};
use foretoken::scenario::{Layers, resolve};
use foretoken::scheduler::Registry;
use foretoken::time::{SimTime, Span};
use foretoken::workload::Request;

fn server(mode: PredictionMode) -> PredictionConfig {
    PredictionConfig { mode, ..PredictionConfig::default() }
}

fn uneven(shape: &StepShape<'_>) -> u64 {
    1000 + 37 * shape.prefill_tokens() + 11 * shape.decodes + shape.context_sum % 7
}

/// When each of `asked` is answered, in order of asking.
fn answers(config: &PredictionConfig, asked: &[u64]) -> Vec<u64> {
    let mut server = Server::new(config).unwrap();
    let (mut out, mut rest) = (vec![0; asked.len()], asked.iter().enumerate().peekable());
    loop {
        let now = rest.peek().map_or(SimTime::MAX, |(_, at)| SimTime(**at)).min(server.next());
        if now == SimTime::MAX {
            return out;
        }
        while let Some((i, _)) = rest.next_if(|(_, at)| **at == now.0) {
            let cost = server.cost(None);
            server.submit(now, cost, i);
        }
        while server.next() <= now {
            match server.land(now) {
                Some(i) => out[i] = now.0,
                None => server.start(now).unwrap(),
            }
        }
    }
}

const MS: u64 = 1_000_000;

#[test]
fn an_idle_server_starts_at_once_and_the_rest_pile_up() {
    let config = PredictionConfig {
        batch_s: 0.010,
        prompt_s: 0.001,
        batch_max: 3,
        ..server(PredictionMode::Asynchronous)
    };
    let asked = [0, 2 * MS, 3 * MS, 4 * MS, 5 * MS, 40 * MS];
    assert_eq!(answers(&config, &asked), [11, 24, 24, 24, 35, 51].map(|ms| ms * MS));
    // A window holds the first back for company, and a full batch ends it.
    let config = PredictionConfig { batch_wait_s: 0.0035, ..config };
    assert_eq!(
        answers(&config, &asked),
        [16_000, 16_000, 16_000, 28_000, 28_000, 54_500].map(|us| us * 1000)
    );
}

#[test]
fn the_released_code_has_its_own_rule() {
    let config = PredictionConfig {
        batching: Batching::ReleasedCode,
        batch_s: 0.010,
        ..server(PredictionMode::Asynchronous)
    };
    // Idle for long: alone, at once. Two that come meanwhile wait 5 ms after the batch for a third, in vain.
    assert_eq!(answers(&config, &[0, MS, 2 * MS]), [10, 25, 25].map(|ms| ms * MS));
    // A third that comes 3 ms after the batch, or later, ends the wait; one that comes sooner does not.
    assert_eq!(answers(&config, &[0, MS, 13 * MS]), [10, 23, 23].map(|ms| ms * MS));
    assert_eq!(answers(&config, &[0, MS, 12 * MS]), [10, 27, 27].map(|ms| ms * MS));
    // Eight are enough.
    let asked = [0, MS, MS, MS, MS, MS, MS, MS, MS];
    assert_eq!(answers(&config, &asked)[1..], [20 * MS; 8]);
}

/// Predictions of no duration are there before anybody plans: the same events as with the request, and the
/// same when requests are held for them. But tie's beta is made of the queue as it was when the prediction
/// came: with all that arrived at that instant, or with those before it.
#[test]
fn predictions_that_take_no_time_change_nothing() {
    for seed in 0..2000 {
        let (mut world, requests) = micro_world(seed);
        if world.scheduler == "tie" {
            world.params.insert("beta".into(), 0.2.into());
        }
        let name = world.scheduler.clone();
        let mut digest = |mode| {
            world.prediction = PredictionConfig { batch_max: 2, ..server(mode) };
            world.prediction.batch_max = if mode == PredictionMode::Instant { 128 } else { 2 };
            world.run(&requests, uneven).unwrap().0.digest
        };
        let instant = digest(PredictionMode::Instant);
        assert_eq!(instant, digest(PredictionMode::Synchronous), "seed {seed}");
        if serves_unpredicted(&name) {
            assert_eq!(instant, digest(PredictionMode::Asynchronous), "seed {seed}");
        }
    }
}

/// One seat: a long request runs while three wait, which are predicted one after the other.
fn queue_of_three() -> (World, Vec<Request>) {
    let mut world = World::new(Preset::VllmV1);
    (world.engine.max_seqs, world.scheduler) = (1, "sjf".into());
    let requests = vec![request(0, 0, 1, 10), request(1, 1, 1, 9), request(2, 2, 1, 5), request(3, 3, 1, 7)];
    (world, requests)
}

fn order(world: &World, requests: &[Request]) -> Vec<u32> {
    let (_, seen) = world.run(requests, |_| 1000).unwrap();
    let mut by_start: Vec<_> =
        seen.requests.iter().map(|r| (r.first_scheduled.get().unwrap(), r.id.0)).collect();
    by_start.sort();
    by_start.into_iter().map(|(_, id)| id).collect()
}

#[test]
fn a_late_belief_moves_a_waiting_request() {
    let (mut world, requests) = queue_of_three();
    assert_eq!(order(&world, &requests), [0, 2, 3, 1]);
    // Two of the three are predicted by the time the seat is free, 10 us: the unpredicted one is last until
    // its belief is there.
    world.prediction =
        PredictionConfig { batch_max: 1, batch_s: 3e-6, ..server(PredictionMode::Asynchronous) };
    assert_eq!(order(&world, &requests), [0, 2, 3, 1]);
    world.prediction.batch_s = 4e-6;
    assert_eq!(order(&world, &requests), [0, 1, 2, 3], "0 and 1 are predicted at 8 us, 2 at 12");
    world.prediction.batch_s = 1.0;
    assert_eq!(order(&world, &requests), [0, 1, 2, 3], "nobody is predicted in time");
}

#[test]
fn a_synchronous_predictor_holds_requests_back() {
    let (mut world, requests) = queue_of_three();
    world.prediction =
        PredictionConfig { batch_max: 1, batch_s: 3e-6, ..server(PredictionMode::Synchronous) };
    let (totals, seen) = world.run(&requests, |_| 1000).unwrap();
    let first = seen.requests[0];
    assert_eq!((first.first_scheduled.get(), first.ttft()), (Some(SimTime(3000)), Some(Span(4000))));
    let done = totals.predictions.unwrap();
    assert_eq!((done.batches, done.prompts, done.busy), (4, 4, Span(12_000)));
    assert_eq!(done.latency_ns, 3000 + 5999 + 8998 + 11_997);
    // Held requests of a run that is cut short are unfinished.
    world.horizon = Some(SimTime(4000));
    let (_, cut) = world.run(&requests, |_| 1000).unwrap();
    assert_eq!(cut.requests.len(), 4);
}

fn serves_unpredicted(scheduler: &str) -> bool {
    let plain = serde_json::Map::new();
    let made = Registry::builtin().make(scheduler, &plain, 0);
    // Those that cannot be made without parameters have deadlines, not beliefs.
    made.map_or(true, |made| made.serves_unpredicted())
}

/// Who reserves memory by a belief does not serve without one, and says what to set.
#[test]
fn interval_schedulers_refuse_late_predictions() {
    let mut world = World::new(Preset::VllmV1);
    world.scheduler = "a-min".into();
    world.prediction = server(PredictionMode::Asynchronous);
    let error = world.run(&[request(0, 0, 3, 4)], |_| 1000).unwrap_err().to_string();
    assert!(error.contains("a-min") && error.contains("prediction.mode"), "{error}");
}

/// With `again` a preempted request has no belief until it was predicted anew.
#[test]
fn a_preempted_request_is_predicted_again() {
    let mut differ = 0;
    for seed in 0..2000 {
        let (mut world, requests) = micro_world(seed);
        if !serves_unpredicted(&world.scheduler) {
            continue;
        }
        let mut run = |after_preemption| {
            world.prediction =
                PredictionConfig { batch_s: 5e-6, after_preemption, ..server(PredictionMode::Asynchronous) };
            world.run(&requests, uneven).unwrap()
        };
        let ((kept, _), (again, seen)) = (run(AfterPreemption::Keep), run(AfterPreemption::Again));
        let preempted: u32 = seen.requests.iter().map(|r| r.preemptions).sum();
        let prompts = |totals: &foretoken::record::RunTotals| totals.predictions.unwrap().prompts;
        assert!(prompts(&again) <= requests.len() as u64 + u64::from(preempted), "seed {seed}");
        assert!(prompts(&kept) <= requests.len() as u64, "seed {seed}");
        differ += u32::from(kept.digest != again.digest);
    }
    assert!(differ > 50, "{differ}");
}

#[test]
fn failures_are_as_frequent_as_asked_for() {
    let mut world = World::new(Preset::VllmV1);
    world.scheduler = "sjf".into();
    world.prediction.failure_rate = 0.25;
    let requests: Vec<Request> = (0..4000).map(|i| request(i, u64::from(i), 1, 3)).collect();
    let (_, seen) = world.run(&requests, |_| 1000).unwrap();
    let failed = seen.requests.iter().filter(|r| r.predicted().is_none()).count();
    assert!((900..1100).contains(&failed), "{failed}");
}

#[test]
fn costs_need_a_server_and_keys_need_a_reader() {
    let refusal = |sets: &[&str]| {
        let mut layers = Layers::default();
        sets.iter().for_each(|set| layers.set(set).unwrap());
        let error = resolve(&layers).expect_err("refused");
        assert!(matches!(error, Error::Input { .. }), "{error}");
        error.to_string()
    };
    let unread = refusal(&["prediction.batch_s=0.1"]);
    assert!(unread.contains("prediction.batch_s") && unread.contains("instant"), "{unread}");
    let wait =
        ["prediction.mode=asynchronous", "prediction.batching=released-code", "prediction.batch_wait_s=1"];
    assert!(refusal(&wait).contains("batch_wait_s"));
    let again = ["prediction.mode=synchronous", "prediction.after_preemption=again"];
    assert!(refusal(&again).contains("after_preemption"));
    for bad in ["batch_max=0", "batch_s=-1", "failure_rate=1.5", "failure_score=nan"] {
        let set = format!("prediction.{bad}");
        assert!(refusal(&["prediction.mode=asynchronous", &set]).contains(bad.split('=').next().unwrap()));
    }
}

/// A predictions file's `cost_s` is time on the server, and needs one.
#[test]
fn costs_of_a_file_are_time_on_the_server() {
    use foretoken::predict::{Missing, PredictorConfig};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.csv");
    let rows = "id,kind,p1,p2,p3,p4,cost_s\n0,point,4,,,,0.000002\n1,score,-1.5,,,,0.000005\n2,point,4,,,,\n";
    std::fs::write(&path, rows).unwrap();
    let mut world = World::new(Preset::VllmV1);
    world.predictor = PredictorConfig::File { path: path.clone(), missing: Missing::Error };
    let requests = [0, 1, 2].map(|id| request(id, 0, 1, 1));
    let refused = world.run(&requests, |_| 1000).expect_err("there is no server").to_string();
    assert!(refused.contains("prediction.mode") && refused.contains("cost_s"), "{refused}");
    world.prediction =
        PredictionConfig { batch_max: 1, prompt_s: 1e-6, ..server(PredictionMode::Synchronous) };
    let (totals, seen) = world.run(&requests, |_| 1000).unwrap();
    assert_eq!(totals.predictions.unwrap().busy, Span(2000 + 5000 + 1000));
    let started: Vec<_> = seen.requests.iter().map(|r| r.first_scheduled.get().unwrap().0).collect();
    assert_eq!(started, [2000, 7000, 8000]);
    for bad in ["-1", "nan", "1e9"] {
        std::fs::write(&path, rows.replace("0.000005", bad)).unwrap();
        let refused = world.run(&requests, |_| 1000).expect_err(bad).to_string();
        assert!(refused.contains("line 3") && refused.contains("cost_s"), "{refused}");
    }
}
