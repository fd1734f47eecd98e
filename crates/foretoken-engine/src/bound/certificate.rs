//! `certificate.json`: a bound with all that a check of it needs.

use super::{Bound, Demand, Limits, Method, Shares};
use crate::latency::Minorant;
use serde::{Deserialize, Serialize};

/// Version of the format that this build reads and writes.
pub const SCHEMA: u32 = 1;

/// A lower bound on the mean E2E latency of `requests`, and the way to it.
///
/// That steps take at least as long as `minorants` say is taken from the latency profile; the rest follows
/// from the certificate alone, see [`Certificate::check`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Version of this format.
    pub schema: u32,
    /// Mean E2E latency at least, seconds.
    pub mean_e2e_s: f64,
    /// What every schedule keeps within.
    pub limits: Limits,
    /// Affine functions under the step time.
    pub minorants: Vec<Minorant>,
    /// The one that work is measured by.
    pub minorant: usize,
    /// How the constant part of a step is shared among its requests.
    pub shares: Shares,
    /// Requests in order of arrival.
    pub requests: Vec<Certified>,
}

/// A request, its group, and how it is bounded there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certified {
    /// What it asks for.
    pub demand: Demand,
    /// Which requests it is bounded with: those of the same number.
    pub group: u32,
    /// How.
    pub method: Method,
}

impl Certificate {
    /// Of `bound`, which was found for these very arguments.
    pub fn new(bound: &Bound, demands: &[Demand], limits: &Limits, minorants: &[Minorant]) -> Certificate {
        let certified =
            |(&demand, &(group, method)): (&Demand, &(u32, Method))| Certified { demand, group, method };
        Certificate {
            schema: SCHEMA,
            mean_e2e_s: bound.mean_e2e_s(),
            limits: *limits,
            minorants: minorants.to_vec(),
            minorant: bound.minorant,
            shares: bound.shares,
            requests: demands.iter().zip(&bound.groups).map(certified).collect(),
        }
    }
}
