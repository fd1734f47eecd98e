//! The scheduler of vLLM V1, with prefix caching and asynchronous scheduling.

mod drive;
mod prompt;
mod scenario;
mod scheduler;

pub use scenario::{Asked, Planned, Policy, Scenario, Served, Step, Tokens};

use crate::error::{Error, Result};

/// Versions of vLLM whose plans differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// A request that loses its own memory under policy `priority` ends the scheduling of running requests.
    V0_32,
    /// Those behind it are scheduled all the same.
    #[default]
    V0_33,
}

impl Version {
    /// All of them, oldest first.
    pub const ALL: [Version; 2] = [Version::V0_32, Version::V0_33];

    /// Its number.
    pub fn name(self) -> &'static str {
        match self {
            Version::V0_32 => "0.32",
            Version::V0_33 => "0.33",
        }
    }

    /// The version of that number.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Version> {
        let found = Version::ALL.into_iter().find(|v| v.name() == name);
        found.ok_or_else(|| Error::unknown("version of vLLM", name, Version::ALL.map(Version::name)))
    }
}

/// Plans `scenario` as vLLM `version` does.
///
/// # Errors
/// A scenario that the real engine would refuse, or in which somebody could never be scheduled.
pub fn plan(scenario: &Scenario, version: Version) -> Result<Planned> {
    scenario.check()?;
    drive::run(scenario, version)
}
