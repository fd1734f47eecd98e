//! `steps.csv` and `timeline.json`.

use std::collections::BTreeMap;

use foretoken::ids::{ReplicaId, RequestId};
use foretoken::record::{Event, EventKind, RequestRecord, StepRecord, StepsCsv, Timeline, Window};
use foretoken::time::{SimTime, Span};
use proptest::prelude::*;
use serde_json::Value;

use super::served;

fn step(replica: u32, number: u64, start: u64, duration: u64) -> StepRecord {
    StepRecord {
        replica: ReplicaId(replica),
        step: number,
        start: SimTime(start),
        duration: Span(duration),
        prefill_tokens: number % 2 * 128,
        prefills: (number % 2) as u32,
        decodes: 3,
        running: 4,
        waiting: 5,
        kv_blocks_used: 60,
    }
}

fn preemption(time: u64, request: u32) -> Event {
    Event {
        time: SimTime(time),
        kind: EventKind::Preemption,
        replica: ReplicaId(0),
        request: RequestId(request),
        value: 11,
        steps: 0,
        busy_ns: 0,
    }
}

fn timeline(
    window: Window,
    requests: &[RequestRecord],
    steps: &[StepRecord],
    events: &[Event],
) -> Vec<Value> {
    let mut out = Timeline::new(Vec::new(), window, 4, requests, SimTime(1 << 62)).unwrap();
    steps.iter().for_each(|s| out.step(s).unwrap());
    events.iter().for_each(|e| out.event(e).unwrap());
    let json: Value = serde_json::from_slice(&out.finish().unwrap()).unwrap();
    json["traceEvents"].as_array().unwrap().clone()
}

/// Microseconds with three digits back to nanoseconds.
fn ns(value: &Value) -> u128 {
    (value.to_string().parse::<f64>().unwrap() * 1000.0).round() as u128
}

/// Slices (start, end) of every track.
fn tracks(events: &[Value]) -> BTreeMap<(u64, u64), Vec<(u128, u128)>> {
    let mut tracks: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events.iter().filter(|e| e["ph"] == "X") {
        let track = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        let from = ns(&event["ts"]);
        tracks.entry(track).or_default().push((from, from + ns(&event["dur"])));
    }
    tracks
}

