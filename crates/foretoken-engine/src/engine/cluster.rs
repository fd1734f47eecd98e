//! The `[cluster]` section, and the replicas as a router sees them.

use super::config::{EngineConfig, KvConfig};
use super::replica::Replica;
use crate::braced::braced;
use crate::error::Result;
use crate::router::{Entry, Fleet, Load, Registry, Router, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `[cluster]` section of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Identical replicas, at least 1; with groups, these say how many there are.
    pub replicas: u32,
    /// How arrivals are spread over them: a name of `foretoken routers`, with parameters in braces.
    pub router: String,
    /// Groups of replicas that are unlike; replicas are numbered through in this order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<GroupConfig>,
}

/// One of `[[cluster.groups]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Name in messages; each has its own.
    pub name: String,
    /// Identical replicas, at least 1.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Latency profile; unset = that of the scenario.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<String>,
    /// Its engine: what differs from `[engine]`, but for the preset.
    pub engine: EngineConfig,
    /// Its KV memory: what differs from `[kv]`.
    pub kv: KvConfig,
}

fn one() -> u32 {
    1
}

impl Default for ClusterConfig {
    fn default() -> Self {
        ClusterConfig { replicas: 1, router: "round-robin".into(), groups: Vec::new() }
    }
}

impl ClusterConfig {
    /// Its router, one of those that ship with foretoken, its randomness keyed by `seed`.
    ///
    /// # Errors
    /// There is none of that name; a parameter is wrong.
    pub fn router(&self, seed: u64) -> Result<Box<dyn Router>> {
        Registry::builtin().written(&self.router, Site { replicas: self.all_replicas() as usize, seed })
    }

    /// Replicas there are in all.
    pub fn all_replicas(&self) -> u32 {
        if self.groups.is_empty() {
            return self.replicas;
        }
        self.groups.iter().fold(0, |sum, group| sum.saturating_add(group.replicas))
    }

    /// What the list says of its router.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn router_entry(&self) -> Result<Entry> {
        Registry::builtin().get(&braced(&self.router)?.name).copied()
    }
}

/// What replicas say of themselves.
pub(super) struct Replicas<'a>(pub &'a [Replica]);

impl Fleet for Replicas<'_> {
    fn load(&self, r: usize) -> Load {
        let core = &self.0[r].core;
        let used = core.pool.used();
        let waiting = (0..core.queue.len()).map(|i| core.slab.get(core.queue.slot(i)).known());
        Load {
            waiting: core.queue.len() as u32,
            running: core.running.len() as u32,
            tokens: used * u64::from(core.pool.block_tokens()) + waiting.sum::<u64>(),
            kv_blocks_used: used,
            kv_blocks: core.pool.usable(),
        }
    }
}
