//! One recorded run, decided again.

use super::runs::{Event, Run};
use crate::error::Result;
use crate::ids::RequestId;
use crate::length::Belief;
use crate::router::{Arrival, Fleet, Load, Prompt, Registry, Router, Site};
use crate::scheduler::Params;
use crate::time::SimTime;
use crate::workload::Visible;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How a run came out.
pub struct Verdict {
    /// Name of the run.
    pub run: String,
    /// Router and policy of the reference.
    pub reference: String,
    /// Our router with its parameters.
    pub ours: String,
    /// Requests sent.
    pub choices: usize,
    /// Those whose worker can be compared.
    pub compared: usize,
    /// Those of them with the same worker.
    pub equal: usize,
    /// The first with another.
    pub first: Option<Difference>,
}

/// A choice that differs.
pub struct Difference {
    /// Index of the event.
    pub event: usize,
    /// Name of the request.
    pub request: String,
    /// Worker that the reference chose.
    pub reference: usize,
    /// Worker that we choose.
    pub ours: usize,
    /// Our requests in flight by worker, before the choice.
    pub in_flight: Vec<u32>,
}

/// What is compared of a policy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Compare {
    /// Every choice.
    All,
    /// Whether a key that has been seen goes where it went before.
    Repeats,
    /// Nothing: it draws at random.
    Nothing,
}

/// Recorded runs have no loads that a router could ask for.
struct Unasked;

impl Fleet for Unasked {
    fn load(&self, _: usize) -> Load {
        Load::default()
    }
}

/// Decides `run` again.
///
/// # Errors
/// We have no such policy; events out of order.
pub fn replay(run: &Run) -> Result<Verdict> {
    let (name, params, compare) = ours(run)?;
    let site = Site { replicas: run.workers, seed: 0 };
    let router = Registry::builtin().make(name, &params, site)?;
    let mut verdict = Verdict {
        run: run.name(),
        reference: format!("{} {}", run.router, run.policy),
        ours: written(name, &params),
        choices: 0,
        compared: 0,
        equal: 0,
        first: None,
    };
    let mut desk = Desk::new(router, run.workers);
    for (at, event) in run.told.iter().enumerate() {
        match event {
            Event::Send { id, prompt, key, worker } => {
                let in_flight = desk.in_flight.clone();
                let choice = desk.send(id, prompt, key.as_deref(), *worker);
                let choice =
                    choice.ok_or_else(|| run.wrong(format!("{id} is sent twice"), "give each an id"))?;
                verdict.choices += 1;
                let comparable =
                    compare == Compare::All || (compare == Compare::Repeats && choice.repeats.is_some());
                let equal = choice.repeats.unwrap_or(choice.ours == *worker);
                verdict.compared += usize::from(comparable);
                verdict.equal += usize::from(comparable && equal);
                if comparable && !equal && verdict.first.is_none() {
                    let (reference, ours) = (*worker, choice.ours);
                    verdict.first =
                        Some(Difference { event: at, request: id.clone(), reference, ours, in_flight });
                }
            }
            Event::Finish { id } => {
                let known = desk.finish(id);
                known.ok_or_else(|| run.wrong(format!("{id} finishes and was not sent"), "send it first"))?;
            }
        }
    }
    Ok(verdict)
}

/// Our router and what it is told.
struct Desk {
    router: Box<dyn Router>,
    /// Number and worker of the requests in flight.
    inside: BTreeMap<String, (RequestId, usize)>,
    in_flight: Vec<u32>,
    /// Number of a key, and where its last request went: the reference's worker and ours.
    keys: BTreeMap<String, (u32, [usize; 2])>,
    sent: u32,
}

/// A choice of ours.
struct Choice {
    ours: usize,
    /// Its key has been seen: whether both went where that key went before.
    repeats: Option<bool>,
}

impl Desk {
    fn new(router: Box<dyn Router>, workers: usize) -> Desk {
        let (inside, keys) = (BTreeMap::new(), BTreeMap::new());
        Desk { router, inside, in_flight: vec![0; workers], keys, sent: 0 }
    }

