//! Summaries against a plain transcription of the metrics' definitions on token-delivery logs.

use foretoken::metrics::{
    Distribution, Floor, PercentileConvention, RunRecord, Slo, Summary, SummaryOptions, Trim, jain_index,
    summarise,
};
use foretoken::record::{LogHistogram, RequestRecord, RunTotals, Status};
use foretoken::time::{SimTime, Span};
use foretoken::workload::ClassId;
use proptest::prelude::*;

use super::{arrived, served};

const HORIZON: u64 = 100_000_000_000;

/// What a client sees: send, first schedule, deliveries.
#[derive(Clone, Debug)]
struct Log {
    sent: u64,
    scheduled: u64,
    deliveries: Vec<u64>,
    output: usize,
    prompt: u32,
    rejected: bool,
}

impl Log {
    fn is_complete(&self) -> bool {
        !self.rejected && self.deliveries.len() == self.output
    }

    fn record(&self, id: u32) -> RequestRecord {
        let (sent, output) = (self.sent, self.output as u32);
        if self.rejected {
            return RequestRecord { status: Status::Rejected, ..arrived(id, sent, self.prompt, output) };
        }
        if self.deliveries.is_empty() {
            return arrived(id, sent, self.prompt, output);
        }
        let whole = served(id, sent, self.prompt, self.scheduled, &self.deliveries);
        if self.is_complete() {
            return whole;
        }
        let (status, finish) = (Status::Unfinished, Default::default());
        RequestRecord { status, finish, output_tokens: output, ..whole }
    }
}

fn logs() -> impl Strategy<Value = Vec<Log>> {
    let gap = prop_oneof![Just(0u64), 1..30_000_000u64];
    let gaps = prop::collection::vec(gap, 0..12);
    let log = (0..2_000_000_000u64, 0..500_000_000u64, 0..90_000_000u64, gaps, 0..3usize, 0..900u32, 0..8u8);
    let log = log.prop_map(|(sent, wait, first, gaps, missing, prompt, fate)| {
        let scheduled = sent + wait;
        let mut deliveries = Vec::new();
        let mut now = scheduled + first;
        for gap in gaps {
            deliveries.push(now);
            now += gap;
        }
        let missing = if fate > 2 { missing * usize::from(fate == 3) } else { 0 };
        let output = (deliveries.len() + missing).max(1);
        Log { sent, scheduled, deliveries, output, prompt, rejected: fate == 4 }
    });
    prop::collection::vec(log, 0..40)
}

fn totals(logs: &[Log]) -> RunTotals {
    let mut itl = LogHistogram::new();
    for log in logs.iter().filter(|l| !l.rejected) {
        log.deliveries.windows(2).for_each(|pair| itl.add(pair[1] - pair[0], 1));
    }
    RunTotals { arrived: logs.len() as u64, horizon: SimTime(HORIZON), itl, ..RunTotals::default() }
}

fn run<'a>(requests: &'a [RequestRecord], totals: &'a RunTotals, classes: &'a [String]) -> RunRecord<'a> {
    RunRecord {
        scheduler: "fcfs",
        engine: "vllm-v1",
        profile: "toy",
        predictor: None,
        requests,
        totals,
        classes,
    }
}

