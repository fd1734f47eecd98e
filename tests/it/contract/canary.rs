//! A scheduler that breaks one rule, chosen by its parameter.

use foretoken::ids::RequestId;
use foretoken::scheduler::{
    Admit, Budget, Entry, Evict, How, Order, Params, Rank, Requeue, Scheduler, Shortage, View, Waiting, Wake,
    parse,
};
use foretoken::time::{SimTime, Span};
use std::sync::atomic::{AtomicU64, Ordering};

pub const CANARY: Entry = Entry {
    name: "canary",
    summary: "breaks a rule",
    source: "tests",
    reads_belief: false,
    params: || schemars::schema_for!(Song),
    make: |params, _| {
        let does = parse::<Song>(params)?.does;
        let run = if does == Does::DifferEachRun { RUNS.fetch_add(1, Ordering::Relaxed) } else { 0 };
        Ok(Box::new(Canary { does, asked: 0, run }))
    },
};

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Song {
    does: Does,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Does {
    Behave,
    NanRank,
    NanRankLater,
    EvictStranger,
    EvictTwice,
    ChooseNobody,
    ChooseStranger,
    TooManyTokens,
    TooManySeats,
    WakeNow,
    WakeBefore,
    WakeAfterNoStep,
    SkipAll,
    StopAll,
    ScheduleNothing,
    RestartForever,
    StarvePrefill,
    PollForever,
    RankByTime,
    DifferEachRun,
    ReadBelief,
    RefuseAll,
}

impl Does {
    /// All that break a rule.
    pub const ALL: [Does; 21] = [
        Does::NanRank,
        Does::NanRankLater,
        Does::EvictStranger,
        Does::EvictTwice,
        Does::ChooseNobody,
        Does::ChooseStranger,
        Does::TooManyTokens,
        Does::TooManySeats,
        Does::WakeNow,
        Does::WakeBefore,
        Does::WakeAfterNoStep,
        Does::SkipAll,
        Does::StopAll,
        Does::ScheduleNothing,
        Does::RestartForever,
        Does::StarvePrefill,
        Does::PollForever,
        Does::RankByTime,
        Does::DifferEachRun,
        Does::ReadBelief,
        Does::RefuseAll,
    ];

    /// Words of the rule it breaks.
    pub fn rule(self) -> &'static str {
        match self {
            Does::Behave => unreachable!("it breaks none"),
            Does::NanRank | Does::NanRankLater => "a rank must not be NaN",
            Does::EvictStranger | Does::EvictTwice | Does::ChooseStranger => "is not running",
            Does::ChooseNobody => "no victim was named",
            Does::TooManyTokens | Does::TooManySeats => "must not exceed the engine's tokens and seats",
            Does::WakeNow | Does::WakeBefore | Does::WakeAfterNoStep => "must lie in the future",
            Does::SkipAll | Does::StopAll | Does::ScheduleNothing => "no wake-up is set",
            Does::RestartForever | Does::StarvePrefill | Does::PollForever => "a livelock",
            Does::RankByTime => "ranks change while a request waits",
            Does::DifferEachRun => "the same events twice",
            Does::ReadBelief => "reads no beliefs, and it does",
            Does::RefuseAll => "it refuses a request without one",
        }
    }

    /// Whether the rule is about one request.
    pub fn names_a_request(self) -> bool {
        !matches!(
            self,
            Does::TooManyTokens
                | Does::TooManySeats
                | Does::WakeNow
                | Does::WakeBefore
                | Does::WakeAfterNoStep
                | Does::PollForever
                | Does::RefuseAll
        )
    }
}

/// The parameter that makes the canary do it.
pub fn params_of(does: Does) -> Params {
    let song = serde_json::to_value(Song { does }).unwrap();
    serde_json::from_value(song).unwrap()
}

/// Runs of [`Does::DifferEachRun`] so far.
static RUNS: AtomicU64 = AtomicU64::new(0);

