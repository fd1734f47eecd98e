//! Sources that react to the server, driven by a toy one.

use super::{rows, spec, talk};
use foretoken::time::{SimTime, Span};
use foretoken::trace::TraceRow;
use foretoken::workload::{Counts, Outcome, Request, build};
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A request's stay in the system.
struct Stay {
    request: Request,
    left: SimTime,
    outcome: Outcome,
}

/// A server without queues: service takes some time that depends on the request alone, and every
/// `refuse`-th request (if any) is rejected at once. Returns the stays in order of arrival.
fn serve(text: &str, rows: Vec<TraceRow>, refuse: Option<u32>) -> (Vec<Stay>, Counts) {
    let mut w = build(&spec(text), rows.into_iter().map(Ok), 1, 0).unwrap();
    let mut stays: Vec<Stay> = Vec::new();
    let mut running = BinaryHeap::new();
    loop {
        let arrival = w.source.next_time().unwrap();
        let leaving = running.peek().map(|Reverse((t, _)): &Reverse<(SimTime, usize)>| *t);
        match (arrival, leaving) {
            (None, None) => return (stays, w.ledger.counts()),
            // Completions come before arrivals at the same time.
            (a, Some(t)) if a.is_none_or(|a| t <= a) => {
                let Reverse((_, i)) = running.pop().unwrap();
                w.source.left(stays[i].request.visible.id, t, stays[i].outcome);
            }
            _ => {
                let request = w.source.take().unwrap();
                let v = request.visible;
                assert_eq!(Some(v.arrival), arrival);
                assert!(
                    stays.last().is_none_or(|s| s.request.visible.arrival <= v.arrival),
                    "order of arrival"
                );
                let rejected = refuse.is_some_and(|k| v.id.0 % k == k - 1);
                let service = if rejected { 0 } else { 1 + u64::from(v.id.0 * 7919 % 101) * 100_000 };
                let outcome = if rejected { Outcome::Rejected } else { Outcome::Completed };
                let left = v.arrival + Span(service);
                running.push(Reverse((left, stays.len())));
                stays.push(Stay { request, left, outcome });
            }
        }
    }
}

/// Most requests in the system at once, counting stays as half open.
fn peak(stays: &[Stay]) -> usize {
    let at = |t: SimTime| stays.iter().filter(|s| s.request.visible.arrival <= t && t < s.left).count();
    stays.iter().map(|s| at(s.request.visible.arrival)).max().unwrap_or(0)
}

