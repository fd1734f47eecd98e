//! The prediction server: beliefs that take time, in batches (TIE, arXiv 2604.00499, section 4, and its code).

use super::{Failing, Predictor};
use crate::error::{Error, Place, Result};
use crate::time::{SimTime, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// When a belief reaches the scheduler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PredictionMode {
    /// With the request: predictions take no time.
    #[default]
    Instant,
    /// Later than the request, which waits in the queue meanwhile, and may be served without one.
    Asynchronous,
    /// With the request, which waits before the queue until its prediction is done.
    Synchronous,
}

/// When the server starts a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Batching {
    /// When `batch_max` prompts wait, or the first of them has waited `batch_wait_s`.
    #[default]
    Window,
    /// As TIE's released code: prompts are taken one by one, and a batch starts at `batch_max`, at 8 when no
    /// more wait, at any time 3 ms or more after the last batch ended, or 5 ms after the last was taken.
    ReleasedCode,
}

/// What becomes of the belief of a request that loses its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AfterPreemption {
    /// It is kept.
    #[default]
    Keep,
    /// It is forgotten, and the request joins the server's queue again (TIE's code).
    Again,
}

/// The `[prediction]` section of a scenario: how long predictions take, and how they fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PredictionConfig {
    /// When a belief reaches the scheduler.
    pub mode: PredictionMode,
    /// When the server starts a batch.
    pub batching: Batching,
    /// Most prompts in a batch.
    pub batch_max: u32,
    /// Longest that a prompt waits for company at an idle server, seconds.
    pub batch_wait_s: f64,
    /// Time of a batch, seconds.
    pub batch_s: f64,
    /// Time that each prompt of it adds, seconds; a predictions file's `cost_s` takes its place.
    pub prompt_s: f64,
    /// What becomes of the belief of a request that loses its memory.
    pub after_preemption: AfterPreemption,
    /// Share of predictions that fail.
    pub failure_rate: f64,
    /// The score that is believed where a prediction failed; smaller is sooner.
    pub failure_score: f64,
}

/// Longest time that a prediction may take or wait, seconds.
pub(super) const LONGEST_S: f64 = 1e6;

impl Default for PredictionConfig {
    fn default() -> Self {
        PredictionConfig {
            mode: PredictionMode::Instant,
            batching: Batching::Window,
            batch_max: 128,
            batch_wait_s: 0.0,
            batch_s: 0.0,
            prompt_s: 0.0,
            after_preemption: AfterPreemption::Keep,
            failure_rate: 0.0,
            failure_score: 100.0,
        }
    }
}

impl PredictionConfig {
    /// Whether predictions take no time and never fail.
    pub fn is_plain(&self) -> bool {
        *self == PredictionConfig::default()
    }

    /// Refuses values out of range, and values that the mode would not read.
    ///
    /// # Errors
    /// The first such key, `prefix` before its name.
    pub fn check(&self, prefix: &str) -> Result<()> {
        let place = |key: &str| Place::key(format!("{prefix}.{key}"));
        let seconds =
            [("batch_wait_s", self.batch_wait_s), ("batch_s", self.batch_s), ("prompt_s", self.prompt_s)];
        for (key, value) in seconds {
            if !(0.0..=LONGEST_S).contains(&value) {
                let what = format!("{value} is no length of time for a prediction");
                return Err(Error::input(place(key), what, "choose 0 to 1000000 seconds"));
            }
        }
        if self.batch_max == 0 {
            return Err(Error::input(place("batch_max"), "0 leaves nothing to predict", "choose at least 1"));
        }
        if !(0.0..=1.0).contains(&self.failure_rate) {
            let what = format!("{} is no share", self.failure_rate);
            return Err(Error::input(place("failure_rate"), what, "choose 0 to 1"));
        }
        if !self.failure_score.is_finite() {
            return Err(Error::input(place("failure_score"), "it is not finite", "choose a number"));
        }
        match self.unread() {
            Some((key, why)) => Err(Error::input(
                place(key),
                format!("nothing would read it: {why}"),
                "leave it out, or choose another mode or batching",
            )),
            None => Ok(()),
        }
    }

    /// A key that is set and has no meaning beside the others.
    fn unread(&self) -> Option<(&'static str, &'static str)> {
        let plain = PredictionConfig::default();
        if self.mode != PredictionMode::Asynchronous && self.after_preemption != plain.after_preemption {
            return Some(("after_preemption", "a belief is forgotten in mode asynchronous only"));
        }
        if self.batching == Batching::ReleasedCode && self.batch_wait_s != 0.0 {
            return Some(("batch_wait_s", "batching released-code has waits of its own"));
        }
        let timed = [
            ("batching", self.batching != plain.batching),
            ("batch_max", self.batch_max != plain.batch_max),
            ("batch_wait_s", self.batch_wait_s != 0.0),
            ("batch_s", self.batch_s != 0.0),
            ("prompt_s", self.prompt_s != 0.0),
        ];
        let instant = self.mode == PredictionMode::Instant;
        let set = timed.into_iter().find(|(_, set)| instant && *set)?;
        Some((set.0, "predictions take no time in mode instant"))
    }

    /// `predictor`, failing as often as this says.
    pub fn wrap(&self, predictor: Box<dyn Predictor>, seed: u64, replicate: u64) -> Box<dyn Predictor> {
        if self.failure_rate == 0.0 {
            return predictor;
        }
        let (rate, score) = (self.failure_rate, self.failure_score);
        Box::new(Failing { inner: predictor, rate, score, seed, replicate })
    }
}

