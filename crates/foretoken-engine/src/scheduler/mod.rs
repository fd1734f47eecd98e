//! Schedulers: the trait, what they see, and the list of those built in.
//!
//! A scheduler decides, the engine acts and checks. To add one: write a file beside this one with an
//! `ENTRY`, and add it to the list in `registry.rs`.

mod aging;
mod config;
mod edf;
mod fcfs;
mod gittins;
mod hrrn;
mod interval;
mod laws;
mod least_slack;
mod ljf;
mod ltr;
mod mlfq;
mod priority;
mod quantile;
mod random;
mod registry;
mod sept;
mod sjf;
mod sjf_input;
mod srpt;
mod ssjf;
mod tie;
mod uniboost;
mod view;

pub use config::SchedulerConfig;
pub use registry::{Entry, Made, NoParams, Params, Registry, finite, parse};
pub use view::{Crowd, KvView, Noted, Running, View, ViewSource, Waiting};

use crate::ids::RequestId;
use crate::length::Belief;
use crate::time::SimTime;

/// A place in the queue; smaller is served first. Ties break by queueing time, then id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank(pub f64);

/// When ranks may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Only on arrival, requeue and new beliefs: the queue is a heap.
    Static,
    /// With time: every waiting request is ranked again at each admission point.
    Dynamic,
}

/// What to do with the request at the head of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// Apply the preset's gate.
    Preset,
    /// Skip the preset's gate: admit if its first chunk fits in memory.
    Now,
    /// Set it aside for this step and look at the next one.
    Skip,
    /// Admit nobody else in this step.
    Stop,
}

/// How a request leaves the running batch before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Its KV is dropped and computed again later; delivered tokens stay delivered.
    Recompute,
    /// Its attempt is void: it starts again from token 1.
    Restart,
}

/// Where it goes in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Requeue {
    /// Before everyone else.
    Front,
    /// Ranked as if it had arrived now.
    Back,
    /// Ranked with its first arrival time.
    Ranked,
}

/// An order to take one running request out of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evict {
    /// Which.
    pub id: RequestId,
    /// What becomes of its work.
    pub how: How,
    /// Where it waits.
    pub requeue: Requeue,
}

/// Memory that the running batch is short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// KV blocks that the running requests miss in the coming step, at least 1. Where the step's tokens do
    /// not reach all of them, those that the first request without its own misses.
    pub blocks: u64,
    /// The first request that could not grow.
    pub wanted_by: RequestId,
}

/// Limits of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// The preset's.
    Preset,
    /// At most these many tokens and seats; never more than the preset's.
    Limit {
        /// Tokens scheduled in the step.
        tokens: u64,
        /// Running requests after admission.
        seats: u32,
    },
}

/// When a scheduler wants to be asked although nothing happened. Arrivals, completions, finished prefill
/// chunks and memory shortages always ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// At the first planning point at or after this time (also when the replica takes no steps).
    pub at: Option<SimTime>,
    /// After this many more steps, at least 1.
    pub after_steps: Option<u64>,
}

impl Wake {
    /// Only when something happens.
    pub const EVENTS: Wake = Wake { at: None, after_steps: None };
    /// Before every step.
    pub const EVERY_STEP: Wake = Wake { at: None, after_steps: Some(1) };
}

