//! The order in which a router goes through equal replicas: in real ones it changes from start to start.

use crate::rng::Stream;
use serde::{Deserialize, Serialize};

/// An order of replicas by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Named {
    /// By number.
    #[default]
    Index,
    /// Drawn by the run's seed, as real routers have another at each start.
    Seed,
}

/// An order of replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Order {
    /// By name.
    Named(Named),
    /// A list of all replicas.
    List(Vec<usize>),
}

impl Default for Order {
    fn default() -> Self {
        Order::Named(Named::Index)
    }
}

impl Order {
    /// The replicas, numbered below `replicas`, in this order.
    pub fn of(&self, replicas: usize, seed: u64) -> Result<Vec<usize>, serde_json::Error> {
        let mut order: Vec<usize> = (0..replicas).collect();
        match self {
            Order::Named(Named::Index) => {}
            Order::Named(Named::Seed) => {
                let mut draw = Stream::new(seed, 0, "router.order", 0);
                for i in (1..replicas).rev() {
                    order.swap(i, draw.below(i as u64 + 1) as usize);
                }
            }
            Order::List(list) => {
                let mut sorted = list.clone();
                sorted.sort_unstable();
                if sorted != order {
                    let what = format!("order must name each of the {replicas} replicas once, from 0");
                    return Err(serde::de::Error::custom(what));
                }
                order.clone_from(list);
            }
        }
        Ok(order)
    }
}
