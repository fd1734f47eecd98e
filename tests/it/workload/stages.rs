//! Stages: what each does to rows, lengths and recorded times.

use super::{drain, refusal, rows, spec, talk};
use foretoken::length::LogT;
use foretoken::time::SimTime;
use foretoken::trace::TraceRow;
use foretoken::workload::{Request, build};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn run(text: &str, rows: Vec<TraceRow>) -> Vec<Request> {
    drain(&spec(text), rows, 1, 0).expect(text)
}

fn ids(all: &[Request]) -> Vec<u32> {
    all.iter().map(|r| r.visible.id.0).collect()
}

fn secs(all: &[Request]) -> Vec<f64> {
    all.iter().map(|r| r.visible.arrival.as_secs()).collect()
}

/// Lengths tell the rows of `rows` apart up to 50 x 97.
fn content(r: &Request) -> (u32, String) {
    (r.visible.prompt_tokens, format!("{:?}", r.truth))
}

#[test]
fn requests_takes_a_prefix_and_names_a_shortage() {
    assert_eq!(ids(&run("requests = 7", rows(50))), (0..7).collect::<Vec<_>>());
    let said = refusal("requests = 51", rows(50));
    assert!(
        said.starts_with("key workload.requests: 51 requests are asked for and the trace gives 50"),
        "{said}"
    );
}

/// An experiment of fixed length: what arrives until then, drawn for as long as it takes.
#[test]
fn duration_ends_the_arrivals() {
    let all = secs(&run("", rows(50)));
    assert_eq!(secs(&run(&format!("duration_s = {}", all[20]), rows(50))), all[..=20]);
    let long =
        run("duration_s = 30\nrate_rps = 10\narrivals.kind = 'constant'\nlengths = 'resample'", rows(50));
    assert_eq!((long.len(), secs(&long)[299]), (300, 30.0), "more requests than rows");
    let poisson = "rate_rps = 10\narrivals.kind = 'poisson'\nlengths = 'resample'";
    let (short, long) = (
        run(&format!("duration_s = 20\n{poisson}"), rows(50)),
        run(&format!("duration_s = 30\n{poisson}"), rows(50)),
    );
    assert!(secs(&long).starts_with(&secs(&short)) && (150..250).contains(&short.len()), "{}", short.len());
    for (text, word) in [
        ("duration_s = -1", "length of time"),
        ("duration_s = 5\nrate_rps = 'inf'\narrivals.kind = 'poisson'", "time 0"),
        ("duration_s = 5\nrate_rps = 1\nnormalize = true\narrivals.kind = 'poisson'", "how many"),
        ("duration_s = 5\narrivals = { kind = 'closed-loop', clients = 2 }", "horizon_s"),
    ] {
        let said = refusal(text, rows(50));
        assert!(said.starts_with("key workload.duration_s: ") && said.contains(word), "{said}");
    }
}

#[test]
fn recorded_times_must_not_run_backwards() {
    let mut mixed = rows(20);
    mixed.swap(3, 12);
    let said = refusal("", mixed.clone());
    assert!(said.starts_with("key workload.arrivals.kind: row 4 "), "{said}");
    let drawn = run("rate_rps = 1\narrivals.kind = 'constant'", mixed);
    assert_eq!(drawn[3].visible.id.0, 12, "drawn arrivals take rows as they come");
}

#[test]
fn a_bad_row_is_passed_on() {
    for text in ["", "requests = 5", "scale = { kind = 'thin', keep = 0.001 }"] {
        let broken =
            rows(3).into_iter().map(Ok).chain([Err(foretoken::error::Error::Usage("line 9".into()))]);
        let outcome = build(&spec(text), broken, 1, 0).and_then(|mut w| {
            while w.source.next_time()?.is_some() {
                w.source.take()?;
            }
            Ok(())
        });
        assert_eq!(outcome.unwrap_err().to_string(), "line 9", "{text}");
    }
}