/// numpy.percentile and numpy.std, word for word.
fn numpy(mut values: Vec<f64>) -> Distribution {
    let n = values.len() as f64;
    if values.is_empty() {
        return Distribution::EMPTY;
    }
    values.sort_by(f64::total_cmp);
    let mean = values.iter().sum::<f64>() / n;
    let percentile = |q: f64| {
        let rank = (n - 1.0) * q;
        let (low, high) = (values[rank.floor() as usize], values[rank.ceil() as usize]);
        low + (high - low) * (rank - rank.floor())
    };
    Distribution {
        mean,
        std: (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt(),
        min: values[0],
        p50: percentile(0.5),
        p90: percentile(0.9),
        p95: percentile(0.95),
        p99: percentile(0.99),
        max: values[values.len() - 1],
        n: values.len() as u64,
    }
}

fn assert_close(name: &str, got: &Distribution, want: &Distribution, relative: f64) {
    assert_eq!(got.n, want.n, "{name}");
    let pairs = |d: &Distribution| [d.mean, d.std, d.min, d.p50, d.p90, d.p95, d.p99, d.max];
    for (i, (a, b)) in pairs(got).into_iter().zip(pairs(want)).enumerate() {
        // A nanosecond for TPOT and per-token times, which records round to one.
        let close = (a - b).abs() <= 1.1e-9 + relative * b.abs() || (a.is_nan() && b.is_nan());
        assert!(close, "{name}, number {i}: {a} for {b}");
    }
}

proptest! {
    #[test]
    fn summaries_follow_the_definitions(logs in logs()) {
        let records: Vec<RequestRecord> = (0..).zip(&logs).map(|(id, log)| log.record(id)).collect();
        let totals = totals(&logs);
        let summary = summarise(&run(&records, &totals, &[]), &SummaryOptions::default()).unwrap();
        let done: Vec<&Log> = logs.iter().filter(|l| l.is_complete()).collect();
        let s = |ns: u64| ns as f64 / 1e9;
        let over = |metric: &dyn Fn(&Log) -> Option<f64>| numpy(done.iter().filter_map(|l| metric(l)).collect());
        let last = |l: &Log| l.deliveries[l.deliveries.len() - 1];
        let l = &summary.latencies;
        assert_close("ttft", &l.ttft_s, &over(&|l| Some(s(l.deliveries[0] - l.sent))), 1e-12);
        assert_close("e2e", &l.e2e_s, &over(&|l| Some(s(last(l) - l.sent))), 1e-12);
        let n = |l: &Log| l.deliveries.len() as f64;
        let tpot = |l: &Log| (n(l) > 1.0).then(|| s(last(l) - l.deliveries[0]) / (n(l) - 1.0));
        assert_close("tpot", &l.tpot_s, &over(&tpot), 1e-12);
        assert_close("per_token", &l.per_token_s, &over(&|l| Some(s(last(l) - l.sent) / n(l))), 1e-12);
        assert_close("queue", &l.queue_s, &over(&|l| Some(s(l.scheduled - l.sent))), 1e-12);
        let gaps = logs.iter().filter(|l| !l.rejected)
            .flat_map(|l| l.deliveries.windows(2).map(|p| s(p[1] - p[0]))).collect();
        assert_close("itl", &summary.itl_s, &numpy(gaps), 1e-3);
        let from = logs.iter().map(|l| l.sent).min().unwrap_or(0);
        let duration = done.iter().map(|l| s(last(l) - from)).fold(0.0, f64::max);
        prop_assert!((summary.duration_s - duration).abs() < 1e-9);
        if duration > 0.0 {
            let tokens: f64 = done.iter().map(|l| n(l) + f64::from(l.prompt)).sum();
            prop_assert!((summary.throughput.total_tokens_per_s / (tokens / duration) - 1.0).abs() < 1e-9);
            prop_assert!((summary.throughput.requests_per_s * duration - done.len() as f64).abs() < 1e-6);
        }
        let c = summary.requests;
        prop_assert_eq!(c.completed, done.len() as u64);
        prop_assert_eq!(c.arrived, c.completed + c.rejected + c.unfinished);
        let json = serde_json::to_string(&summary).unwrap();
        let back: Summary = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(serde_json::to_string(&back).unwrap(), json);
    }

    #[test]
    fn percentiles_are_order_statistics(values in prop::collection::vec(0..1u64 << 50, 1..300)) {
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let n = sorted.len();
        let at = |i: usize| sorted[i] as f64 / 1e9;
        let (mut a, mut b) = (values.clone(), values);
        let mlperf = Distribution::from_ns(&mut a, PercentileConvention::Mlperf);
        let nearest = Distribution::from_ns(&mut b, PercentileConvention::Nearest);
        for (percent, high, low) in
            [(50, mlperf.p50, nearest.p50), (90, mlperf.p90, nearest.p90), (95, mlperf.p95, nearest.p95), (99, mlperf.p99, nearest.p99)]
        {
            prop_assert_eq!(high, at(n * percent / 100));
            prop_assert_eq!(low, at((n * percent).div_ceil(100) - 1));
        }
    }
}

#[test]
fn p99_of_a_hundred_samples_by_hand() {
    let p99 = |convention| {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        Distribution::from_values(&mut values, convention).p99
    };
    assert!((p99(PercentileConvention::Linear) - 99.01).abs() < 1e-12);
    assert_eq!(p99(PercentileConvention::Mlperf), 100.0);
    assert_eq!(p99(PercentileConvention::Nearest), 99.0);
}

#[test]
fn large_offsets_keep_their_deviation() {
    let day = 86_400_000_000_000;
    let mut values: Vec<u64> = (0..1000u64).map(|i| day + i % 2).collect();
    let d = Distribution::from_ns(&mut values, PercentileConvention::Linear);
    assert!((d.std / 0.5e-9 - 1.0).abs() < 1e-12, "{}", d.std);
}

/// Two classes, an unfinished and a rejected request.
fn mixed() -> Vec<RequestRecord> {
    let second = 1_000_000_000;
    let times = |from: u64, to: u64| -> Vec<u64> { (from..=to).map(|t| t * second).collect() };
    vec![
        RequestRecord { predicted_tokens: 4.0, ..served(0, 0, 10, second, &times(2, 3)) },
        RequestRecord {
            class: ClassId(1),
            predicted_tokens: 2.0,
            ..served(1, second, 20, 3 * second, &times(4, 7))
        },
        RequestRecord {
            class: ClassId(1),
            preemptions: 3,
            client_wait: Span(2 * second),
            ..served(2, 2 * second, 30, 3 * second, &times(4, 11))
        },
        RequestRecord { status: Status::Rejected, ..arrived(3, 3 * second, 9999, 1) },
        arrived(4, 4 * second, 5, 5),
    ]
}

#[test]
fn everything_optional_by_hand() {
    let (records, classes) = (mixed(), ["".to_owned(), "code".to_owned()]);
    let mut totals = RunTotals {
        arrived: 6,
        steps: 20,
        out_of_domain_steps: 5,
        busy: Span(8_000_000_000),
        kv_block_ns: 640_000_000_000,
        seat_ns: 20_000_000_000,
        kv_blocks: 64,
        seats: 4,
        replicas: 1,
        horizon: SimTime(20_000_000_000),
        energy_j: Some(140.0),
        ..RunTotals::default()
    };
    totals.itl.add(1_000_000_000, 11);
    // Alone, a request takes half a second a token.
    let isolated = |_: u32, output: u32| Span(u64::from(output) * 500_000_000);
    let trim = Trim { warmup: 0.1, cooldown: 0.3 };
    let floor = Floor { name: "work", mean_e2e_s: 2.5, isolated_mean_e2e_s: 7.0 / 3.0 };
    let options = SummaryOptions {
        trim: Some(trim),
        isolated: Some(&isolated),
        floor: Some(floor),
        ..SummaryOptions::default()
    };
    let s = summarise(&run(&records, &totals, &classes), &options).unwrap();
    assert_eq!(
        (s.requests.completed, s.requests.rejected, s.requests.unfinished, s.requests.lost),
        (3, 1, 1, 1)
    );
    assert_eq!((s.utilisation.busy, s.utilisation.kv, s.utilisation.seats), (0.4, 0.5, 0.25));
    assert_eq!((s.out_of_domain_share, s.preemptions, s.longest_wait_s), (0.25, 3, 16.0));
    assert_eq!(s.j_per_output_token, Some(10.0));
    assert_eq!(s.client_wait_s.map(|d| (d.n, d.max)), Some((5, 2.0)));
    // E2E 3, 6 and 9 s for 2, 4 and 8 tokens: slowdowns 3, 3 and 2.25.
    let slowdown = s.slowdown.unwrap();
    assert_eq!((slowdown.n, slowdown.min, slowdown.max), (3, 2.25, 3.0));
    let quartiles: Vec<_> =
        s.slowdown_by_output.iter().map(|q| (q.from_tokens, q.to_tokens, q.slowdown.mean)).collect();
    assert_eq!(quartiles, [(2, 2, 3.0), (4, 4, 3.0), (8, 8, 2.25)]);
    let speeds = [1.0 / 3.0, 1.0 / 3.0, 1.0 / 2.25];
    assert_eq!(s.jain_index, jain_index(speeds.into_iter()));
    let bound = s.lower_bound.as_ref().unwrap();
    assert_eq!((bound.mean_e2e_s, bound.isolated_mean_e2e_s), (2.5, 7.0 / 3.0));
    assert!((bound.ratio - 6.0 / 2.5).abs() < 1e-12);
    let classes: Vec<_> =
        s.classes.iter().map(|c| (c.class.as_str(), c.requests.arrived, c.latencies.e2e_s.mean)).collect();
    assert_eq!(classes, [("", 3, 3.0), ("code", 2, 7.5)]);
    // The run lasts 11 s: from 1.1 s to 7.7 s. One of the completed arrived there, two ended there.
    let steady = s.steady_state.unwrap();
    assert_eq!((steady.from_s, steady.to_s), (1.1, 7.7));
    assert_eq!((steady.latencies.e2e_s.n, steady.latencies.e2e_s.max), (1, 9.0));
    assert!((steady.throughput.requests_per_s - 2.0 / 6.6).abs() < 1e-9);
    let prediction = s.prediction.unwrap();
    assert_eq!((prediction.n, prediction.mae_tokens, prediction.bias_tokens), (2, 2.0, 0.0));
    assert_eq!((prediction.rmse_tokens, prediction.relative), (2.0, 0.75));
}

#[test]
fn the_json_has_the_documented_fields() {
    let records = mixed();
    let totals = RunTotals { arrived: 5, horizon: SimTime(1 << 40), ..RunTotals::default() };
    let slo = Some(Slo { ttft_s: Some(5.0), ..Slo::default() });
    let options = SummaryOptions { slo, ..SummaryOptions::default() };
    let json = serde_json::to_value(summarise(&run(&records, &totals, &[]), &options).unwrap()).unwrap();
    let groups = [
        ("requests", "arrived completed rejected unfinished lost"),
        ("throughput", "requests_per_s output_tokens_per_s total_tokens_per_s"),
        ("slo", "ttft_s attainment goodput_rps p99_within_limits"),
        ("peak", "output_tokens_per_s concurrent_requests"),
        ("utilisation", "busy kv seats"),
    ];
    let distributions = "ttft_s tpot_s itl_s e2e_s per_token_s queue_s prefill_s decode_s inference_s ttst_s";
    let numbers = "mean std min p50 p90 p95 p99 max n";
    let scalars = "schema scheduler engine profile duration_s steps digest preemptions wasted_tokens percentile_convention";
    assert!(scalars.split(' ').all(|key| json.get(key).is_some()), "{json}");
    let nested = distributions.split(' ').map(|name| (name, numbers)).chain(groups);
    for (outer, inner) in nested {
        assert!(inner.split(' ').all(|key| json[outer].get(key).is_some()), "{outer}: {json}");
    }
    assert_eq!(json["slo"]["met"], 3);
}

#[test]
fn a_run_without_requests_has_nulls() {
    let totals = RunTotals::default();
    let summary = summarise(&run(&[], &totals, &[]), &SummaryOptions::default()).unwrap();
    let json: serde_json::Value = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["schema"], 1);
    assert!(json["e2e_s"]["p99"].is_null() && json["throughput"]["requests_per_s"].is_null());
    assert_eq!((json["e2e_s"]["n"].as_u64(), json["duration_s"].as_f64()), (Some(0), Some(0.0)));
    assert_eq!(json["percentile_convention"], "linear");
}