    /// `None` if a request of that name is in flight.
    fn send(&mut self, id: &str, prompt: &str, key: Option<&str>, worker: usize) -> Option<Choice> {
        if self.inside.contains_key(id) {
            return None;
        }
        let symbols: Vec<u64> = prompt.chars().map(|c| u64::from(u32::from(c))).collect();
        let tokens = symbols.len() as u32;
        let fresh = self.keys.len() as u32;
        let session = key.map(|key| self.keys.get(key).map_or(fresh, |(number, _)| *number));
        let number = RequestId(self.sent);
        let visible = Visible { id: number, prompt_tokens: tokens, session, ..Visible::default() };
        let arrival = Arrival {
            now: SimTime::ZERO,
            visible: &visible,
            belief: &Belief::Unknown,
            prompt: Prompt { symbols: &symbols, symbol_tokens: 1, tokens },
        };
        let ours = self.router.route(&arrival, &Unasked);
        self.sent += 1;
        self.inside.insert(id.to_string(), (number, ours));
        self.in_flight[ours] += 1;
        let went = [worker, ours];
        let before =
            key.zip(session).and_then(|(key, number)| self.keys.insert(key.to_string(), (number, went)));
        let repeats = before.map(|(_, before)| (before[0] == worker) == (before[1] == ours));
        Some(Choice { ours, repeats })
    }

    /// `None` if it is not in flight.
    fn finish(&mut self, id: &str) -> Option<()> {
        let (number, worker) = self.inside.remove(id)?;
        self.in_flight[worker] -= 1;
        self.router.left(number, worker);
        Some(())
    }
}

/// Our router for a reference's policy, its parameters, and what is compared.
fn ours(run: &Run) -> Result<(&'static str, Params, Compare)> {
    let mut params = Params::new();
    let mut set = |key: &str, value: Value| params.insert(key.into(), value);
    if let Some(order) = &run.order {
        set("order", json!(order));
    }
    let chosen = match run.policy.as_str() {
        "round_robin" => {
            let first = run.told.iter().find_map(|e| match e {
                Event::Send { worker, .. } => Some(*worker),
                Event::Finish { .. } => None,
            });
            let start = run.order.iter().flatten().position(|worker| Some(*worker) == first);
            set("start", json!(start.unwrap_or(0)));
            ("round-robin", Compare::All)
        }
        "cache_aware" => {
            set("rule", json!(run.router));
            // A worker tokenises for vllm-router; sglang-router compares characters.
            set("tokenize", json!(run.tokenize || run.router == "sglang"));
            for key in ["balance-abs-threshold", "balance-rel-threshold", "cache-threshold"] {
                if let Some(value) = run.options.get(key) {
                    set(&key.replace('-', "_"), value.clone());
                }
            }
            ("cache-aware", Compare::All)
        }
        "sticky_least_loaded" => ("session", Compare::Repeats),
        "manual" => {
            let least = run.options.get("assignment-mode").is_some_and(|mode| mode == "min_load");
            set("assign", json!(if least { "least-outstanding" } else { "random" }));
            ("session", Compare::Repeats)
        }
        "consistent_hash" => ("consistent-hash", Compare::Repeats),
        "power_of_two" => ("power-of-two", Compare::Nothing),
        "random" => ("random", Compare::Nothing),
        other => {
            let known = "round_robin, cache_aware, sticky_least_loaded, manual, consistent_hash, power_of_two, random";
            return Err(
                run.wrong(format!("policy {other} has no counterpart"), &format!("there are: {known}"))
            );
        }
    };
    Ok((chosen.0, params, chosen.1))
}

/// A router with its parameters, as it is written in a scenario.
fn written(name: &str, params: &Params) -> String {
    if params.is_empty() {
        return name.into();
    }
    let params: Vec<String> = params.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{name}{{{}}}", params.join(","))
}
