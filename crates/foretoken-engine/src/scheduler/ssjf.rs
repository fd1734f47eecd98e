//! Speculative shortest job first: a proxy model's lengths, and rounds in order of waiting against starvation.

use super::aging::Aging;
use super::laws::check_initial;
use super::{Budget, Entry, Order, Rank, Scheduler, View, Waiting, parse};
use crate::length::Belief;
use crate::time::SimTime;
use serde::Deserialize;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "ssjf",
    summary: "shortest predicted output first, with its authors' guard against starvation if asked for",
    source: "SSJF (Qiu et al. 2024, arXiv 2404.08509)",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, _| Ok(Box::new(Ssjf { params: parse::<Params>(params)?.checked()?, by_wait: false })),
};

/// Parameters of `ssjf`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Longest wait, seconds, before a round is ordered by waiting time; unset = no such guard. The authors'
    /// simulator has 100 of its time units.
    max_wait_s: Option<f64>,
    /// Longest wait over the longest waiting request's own run time before a round is; unset = no such guard.
    /// The authors' simulator has 10.
    max_slowdown: Option<f64>,
    /// Time of a predicted token in that run time, seconds.
    token_s: f64,
    /// Constant part of it, seconds.
    base_s: f64,
    /// Score of a request that is not predicted yet, tokens.
    initial_score: f64,
    /// How waiting lowers a score.
    aging: Aging,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            max_wait_s: None,
            max_slowdown: None,
            token_s: 0.02,
            base_s: 0.1,
            initial_score: 2048.0,
            aging: Aging::None,
        }
    }
}

impl Params {
    fn checked(self) -> Result<Params, serde_json::Error> {
        check_initial(self.initial_score)?;
        super::check_seconds("max_wait_s", self.max_wait_s.unwrap_or_default())?;
        super::check_seconds("token_s", self.token_s)?;
        super::check_seconds("base_s", self.base_s)?;
        if !self.max_slowdown.is_none_or(|v| v.is_finite() && v >= 0.0) {
            return Err(serde::de::Error::custom("max_slowdown must be finite, and 0 or more"));
        }
        Ok(Params { aging: self.aging.checked()?, ..self })
    }

    fn guards(&self) -> bool {
        self.max_wait_s.is_some() || self.max_slowdown.is_some()
    }

    /// Predicted tokens, or the score.
    fn length(&self, r: &Waiting<'_>) -> f64 {
        r.belief.point().unwrap_or(self.initial_score)
    }
}

struct Ssjf {
    params: Params,
    /// Whether this round goes by waiting time.
    by_wait: bool,
}

impl Scheduler for Ssjf {
    /// Looks whether the longest waiting request has waited too long. A budget is asked for before the queue is
    /// ranked.
    fn budget(&mut self, view: &View<'_>) -> Budget {
        if self.params.guards() {
            let oldest = view.waiting().min_by_key(|r| (r.visible.arrival, r.visible.id));
            self.by_wait = oldest.is_some_and(|r| {
                let wait_s = view.now.since(r.visible.arrival).as_secs();
                let run_s = self.params.base_s + self.params.token_s * self.params.length(&r);
                self.params.max_wait_s.is_some_and(|limit| wait_s > limit)
                    || self.params.max_slowdown.is_some_and(|limit| wait_s > limit * run_s)
            });
        }
        Budget::Preset
    }

    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        if self.by_wait {
            return Rank(r.visible.arrival.as_secs());
        }
        let score = self.params.length(r);
        let expected = if *r.belief == Belief::Unknown { f64::INFINITY } else { score };
        Rank(self.params.aging.rank(score, expected, r, now))
    }

    fn order(&self) -> Order {
        if self.params.guards() { Order::Dynamic } else { self.params.aging.order() }
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        self.params.aging.refuses(r.belief)
    }
}
