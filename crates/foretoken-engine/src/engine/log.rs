//! Where a run's events and records go while it runs.

use crate::digest::Digest;
use crate::error::Result;
use crate::record::{Event, LogHistogram, RequestRecord, StepRecord};
use crate::time::SimTime;

const NS_PER_S: u64 = 1_000_000_000;

/// Receives what a run records. Every method may be ignored.
pub trait Sink {
    /// A request left the system, or the run ended with it inside.
    fn request(&mut self, record: RequestRecord) -> Result<()>;

    /// Whether [`Sink::step`] is wanted.
    fn wants_steps(&self) -> bool {
        false
    }

    /// A step was started.
    fn step(&mut self, record: StepRecord) -> Result<()> {
        let _ = record;
        Ok(())
    }

    /// Whether [`Sink::event`] is wanted.
    fn wants_events(&self) -> bool {
        false
    }

    /// Something happened to a request.
    fn event(&mut self, event: Event) -> Result<()> {
        let _ = event;
        Ok(())
    }
}

/// Everything a run records, in memory: for small worlds.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Requests, as they left.
    pub requests: Vec<RequestRecord>,
    /// Steps, as they started.
    pub steps: Vec<StepRecord>,
    /// Events, in order.
    pub events: Vec<Event>,
}

impl Sink for Recording {
    fn request(&mut self, record: RequestRecord) -> Result<()> {
        self.requests.push(record);
        Ok(())
    }

    fn wants_steps(&self) -> bool {
        true
    }

    fn step(&mut self, record: StepRecord) -> Result<()> {
        self.steps.push(record);
        Ok(())
    }

    fn wants_events(&self) -> bool {
        true
    }

    fn event(&mut self, event: Event) -> Result<()> {
        self.events.push(event);
        Ok(())
    }
}

/// The simplest sink: request records in memory.
impl Sink for Vec<RequestRecord> {
    fn request(&mut self, record: RequestRecord) -> Result<()> {
        self.push(record);
        Ok(())
    }
}

/// The engine's side: digest, gaps between tokens, and the sink.
pub(super) struct Log<'a> {
    pub digest: Digest,
    pub itl: LogHistogram,
    /// Most tokens delivered in a whole second so far, those of the present second, and its end.
    pub peak_tokens: u64,
    second_tokens: u64,
    second_ends: u64,
    /// Requests inside now, and the most there were.
    inside: u64,
    pub peak_inside: u64,
    pub sink: &'a mut dyn Sink,
    pub steps_wanted: bool,
    pub events_wanted: bool,
}

impl<'a> Log<'a> {
    pub fn new(sink: &'a mut dyn Sink) -> Log<'a> {
        let (steps_wanted, events_wanted) = (sink.wants_steps(), sink.wants_events());
        Log {
            digest: Digest::default(),
            itl: LogHistogram::default(),
            peak_tokens: 0,
            second_tokens: 0,
            second_ends: 0,
            inside: 0,
            peak_inside: 0,
            sink,
            steps_wanted,
            events_wanted,
        }
    }

    /// A request was let in.
    pub fn entered(&mut self) {
        self.inside += 1;
        self.peak_inside = self.peak_inside.max(self.inside);
    }

    /// A request that was let in has gone.
    pub fn left(&mut self) {
        self.inside -= 1;
    }

    /// `n` output tokens were delivered at `now`, no earlier than any before.
    #[inline]
    pub fn tokens(&mut self, now: SimTime, n: u64) {
        if now.0 >= self.second_ends {
            self.second_tokens = 0;
            self.second_ends = (now.0 / NS_PER_S + 1).saturating_mul(NS_PER_S);
        }
        self.second_tokens += n;
        self.peak_tokens = self.peak_tokens.max(self.second_tokens);
    }

    pub fn event(&mut self, event: Event) -> Result<()> {
        let mut bytes = [0; 41];
        bytes[0..8].copy_from_slice(&event.time.0.to_le_bytes());
        bytes[8] = event.kind as u8;
        bytes[9..13].copy_from_slice(&event.replica.0.to_le_bytes());
        bytes[13..17].copy_from_slice(&event.request.0.to_le_bytes());
        bytes[17..25].copy_from_slice(&event.value.to_le_bytes());
        bytes[25..33].copy_from_slice(&event.steps.to_le_bytes());
        bytes[33..41].copy_from_slice(&event.busy_ns.to_le_bytes());
        self.digest.update(&bytes);
        if self.events_wanted { self.sink.event(event) } else { Ok(()) }
    }
}
