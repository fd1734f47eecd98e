//! Trace rows as requests: names become small integers, the rest is copied.

use super::request::{ClassId, Content, Request, TrueLength, Visible};
use super::{Spec, Workload};
use crate::error::{Error, Place, Result};
use crate::ids::RequestId;
use crate::length::LogT;
use crate::time::{SimTime, Span};
use crate::trace::TraceRow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Requests on their way through the stages of a workload.
pub(super) type Requests = Box<dyn Iterator<Item = Result<Request>> + Send>;

/// What a workload has met so far; shared with its source, so it can be read after the run.
#[derive(Debug, Default)]
pub struct Ledger {
    classes: Mutex<Vec<String>>,
    hashes: Mutex<Arc<Vec<u64>>>,
    pub(super) clipped: Count,
    pub(super) dropped: Count,
    pub(super) refused: Count,
    pub(super) abandoned: Count,
}

/// Requests that a workload changed or kept back, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Shortened to `max_model_len`.
    pub clipped: u64,
    /// Left out: over `max_model_len`.
    pub dropped: u64,
    /// Sent although over `max_model_len`, for the engine to refuse.
    pub refused: u64,
    /// Later turns never sent because a turn before them was not answered.
    pub abandoned: u64,
}

/// A counter that the source's owner and the ledger's reader share.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}

impl Ledger {
    fn with(classes: Vec<String>, hashes: Arc<Vec<u64>>) -> Ledger {
        Ledger { classes: Mutex::new(classes), hashes: Mutex::new(hashes), ..Ledger::default() }
    }

    /// Keeps the hashes of a prompt.
    pub(crate) fn keep(&self, hashes: &[u64]) -> Result<Content> {
        if hashes.is_empty() {
            return Ok(Content::Own);
        }
        let mut kept = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        let start = u32::try_from(kept.len())
            .map_err(|_| Error::Usage("the trace has more than 2^32 prefix hashes".into()))?;
        Arc::make_mut(&mut kept).extend_from_slice(hashes);
        Ok(Content::Hashed { start, count: hashes.len() as u32 })
    }

    /// Class names by [`ClassId`], in order of first appearance, of all rows read so far. Number 0 is the
    /// empty name: no class.
    pub fn classes(&self) -> Vec<String> {
        self.classes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The counters.
    pub fn counts(&self) -> Counts {
        let read = |c: &Count| c.0.load(Ordering::Relaxed);
        Counts {
            clipped: read(&self.clipped),
            dropped: read(&self.dropped),
            refused: read(&self.refused),
            abandoned: read(&self.abandoned),
        }
    }

    fn name_class(&self, name: &str) -> Result<ClassId> {
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        let id = u16::try_from(classes.len())
            .map_err(|_| Error::Usage("the trace has more than 65,535 classes".into()))?;
        classes.push(name.into());
        Ok(ClassId(id))
    }
}

/// What hashed prompts of a workload say.
#[derive(Clone, Copy, Debug)]
pub struct Prompts<'a> {
    /// Where their hashes are.
    pub ledger: &'a Ledger,
    /// Tokens that a hash stands for.
    pub hash_tokens: u32,
}

impl Prompts<'_> {
    /// The hashes of a prompt of this content, one for each `hash_tokens` tokens from its beginning on.
    pub fn hashes(&self, content: Content) -> Box<[u64]> {
        let Content::Hashed { start, count } = content else { return Box::default() };
        let kept = self.ledger.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        kept[start as usize..][..count as usize].into()
    }
}

/// Rows of any reader; boxed, so that what is done with them is compiled once, here.
type TraceRows<'a> = Box<dyn Iterator<Item = Result<TraceRow>> + Send + 'a>;

/// Turns rows into requests at their recorded times.
pub(super) struct Intern<'a> {
    rows: TraceRows<'a>,
    ledger: Arc<Ledger>,
    classes: BTreeMap<Box<str>, ClassId>,
    sessions: BTreeMap<Box<str>, u32>,
    /// Next turn by session, for rows that do not say theirs.
    turns: Vec<u32>,
}

impl<'a> Intern<'a> {
    /// Requests of `rows`, and the ledger that will hold their class names.
    pub(super) fn new(rows: TraceRows<'a>) -> (Intern<'a>, Arc<Ledger>) {
        let ledger = Arc::new(Ledger::with(vec![String::new()], Arc::default()));
        let (classes, sessions) = (BTreeMap::new(), BTreeMap::new());
        (Intern { rows, ledger: ledger.clone(), classes, sessions, turns: Vec::new() }, ledger)
    }

