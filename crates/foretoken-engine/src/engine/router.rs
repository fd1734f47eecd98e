//! Routers: which replica serves a request, decided when it arrives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How arrivals are spread over replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RouterKind {
    /// One after the other.
    #[default]
    RoundRobin,
    /// The one with the fewest requests waiting or running; the first of equals.
    LeastOutstanding,
}

/// The `[cluster]` section of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Identical replicas, at least 1.
    pub replicas: u32,
    /// How arrivals are spread over them.
    pub router: RouterKind,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        ClusterConfig { replicas: 1, router: RouterKind::RoundRobin }
    }
}

pub(super) struct Router {
    kind: RouterKind,
    next: usize,
}

impl Router {
    pub fn new(kind: RouterKind) -> Router {
        Router { kind, next: 0 }
    }

    /// The replica for the next request, among `replicas`, whose load `outstanding` tells.
    pub fn route(&mut self, replicas: usize, outstanding: impl Fn(usize) -> usize) -> usize {
        match self.kind {
            RouterKind::RoundRobin => {
                let chosen = self.next;
                self.next = (self.next + 1) % replicas;
                chosen
            }
            RouterKind::LeastOutstanding => {
                (0..replicas).min_by_key(|&r| outstanding(r)).expect("at least one replica")
            }
        }
    }
}
