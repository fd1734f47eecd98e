//! The list of routers, and how a name with parameters becomes one.

use super::Router;
use crate::error::{Error, Place, Result};
use crate::scheduler::Params;

/// What a router is made for.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// Replicas there are, at least 1.
    pub replicas: usize,
    /// Key of its own randomness.
    pub seed: u64,
}

/// A router, or what is wrong with its parameters.
pub type Made = std::result::Result<Box<dyn Router>, serde_json::Error>;

/// One router of the list.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Name on the command line and in scenarios.
    pub name: &'static str,
    /// One line: what it does.
    pub summary: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Whether it looks at beliefs about output lengths.
    pub reads_belief: bool,
    /// Whether it looks at what prompts begin with: it is of no use on a trace without prefix hashes.
    pub reads_prompt: bool,
    /// Whether it looks at sessions: it is of no use on a trace without them.
    pub reads_session: bool,
    /// JSON schema of its parameters.
    pub params: fn() -> schemars::Schema,
    /// Makes one; wrong parameters are an error that names the key.
    pub make: fn(&Params, Site) -> Made,
}

/// Routers by name.
#[derive(Clone)]
pub struct Registry {
    entries: Vec<Entry>,
}

impl Registry {
    /// The routers that ship with foretoken.
    pub fn builtin() -> Registry {
        Registry { entries: BUILTIN.to_vec() }
    }

    /// Adds one from outside; its name must be new.
    ///
    /// # Errors
    /// There is one of that name.
    pub fn add(&mut self, entry: Entry) -> Result<()> {
        if self.entries.iter().any(|e| e.name == entry.name) {
            return Err(Error::Usage(format!("a router named `{}` is there already", entry.name)));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// All of them, in listing order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry called `name`.
    ///
    /// # Errors
    /// There is none; the nearest is named.
    pub fn get(&self, name: &str) -> Result<&Entry> {
        self.entries
            .iter()
            .find(|e| e.name == name)
            .ok_or_else(|| Error::unknown("router", name, self.entries.iter().map(|e| e.name)))
    }

    /// A router called `name` with `params` for `site`.
    ///
    /// # Errors
    /// There is none of that name; a parameter is wrong.
    pub fn make(&self, name: &str, params: &Params, site: Site) -> Result<Box<dyn Router>> {
        let entry = self.get(name)?;
        (entry.make)(params, site).map_err(|e| {
            let help = "see `foretoken routers` for its parameters";
            Error::input(Place::key(format!("cluster.router.{name}")), e.to_string(), help)
        })
    }
}

impl From<Entry> for Registry {
    /// A list of one.
    fn from(entry: Entry) -> Registry {
        Registry { entries: vec![entry] }
    }
}

/// Refuses parameter `name` unless it is a number of at least `least`.
///
/// # Errors
/// It is less, infinite or not a number.
pub fn checked(name: &str, value: f64, least: f64) -> std::result::Result<(), serde_json::Error> {
    if value.is_finite() && value >= least {
        return Ok(());
    }
    Err(serde::de::Error::custom(format!("{name} must be a finite number of at least {least}, not {value}")))
}

const BUILTIN: &[Entry] = &[
    super::round_robin::ENTRY,
    super::random::ENTRY,
    super::least_outstanding::ENTRY,
    super::least_tokens::ENTRY,
    super::least_work::ENTRY,
    super::power_of_two::ENTRY,
    super::session::ENTRY,
    super::consistent_hash::ENTRY,
    super::cache_aware::ENTRY,
    super::prefix_hash::ENTRY,
    super::kv_cost::ENTRY,
    super::weighted::ENTRY,
];