/// Prompts that TIE's code takes for enough of a batch when no more wait.
const ENOUGH: usize = 8;
/// Pause since the last batch after which it waits for nobody.
const PAUSE: Span = Span(3_000_000);
/// Longest that it waits for another prompt.
const POLL: Span = Span(5_000_000);

/// What a server did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerTotals {
    /// Batches done.
    pub batches: u64,
    /// Predictions done.
    pub prompts: u64,
    /// Time it was busy.
    pub busy: Span,
    /// Sum over predictions of the time from asking to the answer, ns.
    pub latency_ns: u128,
}

struct Asked<T> {
    at: SimTime,
    cost: Span,
    job: T,
}

/// One server and its queue. Its owner calls [`Server::land`] until nothing lands, then [`Server::start`], at
/// every instant at which something was submitted or [`Server::next`] comes.
pub struct Server<T> {
    batching: Batching,
    max: usize,
    wait: Span,
    batch_cost: Span,
    prompt_cost: Span,
    queue: VecDeque<Asked<T>>,
    /// Of the queue's front, taken for the next batch (released code).
    taken: usize,
    taken_at: SimTime,
    batch: VecDeque<Asked<T>>,
    ended: Option<SimTime>,
    next: SimTime,
    totals: ServerTotals,
}

impl<T> Server<T> {
    /// A server as `config` says.
    ///
    /// # Errors
    /// Values out of range.
    pub fn new(config: &PredictionConfig) -> Result<Server<T>> {
        config.check("prediction")?;
        let span = |secs| Span::from_secs(secs).unwrap_or_default();
        Ok(Server {
            batching: config.batching,
            max: config.batch_max as usize,
            wait: span(config.batch_wait_s),
            batch_cost: span(config.batch_s),
            prompt_cost: span(config.prompt_s),
            queue: VecDeque::new(),
            taken: 0,
            taken_at: SimTime::ZERO,
            batch: VecDeque::new(),
            ended: None,
            next: SimTime::MAX,
            totals: ServerTotals::default(),
        })
    }

    /// When it wants to be looked at again; `SimTime::MAX` if not by itself.
    #[inline]
    pub fn next(&self) -> SimTime {
        self.next
    }

    /// What it did up to `now`: of the batch in flight, the time before.
    pub fn totals_at(&self, now: SimTime) -> ServerTotals {
        let rest = if self.batch.is_empty() { Span::ZERO } else { self.next.since(now) };
        ServerTotals { busy: Span(self.totals.busy.0.saturating_sub(rest.0)), ..self.totals }
    }

    /// Time that a prompt of cost `own`, or of the usual one, takes.
    pub fn cost(&self, own: Option<Span>) -> Span {
        own.unwrap_or(self.prompt_cost)
    }

    /// Queues a prompt that adds `cost` to its batch.
    pub fn submit(&mut self, now: SimTime, cost: Span, job: T) {
        self.queue.push_back(Asked { at: now, cost, job });
        if self.batch.is_empty() {
            self.next = now;
        }
    }

    /// Takes out one prompt whose batch is done at `now`.
    pub fn land(&mut self, now: SimTime) -> Option<T> {
        if self.batch.is_empty() || self.next > now {
            return None;
        }
        let done = self.batch.pop_front()?;
        self.totals.prompts += 1;
        self.totals.latency_ns += u128::from((now - done.at).0);
        if self.batch.is_empty() {
            self.ended = Some(now);
        }
        Some(done.job)
    }

    /// What it works on and what waits for it.
    pub fn jobs(&self) -> impl Iterator<Item = &T> {
        self.batch.iter().chain(&self.queue).map(|asked| &asked.job)
    }

    /// Starts a batch if there is reason to, and sets [`Server::next`].
    ///
    /// # Errors
    /// The clock overflows.
    pub fn start(&mut self, now: SimTime) -> Result<()> {
        if !self.batch.is_empty() {
            return Ok(());
        }
        let ready = match self.batching {
            Batching::Window => self.window(now),
            Batching::ReleasedCode => self.take(now),
        };
        if ready == 0 {
            return Ok(());
        }
        self.batch.extend(self.queue.drain(..ready));
        self.taken = 0;
        let took = self.batch.iter().fold(self.batch_cost, |sum, asked| sum + asked.cost);
        self.totals.batches += 1;
        self.totals.busy = self.totals.busy + took;
        let overflow = || Error::Usage("simulated time overflows 584 years in the prediction server".into());
        self.next = now.checked_add(took).ok_or_else(overflow)?;
        Ok(())
    }

    /// Prompts to start with now; sets when to look again.
    fn window(&mut self, now: SimTime) -> usize {
        let Some(first) = self.queue.front() else {
            self.next = SimTime::MAX;
            return 0;
        };
        let due = first.at + self.wait;
        if self.queue.len() >= self.max || due <= now {
            return self.queue.len().min(self.max);
        }
        self.next = due;
        0
    }

    /// The same as the released code decides it.
    fn take(&mut self, now: SimTime) -> usize {
        while self.taken < self.queue.len() {
            self.taken += 1;
            self.taken_at = now;
            let enough = self.taken >= ENOUGH && self.taken == self.queue.len();
            let paused = self.ended.is_none_or(|ended| now.since(ended) >= PAUSE);
            if self.taken >= self.max || enough || paused {
                return self.taken;
            }
        }
        let due = self.taken_at + POLL;
        if self.taken > 0 && due <= now {
            return self.taken;
        }
        self.next = if self.taken > 0 { due } else { SimTime::MAX };
        0
    }
}
