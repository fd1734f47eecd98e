//! Traces and profiles in memory, shared by the runs that need them.

use crate::error::Result;
use crate::latency::Profile;
use crate::replay::{Inputs, Timing, Trace};
use crate::scenario::{Scenario, TraceConfig};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows of all traces that are kept for later runs; those in use stay alive beside them.
const ROWS_KEPT: usize = 4_000_000;
/// Profiles that are kept.
const PROFILES_KEPT: usize = 64;

/// What was loaded, most recently used first.
struct Recent<K, V> {
    entries: Vec<(K, V, usize)>,
    most: usize,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    fn new(most: usize) -> Mutex<Recent<K, V>> {
        Mutex::new(Recent { entries: Vec::new(), most })
    }

    /// The value of `key`, loaded now if it is not at hand, with its size. The least recently used ones go
    /// until the others fit.
    fn get(&mut self, key: K, load: impl FnOnce(&K) -> Result<(V, usize)>) -> Result<V> {
        if let Some(at) = self.entries.iter().position(|(k, ..)| *k == key) {
            self.entries[..=at].rotate_right(1);
            return Ok(self.entries[0].1.clone());
        }
        let (value, size) = load(&key)?;
        self.entries.insert(0, (key, value.clone(), size));
        let mut total = 0;
        let fits = |(_, _, size): &(K, V, usize)| {
            total += size;
            total <= self.most
        };
        let kept = self.entries.iter().map(fits).take_while(|fits| *fits).count();
        self.entries.truncate(kept.max(1));
        Ok(value)
    }
}

/// Loads each trace and profile once, as long as they fit.
pub(super) struct Shelf {
    traces: Mutex<Recent<TraceConfig, Trace>>,
    profiles: Mutex<Recent<String, Arc<Profile>>>,
}

impl Shelf {
    pub fn new() -> Shelf {
        Shelf { traces: Recent::new(ROWS_KEPT), profiles: Recent::new(PROFILES_KEPT) }
    }

    /// What `scenario` needs. Others who ask meanwhile wait, and find it loaded.
    pub fn inputs(&self, scenario: &Scenario) -> Result<Inputs> {
        let profile = {
            let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
            profiles.get(scenario.profile.clone(), |name| Ok((Arc::new(Profile::load(name)?), 1)))?
        };
        let trace = {
            let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
            traces.get(scenario.trace.clone(), |config| {
                let trace = Trace::load(config)?;
                let rows = trace.rows_held();
                Ok((trace, rows))
            })?
        };
        Inputs::with(scenario, trace, Timing::Profile(profile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_go_first() {
        let recent = Recent::new(3);
        let mut recent = recent.lock().unwrap();
        let mut loads = Vec::new();
        for key in [1, 2, 3, 1, 4, 2, 1, 9] {
            recent
                .get(key, |k| {
                    loads.push(*k);
                    Ok((k * 10, if *k == 9 { 5 } else { 1 }))
                })
                .unwrap();
        }
        assert_eq!(loads, [1, 2, 3, 4, 2, 9]);
        assert_eq!(recent.entries, [(9, 90, 5)], "what is asked for is kept even if it is too large");
    }
}
