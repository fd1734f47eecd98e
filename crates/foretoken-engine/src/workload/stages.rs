//! Stages between the rows of a trace and its arrival times.

use super::check::bad;
use super::request::{Content, Request, TrueLength};
use super::rows::{Ledger, Requests, moved, shared};
use super::spec::{OverLong, Spec};
use crate::error::{Error, Place, Result};
use crate::ids::RequestId;
use crate::length::LogT;
use crate::rng::Stream;
use crate::time::{SimTime, Span};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Refuses recorded times that run backwards.
pub(super) fn in_order(rows: Requests) -> Requests {
    let mut before = SimTime::ZERO;
    Box::new(rows.map(move |row| {
        let r = row?;
        if r.visible.arrival < before {
            let what = format!("row {} of the trace arrives before the one above it", r.visible.id);
            let help =
                "put the rows into order of arrival, or draw arrivals: workload.arrivals.kind = \"poisson\"";
            return Err(bad("workload.arrivals.kind", what, help));
        }
        before = r.visible.arrival;
        Ok(r)
    }))
}

/// Counts time from the first arrival: what comes before it is no part of the run.
pub(super) fn from_first(rows: Requests) -> Requests {
    let mut first = None;
    Box::new(rows.map(move |row| {
        let r = row?;
        let first = *first.get_or_insert(r.visible.arrival);
        let at = SimTime(r.visible.arrival.since(first).0);
        Ok(moved(r, at))
    }))
}

/// Refuses turns out of order; with `add`, puts all earlier prompts and outputs of a session in front of
/// each of its prompts.
pub(super) fn with_history(rows: Requests, add: bool) -> Requests {
    /// Tokens of a session so far, and the turn that would come next.
    #[derive(Clone, Copy, Default)]
    struct Past {
        tokens: u32,
        turn: u32,
    }
    let mut sessions: Vec<Past> = Vec::new();
    Box::new(rows.map(move |row| {
        let mut r = row?;
        let Some(session) = r.visible.session.map(|s| s as usize) else { return Ok(r) };
        sessions.resize(sessions.len().max(session + 1), Past::default());
        let past = &mut sessions[session];
        if r.visible.turn < past.turn {
            let what = format!("row {} of the trace comes after a later turn of its session", r.visible.id);
            return Err(Error::input(Place::default().column("turn"), what, "order the rows by turn"));
        }
        past.turn = r.visible.turn + 1;
        if r.visible.content == Content::Own {
            r.visible.content = Content::Session;
        }
        if add {
            let prompt = past.tokens.checked_add(r.visible.prompt_tokens);
            let whole = prompt.and_then(|p| p.checked_add(r.truth.reveal()));
            let (Some(prompt), Some(whole)) = (prompt, whole) else {
                let what = format!("row {} of the trace: its session has over 2^32 tokens", r.visible.id);
                return Err(bad("workload.sessions", what, "turn sessions off"));
            };
            r.visible.prompt_tokens = prompt;
            past.tokens = whole;
        }
        Ok(r)
    }))
}

/// Applies `over_long` to requests beyond `max_model_len`.
pub(super) fn limited(rows: Requests, spec: &Spec, ledger: &Arc<Ledger>) -> Requests {
    let Some(limit) = spec.max_model_len else { return rows };
    let (over_long, ledger) = (spec.over_long, ledger.clone());
    Box::new(rows.filter_map(move |row| {
        let r = match row {
            Ok(r) => r,
            Err(e) => return Some(Err(e)),
        };
        let fits = u64::from(r.visible.prompt_tokens) + u64::from(r.truth.reveal()) <= u64::from(limit);
        match over_long {
            Some(OverLong::Clip) => {
                ledger.clipped.add(u64::from(!fits));
                Some(Ok(clipped(r, limit)))
            }
            _ if fits => Some(Ok(r)),
            Some(OverLong::Drop) => {
                ledger.dropped.add(1);
                None
            }
            Some(OverLong::Reject) => {
                ledger.refused.add(1);
                Some(Ok(r))
            }
            None => Some(Err(bad(
                "workload.over_long",
                format!("row {} of the trace is longer than max_model_len = {limit}", r.visible.id),
                "set it to \"clip\", \"drop\" or \"reject\"",
            ))),
        }
    }))
}