fn find(stays: &[Stay], id: u32) -> &Stay {
    stays.iter().find(|s| s.request.visible.id.0 == id).expect("was sent")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_closed_loop_keeps_its_clients_busy(n in 1u32..150, clients in 1u32..20, think_ms in 0u32..5) {
        let text = format!(
            "arrivals = {{ kind = 'closed-loop', clients = {clients}, think_s = {} }}",
            f64::from(think_ms) / 1e3
        );
        let (stays, _) = serve(&text, rows(n), Some(9));
        prop_assert_eq!(stays.len() as u32, n, "rejections free a client too");
        prop_assert!(stays.iter().map(|s| s.request.visible.id.0).eq(0..n));
        let busy = clients.min(n) as usize;
        prop_assert!(peak(&stays) <= busy);
        prop_assert!(stays[..busy].iter().all(|s| s.request.visible.arrival == SimTime::ZERO));
        // Whoever leaves k-th lets in request clients + k, after thinking.
        let mut left: Vec<_> = stays.iter().map(|s| s.left + Span(u64::from(think_ms) * 1_000_000)).collect();
        left.sort();
        for (s, t) in stays[busy..].iter().zip(left) {
            prop_assert_eq!(s.request.visible.arrival, t);
        }
    }

    #[test]
    fn the_gate_keeps_the_schedule_and_the_limit(n in 1u32..150, slots in 1u32..20) {
        let plain = "rate_rps = 900\narrivals.kind = 'poisson'";
        let text = format!("max_concurrency = {slots}\n{plain}");
        let (stays, _) = serve(&text, rows(n), None);
        let schedule = super::drain(&spec(plain), rows(n), 1, 0).unwrap();
        prop_assert_eq!(stays.len() as u32, n);
        prop_assert!(peak(&stays) <= slots as usize);
        for (i, (s, due)) in stays.iter().zip(&schedule).enumerate() {
            let v = s.request.visible;
            prop_assert_eq!(v.id, due.visible.id);
            prop_assert_eq!(v.arrival.since(due.visible.arrival).0, s.request.client_wait_ns);
            prop_assert_eq!(v.deadline.unwrap().since(v.arrival).as_secs(), 1.5);
            // A request waits only while all slots are taken.
            if s.request.client_wait_ns > 0 {
                let just_before = SimTime(v.arrival.0 - 1);
                let inside = stays[..i]
                    .iter()
                    .filter(|o| o.request.visible.arrival <= just_before && just_before < o.left);
                prop_assert_eq!(inside.count(), slots as usize);
            }
        }
    }

    #[test]
    fn turns_follow_answers(n in 1u32..120, think_ms in 0u32..50) {
        let think_s = f64::from(think_ms) / 1e3;
        let (stays, counts) = serve(&format!("sessions = {{ kind = 'closed', think_s = {think_s} }}"), talk(n), None);
        prop_assert_eq!(stays.len() as u32, n);
        prop_assert_eq!(counts.abandoned, 0);
        for row in talk(n) {
            let v = find(&stays, row.id).request.visible;
            if row.turn == Some(0) {
                prop_assert_eq!((v.arrival, v.prompt_tokens), (row.arrival, row.prompt_tokens));
            } else {
                let before = find(&stays, row.id - 5);
                prop_assert_eq!(v.arrival, before.left + Span(u64::from(think_ms) * 1_000_000));
                let grown = before.request.visible.prompt_tokens + talk(n)[row.id as usize - 5].output_tokens;
                prop_assert_eq!(v.prompt_tokens, grown + row.prompt_tokens);
            }
        }
    }
}

#[test]
fn a_rejected_turn_ends_its_conversation() {
    // Of 4 x 5 rows, ids 6 and 13 are rejected: turn 1 of s1 and turn 2 of s3.
    let (stays, counts) = serve("sessions.kind = 'closed'", talk(20), Some(7));
    assert_eq!((stays.len(), counts.abandoned), (17, 3));
    assert!(stays.iter().all(|s| ![11, 16, 18].contains(&s.request.visible.id.0)));
}

#[test]
fn recorded_histories_are_not_added_twice() {
    let (stays, _) = serve("sessions = { kind = 'closed', add_history = false }", talk(20), None);
    for row in talk(20) {
        assert_eq!(find(&stays, row.id).request.visible.prompt_tokens, row.prompt_tokens);
    }
}

#[test]
fn drawn_arrivals_are_those_of_first_turns() {
    let text = "normalize = true\nrate_rps = 2\narrivals.kind = 'poisson'\nsessions.kind = 'closed'";
    let (stays, _) = serve(text, talk(40), None);
    let starts: Vec<_> = stays.iter().filter(|s| s.request.visible.turn == 0).collect();
    assert_eq!(starts.len(), 10);
    assert!((starts[9].request.visible.arrival.as_secs() - 5.0).abs() < 1e-9);
}

#[test]
fn a_gate_limits_conversations_too() {
    let (stays, _) = serve("max_concurrency = 2\nsessions.kind = 'closed'", talk(60), None);
    assert_eq!(stays.len(), 60);
    assert!(peak(&stays) <= 2);
}

#[test]
fn sources_say_whether_they_react() {
    let closed =
        |text: &str| build(&spec(text), talk(20).into_iter().map(Ok), 1, 0).unwrap().source.is_closed();
    assert!(!closed(""));
    assert!(!closed("sessions.kind = 'open'"));
    assert!(closed("sessions.kind = 'closed'"));
    assert!(closed("max_concurrency = 3"));
    assert!(closed("arrivals = { kind = 'closed-loop', clients = 2 }"));
}
