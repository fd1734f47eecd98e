//! Workloads: arrival processes against their formulas, stages and sources against their promises.

mod arrivals;
mod sources;
mod stages;
mod synth;

use foretoken::error::Result;
use foretoken::time::SimTime;
use foretoken::trace::TraceRow;
use foretoken::workload::{Request, Rows, Spec, build};

/// A spec from the text of its section.
pub fn spec(text: &str) -> Spec {
    toml::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// `n` rows, 1 ms apart on average but unevenly, with lengths that tell them apart.
pub fn rows(n: u32) -> Vec<TraceRow> {
    let row = |id: u32| TraceRow {
        id,
        arrival: SimTime(u64::from(id) * 1_000_000 + u64::from(id * 7919 % 13) * 50_000),
        prompt_tokens: 10 + id % 50,
        output_tokens: 1 + id * 31 % 97,
        class: [None, Some("chat"), Some("code")][id as usize % 3].map(Box::from),
        deadline_s: Some(1.5),
        ..TraceRow::default()
    };
    (0..n).map(row).collect()
}

/// `n` rows of four-turn sessions, five of them talking in turn.
pub fn talk(n: u32) -> Vec<TraceRow> {
    let session = |id: u32| format!("s{}", id / 20 * 5 + id % 5).into();
    let turn = |id: u32| id / 5 % 4;
    rows(n)
        .into_iter()
        .map(|r| TraceRow { session: Some(session(r.id)), turn: Some(turn(r.id)), ..r })
        .collect()
}

/// All requests of an open-loop workload.
pub fn drain(spec: &Spec, rows: Vec<TraceRow>, seed: u64, replicate: u64) -> Result<Vec<Request>> {
    let mut source = build(spec, rows.into_iter().map(Ok), seed, replicate)?.source;
    assert!(!source.is_closed());
    let mut all = Vec::new();
    while let Some(t) = source.next_time()? {
        let r = source.take()?;
        assert_eq!(r.visible.arrival, t, "next_time foretells the arrival");
        all.push(r);
    }
    assert_eq!(source.next_time()?, None, "the end is the end");
    Ok(all)
}

/// Arrival times, seconds, of `n` requests under the keys in `text`.
pub fn times(text: &str, n: u32, seed: u64) -> Vec<f64> {
    let all = drain(&spec(text), rows(n), seed, 0).expect(text);
    assert_eq!(all.len(), n as usize);
    all.iter().map(|r| r.visible.arrival.as_secs()).collect()
}

/// The error that the keys in `text` end in, over `rows`.
pub fn refusal(text: &str, rows: Vec<TraceRow>) -> String {
    match drain(&spec(text), rows, 1, 0) {
        Ok(_) => panic!("not refused: {text}"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn default_replays_the_trace_as_it_is() {
    let all = drain(&Spec::default(), rows(50), 1, 0).unwrap();
    for (r, row) in all.iter().zip(rows(50)) {
        assert_eq!((r.visible.id.0, r.visible.arrival), (row.id, row.arrival));
        assert_eq!(r.visible.prompt_tokens, row.prompt_tokens);
        assert_eq!(r.visible.deadline.unwrap().since(row.arrival).as_secs(), 1.5);
        assert_eq!(r.visible.class.0, u16::try_from(row.id % 3).unwrap());
    }
    assert_eq!(all.len(), 50);
}

#[test]
fn classes_are_numbered_by_first_appearance() {
    let mut w = build(&Spec::default(), rows(3).into_iter().map(Ok), 1, 0).unwrap();
    assert_eq!(w.ledger.classes(), [""], "nothing is read before it is asked for");
    while w.source.next_time().unwrap().is_some() {
        w.source.take().unwrap();
    }
    assert_eq!(w.ledger.classes(), ["", "chat", "code"]);
}

#[test]
fn loaded_rows_build_the_same_workload() {
    let loaded = Rows::load(rows(100).into_iter().map(Ok)).unwrap();
    assert_eq!((loaded.len(), loaded.is_empty()), (100, false));
    for text in ["", "lengths = 'resample'\nrate_rps = 5\narrivals = { kind = 'poisson' }"] {
        let mut w = loaded.build(&spec(text), 3, 1).unwrap();
        assert_eq!(w.ledger.classes(), ["", "chat", "code"]);
        for r in drain(&spec(text), rows(100), 3, 1).unwrap() {
            w.source.next_time().unwrap();
            assert_eq!(w.source.take().unwrap(), r);
        }
    }
}

#[test]
fn a_spec_survives_its_files() {
    let text =
        "rate_rps = 'inf'\nrequests = 5\nlengths = 'resample'\n[arrivals]\nkind = 'gamma'\nshape = inf";
    let spec = spec(text);
    assert_eq!(toml::from_str::<Spec>(&toml::to_string(&spec).unwrap()).unwrap(), spec);
    assert_eq!(serde_json::from_str::<Spec>(&serde_json::to_string(&spec).unwrap()).unwrap(), spec);
    for wrong in
        ["rat_rps = 1", "arrivals = { kind = 'poisson', shape = 1 }", "sessions = { kind = 'off', x = 1 }"]
    {
        assert!(toml::from_str::<Spec>(wrong).is_err(), "{wrong}");
    }
    assert!(toml::from_str::<Spec>("rate_rps = 'fast'").unwrap_err().to_string().contains("inf"));
}

#[test]
fn bad_values_are_refused_by_key() {
    let poisson = "arrivals.kind = 'poisson'\n";
    let cases = [
        ("rate_rps", format!("{poisson}rate_rps = 0")),
        ("rate_rps", format!("{poisson}rate_rps = -1.0")),
        ("rate_rps", format!("{poisson}rate_rps = nan")),
        ("rate_rps", poisson.into()),
        ("rate_rps", "rate_rps = 5".into()),
        ("rate_rps", "scale.kind = 'rate-match'".into()),
        ("rate_rps", "rate_rps = 1\narrivals = { kind = 'closed-loop', clients = 3 }".into()),
        ("normalize", "normalize = true".into()),
        ("requests", "requests = 0".into()),
        ("max_concurrency", "max_concurrency = 0".into()),
        ("max_concurrency", "max_concurrency = 2\narrivals = { kind = 'closed-loop', clients = 3 }".into()),
        ("max_model_len", "max_model_len = 1".into()),
        ("over_long", "over_long = 'clip'".into()),
        ("scale", format!("{poisson}rate_rps = 1\nscale = {{ kind = 'compress', factor = 2 }}")),
        ("scale.factor", "scale = { kind = 'compress', factor = 0 }".into()),
        ("scale.factor", "scale = { kind = 'compress', factor = inf }".into()),
        ("scale.keep", "scale = { kind = 'thin', keep = 1.5 }".into()),
        ("scale.copies", "scale = { kind = 'replicate', copies = 0, jitter_s = 1 }".into()),
        ("scale.jitter_s", "scale = { kind = 'replicate', copies = 2, jitter_s = -1 }".into()),
        ("arrivals.shape", "rate_rps = 1\narrivals = { kind = 'gamma', shape = 0 }".into()),
        ("arrivals.shape", "rate_rps = 1\narrivals = { kind = 'weibull', shape = 0.001 }".into()),
        (
            "arrivals.rates_rps",
            "arrivals = { kind = 'mmpp', rates_rps = [0, 0], sojourns_s = [1, 1] }".into(),
        ),
        (
            "arrivals.sojourns_s",
            "arrivals = { kind = 'mmpp', rates_rps = [0, 1], sojourns_s = [1, 0] }".into(),
        ),
        (
            "arrivals.rates_rps",
            "arrivals = { kind = 'mmpp', rates_rps = [-1, 1], sojourns_s = [1, 1] }".into(),
        ),
        (
            "arrivals.rates_rps",
            "arrivals = { kind = 'mmpp', rates_rps = [0, 1], sojourns_s = [9, 1e-9] }".into(),
        ),
        ("arrivals.segments.rate_rps", "arrivals = { kind = 'piecewise', segments = [] }".into()),
        (
            "arrivals.segments.duration_s",
            "arrivals = { kind = 'piecewise', segments = [{ duration_s = 0, rate_rps = 1 }] }".into(),
        ),
        ("arrivals.from_rps", "arrivals = { kind = 'ramp', from_rps = 0, to_rps = 1 }".into()),
        ("arrivals.to_rps", "arrivals = { kind = 'ramp', from_rps = 1, to_rps = inf }".into()),
        ("arrivals.clients", "arrivals = { kind = 'closed-loop', clients = 0 }".into()),
        ("arrivals.think_s", "arrivals = { kind = 'closed-loop', clients = 1, think_s = -1 }".into()),
        ("sessions.think_s", "sessions = { kind = 'closed', think_s = nan }".into()),
        ("sessions.kind", format!("{poisson}rate_rps = 1\nsessions = {{ kind = 'open' }}")),
        ("sessions.kind", "lengths = 'resample'\nsessions = { kind = 'closed' }".into()),
        ("sessions.kind", "scale = { kind = 'thin', keep = 0.5 }\nsessions = { kind = 'open' }".into()),
    ];
    for (key, text) in cases {
        let said = refusal(&text, rows(5));
        assert!(said.starts_with(&format!("key workload.{key}: ")), "{text}\nsaid: {said}");
    }
}