/// Leaves the prompt at most limit - 1 tokens and gives the output the rest. What the client allows and the
/// law shrink alike, fitting or not: cutting a draw at n is drawing from the law with cap n.
fn clipped(mut r: Request, limit: u32) -> Request {
    r.visible.prompt_tokens = r.visible.prompt_tokens.min(limit - 1);
    let room = limit - r.visible.prompt_tokens;
    r.visible.max_tokens = r.visible.max_tokens.map(|m| m.min(room));
    r.truth = TrueLength::new(r.truth.reveal().min(room));
    r.law = r.law.map(|law| LogT { cap: law.cap.min(room), ..law });
    r
}

/// Keeps each row with probability `keep`.
pub(super) fn thinned(rows: Requests, keep: f64, mut draw: Stream) -> Requests {
    Box::new(rows.filter(move |row| row.is_err() || draw.uniform() < keep))
}

/// Sends each row `copies` times, the copies up to `jitter_s` later; numbers the requests anew.
pub(super) fn replicated(rows: Requests, copies: u32, jitter_s: f64, draw: Stream) -> Requests {
    let copied =
        Copied { rows: rows.fuse(), copies, jitter_s, draw, held: BinaryHeap::new(), made: 0, seen: None };
    Box::new(numbered(copied))
}

struct Copied<I> {
    rows: std::iter::Fuse<I>,
    copies: u32,
    jitter_s: f64,
    draw: Stream,
    held: BinaryHeap<Held>,
    made: u64,
    /// Time of the last row read; `None` before the first.
    seen: Option<SimTime>,
}

/// A copy that may have to wait for later rows: (time, order of making), earliest on top of the heap.
struct Held(SimTime, u64, Request);

impl Ord for Held {
    fn cmp(&self, other: &Held) -> Ordering {
        (other.0, other.1).cmp(&(self.0, self.1))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Held) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Held {}

impl<I: Iterator<Item = Result<Request>>> Iterator for Copied<I> {
    type Item = Result<Request>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // A held copy may go once the rows read have reached its time.
            if self.held.peek().is_some_and(|h| Some(h.0) < self.seen) {
                return self.held.pop().map(|h| Ok(h.2));
            }
            match self.rows.next() {
                Some(Ok(r)) => self.hold(r),
                Some(Err(e)) => return Some(Err(e)),
                None => return self.held.pop().map(|h| Ok(h.2)),
            }
        }
    }
}

impl<I> Copied<I> {
    fn hold(&mut self, r: Request) {
        for copy in 0..self.copies {
            let late_s = if copy == 0 { 0.0 } else { self.jitter_s * self.draw.uniform() };
            let late = Span::from_secs(late_s).expect("checked: jitter_s is a length of time");
            let at = r.visible.arrival + late;
            self.held.push(Held(at, self.made, moved(r, at)));
            self.made += 1;
        }
        self.seen = Some(r.visible.arrival);
    }
}

/// Draws the content of each request anew from `pool`, keeping arrival times; numbers the requests anew.
pub(super) fn resampled(times: Requests, pool: Arc<[Request]>, mut draw: Stream) -> Requests {
    Box::new(numbered(times.map(move |row| {
        let arrival = row?.visible.arrival;
        Ok(moved(pool[draw.below(pool.len() as u64) as usize], arrival))
    })))
}

/// The rows of `pool` over and over.
pub(super) fn repeated(pool: &Arc<[Request]>) -> Requests {
    let pool = pool.clone();
    Box::new(std::iter::repeat_with(move || shared(&pool)).flatten().map(Ok))
}

fn numbered(
    rows: impl Iterator<Item = Result<Request>> + Send,
) -> impl Iterator<Item = Result<Request>> + Send {
    (0u32..).zip(rows).map(|(i, row)| {
        let mut r = row?;
        r.visible.id = RequestId(i);
        Ok(r)
    })
}

/// Those that arrive no later than `duration_s`.
pub(super) fn until(rows: Requests, duration_s: Option<f64>) -> Requests {
    let Some(last) = duration_s.and_then(SimTime::from_secs) else { return rows };
    Box::new(rows.take_while(move |row| row.as_ref().map_or(true, |r| r.visible.arrival <= last)))
}

/// The first `asked` requests; an error if there are fewer.
pub(super) fn counted(mut rows: Requests, asked: u32) -> Requests {
    let mut sent = 0;
    Box::new(std::iter::from_fn(move || {
        if sent == asked {
            return None;
        }
        let row = rows.next();
        if row.is_some() {
            sent += 1;
            return row;
        }
        let what = format!("{asked} requests are asked for and the trace gives {sent}");
        sent = asked;
        Some(Err(bad("workload.requests", what, "ask for fewer, or set workload.lengths = \"resample\"")))
    }))
}