#[test]
fn trims_that_leave_nothing_are_refused() {
    for (warmup, cooldown) in [(0.5, 0.5), (-0.1, 0.0), (f64::NAN, 0.0), (0.0, 1.0)] {
        let totals = RunTotals::default();
        let options = SummaryOptions { trim: Some(Trim { warmup, cooldown }), ..SummaryOptions::default() };
        assert!(summarise(&run(&[], &totals, &[]), &options).is_err(), "{warmup} {cooldown}");
    }
}

#[test]
fn jain_by_hand() {
    assert_eq!(jain_index([2.0; 7].into_iter()), Some(1.0));
    assert_eq!(jain_index([0.0, 0.0, 0.0, 5.0].into_iter()), Some(0.25));
    assert_eq!(jain_index(std::iter::empty()), None);
}

#[test]
fn equal_lengths_share_a_quartile() {
    let records: Vec<RequestRecord> =
        (0..8).map(|i| served(i, 0, 1, 1, &vec![10; if i < 6 { 3 } else { 9 }])).collect();
    let isolated = |_: u32, output: u32| Span(u64::from(output));
    let options = SummaryOptions { isolated: Some(&isolated), ..SummaryOptions::default() };
    let totals = RunTotals::default();
    let summary = summarise(&run(&records, &totals, &[]), &options).unwrap();
    let quartiles: Vec<_> = summary.slowdown_by_output.iter().map(|q| (q.to_tokens, q.slowdown.n)).collect();
    assert_eq!(quartiles, [(3, 6), (9, 2)]);
}