#[test]
fn steps_csv_bytes() {
    let mut out = StepsCsv::new(Vec::new());
    out.row(&step(0, 0, 0, 12_000_000)).unwrap();
    out.row(&step(1, 7, 3_000_000_001, 9)).unwrap();
    let text = String::from_utf8(out.finish().unwrap()).unwrap();
    insta::assert_snapshot!(text, @r"
    replica,step,start_s,duration_s,prefill_tokens,prefills,decodes,running,waiting,kv_blocks_used
    0,0,0.000000000,0.012000000,0,0,3,4,5,60
    1,7,3.000000001,0.000000009,128,1,3,4,5,60
    ");
}

#[test]
fn a_timeline_shows_steps_requests_loads_and_preemptions() {
    let requests = [
        served(0, 0, 10, 1_000, &[2_000, 5_000]),
        served(1, 0, 10, 2_000, &[3_000, 9_000]),
        served(2, 0, 10, 5_000, &[6_000, 7_000]),
    ];
    let steps = [step(0, 0, 1_000, 1_000), step(0, 1, 2_000, 3_000)];
    let events = timeline(Window::ALL, &requests, &steps, &[preemption(2_500, 1), preemption(2_600, 99)]);
    let of = |phase: &str| events.iter().filter(|e| e["ph"] == phase).collect::<Vec<_>>();
    assert_eq!(of("M").len(), 8);
    assert_eq!(of("C").len(), 2, "an unchanged load is drawn once");
    assert_eq!(of("i").len(), 1, "only requests that are drawn");
    assert_eq!((of("i")[0]["tid"].as_u64(), ns(&of("i")[0]["ts"])), (Some(2), 2_500));
    let tracks = tracks(&events);
    assert_eq!(tracks[&(0, 0)], [(1_000, 2_000), (2_000, 5_000)]);
    // Request 2 starts as request 0 ends, in its lane.
    let first_lane =
        [(1_000, 5_000), (1_000, 2_000), (2_000, 5_000), (5_000, 7_000), (5_000, 6_000), (6_000, 7_000)];
    assert_eq!(tracks[&(0, 1)], first_lane);
    assert_eq!(tracks[&(0, 2)].len(), 3);
}

#[test]
fn a_window_cuts_what_lies_outside() {
    let requests = [served(0, 0, 10, 1_000, &[2_000, 5_000]), served(1, 0, 10, 8_000, &[9_000, 9_500])];
    let window = Window { from: SimTime(1_500), to: SimTime(4_000) };
    let steps = [step(0, 0, 1_000, 400), step(0, 1, 1_400, 200), step(0, 2, 4_000, 10)];
    let events = timeline(window, &requests, &steps, &[preemption(1_000, 0), preemption(2_000, 0)]);
    let tracks = tracks(&events);
    assert_eq!(tracks[&(0, 0)], [(1_500, 1_600)]);
    assert_eq!(tracks[&(0, 1)], [(1_500, 4_000), (1_500, 2_000), (2_000, 4_000)]);
    assert_eq!(tracks.len(), 2);
    assert_eq!(events.iter().filter(|e| e["ph"] == "i").count(), 1);
}

#[test]
fn windows_are_read_from_text() {
    let window = |text: &str| text.parse::<Window>();
    let seconds = |from: u64, to: u64| Window { from: SimTime(from), to: SimTime(to) };
    assert_eq!(window("1..2.5").unwrap(), seconds(1_000_000_000, 2_500_000_000));
    assert_eq!(window("..3").unwrap(), seconds(0, 3_000_000_000));
    assert_eq!(window("3..").unwrap().to, SimTime::MAX);
    for text in ["", "3", "2..1", "2..2", "a..b", "-1..2", "1..NaN"] {
        assert!(window(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn slices_of_a_track_nest_or_are_disjoint(
        stays in prop::collection::vec((0..900u64, 0..300u64, 0..300u64, 0..2u32), 0..30),
    ) {
        let records: Vec<RequestRecord> = (0..).zip(&stays).map(|(id, &(start, prefill, decode, replica))| {
            let (first, last) = (start + prefill, start + prefill + decode);
            RequestRecord { replica: ReplicaId(replica), ..served(id, 0, 1, start, &[first, last]) }
        }).collect();
        let events = timeline(Window::ALL, &records, &[], &[]);
        let drawn = stays.iter().filter(|s| s.1 + s.2 > 0).count();
        prop_assert_eq!(events.iter().filter(|e| e["name"] == "request").count(), drawn);
        for slices in tracks(&events).values() {
            for (i, a) in slices.iter().enumerate() {
                for b in &slices[i + 1..] {
                    let disjoint = a.1 <= b.0 || b.1 <= a.0;
                    let nested = (a.0 <= b.0 && b.1 <= a.1) || (b.0 <= a.0 && a.1 <= b.1);
                    prop_assert!(disjoint || nested, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn no_two_requests_share_a_lane(
        stays in prop::collection::vec((0..900u64, 1..300u64), 0..30),
    ) {
        let records: Vec<RequestRecord> =
            (0..).zip(&stays).map(|(id, &(start, len))| served(id, 0, 1, start, &[start + len])).collect();
        let mut events = timeline(Window::ALL, &records, &[], &[]);
        events.retain(|e| e["name"] == "request");
        let lanes = tracks(&events);
        for slices in lanes.values() {
            let mut sorted = slices.clone();
            sorted.sort_unstable();
            prop_assert!(sorted.windows(2).all(|w| w[0].1 <= w[1].0), "{sorted:?}");
        }
        let inside = |t: u64| stays.iter().filter(|s| s.0 <= t && t < s.0 + s.1).count();
        let most = stays.iter().map(|s| inside(s.0)).max().unwrap_or(0);
        prop_assert_eq!(lanes.len(), most, "no more lanes than requests at once");
    }
}