struct Canary {
    does: Does,
    asked: u64,
    /// Number of the run, for [`Does::DifferEachRun`].
    run: u64,
}

const STRANGER: RequestId = RequestId(4_000_000_000);

fn evict(id: RequestId, how: How) -> Evict {
    Evict { id, how, requeue: Requeue::Back }
}

impl Scheduler for Canary {
    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        self.asked += 1;
        match self.does {
            Does::NanRank => Rank(f64::NAN),
            Does::NanRankLater if self.asked > 3 => Rank(f64::NAN),
            Does::RankByTime => {
                Rank(-now.since(r.visible.arrival).as_secs() / f64::from(r.visible.prompt_tokens))
            }
            // The other way round in every second run.
            Does::DifferEachRun if self.run.is_multiple_of(2) => Rank(f64::from(r.visible.id.0)),
            Does::DifferEachRun => Rank(-f64::from(r.visible.id.0)),
            Does::ReadBelief => Rank(r.belief.point().unwrap_or(0.0)),
            _ => Rank(0.0),
        }
    }

    fn order(&self) -> Order {
        if self.does == Does::NanRankLater { Order::Dynamic } else { Order::Static }
    }

    fn admit(&mut self, _: &Waiting<'_>, _: &View<'_>) -> Admit {
        match self.does {
            Does::SkipAll | Does::PollForever => Admit::Skip,
            Does::StopAll => Admit::Stop,
            _ => Admit::Preset,
        }
    }

    fn victims(&mut self, _: Shortage, _: &View<'_>, out: &mut Vec<Evict>) {
        if self.does == Does::ChooseStranger {
            out.push(evict(STRANGER, How::Recompute));
        }
    }

    fn chooses_victims(&self) -> bool {
        matches!(self.does, Does::ChooseNobody | Does::ChooseStranger)
    }

    fn preempts(&self) -> bool {
        matches!(
            self.does,
            Does::EvictStranger | Does::EvictTwice | Does::RestartForever | Does::StarvePrefill
        )
    }

    fn preempt(&mut self, view: &View<'_>, out: &mut Vec<Evict>) {
        match self.does {
            Does::EvictStranger => out.push(evict(STRANGER, How::Recompute)),
            Does::EvictTwice => {
                let id = view.running().next().expect("asked only while somebody runs").visible.id;
                out.extend([evict(id, How::Recompute), evict(id, How::Recompute)]);
            }
            Does::RestartForever => out.extend(view.running().map(|r| evict(r.visible.id, How::Restart))),
            Does::StarvePrefill => {
                let prefilling = view.running().filter(|r| !r.decoding);
                out.extend(prefilling.map(|r| evict(r.visible.id, How::Recompute)));
            }
            _ => {}
        }
    }

    fn budget(&mut self, view: &View<'_>) -> Budget {
        let (tokens, seats) = (view.max_tokens_per_step(), view.max_seqs());
        match self.does {
            Does::TooManyTokens => Budget::Limit { tokens: tokens + 1, seats },
            Does::TooManySeats => Budget::Limit { tokens, seats: seats + 1 },
            Does::ScheduleNothing if view.running_len() > 0 => Budget::Limit { tokens: 0, seats },
            _ => Budget::Preset,
        }
    }

    fn wake(&mut self, view: &View<'_>) -> Wake {
        let at = |at| Wake { at: Some(at), after_steps: None };
        match self.does {
            Does::WakeNow => at(view.now),
            Does::WakeBefore if view.now.0 > 0 => at(SimTime(view.now.0 - 1)),
            Does::WakeAfterNoStep => Wake { at: None, after_steps: Some(0) },
            Does::PollForever => at(view.now + Span(1)),
            _ => Wake::EVENTS,
        }
    }

    fn refuses(&self, _: &Waiting<'_>) -> Option<&'static str> {
        (self.does == Does::RefuseAll).then_some("it never serves anybody")
    }
}
