//! One run of a world under a scheduler, and what must hold of it.

use super::world::{Kind, World};
use crate::engine::{self, Group, Recording, StepKind};
use crate::error::Result;
use crate::ids::{ReplicaId, RequestId};
use crate::latency::{LatencyModel, Recorded, StepShape};
use crate::predict::PredictionConfig;
use crate::record::{Event, EventKind, RequestRecord, RunTotals, Status, StepRecord};
use crate::router::Site;
use crate::scheduler::{Admit, Budget, Evict, Notice, Order, Rank, Scheduler, Shortage, View, Waiting, Wake};
use crate::time::{SimTime, Span};
use crate::workload::{Prompts, Request, RequestSource};

/// How to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As replays do.
    Quiet,
    /// Every step on its own.
    Stepwise,
    /// As replays do, but ranking the queue at every admission point whatever the scheduler says.
    Reranked,
}

/// What a run left.
pub(super) struct Outcome {
    pub totals: RunTotals,
    /// By id.
    pub requests: Vec<RequestRecord>,
    pub steps: Vec<StepRecord>,
    pub events: Vec<Event>,
}

/// Runs `world` with the schedulers of `make`, which believe what predictors of `kind` say.
pub(super) fn run(
    world: &World,
    name: &str,
    make: &dyn Fn(u64) -> Result<Box<dyn Scheduler>>,
    way: Way,
    kind: Kind,
    seed: u64,
    model: &MakeModel<'_>,
) -> Result<Outcome> {
    let at_once = PredictionConfig::default();
    let setup = engine::Setup {
        groups: &[Group {
            replicas: world.replicas,
            engine: &world.engine,
            kv: &world.kv,
            kv_blocks: world.blocks,
            profile_name: "contract",
        }],
        router_name: "contract",
        router: &|| (world.router)(Site { replicas: world.replicas as usize, seed }),
        prompts: Some(Prompts { ledger: &world.ledger, hash_tokens: 1 }),
        scheduler_name: name,
        scheduler: &|_| match way {
            Way::Reranked => Ok(Box::new(Reranked(make(seed)?))),
            _ => make(seed),
        },
        model,
        prediction: if make(seed)?.serves_unpredicted() { &world.prediction } else { &at_once },
        stepwise: way == Way::Stepwise,
        horizon: None,
    };
    let mut seen = Recording::default();
    let mut source = Listed { requests: &world.requests, next: 0 };
    let mut predictor = kind.predictor(seed)?;
    let totals = engine::run(&setup, &mut source, predictor.as_mut(), &mut seen)?;
    seen.requests.sort_by_key(|r| r.id);
    Ok(Outcome { totals, requests: seen.requests, steps: seen.steps, events: seen.events })
}

/// A broken rule, and the request it was broken with.
type Broken = (Option<RequestId>, String);

/// What must hold of every run.
pub(super) fn keeps(world: &World, run: &Outcome) -> std::result::Result<(), Broken> {
    within_limits(world, run)?;
    everybody_ends(world, run)?;
    tokens_add_up(world, run)
}

fn within_limits(world: &World, run: &Outcome) -> std::result::Result<(), Broken> {
    let mixed = world.engine.step == StepKind::Mixed;
    for s in &run.steps {
        let (tokens, seats) = (s.prefill_tokens + u64::from(s.decodes), s.running);
        // Rows that pad a lock-step batch are decodes that cost no tokens.
        if mixed && tokens > world.engine.max_tokens_per_step {
            return Err((None, format!("step {} schedules {tokens} tokens, over the limit", s.step)));
        }
        if seats > world.engine.max_seqs {
            return Err((None, format!("step {} has {seats} requests running, over the limit", s.step)));
        }
        if s.kv_blocks_used > world.blocks {
            return Err((None, format!("step {} holds {} blocks, over the limit", s.step, s.kv_blocks_used)));
        }
    }
    Ok(())
}

fn everybody_ends(world: &World, run: &Outcome) -> std::result::Result<(), Broken> {
    for (i, request) in world.requests.iter().enumerate() {
        let id = request.visible.id;
        let broken = |rule: &str| Err((Some(id), rule.into()));
        let Some(r) = run.requests.get(i).filter(|r| r.id == id) else {
            return broken("a request must leave exactly one record");
        };
        match r.status {
            Status::Unfinished => return broken("it never ended"),
            Status::Rejected if world.admissible(i) => {
                return broken("it was refused although an empty replica can serve it");
            }
            Status::Rejected => continue,
            Status::Completed => {}
        }
        let times = [Some(r.arrival), r.first_scheduled.get(), r.first_token.get(), r.finish.get()];
        if times.contains(&None) || !times.is_sorted() {
            return broken("its times are out of order");
        }
        let delivered = run.events.iter().find(|e| e.kind == EventKind::Finish && e.request == id);
        if delivered.map(|e| e.value) != Some(u64::from(world.outputs[i])) {
            return broken("it did not get the output tokens it was to get");
        }
    }
    Ok(())
}

