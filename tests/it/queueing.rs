//! Queues with known answers: one seat, unit steps, Poisson arrivals. Mean waits must agree with theory within
//! 2% and within their confidence intervals.

use foretoken::engine::{self, ClusterConfig, EngineConfig, Group, KvConfig, Preset};
use foretoken::latency::Profile;
use foretoken::metrics::stats::batch_means;
use foretoken::predict::{LengthSample, PredictorConfig};
use foretoken::record::RequestRecord;
use foretoken::rng::Stream;
use foretoken::scheduler::{Params, Registry};
use foretoken::time::SimTime;
use foretoken::trace::TraceRow;
use foretoken::workload::{Arrivals, OrInf, Spec, build};

/// Output lengths with their probabilities. A unit step gives one token, so that they are service times in
/// seconds too.
type Law = &'static [(u32, f64)];

const CONSTANT: Law = &[(8, 1.0)];
const TWO_POINT: Law = &[(2, 0.75), (26, 0.25)];

fn moment(law: Law, k: i32) -> f64 {
    law.iter().map(|(s, p)| p * f64::from(*s).powi(k)).sum()
}

fn draw(law: Law, u: f64) -> u32 {
    let mut sum = 0.0;
    let reached = law.iter().find(|(_, p)| {
        sum += p;
        u < sum
    });
    reached.unwrap_or(&law[law.len() - 1]).0
}

/// Geometric on 1, 2, ... with the given mean: memoryless, as near to M/M/1 as whole steps come.
fn geometric(mean: f64, u: f64) -> u32 {
    1 + (libm::log(1.0 - u) / libm::log(1.0 - 1.0 / mean)) as u32
}

struct Queue<'a> {
    scheduler: &'a str,
    servers: u32,
    rate_rps: f64,
    requests: u32,
    seed: u64,
}

impl Queue<'_> {
    /// Waits (arrival to first schedule) in order of arrival, seconds.
    fn waits(&self, length: impl Fn(f64) -> u32 + Send + 'static) -> Vec<f64> {
        let mut lengths = Stream::new(self.seed, 0, "queueing.lengths", 0);
        let row = move |i| {
            let output_tokens = length(lengths.uniform());
            Ok(TraceRow { id: i, prompt_tokens: 1, output_tokens, ..TraceRow::default() })
        };
        let spec =
            Spec { arrivals: Arrivals::Poisson {}, rate_rps: Some(OrInf(self.rate_rps)), ..Spec::default() };
        let mut workload = build(&spec, (0..self.requests).map(row), self.seed, 0).unwrap();
        let engine = EngineConfig { max_seqs: self.servers, ..EngineConfig::preset(Preset::VllmV1) };
        let (registry, profile) = (Registry::builtin(), Profile::load("unit").unwrap());
        let setup = engine::Setup {
            groups: &[Group {
                replicas: 1,
                engine: &engine,
                kv: &KvConfig::preset(Preset::VllmV1),
                kv_blocks: 1 << 30,
                profile_name: "unit",
            }],
            router_name: "round-robin",
            router: &|| ClusterConfig::default().router(0),
            prompts: None,
            scheduler_name: self.scheduler,
            scheduler: &|_| registry.make(self.scheduler, &Params::new(), 0),
            model: &|_| profile.model(1 << 34),
            prediction: &foretoken::predict::PredictionConfig::default(),
            stepwise: false,
            horizon: None,
        };
        let mut predictor = PredictorConfig::Oracle.build(&LengthSample::default(), 0, 0).unwrap();
        let mut records: Vec<RequestRecord> = Vec::new();
        engine::run(&setup, workload.source.as_mut(), predictor.as_mut(), &mut records).unwrap();
        records.sort_by_key(|r| (r.arrival, r.id));
        assert!(records[0].arrival > SimTime::ZERO && records.len() == self.requests as usize);
        records.iter().map(|r| r.queue().unwrap().as_secs()).collect()
    }
}

