//! `timeline.json`: a run as a Chrome trace, which Perfetto opens.
//!
//! One process per replica. Track 0 holds its steps; the tracks after it are lanes of requests: a lane
//! holds one request at a time, so slices nest or are disjoint, which Perfetto needs. KV blocks, running
//! and waiting requests are counters; preemptions are instants on the request's lane.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::io::{self, Write};
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::ids::{ReplicaId, RequestId};
use crate::record::rows::{Rows, push_micros, push_u64};
use crate::record::{Event, EventKind, RequestRecord, StepRecord};
use crate::time::SimTime;

/// The part of a run to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Start.
    pub from: SimTime,
    /// End.
    pub to: SimTime,
}

impl Window {
    /// Everything.
    pub const ALL: Window = Window { from: SimTime::ZERO, to: SimTime::MAX };

    /// The part of `from..to` inside the window; `None` if there is none.
    fn clip(self, from: SimTime, to: SimTime) -> Option<(SimTime, SimTime)> {
        let (from, to) = (from.max(self.from), to.min(self.to));
        (from < to).then_some((from, to))
    }
}

impl FromStr for Window {
    type Err = Error;

    /// Parses `a..b` in seconds; a missing side is open.
    fn from_str(text: &str) -> Result<Window> {
        let wrong = || Error::Usage(format!("`{text}` is not a time window; write seconds as in 10..20.5"));
        let (from, to) = text.split_once("..").ok_or_else(wrong)?;
        let side = |text: &str, open: SimTime| {
            if text.is_empty() {
                return Ok(open);
            }
            text.parse().ok().and_then(SimTime::from_secs).ok_or_else(wrong)
        };
        let window = Window { from: side(from, SimTime::ZERO)?, to: side(to, SimTime::MAX)? };
        if window.from < window.to { Ok(window) } else { Err(wrong()) }
    }
}

/// Writes a timeline event by event: first the requests, then steps and events in any order.
pub struct Timeline<W: Write> {
    rows: Rows<W>,
    begun: bool,
    window: Window,
    lanes: BTreeMap<RequestId, (ReplicaId, u64)>,
    loads: BTreeMap<ReplicaId, Load>,
}

/// What the counters of a replica showed last.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Load {
    kv_blocks: u64,
    running: u32,
    waiting: u32,
}