#[test]
fn rate_match_meets_the_rate() {
    let all = run("rate_rps = 40\nscale.kind = 'rate-match'", rows(200));
    let (t, was) = (secs(&all), secs(&run("", rows(200))));
    assert!((t[199] - 5.0).abs() < 1e-8);
    assert!(t.iter().zip(&was).all(|(a, b)| (a * was[199] - b * t[199]).abs() < 1e-6), "shape kept");
    assert!(secs(&run("rate_rps = inf\nscale.kind = 'rate-match'", rows(20))).iter().all(|&t| t == 0.0));
    let timeless = rows(5).into_iter().map(|r| TraceRow { arrival: SimTime::ZERO, ..r }).collect();
    let said = refusal("rate_rps = 4\nscale.kind = 'rate-match'", timeless);
    assert!(said.contains("all rows arrive at one time"), "{said}");
}

#[test]
fn resampling_draws_rows_with_replacement() {
    let text = "lengths = 'resample'\nrate_rps = 5\narrivals.kind = 'poisson'\nrequests = 4000";
    let all = run(text, rows(40));
    assert_eq!(ids(&all), (0..4000).collect::<Vec<_>>(), "ids count requests");
    let mut seen = BTreeMap::new();
    for r in &all {
        *seen.entry(content(r)).or_insert(0) += 1;
    }
    let known: Vec<_> = run("", rows(40)).iter().map(content).collect();
    assert!(seen.keys().all(|k| known.contains(k)));
    assert_eq!(seen.len(), 40);
    assert!(seen.values().all(|&n| (50..160).contains(&n)), "about 100 each");
    let plain = run("rate_rps = 5\narrivals.kind = 'poisson'", rows(40));
    assert_eq!(secs(&plain), secs(&all)[..40], "lengths do not move arrivals");
    let other = drain(&spec(text), rows(40), 1, 1).unwrap();
    assert!(all.iter().zip(&other).any(|(a, b)| content(a) != content(b)), "a replicate draws anew");
    assert_eq!(run("lengths = 'resample'", rows(40)).len(), 40);
    assert!(refusal("lengths = 'resample'", vec![]).starts_with("key workload.lengths: "));
}

#[test]
fn over_long_requests_are_refused_unless_told_otherwise() {
    let law = LogT { mu: 3.0, sigma: 0.5, nu: 3.5, cap: 400 };
    let row = |id, prompt_tokens, output_tokens| TraceRow {
        id,
        prompt_tokens,
        output_tokens,
        max_tokens: Some(500),
        law: Some(law),
        ..TraceRow::default()
    };
    let long = || vec![row(0, 60, 40), row(1, 60, 41), row(2, 300, 5), row(3, 99, 1)];
    let said = refusal("max_model_len = 100", long());
    assert!(said.starts_with("key workload.over_long: row 1 "), "{said}");

    let lengths = |text: &str| {
        let mut w = build(&spec(text), long().into_iter().map(Ok), 1, 0).unwrap();
        let mut all = Vec::new();
        while w.source.next_time().unwrap().is_some() {
            all.push(w.source.take().unwrap());
        }
        (all, w.ledger.counts())
    };
    let (all, counts) = lengths("max_model_len = 100\nover_long = 'drop'");
    assert_eq!((ids(&all), counts.dropped), (vec![0, 3], 2));
    let (all, counts) = lengths("max_model_len = 100\nover_long = 'reject'");
    assert_eq!((ids(&all), counts.refused), (vec![0, 1, 2, 3], 2));
    let (all, counts) = lengths("max_model_len = 100\nover_long = 'clip'");
    assert_eq!(counts.clipped, 2);
    let got: Vec<_> = all.iter().map(content).collect();
    let want = [(60, 40), (60, 40), (99, 1), (99, 1)].map(|(p, o)| (p, format!("TrueLength({o})")));
    assert_eq!(got, want);
    assert_eq!((all[0].law.unwrap().cap, all[0].visible.max_tokens), (40, Some(40)), "fitting or not");
    assert_eq!((all[2].law.unwrap().cap, all[2].visible.max_tokens), (1, Some(1)));
}