    fn request(&mut self, row: TraceRow) -> Result<Request> {
        let class = match row.class {
            Some(name) => self.class(name)?,
            None => ClassId::default(),
        };
        let (session, turn) = self.place(row.session, row.turn);
        let deadline = match row.deadline_s {
            Some(s) => Some(deadline(row.id, row.arrival, s)?),
            None => None,
        };
        let limit = row.max_tokens.unwrap_or(u32::MAX);
        Ok(Request {
            visible: Visible {
                id: RequestId(row.id),
                arrival: row.arrival,
                prompt_tokens: row.prompt_tokens,
                max_tokens: row.max_tokens,
                class,
                priority: row.priority.unwrap_or(0),
                deadline,
                session,
                turn,
                content: self.ledger.keep(&row.prefix_hashes)?,
            },
            // A client's limit ends an answer wherever it was recorded to go on.
            truth: TrueLength::new(row.output_tokens.min(limit)),
            law: row.law.map(|law| LogT { cap: law.cap.min(limit), ..law }),
            client_wait_ns: 0,
        })
    }

    fn class(&mut self, name: Box<str>) -> Result<ClassId> {
        if let Some(&id) = self.classes.get(&name) {
            return Ok(id);
        }
        let id = self.ledger.name_class(&name)?;
        self.classes.insert(name, id);
        Ok(id)
    }

    /// Dense index of the session, and the turn within it.
    fn place(&mut self, session: Option<Box<str>>, turn: Option<u32>) -> (Option<u32>, u32) {
        let Some(name) = session else { return (None, turn.unwrap_or(0)) };
        let fresh = self.turns.len() as u32;
        let index = *self.sessions.entry(name).or_insert(fresh);
        if index == fresh {
            self.turns.push(0);
        }
        let turn = turn.unwrap_or(self.turns[index as usize]);
        self.turns[index as usize] = turn + 1;
        (Some(index), turn)
    }
}

impl Iterator for Intern<'_> {
    type Item = Result<Request>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        Some(row.and_then(|row| self.request(row)))
    }
}

fn deadline(id: u32, arrival: SimTime, after_s: f64) -> Result<SimTime> {
    Span::from_secs(after_s).and_then(|s| arrival.checked_add(s)).ok_or_else(|| {
        let place = Place::default().column("deadline_s");
        Error::input(place, format!("row {id}: {after_s} is no length of time"), "give seconds, 0 or more")
    })
}

/// The same request, arriving (and due) at another time.
pub(super) fn moved(mut r: Request, arrival: SimTime) -> Request {
    let was = r.visible.arrival;
    r.visible.deadline = r.visible.deadline.map(|d| arrival + d.since(was));
    r.visible.arrival = arrival;
    r
}

/// The rows of a trace read once, for many workloads (one per scheduler, rate or replicate).
#[derive(Clone, Debug)]
pub struct Rows {
    requests: Arc<[Request]>,
    classes: Vec<String>,
    hashes: Arc<Vec<u64>>,
}

impl Rows {
    /// Reads all of `rows`.
    pub fn load(rows: impl Iterator<Item = Result<TraceRow>> + Send) -> Result<Rows> {
        Rows::of(Box::new(rows))
    }

    fn of(rows: TraceRows<'_>) -> Result<Rows> {
        let (requests, ledger) = Intern::new(rows);
        let requests = requests.collect::<Result<Arc<[_]>>>()?;
        let hashes = ledger.hashes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Rows { requests, classes: ledger.classes(), hashes })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// What [`super::build`] makes of the same rows, without reading them again.
    pub fn build(&self, spec: &Spec, seed: u64, replicate: u64) -> Result<Workload> {
        let rows = Box::new(shared(&self.requests).map(Ok));
        let ledger = Arc::new(Ledger::with(self.classes.clone(), self.hashes.clone()));
        super::build::assemble(spec, rows, ledger, seed, replicate)
    }
}

/// Copies of shared requests, in order.
pub(super) fn shared(requests: &Arc<[Request]>) -> impl Iterator<Item = Request> + Send + 'static + use<> {
    let requests = requests.clone();
    (0..requests.len()).map(move |i| requests[i])
}