impl<W: Write> Timeline<W> {
    /// Starts a timeline of what lies in `window`: names the tracks of `replicas` replicas and draws the
    /// requests. One that had not ended is drawn up to `horizon`.
    pub fn new(
        out: W,
        window: Window,
        replicas: u32,
        requests: &[RequestRecord],
        horizon: SimTime,
    ) -> io::Result<Timeline<W>> {
        let mut timeline = Timeline {
            rows: Rows::new(out),
            begun: false,
            window,
            lanes: assign_lanes(requests, window, horizon),
            loads: BTreeMap::new(),
        };
        timeline.rows.buffer.extend_from_slice(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
        for replica in (0..replicas).map(ReplicaId) {
            timeline.process(replica)?;
        }
        for request in requests {
            timeline.request(request, horizon)?;
        }
        Ok(timeline)
    }

    /// Draws a step and the load after its scheduling.
    pub fn step(&mut self, step: &StepRecord) -> io::Result<()> {
        let Some((from, to)) = self.window.clip(step.start, step.start + step.duration) else {
            return Ok(());
        };
        let args = [
            ("step", step.step),
            ("prefill_tokens", step.prefill_tokens),
            ("prefills", u64::from(step.prefills)),
            ("decodes", u64::from(step.decodes)),
        ];
        let name = if step.prefill_tokens > 0 { "prefill step" } else { "decode step" };
        self.slice(name, step.replica, 0, (from, to), &args)?;
        let load = Load { kv_blocks: step.kv_blocks_used, running: step.running, waiting: step.waiting };
        if self.loads.insert(step.replica, load) == Some(load) {
            return Ok(());
        }
        self.counter("kv_blocks", step.replica, from, &[("used", load.kv_blocks)])?;
        let counts = [("running", u64::from(load.running)), ("waiting", u64::from(load.waiting))];
        self.counter("requests", step.replica, from, &counts)
    }

    /// Marks preemptions and kills; other events show in the slices.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        let name = match event.kind {
            EventKind::Preemption => "preemption",
            EventKind::Kill => "kill",
            _ => return Ok(()),
        };
        let inside = self.window.from <= event.time && event.time < self.window.to;
        let Some(&(replica, lane)) = self.lanes.get(&event.request).filter(|_| inside) else {
            return Ok(());
        };
        self.open(name, b'i', replica, lane, event.time);
        self.rows.buffer.extend_from_slice(b",\"s\":\"t\"");
        self.close(&[("request", u64::from(event.request.0)), ("tokens", event.value)])
    }

    /// Ends the file and hands the output back, flushed.
    pub fn finish(mut self) -> io::Result<W> {
        self.rows.buffer.extend_from_slice(b"\n]}\n");
        self.rows.finish()
    }

    fn process(&mut self, replica: ReplicaId) -> io::Result<()> {
        let pid = replica.0;
        for (kind, name) in [("process_name", format!("replica {pid}")), ("thread_name", "steps".to_owned())]
        {
            self.separate();
            let text = format!(
                "{{\"name\":\"{kind}\",\"ph\":\"M\",\"pid\":{pid},\"tid\":0,\"args\":{{\"name\":\"{name}\"}}}}"
            );
            self.rows.buffer.extend_from_slice(text.as_bytes());
        }
        self.rows.spill()
    }

    /// A slice for the whole stay, with its prefill and decode inside.
    fn request(&mut self, r: &RequestRecord, horizon: SimTime) -> io::Result<()> {
        let (Some(&(replica, lane)), Some(start)) = (self.lanes.get(&r.id), r.first_scheduled.get()) else {
            return Ok(());
        };
        let end = r.finish.get().unwrap_or(horizon);
        let first = r.first_token.get().unwrap_or(end);
        let args = [
            ("request", u64::from(r.id.0)),
            ("prompt_tokens", u64::from(r.prompt_tokens)),
            ("output_tokens", u64::from(r.output_tokens)),
            ("preemptions", u64::from(r.preemptions)),
        ];
        for (name, from, to) in [("request", start, end), ("prefill", start, first), ("decode", first, end)] {
            if let Some(inside) = self.window.clip(from, to) {
                self.slice(name, replica, lane, inside, if name == "request" { &args } else { &[] })?;
            }
        }
        Ok(())
    }

    fn slice(
        &mut self,
        name: &str,
        replica: ReplicaId,
        track: u64,
        (from, to): (SimTime, SimTime),
        args: &[(&str, u64)],
    ) -> io::Result<()> {
        self.open(name, b'X', replica, track, from);
        self.rows.buffer.extend_from_slice(b",\"dur\":");
        push_micros(&mut self.rows.buffer, (to - from).0);
        self.close(args)
    }

    fn counter(
        &mut self,
        name: &str,
        replica: ReplicaId,
        at: SimTime,
        args: &[(&str, u64)],
    ) -> io::Result<()> {
        self.open(name, b'C', replica, 0, at);
        self.close(args)
    }

    /// Starts a line, after a comma unless it is the first.
    fn separate(&mut self) {
        let comma: &[u8] = if self.begun { b",\n" } else { b"\n" };
        self.begun = true;
        self.rows.buffer.extend_from_slice(comma);
    }

    fn open(&mut self, name: &str, phase: u8, replica: ReplicaId, track: u64, at: SimTime) {
        self.separate();
        let out = &mut self.rows.buffer;
        out.extend_from_slice(b"{\"name\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",\"ph\":\"");
        out.push(phase);
        out.extend_from_slice(b"\",\"pid\":");
        push_u64(out, u64::from(replica.0));
        out.extend_from_slice(b",\"tid\":");
        push_u64(out, track);
        out.extend_from_slice(b",\"ts\":");
        push_micros(out, at.0);
    }

    fn close(&mut self, args: &[(&str, u64)]) -> io::Result<()> {
        let out = &mut self.rows.buffer;
        out.extend_from_slice(b",\"args\":{");
        for (i, (key, value)) in args.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b"\"" } else { b",\"" });
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            push_u64(out, *value);
        }
        out.extend_from_slice(b"}}");
        self.rows.spill()
    }
}

/// Replica and track (from 1) of every request that is drawn: the lowest lane free when it starts.
fn assign_lanes(
    requests: &[RequestRecord],
    window: Window,
    horizon: SimTime,
) -> BTreeMap<RequestId, (ReplicaId, u64)> {
    let mut stays: Vec<(ReplicaId, SimTime, RequestId, SimTime)> = requests
        .iter()
        .filter_map(|r| {
            let (from, to) = window.clip(r.first_scheduled.get()?, r.finish.get().unwrap_or(horizon))?;
            Some((r.replica, from, r.id, to))
        })
        .collect();
    stays.sort_unstable();
    let mut lanes = BTreeMap::new();
    for replica in stays.chunk_by(|a, b| a.0 == b.0) {
        let mut busy = BinaryHeap::new();
        let mut free = BTreeSet::new();
        for &(replica, from, id, to) in replica {
            while let Some(&Reverse((end, lane))) = busy.peek()
                && end <= from
            {
                busy.pop();
                free.insert(lane);
            }
            let lane = free.pop_first().unwrap_or(busy.len() as u64 + 1);
            busy.push(Reverse((to, lane)));
            lanes.insert(id, (replica, lane));
        }
    }
    lanes
}