/// Something that happened to a request, told to the scheduler after the fact.
#[derive(Clone, Copy, Debug)]
pub enum Notice<'a> {
    /// It got a seat.
    Admitted(Running<'a>),
    /// It lost its seat.
    Evicted(Waiting<'a>, How),
    /// Its last token was delivered; `generated` is now the true length.
    Finished(Running<'a>),
}

/// A scheduling policy for one replica.
///
/// Object-safe; sees only what a real engine would see. Every decision is validated; breaking a rule is
/// an error that names scheduler, request and rule. `foretoken schedulers NAME --check` and
/// `foretoken::contract` try a scheduler in hundreds of random worlds.
pub trait Scheduler: Send {
    /// Two numbers worked out from a belief, kept beside it and handed back in [`Waiting::noted`]: for
    /// policies whose rank is made of expensive ones. Asked once whenever a belief comes, and once without
    /// one if it comes later than the request.
    fn study(&mut self, r: &Waiting<'_>) -> [f64; 2] {
        let _ = r;
        [0.0; 2]
    }

    /// Place of a waiting request; asked on arrival, requeue and a new belief, and for [`Order::Dynamic`]
    /// again at each admission point. NaN is an error. Where beliefs come later than requests
    /// (`prediction.mode = "asynchronous"`), a request is ranked without one first.
    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank;

    /// Whether ranks change with time.
    fn order(&self) -> Order {
        Order::Static
    }

    /// Whether all ranks have changed although the order is static: every waiting request is ranked again now.
    /// Asked before heads are admitted.
    fn reorders(&mut self, view: &View<'_>) -> bool {
        let _ = view;
        false
    }

    /// Decides about the head of the queue while there are seats and tokens left.
    fn admit(&mut self, r: &Waiting<'_>, view: &View<'_>) -> Admit {
        let _ = (r, view);
        Admit::Preset
    }

    /// The coming step does not fit into memory: fill `out` with who leaves, at least one. Asked before anybody
    /// is admitted, and again until everybody who runs can grow. Only if [`Scheduler::chooses_victims`].
    fn victims(&mut self, need: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        let _ = (need, view, out);
    }

    /// Whether [`Scheduler::victims`] is to be asked; else the preset's rule chooses.
    fn chooses_victims(&self) -> bool {
        false
    }

    /// Takes running requests out by choice, before admission. Asked at events when [`Scheduler::preempts`].
    fn preempt(&mut self, view: &View<'_>, out: &mut Vec<Evict>) {
        let _ = (view, out);
    }

    /// Whether [`Scheduler::preempt`] is to be asked at all.
    fn preempts(&self) -> bool {
        false
    }

    /// Limits of each step until it is asked again.
    fn budget(&mut self, view: &View<'_>) -> Budget {
        let _ = view;
        Budget::Preset
    }

    /// When to be asked again.
    fn wake(&mut self, view: &View<'_>) -> Wake {
        let _ = view;
        Wake::EVENTS
    }

    /// Told after the fact.
    fn notice(&mut self, what: &Notice<'_>) {
        let _ = what;
    }

    /// Why the policy cannot serve this request at all, if it cannot ("it needs a predicted length"): the
    /// run ends with that error. Asked once, on arrival.
    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        let _ = r;
        None
    }

    /// Whether it can serve requests whose prediction is still on its way (asynchronous prediction). Where it
    /// cannot, because it reserves memory by what is predicted, such a run ends with an error.
    fn serves_unpredicted(&self) -> bool {
        true
    }

    /// Whether what it is told of lengths must be the truth, because it stands for hindsight. A scenario that
    /// gives it any predictor but the oracle is refused.
    fn is_hindsight(&self) -> bool {
        false
    }
}

/// The usual answer of [`Scheduler::refuses`] of a policy that needs a number from its belief.
fn needs_length(r: &Waiting<'_>) -> Option<&'static str> {
    r.belief.point().is_none().then_some(
        "it needs a predicted length and this request has none; choose a predictor that gives one, such as oracle",
    )
}

/// The same for one that needs a number of tokens; a score is none.
fn needs_tokens(r: &Waiting<'_>) -> Option<&'static str> {
    r.belief.tokens().is_none().then_some(
        "it needs a predicted number of tokens and this request has none; choose a predictor that gives one",
    )
}

/// Predicted output tokens still to come, at least 1; infinitely many while the prediction is on its way. The
/// run has refused requests that will never have one.
fn remaining_tokens(belief: &Belief, generated: u32) -> f64 {
    (belief.point().unwrap_or(f64::INFINITY) - f64::from(generated)).max(1.0)
}

/// Absolute deadline in seconds: the request's own, else `default_s` after its arrival.
fn deadline_s(r: &Waiting<'_>, default_s: Option<f64>) -> Option<f64> {
    let own = r.visible.deadline.map(SimTime::as_secs);
    own.or_else(|| default_s.map(|d| r.visible.arrival.as_secs() + d))
}

/// The usual answer of [`Scheduler::refuses`] of a policy that needs a deadline.
fn needs_deadline(r: &Waiting<'_>, default_s: Option<f64>) -> Option<&'static str> {
    deadline_s(r, default_s).is_none().then_some(
        "it needs a deadline and this request has none; give the trace a deadline_s column or set default_deadline_s",
    )
}

/// Refuses parameter `name` unless it is a finite, non-negative number of seconds.
fn check_seconds(name: &str, value: f64) -> Result<(), serde_json::Error> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(serde::de::Error::custom(format!(
        "{name} must be a finite, non-negative number of seconds, not {value}"
    )))
}
