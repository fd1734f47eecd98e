//! The list of schedulers, and how a name with parameters becomes one.

use super::Scheduler;
use crate::error::{Error, Place, Result};
use serde_json::{Map, Value};

/// Parameters of a scheduler as written by the user.
pub type Params = Map<String, Value>;

/// A scheduler, or what is wrong with its parameters.
pub type Made = std::result::Result<Box<dyn Scheduler>, serde_json::Error>;

/// One scheduler of the list.
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
    /// JSON schema of its parameters.
    pub params: fn() -> schemars::Schema,
    /// Makes one for `seed`; wrong parameters are an error that names the key.
    pub make: fn(&Params, u64) -> Made,
}

/// Schedulers by name.
#[derive(Clone)]
pub struct Registry {
    entries: Vec<Entry>,
}

impl Registry {
    /// The schedulers that ship with foretoken.
    pub fn builtin() -> Registry {
        Registry { entries: BUILTIN.to_vec() }
    }

    /// Adds one from outside; its name must be new.
    pub fn add(&mut self, entry: Entry) -> Result<()> {
        if self.entries.iter().any(|e| e.name == entry.name) {
            return Err(Error::Usage(format!("a scheduler named `{}` is there already", entry.name)));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// All of them, in listing order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry called `name`.
    pub fn get(&self, name: &str) -> Result<&Entry> {
        self.entries
            .iter()
            .find(|e| e.name == name)
            .ok_or_else(|| Error::unknown("scheduler", name, self.entries.iter().map(|e| e.name)))
    }

    /// A scheduler called `name` with `params`, its own randomness keyed by `seed`.
    pub fn make(&self, name: &str, params: &Params, seed: u64) -> Result<Box<dyn Scheduler>> {
        let entry = self.get(name)?;
        finite(name, params)?;
        (entry.make)(params, seed).map_err(|e| {
            let what = e.to_string();
            // The parameter without which there is no such error is the one that is wrong.
            let wrong = params.keys().find(|key| {
                let mut others = params.clone();
                others.remove(key.as_str());
                (entry.make)(&others, seed).map_or_else(|e| e.to_string(), |_| String::new()) != what
            });
            let key = wrong.map_or(String::new(), |key| format!(".{key}"));
            let help = "see `foretoken schedulers` for its parameters";
            Error::input(Place::key(format!("schedulers.{name}{key}")), what, help)
        })
    }
}

impl From<Entry> for Registry {
    /// A list of one.
    fn from(entry: Entry) -> Registry {
        Registry { entries: vec![entry] }
    }
}

/// Refuses null among the parameters of the scheduler `name`: it is what infinity and NaN become in JSON.
///
/// # Errors
/// There is one; scheduler and key are named.
pub fn finite(name: &str, params: &Params) -> Result<()> {
    let Some(key) = no_number(&Value::Object(params.clone())) else { return Ok(()) };
    let what = format!("scheduler {name}: {key} is infinite or not a number");
    let help = "give a finite number, or leave it out";
    Err(Error::input(Place::key(format!("schedulers.{name}.{key}")), what, help))
}

/// The dotted key of a value that JSON has no number for: infinity and NaN come as null.
fn no_number(value: &Value) -> Option<String> {
    let below = |key: String, value: &Value| {
        if value.is_null() {
            return Some(key);
        }
        let inner = no_number(value)?;
        Some(format!("{key}.{inner}"))
    };
    match value {
        Value::Object(table) => table.iter().find_map(|(key, value)| below(key.clone(), value)),
        Value::Array(list) => list.iter().enumerate().find_map(|(i, value)| below(i.to_string(), value)),
        _ => None,
    }
}

/// Parses `params` into a parameter struct.
pub fn parse<T: serde::de::DeserializeOwned>(params: &Params) -> std::result::Result<T, serde_json::Error> {
    serde_json::from_value(Value::Object(params.clone()))
}

/// The parameters of a scheduler that has none.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

const BUILTIN: &[Entry] = &[
    super::fcfs::ENTRY,
    super::priority::ENTRY,
    super::sjf::ENTRY,
    super::ljf::ENTRY,
    super::srpt::ENTRY,
    super::sjf_input::ENTRY,
    super::hrrn::ENTRY,
    super::edf::ENTRY,
    super::least_slack::ENTRY,
    super::mlfq::ENTRY,
    super::random::ENTRY,
    super::interval::h_sf::ENTRY,
    super::interval::mc_sf::ENTRY,
    super::interval::a_max::ENTRY,
    super::interval::a_min::ENTRY,
    super::interval::a_ell::ENTRY,
    super::interval::svf::ENTRY,
    super::interval::sorted_f::ENTRY,
    super::interval::gba::ENTRY,
    super::interval::gba_d::ENTRY,
    super::interval::gsa::ENTRY,
    super::interval::gsa_spec::ENTRY,
    super::tie::ENTRY,
    super::sept::ENTRY,
    super::ssjf::ENTRY,
    super::ltr::ENTRY,
    super::quantile::ENTRY,
    super::gittins::ENTRY,
    super::uniboost::ENTRY,
];