/// The mean of `waits` must be `expected` within 2% and within its 99% interval.
fn assert_mean(waits: &[f64], expected: f64, what: &str) {
    let interval = batch_means(waits, 0.99).unwrap();
    let off = interval.mean / expected - 1.0;
    let inside = (interval.lo..=interval.hi).contains(&expected);
    assert!(inside && off.abs() < 0.02, "{what}: {interval:?}, theory {expected}, off by {off}");
}

/// Pollaczek and Khinchine: W = lambda E[S^2] / (2 (1 - rho)).
fn pollaczek_khinchine(rate: f64, mean: f64, square: f64) -> f64 {
    rate * square / (2.0 * (1.0 - rate * mean))
}

#[test]
fn m_d_1_waits() {
    for (rho, requests) in [(0.3, 200_000), (0.6, 600_000), (0.8, 1_500_000)] {
        let rate_rps = rho / 8.0;
        let queue = Queue { scheduler: "fcfs", servers: 1, rate_rps, requests, seed: 1 };
        let expected = pollaczek_khinchine(rate_rps, 8.0, 64.0);
        assert_mean(&queue.waits(|u| draw(CONSTANT, u)), expected, &format!("M/D/1 at {rho}"));
    }
}

#[test]
fn m_g_1_waits() {
    let (mean, square) = (moment(TWO_POINT, 1), moment(TWO_POINT, 2));
    for (rho, requests) in [(0.4, 600_000), (0.7, 1_500_000)] {
        let rate_rps = rho / mean;
        let queue = Queue { scheduler: "fcfs", servers: 1, rate_rps, requests, seed: 2 };
        let expected = pollaczek_khinchine(rate_rps, mean, square);
        assert_mean(&queue.waits(|u| draw(TWO_POINT, u)), expected, &format!("two-point M/G/1 at {rho}"));
    }
    // A geometric law of mean m has E[S^2] = m (2 m - 1).
    let rate_rps = 0.6 / 10.0;
    let queue = Queue { scheduler: "fcfs", servers: 1, rate_rps, requests: 600_000, seed: 3 };
    let expected = pollaczek_khinchine(rate_rps, 10.0, 190.0);
    assert_mean(&queue.waits(|u| geometric(10.0, u)), expected, "geometric M/G/1");
}

/// Shortest job first without preemption is a priority queue by length (Cobham 1954; Phipps 1956): a job of
/// length s waits R / ((1 - load of shorter jobs) (1 - load of jobs up to s)), R = lambda E[S^2] / 2.
#[test]
fn m_g_1_sjf_waits() {
    for (rho, requests) in [(0.5, 600_000), (0.8, 1_500_000)] {
        let rate = rho / moment(TWO_POINT, 1);
        let residual = rate * moment(TWO_POINT, 2) / 2.0;
        let (mut below, mut expected) = (0.0, 0.0);
        for (s, p) in TWO_POINT {
            let upto = below + rate * p * f64::from(*s);
            expected += p * residual / ((1.0 - below) * (1.0 - upto));
            below = upto;
        }
        let queue = Queue { scheduler: "sjf", servers: 1, rate_rps: rate, requests, seed: 4 };
        assert_mean(&queue.waits(|u| draw(TWO_POINT, u)), expected, &format!("M/G/1-SJF at {rho}"));
    }
}

/// No order of service that ignores lengths changes the mean wait (Kleinrock's conservation law).
#[test]
fn length_blind_orders_have_one_mean() {
    let rate_rps = 0.6 / moment(TWO_POINT, 1);
    let expected = pollaczek_khinchine(rate_rps, moment(TWO_POINT, 1), moment(TWO_POINT, 2));
    let queue = Queue { scheduler: "random", servers: 1, rate_rps, requests: 1_000_000, seed: 5 };
    assert_mean(&queue.waits(|u| draw(TWO_POINT, u)), expected, "random order");
}
