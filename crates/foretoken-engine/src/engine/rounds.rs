//! Rounds and tokens: one scheduler on one instance under the `theory` preset (interval.md 1).

use super::{ClusterConfig, EngineConfig, Group, KvConfig, Preset, Setup, Sink, run};
use crate::error::{Error, Place, Result};
use crate::ids::RequestId;
use crate::latency::{LatencyModel, StepShape};
use crate::length::Belief;
use crate::predict::{PredictionConfig, Predictor};
use crate::record::{IntervalCounts, RequestRecord, Status, StepRecord};
use crate::scheduler::Scheduler;
use crate::time::{SimTime, Span};
use crate::workload::{Request, RequestSource, TrueLength, Visible};

/// Nanoseconds of a round: one second.
pub const ROUND_NS: u64 = 1_000_000_000;

/// A request in rounds and tokens. Started in round p, it holds prompt + j tokens in round p + j and
/// completes at p + output.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundRequest {
    /// Round from which it can start.
    pub arrival: u64,
    /// Prompt, tokens; may be 0.
    pub prompt: u32,
    /// True output, tokens, at least 1.
    pub output: u32,
    /// What the scheduler may know of the output.
    pub belief: Belief,
}

/// What came of a run in rounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rounds {
    /// Round at which each request completed, in order of input.
    pub completion: Vec<u64>,
    /// Most tokens held in any round.
    pub peak_kv_tokens: u64,
    /// Attempts that were ended before they were done.
    pub kills: u64,
    /// Output tokens of those attempts.
    pub tokens_lost: u64,
    /// Outputs outside the interval that was believed in.
    pub intervals: IntervalCounts,
}

impl Rounds {
    /// Total end-to-end latency, rounds: the sum of completion - arrival.
    pub fn tel(&self, requests: &[RoundRequest]) -> u64 {
        self.completion.iter().zip(requests).map(|(done, r)| done - r.arrival).sum()
    }
}

/// Runs `requests` in rounds with `kv_tokens` of memory under the scheduler that `make` makes; `name` is for
/// error messages. Ties among requests break by (arrival, place in the input).
///
/// # Errors
/// No memory; a request without output, or with prompt + output beyond the memory; an interval that is empty,
/// begins below 1 or, with the prompt, ends beyond the memory; a scheduler that breaks a rule or loops.
pub fn run_rounds(
    requests: &[RoundRequest],
    kv_tokens: u64,
    name: &str,
    make: &dyn Fn() -> Result<Box<dyn Scheduler>>,
) -> Result<Rounds> {
    if kv_tokens == 0 {
        return Err(bad("kv_tokens", "a memory of 0 tokens holds nobody".into(), "give at least 1"));
    }
    requests.iter().enumerate().try_for_each(|(i, r)| r.check(i, kv_tokens))?;
    let engine = EngineConfig::preset(Preset::Theory);
    let setup = Setup {
        prediction: &PredictionConfig::default(),
        groups: &[Group {
            replicas: 1,
            engine: &engine,
            kv: &KvConfig::preset(Preset::Theory),
            kv_blocks: kv_tokens,
            profile_name: "unit",
        }],
        router_name: "round-robin",
        router: &|| ClusterConfig::default().router(0),
        prompts: None,
        scheduler_name: name,
        scheduler: &|_| make(),
        model: &|_| Ok(Box::new(Unit)),
        stepwise: false,
        horizon: None,
    };
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&i| requests[i].arrival);
    let mut source = Instance { requests, order, next: 0 };
    let mut outcome = Outcome { requests, rounds: Rounds::default() };
    outcome.rounds.completion = vec![0; requests.len()];
    outcome.rounds.intervals = run(&setup, &mut source, &mut Given(requests), &mut outcome)?.intervals;
    Ok(outcome.rounds)
}

fn bad(key: &str, what: String, help: &str) -> Error {
    Error::input(Place::key(key), what, help)
}

impl RoundRequest {
    fn check(&self, index: usize, kv_tokens: u64) -> Result<()> {
        let of = |what: String| format!("request {index} {what}");
        let beyond = |tokens: u32| u64::from(self.prompt) + u64::from(tokens) > kv_tokens;
        if self.arrival > u64::MAX / ROUND_NS / 2 {
            return Err(bad("arrival", of(format!("arrives in round {}", self.arrival)), "begin at 0"));
        }
        if self.output == 0 {
            return Err(bad("output", of("has no output".into()), "give at least 1 token"));
        }
        if beyond(self.output) {
            let what = of(format!("needs {} + {} tokens of {kv_tokens}", self.prompt, self.output));
            return Err(bad("output", what, "give more memory, or leave the request out"));
        }
        let Belief::Interval { lo, hi } = self.belief else { return Ok(()) };
        if lo == 0 {
            return Err(bad("lower", of("has lower bound 0".into()), "an output has at least 1 token"));
        }
        if lo > hi {
            return Err(bad("lower", of(format!("has interval {lo}..{hi}")), "give lower <= upper"));
        }
        if beyond(hi) {
            let what = of(format!("may need {} + {hi} tokens of {kv_tokens}", self.prompt));
            return Err(bad("upper", what, "cap upper at the memory less the prompt, or give more memory"));
        }
        Ok(())
    }
}

/// Every step takes a round.
struct Unit;

impl LatencyModel for Unit {
    fn step(&mut self, _: &StepShape<'_>) -> Result<Span> {
        Ok(Span(ROUND_NS))
    }
}

/// Requests by arrival; an id is a place in the input.
struct Instance<'a> {
    requests: &'a [RoundRequest],
    order: Vec<usize>,
    next: usize,
}

impl RequestSource for Instance<'_> {
    fn next_time(&mut self) -> Result<Option<SimTime>> {
        let next = self.order.get(self.next);
        Ok(next.map(|&i| SimTime(self.requests[i].arrival * ROUND_NS)))
    }

    fn take(&mut self) -> Result<Request> {
        let i = self.order[self.next];
        self.next += 1;
        let r = &self.requests[i];
        let arrival = SimTime(r.arrival * ROUND_NS);
        let id = RequestId(i as u32);
        let visible = Visible { id, arrival, prompt_tokens: r.prompt, ..Visible::default() };
        Ok(Request { visible, truth: TrueLength::new(r.output), law: None, client_wait_ns: 0 })
    }
}

/// Beliefs as the instance gives them.
struct Given<'a>(&'a [RoundRequest]);

impl Predictor for Given<'_> {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        Ok(self.0[request.visible.id.0 as usize].belief.clone())
    }
}

struct Outcome<'a> {
    requests: &'a [RoundRequest],
    rounds: Rounds,
}

impl Sink for Outcome<'_> {
    fn request(&mut self, record: RequestRecord) -> Result<()> {
        debug_assert_eq!(record.status, Status::Completed, "everybody fits alone");
        let i = record.id.0 as usize;
        self.rounds.completion[i] = record.finish.get().map_or(0, |t| t.0 / ROUND_NS);
        let kills = u64::from(record.preemptions);
        self.rounds.kills += kills;
        // An attempt that produced g tokens had computed prompt + g - 1.
        let prompts = kills * u64::from(self.requests[i].prompt);
        self.rounds.tokens_lost += record.recomputed_tokens + kills - prompts;
        Ok(())
    }

    fn wants_steps(&self) -> bool {
        true
    }

    fn step(&mut self, record: StepRecord) -> Result<()> {
        self.rounds.peak_kv_tokens = self.rounds.peak_kv_tokens.max(record.kv_blocks_used);
        Ok(())
    }
}
