//! Service-level objectives against hand-made cases.

use foretoken::metrics::{SLO_PRESETS, Slo, SloReport};
use foretoken::record::{RequestRecord, Status};
use foretoken::time::{MaybeTime, SimTime};

use super::{arrived, served};

const MS: u64 = 1_000_000;

fn judge(slo: Slo, records: &[RequestRecord], horizon_ms: u64) -> SloReport {
    slo.judge(records, SimTime(horizon_ms * MS), 2.0).unwrap()
}

fn counts(report: &SloReport) -> (u64, u64, u64) {
    (report.met, report.missed, report.censored)
}

/// Both limits of a chat server.
fn chat() -> Slo {
    Slo { ttft_s: Some(0.1), tpot_s: Some(0.01), e2e_s: None }
}

#[test]
fn limits_are_inclusive() {
    let exactly = served(0, 0, 1, 0, &[100 * MS, 110 * MS, 120 * MS]);
    let ttft_late = served(1, 0, 1, 0, &[100 * MS + 1, 110 * MS, 120 * MS]);
    // 1 ns over two gaps: TPOT rounds to the limit but is above it.
    let tpot_late = served(2, 0, 1, 0, &[100 * MS, 110 * MS, 120 * MS + 1]);
    let report = judge(chat(), &[exactly, ttft_late, tpot_late], 1000);
    assert_eq!(counts(&report), (1, 2, 0));
    assert!((report.attainment - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(report.goodput_rps, 0.5);
}

#[test]
fn a_single_token_keeps_any_tpot() {
    let tight = Slo { tpot_s: Some(1e-9), ..Slo::default() };
    assert_eq!(counts(&judge(tight, &[served(0, 0, 1, 0, &[5000 * MS])], 9000)), (1, 0, 0));
}

#[test]
fn a_rejection_is_a_miss_even_without_limits() {
    let rejected = RequestRecord { status: Status::Rejected, ..arrived(0, 0, 1, 1) };
    assert_eq!(counts(&judge(Slo::default(), &[rejected], 0)), (0, 1, 0));
}

#[test]
fn unfinished_requests_are_misses_once_too_old() {
    let waiting = arrived(0, 0, 1, 5);
    assert_eq!(counts(&judge(chat(), &[waiting], 100)), (0, 0, 1));
    assert_eq!(counts(&judge(chat(), &[waiting], 101)), (0, 1, 0));
    // First token in time, four gaps to come within 40 ms.
    let decoding = RequestRecord {
        finish: MaybeTime::NONE,
        status: Status::Unfinished,
        output_tokens: 5,
        ..served(1, 0, 1, 0, &[50 * MS])
    };
    assert_eq!(counts(&judge(chat(), &[decoding], 90)), (0, 0, 1));
    assert_eq!(counts(&judge(chat(), &[decoding], 91)), (0, 1, 0));
    let whole = Slo { e2e_s: Some(0.08), ..Slo::default() };
    assert_eq!(counts(&judge(whole, &[decoding], 80)), (0, 0, 1));
    assert_eq!(counts(&judge(whole, &[decoding], 81)), (0, 1, 0));
    assert!(judge(whole, &[waiting], 1).attainment.is_nan(), "nothing is known yet");
}

#[test]
fn presets_are_mlperf_limits() {
    let interactive = Slo::preset("llama2-70b-interactive").unwrap();
    assert_eq!(interactive, Slo { ttft_s: Some(0.45), tpot_s: Some(0.04), e2e_s: None });
    for (name, ttft_ms, tpot_ms) in SLO_PRESETS {
        let slo = Slo::preset(name).unwrap();
        let ms = |limit: Option<f64>| (limit.unwrap() * 1000.0).round() as u32;
        assert_eq!((ms(slo.ttft_s), ms(slo.tpot_s)), (ttft_ms, tpot_ms));
        assert!(slo.judge(&[], SimTime::ZERO, 0.0).is_ok());
    }
    let error = Slo::preset("llama2-7b").unwrap_err().to_string();
    assert!(error.contains("did you mean `llama2-70b`"), "{error}");
}

#[test]
fn impossible_limits_are_refused() {
    for limit in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let slo = Slo { e2e_s: Some(limit), ..Slo::default() };
        let error = slo.judge(&[], SimTime::ZERO, 1.0).unwrap_err().to_string();
        assert!(error.contains("slo.e2e_s"), "{error}");
    }
}
