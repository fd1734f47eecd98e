//! Routers: what they owe, what their sources promise, and bad parameters.

mod books;
mod choices;
mod command;

use foretoken::ids::RequestId;
use foretoken::length::Belief;
use foretoken::rng::Stream;
use foretoken::router::{Arrival, Fleet, Load, Prompt, Registry, Router, Site};
use foretoken::scheduler::Params;
use foretoken::time::SimTime;
use foretoken::workload::Visible;
use serde_json::{Value, json};

/// A request as a router sees it.
#[derive(Clone, Debug)]
struct Asked {
    visible: Visible,
    belief: Belief,
    symbols: Vec<u64>,
}

impl Asked {
    fn new(id: u32, symbols: &[u64]) -> Asked {
        let visible =
            Visible { id: RequestId(id), prompt_tokens: symbols.len() as u32, ..Visible::default() };
        Asked { visible, belief: Belief::Unknown, symbols: symbols.to_vec() }
    }

    fn of_session(id: u32, session: u32) -> Asked {
        let mut asked = Asked::new(id, &[1]);
        asked.visible.session = Some(session);
        asked
    }

    /// One of a few prompts with common beginnings, of one of a few sessions.
    fn random(id: u32, draw: &mut Stream) -> Asked {
        let symbols: Vec<u64> = (0..1 + draw.below(12)).map(|_| draw.below(2)).collect();
        let mut asked = Asked::new(id, &symbols);
        asked.visible.session = (draw.below(3) > 0).then(|| draw.below(9) as u32);
        asked.belief = match draw.below(4) {
            0 => Belief::Unknown,
            1 => Belief::Point(1.0 + draw.below(500) as f64),
            2 => Belief::Interval { lo: 3, hi: 3 + draw.below(90) as u32 },
            _ => Belief::Score(draw.normal()),
        };
        asked
    }

    fn send(&self, router: &mut dyn Router, fleet: &dyn Fleet) -> usize {
        let prompt = Prompt { symbols: &self.symbols, symbol_tokens: 1, tokens: self.visible.prompt_tokens };
        let arrival = Arrival { now: SimTime::ZERO, visible: &self.visible, belief: &self.belief, prompt };
        router.route(&arrival, fleet)
    }
}

/// Replicas that say what they are told to say.
struct Told(Vec<Load>);

impl Fleet for Told {
    fn load(&self, r: usize) -> Load {
        self.0[r]
    }
}

fn made(name: &str, params: Value, replicas: usize, seed: u64) -> Box<dyn Router> {
    let params: Params = serde_json::from_value(params).unwrap();
    Registry::builtin().make(name, &params, Site { replicas, seed }).unwrap_or_else(|e| panic!("{e}"))
}

/// Every router, and its variants.
fn all() -> Vec<(&'static str, Value)> {
    let plain = Registry::builtin().entries().iter().map(|e| (e.name, json!({}))).collect::<Vec<_>>();
    let variants = [
        ("round-robin", json!({ "order": "seed" })),
        ("least-outstanding", json!({ "order": "seed" })),
        ("least-work", json!({ "z": 2.0 })),
        ("power-of-two", json!({ "poll_s": 1.0 })),
        ("session", json!({ "assign": "random" })),
        ("cache-aware", json!({ "rule": "vllm", "balance_abs_threshold": 2, "balance_rel_threshold": 1.1 })),
        ("cache-aware", json!({ "tokenize": false })),
        ("prefix-hash", json!({ "load_factor": 1.0, "prefix_tokens": 2 })),
        ("kv-cost", json!({ "temperature": 0.5, "block_tokens": 1 })),
        ("weighted", json!({ "poll_s": 0.5, "order": "seed" })),
    ];
    plain.into_iter().chain(variants).collect()
}