#[test]
fn a_clients_own_limit_ends_its_answers() {
    let row = TraceRow { prompt_tokens: 1, output_tokens: 90, max_tokens: Some(50), ..TraceRow::default() };
    assert_eq!(content(&run("", vec![row])[0]).1, "TrueLength(50)");
}

#[test]
fn open_sessions_carry_their_history_at_recorded_times() {
    let all = run("sessions.kind = 'open'", talk(40));
    let mut past: BTreeMap<u32, u32> = BTreeMap::new();
    for (r, row) in all.iter().zip(talk(40)) {
        let past = past.entry(r.visible.session.unwrap()).or_default();
        assert_eq!(r.visible.prompt_tokens, *past + row.prompt_tokens);
        assert_eq!(r.visible.arrival, row.arrival);
        *past = r.visible.prompt_tokens + row.output_tokens;
    }
    assert_eq!(past.len(), 10);
    let mut backwards = talk(20);
    backwards[5].turn = Some(0);
    backwards[0].turn = Some(3);
    assert!(refusal("sessions.kind = 'open'", backwards).starts_with("column turn: row 5 "));
}

#[test]
fn turns_count_up_where_the_trace_does_not_say() {
    let untold = talk(20).into_iter().map(|r| TraceRow { turn: None, ..r }).collect();
    let turns: Vec<u32> = run("", untold).iter().map(|r| r.visible.turn).collect();
    assert_eq!(turns, talk(20).iter().map(|r| r.turn.unwrap()).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn compression_divides_every_time(n in 1u32..100, factor in 0.01f64..100.0) {
        let all = run(&format!("scale = {{ kind = 'compress', factor = {factor} }}"), rows(n));
        prop_assert_eq!(ids(&all), (0..n).collect::<Vec<_>>());
        for (r, row) in all.iter().zip(rows(n)) {
            prop_assert!((r.visible.arrival.as_secs() * factor - row.arrival.as_secs()).abs() < 1e-6);
            let due = r.visible.deadline.unwrap();
            prop_assert!((due.since(r.visible.arrival).as_secs() - 1.5).abs() < 1e-6, "deadlines move along");
        }
    }

    #[test]
    fn thinning_keeps_nested_subsets(n in 1u32..300, a in 0.01f64..1.0, b in 0.01f64..1.0, seed: u64) {
        let thin = |keep: f64| {
            drain(&spec(&format!("scale = {{ kind = 'thin', keep = {keep} }}")), rows(n), seed, 0).unwrap()
        };
        let (few, more) = (thin(a.min(b)), thin(a.max(b)));
        let whole = run("", rows(n));
        // Time counts from the first that is kept; what is between two of them stays.
        for (part, all) in [(&few, &more), (&more, &whole)] {
            let like = |r: &Request| all.iter().find(|a| a.visible.id == r.visible.id).unwrap().visible.arrival;
            for two in part.windows(2) {
                prop_assert_eq!(two[1].visible.arrival.since(two[0].visible.arrival), like(&two[1]).since(like(&two[0])));
            }
        }
        prop_assert_eq!(thin(1.0), whole);
    }

    #[test]
    fn replication_sends_every_row_copies_times(n in 1u32..100, copies in 1u32..5, jitter_s in 0.0f64..0.02) {
        let text = format!("scale = {{ kind = 'replicate', copies = {copies}, jitter_s = {jitter_s} }}");
        let all = run(&text, rows(n));
        prop_assert_eq!(ids(&all), (0..n * copies).collect::<Vec<_>>());
        prop_assert!(all.is_sorted_by_key(|r| r.visible.arrival));
        for row in run("", rows(n)) {
            let alike = all.iter().filter(|r| content(r) == content(&row));
            let since = |r: &Request| r.visible.arrival.as_secs() - row.visible.arrival.as_secs();
            let near = alike.filter(|r| (0.0..=jitter_s + 1e-9).contains(&since(r))).count();
            prop_assert!(near as u32 >= copies);
        }
    }
}

#[test]
fn thinning_keeps_the_share_asked_for() {
    let kept = run("scale = { kind = 'thin', keep = 0.3 }", rows(10_000)).len();
    assert!((2800..3200).contains(&kept), "{kept}");
}