fn tokens_add_up(world: &World, run: &Outcome) -> std::result::Result<(), Broken> {
    let done = || run.requests.iter().filter(|r| r.status == Status::Completed);
    let useful: u64 = done().map(|r| u64::from(r.prompt_tokens) + u64::from(r.output_tokens) - 1).sum();
    let (computed, wasted) = (run.totals.computed_tokens, run.totals.wasted_tokens);
    if computed != useful + wasted {
        return Err((None, format!("{computed} tokens computed, {useful} of use, {wasted} wasted")));
    }
    let scheduled: u64 = run.steps.iter().map(|s| s.prefill_tokens + u64::from(s.decodes)).sum();
    if world.engine.step == StepKind::Mixed && scheduled != computed {
        return Err((None, format!("{scheduled} tokens in steps, {computed} computed")));
    }
    // Tokens delivered: a request's first one, and one for each gap. Void attempts and requests that
    // outgrow the memory have gaps too.
    let (gaps, needed) = (run.totals.itl.n(), done().map(|r| u64::from(r.output_tokens) - 1).sum::<u64>());
    let exact = run.requests.iter().all(|r| r.status == Status::Completed)
        && run.events.iter().all(|e| e.kind != EventKind::Kill);
    if gaps < needed || (exact && gaps > needed) {
        return Err((None, format!("{gaps} gaps between tokens where there must be {needed}")));
    }
    Ok(())
}

/// The request of the first event in which two runs differ.
pub(super) fn first_difference(a: &Outcome, b: &Outcome) -> Option<RequestId> {
    let differ = a.events.iter().zip(&b.events).find(|(x, y)| x != y);
    differ.map(|(x, _)| x.request)
}

/// Makes the latency model of a replica.
pub(super) type MakeModel<'a> = dyn Fn(ReplicaId) -> Result<Box<dyn LatencyModel>> + 'a;

/// Makes [`Uneven`].
pub(super) fn uneven(_: ReplicaId) -> Result<Box<dyn LatencyModel>> {
    Ok(Box::new(Uneven))
}

impl Outcome {
    /// What its steps took, for worlds of one replica.
    pub fn recorded(&self, world: &World) -> Recorded {
        let overhead = Span::from_secs(world.engine.host_overhead_s).unwrap_or_default();
        Recorded::new(self.steps.iter().map(|s| Span(s.duration.0 - overhead.0)).collect::<Vec<_>>())
    }
}

/// Step times that never agree by accident.
struct Uneven;

impl LatencyModel for Uneven {
    fn step(&mut self, shape: &StepShape<'_>) -> Result<Span> {
        Ok(Span(1000 + 37 * shape.prefill_tokens() + 11 * shape.decodes + shape.context_sum % 7))
    }
}

/// Requests from a list in order of arrival.
struct Listed<'a> {
    requests: &'a [Request],
    next: usize,
}

impl RequestSource for Listed<'_> {
    fn next_time(&mut self) -> Result<Option<SimTime>> {
        Ok(self.requests.get(self.next).map(|r| r.visible.arrival))
    }

    fn take(&mut self) -> Result<Request> {
        self.next += 1;
        Ok(self.requests[self.next - 1])
    }
}

/// A scheduler whose queue is ranked at every admission point.
struct Reranked(Box<dyn Scheduler>);

impl Scheduler for Reranked {
    fn order(&self) -> Order {
        Order::Dynamic
    }

    fn study(&mut self, r: &Waiting<'_>) -> [f64; 2] {
        self.0.study(r)
    }

    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        self.0.rank(r, now)
    }

    fn reorders(&mut self, view: &View<'_>) -> bool {
        self.0.reorders(view)
    }

    fn admit(&mut self, r: &Waiting<'_>, view: &View<'_>) -> Admit {
        self.0.admit(r, view)
    }

    fn victims(&mut self, need: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        self.0.victims(need, view, out);
    }
    fn chooses_victims(&self) -> bool {
        self.0.chooses_victims()
    }

    fn preempt(&mut self, view: &View<'_>, out: &mut Vec<Evict>) {
        self.0.preempt(view, out);
    }

    fn preempts(&self) -> bool {
        self.0.preempts()
    }

    fn budget(&mut self, view: &View<'_>) -> Budget {
        self.0.budget(view)
    }

    fn wake(&mut self, view: &View<'_>) -> Wake {
        self.0.wake(view)
    }

    fn notice(&mut self, what: &Notice<'_>) {
        self.0.notice(what);
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        self.0.refuses(r)
    }

    fn is_hindsight(&self) -> bool {
        self.0.is_hindsight()
    }

    fn serves_unpredicted(&self) -> bool {
        self.0.serves_unpredicted()
    }
}
