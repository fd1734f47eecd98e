//! Interval predictors: what they promise, over random requests.

use crate::support::request;
use foretoken::length::{Belief, Histogram, LogT};
use foretoken::predict::{LengthSample, PredictorConfig};
use foretoken::rng::Stream;

/// (true length, interval) of `n` requests.
fn intervals(config: &PredictorConfig, n: u32, seed: u64) -> Vec<(u32, u32, u32)> {
    let mut predictor = config.build(&LengthSample::default(), seed, 0).unwrap();
    let mut rng = Stream::new(9, 0, "interval predict", 0);
    let one = |id| {
        let output = 1 + libm::exp(rng.uniform() * 7.0) as u32;
        let mut r = request(id, 0, 40, output);
        r.law = Some(LogT { mu: libm::log(f64::from(output)), sigma: 0.5, nu: 3.0, cap: 2000 });
        match predictor.predict(&r).unwrap() {
            Belief::Interval { lo, hi } => (output, lo, hi),
            other => panic!("{other:?}"),
        }
    };
    (0..n).map(one).collect()
}

fn around(x: f64, miss: f64, kv_tokens: Option<u32>) -> PredictorConfig {
    PredictorConfig::IntervalAround { x, miss, kv_tokens }
}

#[test]
fn one_interval_is_for_all() {
    let found = intervals(&PredictorConfig::Interval { lower: 3, upper: 70 }, 50, 0);
    assert!(found.iter().all(|(_, lo, hi)| (*lo, *hi) == (3, 70)));
}

#[test]
fn classes_are_those_of_the_paper() {
    for (o, lo, hi) in intervals(&PredictorConfig::IntervalClasses { width: 100 }, 500, 0) {
        assert!(lo % 100 == 1 && hi == lo + 99 && (lo..=hi).contains(&o), "{o}: {lo}..{hi}");
    }
}

#[test]
fn intervals_around_hold_their_length() {
    for x in [0.0, 0.1, 0.5, 0.95, 0.99] {
        for (o, lo, hi) in intervals(&around(x, 0.0, None), 300, 0) {
            let o_f = f64::from(o);
            assert_eq!(f64::from(lo), ((1.0 - x) * o_f).floor().max(1.0));
            assert_eq!(f64::from(hi), ((1.0 + x) * o_f).ceil());
            assert!((lo..=hi).contains(&o) && (x > 0.0 || lo == hi));
        }
        let capped = intervals(&around(x, 0.0, Some(340)), 300, 0);
        assert!(capped.iter().all(|(_, lo, hi)| (1..=*hi).contains(lo) && *hi <= 300));
    }
}

#[test]
fn misses_come_at_the_stated_rate_on_both_sides() {
    for miss in [0.0, 0.2, 1.0] {
        let found = intervals(&around(0.3, miss, None), 4000, 5);
        let share = |side: &dyn Fn(&(u32, u32, u32)) -> bool| {
            found.iter().filter(|f| side(f)).count() as f64 / found.len() as f64
        };
        let (below, above) = (share(&|(o, lo, _)| o < lo), share(&|(o, _, hi)| o > hi));
        assert!(
            (below - miss / 2.0).abs() < 0.03 && (above - miss / 2.0).abs() < 0.03,
            "{miss}: {below} {above}"
        );
        assert!(found.iter().all(|(_, lo, hi)| 1 <= *lo && lo <= hi));
        assert_eq!(found, intervals(&around(0.3, miss, None), 4000, 5));
    }
}

#[test]
fn quantiles_of_a_law_hold_what_they_say() {
    let config = PredictorConfig::IntervalQuantiles { p_lo: 0.05, p_hi: 0.95, path: None };
    for (o, lo, hi) in intervals(&config, 300, 0) {
        let law = LogT { mu: libm::log(f64::from(o)), sigma: 0.5, nu: 3.0, cap: 2000 };
        assert!(lo <= o && o <= hi && hi <= 2000);
        let up_to = |k: u32| if k == law.cap { 1.0 } else { law.cdf(f64::from(k) + 0.5) };
        assert!(up_to(hi) >= 0.95 && up_to(lo) >= 0.05 && (lo == 1 || up_to(lo - 1) < 0.05));
    }
}

#[test]
fn a_file_gives_intervals_or_laws_to_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.csv");
    std::fs::write(&path, "id,kind,p1,p2,p3,p4\n0,interval,3,9,,\n1,logt,2.0,0.5,3,90\n").unwrap();
    let quantiles = PredictorConfig::IntervalQuantiles { p_lo: 0.1, p_hi: 0.9, path: Some(path.clone()) };
    let mut predictor = quantiles.build(&LengthSample::default(), 0, 0).unwrap();
    let law = LogT { mu: 2.0, sigma: 0.5, nu: 3.0, cap: 90 };
    let cut = Belief::Interval { lo: law.token_quantile(0.1), hi: law.token_quantile(0.9) };
    assert_eq!(predictor.predict(&request(1, 0, 4, 5)).unwrap(), cut);
    let error = predictor.predict(&request(0, 0, 4, 5)).unwrap_err().to_string();
    assert!(error.contains("is no law"), "{error}");
    let file = PredictorConfig::File { path, missing: foretoken::predict::Missing::Error };
    let belief = file.build(&LengthSample::default(), 0, 0).unwrap().predict(&request(0, 0, 4, 5)).unwrap();
    assert_eq!(belief, Belief::Interval { lo: 3, hi: 9 });
}

#[test]
fn histograms_come_from_json_beside_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("h.json", "{\"edges\": [0, 10, 30], \"weights\": [3, 1]}");
    write("p.csv", "id,kind,p1,p2,p3,p4\n0,histogram,h.json,,,\n1,histogram,h.json,,,\n");
    let path = dir.path().join("p.csv");
    let build = |config: PredictorConfig| config.build(&LengthSample::default(), 0, 0);
    let file = || PredictorConfig::File { path: path.clone(), missing: foretoken::predict::Missing::Error };
    let belief = build(file()).unwrap().predict(&request(1, 0, 4, 5)).unwrap();
    let law = Histogram::new(&[0.0, 10.0, 30.0], &[3.0, 1.0]).unwrap();
    assert_eq!(belief, Belief::Histogram(std::sync::Arc::new(law.clone())));
    assert!((belief.tokens().unwrap() - 20.0 / 3.0).abs() < 1e-12);
    assert_eq!(law.support(), (1, 30));
    // Three quarters lie evenly on 0..10, a quarter on 10..30.
    let cut = PredictorConfig::IntervalQuantiles { p_lo: 0.15, p_hi: 0.9, path: Some(path.clone()) };
    let interval = build(cut).unwrap().predict(&request(0, 0, 4, 5)).unwrap();
    assert_eq!(interval, Belief::Interval { lo: 2, hi: 22 });
    for (json, words) in [
        ("{\"edges\": [0, 10], \"weights\": [3, 1]}", "rising edges"),
        ("{\"edges\": [0, 10],\n \"weight\": [3]}", "line 2"),
        ("{\"edges\": [0, 10], \"weights\": [0]}", "not all are 0"),
    ] {
        write("h.json", json);
        let error = build(file()).err().unwrap().to_string();
        assert!(error.contains("h.json") && error.contains(words), "{error}");
    }
    write("p.csv", "id,kind,p1\n0,point,h.json\n");
    let error = build(file()).err().unwrap().to_string();
    assert!(error.contains("line 2, column p1") && error.contains("no number"), "{error}");
}
