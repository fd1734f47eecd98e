//! A scheduler of your own, in one file, from outside the crate, held to the contract of all schedulers:
//!
//! cargo run --example custom_scheduler
//!
//! It stands on the engine alone. In a project of yours, Cargo.toml has
//!
//! ```toml
//! [dependencies]
//! foretoken-engine = { path = "../foretoken/crates/foretoken-engine" }
//! schemars = "1"
//! serde = { version = "1", features = ["derive"] }
//! serde_json = "1"
//! ```
//!
//! `custom_command_line.rs` beside this file gives it the whole command line.

use foretoken_engine::contract;
use foretoken_engine::error::Result;
use foretoken_engine::scheduler::{self, Entry, Order, Rank, Registry, Scheduler, Waiting, parse};
use foretoken_engine::time::SimTime;

/// Shortest predicted output first, but a request that has waited counts as a shorter one, so that nobody
/// waits for ever.
pub const ENTRY: Entry = Entry {
    name: "aged-sjf",
    summary: "shortest predicted output first; waiting makes a request shorter",
    source: "aging, as in operating systems",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, _seed| Ok(Box::new(AgedSjf { params: parse::<Params>(params)?.checked()? })),
};

/// Its parameters: settable from scenarios and the command line, `aged-sjf{patience_s=5}`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Wait after which a request counts as half as long, seconds.
    patience_s: f64,
}

impl Default for Params {
    fn default() -> Self {
        Params { patience_s: 10.0 }
    }
}

impl Params {
    fn checked(self) -> std::result::Result<Params, serde_json::Error> {
        if self.patience_s.is_finite() && self.patience_s > 0.0 {
            return Ok(self);
        }
        Err(serde::de::Error::custom(format!("patience_s must be a positive time, not {}", self.patience_s)))
    }
}

struct AgedSjf {
    params: Params,
}

impl Scheduler for AgedSjf {
    fn rank(&mut self, r: &Waiting<'_>, now: SimTime) -> Rank {
        let tokens = r.belief.point().unwrap_or(f64::INFINITY);
        let wait_s = now.since(r.visible.arrival).as_secs();
        Rank(tokens / (1.0 + wait_s / self.params.patience_s))
    }

    /// The longer one may overtake while both wait: they must be ranked again each time.
    fn order(&self) -> Order {
        Order::Dynamic
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        r.belief
            .point()
            .is_none()
            .then_some("it needs a predicted length; choose a predictor, such as oracle")
    }
}

/// The schedulers of foretoken and this one.
#[allow(dead_code, reason = "the command line beside this file and the tests ask for it")]
pub fn registry() -> Registry {
    let mut registry = Registry::builtin();
    registry.add(ENTRY).expect("the name is new");
    registry
}

#[allow(dead_code, reason = "the tests include this file as a module and never call `main`")]
#[allow(clippy::print_stdout, reason = "a program's answer")]
fn main() -> Result<()> {
    let report = contract::check(&ENTRY, &scheduler::Params::new())?;
    println!(
        "{} keeps every rule in {} worlds: {} requests completed",
        ENTRY.name, report.worlds, report.completed
    );
    Ok(())
}
