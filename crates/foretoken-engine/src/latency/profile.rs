//! Profiles: a latency model with its origin, domain, noise, KV memory and power, in one TOML file.

use super::estimate::Origin;
use super::linear::Linear;
use super::model::Model;
use super::noise::{Draws, Noisy};
use super::piecewise::Piecewise;
use super::polynomial::{Polynomial, ReplicaPolynomial};
use super::roofline::{Roofline, Timed};
use super::shipped;
use super::source::Source;
use super::static_batch::StaticBatch;
use super::table::Table;
use super::{LatencyModel, StepShape};
use crate::error::{Error, Place, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Version of the profile format that this build reads and writes.
pub const SCHEMA: u32 = 1;

/// How long a step takes on some hardware, who says so, and where that holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Version of this format; 1.
    pub schema: u32,
    /// Name; that of the file, without its ending.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Who says so.
    pub provenance: Provenance,
    /// The latency model: exactly one kind.
    pub timing: Timing,
    /// Shapes the model was made for; empty means all.
    #[serde(default, skip_serializing_if = "Domain::is_empty")]
    pub domain: Domain,
    /// Random deviation of single steps.
    #[serde(default, skip_serializing_if = "Noise::is_none")]
    pub noise: Noise,
    /// KV memory of one replica; without it, the run must say how much there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv: Option<Kv>,
    /// Power draw of one replica; without it, no energy is reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// What an analytic profile was computed from: a record, which no result depends on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// The latency model of a profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// A sum of terms linear in the aggregates of the step.
    Linear(Linear),
    /// Interpolation in a measured grid.
    Table(Table),
    /// Work over peak rates, part by part.
    Roofline(Roofline),
    /// A quadratic in prefill tokens plus a quadratic in KV utilisation.
    Polynomial(Polynomial),
    /// A curve over packed rows plus attention terms.
    Piecewise(Piecewise),
    /// A batch padded to its longest member.
    StaticBatch(StaticBatch),
}

impl Timing {
    /// Name of the kind, as in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Timing::Linear(_) => "linear",
            Timing::Table(_) => "table",
            Timing::Roofline(_) => "roofline",
            Timing::Polynomial(_) => "polynomial",
            Timing::Piecewise(_) => "piecewise",
            Timing::StaticBatch(_) => "static-batch",
        }
    }
}

/// Where the numbers come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Who measured, computed or published them.
    pub who: String,
    /// Device they speak of.
    pub device: String,
    /// Software they speak of, with version.
    pub software: String,
    /// Day they were made or looked up, YYYY-MM-DD.
    pub date: String,
    /// How they were found.
    pub how: How,
    /// Papers, addresses, licence, assumptions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How the numbers of a profile were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Timed on the device.
    Measured,
    /// Computed from data sheets and shapes; never compared with the device by us.
    Analytic,
    /// Taken over from somebody else's publication.
    Published,
}

impl std::fmt::Display for How {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            How::Measured => "measured",
            How::Analytic => "analytic",
            How::Published => "published",
        })
    }
}

/// Largest steps the model was made for. A run reports the share of steps outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Most prefill tokens in a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_prefill_tokens: Option<u64>,
    /// Most decode rows in a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_decodes: Option<u64>,
    /// Largest sum of decode contexts, tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_context_sum_tokens: Option<u64>,
}

impl Domain {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Domain::default()
    }

    /// Whether a step of this shape lies inside.
    pub fn contains(&self, shape: &StepShape<'_>) -> bool {
        let within = |value: u64, max: Option<u64>| max.is_none_or(|m| value <= m);
        within(shape.decodes, self.max_decodes)
            && within(shape.context_sum, self.max_context_sum_tokens)
            && self.max_prefill_tokens.is_none_or(|m| shape.prefill_tokens() <= m)
    }
}

/// Random deviation of single steps: a factor on the model's duration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Family of the factor.
    pub kind: NoiseKind,
    /// Standard deviation of the log of the factor; `log-normal` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
    /// Correlation, from 0 to below 1, of the standard normals behind the factors of one step and the next of
    /// the same replica.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub autocorrelation: f64,
    /// Quantiles of the factor by size of the step, smallest first; `regions` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Region>,
}

/// Families of noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseKind {
    /// Steps take exactly what the model says.
    #[default]
    None,
    /// A log-normal factor of median 1.
    LogNormal,
    /// A factor whose quantiles are stated, by size of the step.
    Regions,
}

/// Quantiles of the noise factor of steps of some size: linear between them, `0 < min <= p10 <= median <= p90
/// <= max`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Most packed rows (prefill tokens and decodes) of a step; absent on the last region, which has no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rows: Option<u64>,
    /// Least factor.
    pub min: f64,
    /// 10% quantile.
    pub p10: f64,
    /// Median.
    pub median: f64,
    /// 90% quantile.
    pub p90: f64,
    /// Largest factor.
    pub max: f64,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Noise {
    /// Whether there is no noise section to speak of.
    pub fn is_none(&self) -> bool {
        *self == Noise::default()
    }

    /// Whether no step deviates.
    pub fn is_calm(&self) -> bool {
        self.kind == NoiseKind::None
    }
}

/// KV memory of one replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kv {
    /// Tokens that fit.
    pub capacity_tokens: u64,
    /// Bytes a token takes, over all devices of the replica.
    pub bytes_per_token: u64,
}

/// Power draw of one replica, all its devices together.
///
/// A step at utilisation `u` draws `idle_w + (active_w - idle_w)·u`. The roofline takes for `u` the larger
/// of its shares of peak FLOP/s and peak bandwidth; other kinds take 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// Watts when nothing runs.
    pub idle_w: f64,
    /// Watts at full utilisation.
    pub active_w: f64,
}

impl Power {
    /// Joules of `seconds` at `utilisation` (0 to 1).
    pub fn energy_j(&self, utilisation: f64, seconds: f64) -> f64 {
        (self.idle_w + (self.active_w - self.idle_w) * utilisation) * seconds
    }
}

/// What is wrong with one key of a profile.
pub(super) struct Flaw {
    pub key: String,
    pub what: String,
    pub help: &'static str,
}

impl Flaw {
    pub fn new(key: impl Into<String>, what: impl Into<String>, help: &'static str) -> Flaw {
        Flaw { key: key.into(), what: what.into(), help }
    }
}

/// Checks that `table.key` is a finite number of zero or more.
pub(super) fn quantity(table: &str, key: &str, value: f64) -> std::result::Result<(), Flaw> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Flaw::new(
        format!("{table}.{key}"),
        format!("{value} is not a finite number >= 0"),
        "correct the value",
    ))
}

impl Profile {
    /// The profile in file `name`, or the shipped one of that name. Something with a slash or ending in
    /// `.toml` is a file.
    pub fn load(name: &str) -> Result<Profile> {
        if shipped::is_path(name) {
            let text = std::fs::read_to_string(name).map_err(|e| Error::io(name, e))?;
            return Profile::parse(name, &text);
        }
        match shipped::PROFILES.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Profile::parse(format!("profiles/{name}.toml"), text),
            None => Err(Error::unknown("profile", name, shipped::names())),
        }
    }

    /// The profile written as TOML in `text`, which was read from `file`.
    ///
    /// Errors name file, line and key: bad syntax, unknown or missing keys, another schema, unusable
    /// numbers.
    pub fn parse(file: impl AsRef<Path>, text: &str) -> Result<Profile> {
        let source = Source::parse(file, text)?;
        source.require_schema(SCHEMA)?;
        let profile: Profile = source.read()?;
        match profile.check() {
            Ok(()) => Ok(profile),
            Err(flaw) => Err(source.refuse(&flaw.key, flaw.what, flaw.help)),
        }
    }

    /// The latency model without noise, on a replica whose KV memory holds `kv_capacity_tokens`: for whoever
    /// estimates.
    pub fn model(&self, kv_capacity_tokens: u64) -> Result<Box<dyn LatencyModel>> {
        self.checked()?;
        Ok(match &self.timing {
            Timing::Linear(m) => Model::boxed(m.clone(), self),
            Timing::Table(m) => Model::boxed(m.clone(), self),
            Timing::Roofline(m) => Model::boxed(Timed::new(m), self),
            Timing::Polynomial(m) => Model::boxed(ReplicaPolynomial::new(m, kv_capacity_tokens)?, self),
            Timing::Piecewise(m) => Model::boxed(m.clone(), self),
            Timing::StaticBatch(m) => Model::boxed(m.clone(), self),
        })
    }

    /// The same with the profile's noise, if it has any: for whoever simulates.
    pub fn noisy_model(&self, kv_capacity_tokens: u64, draws: Draws) -> Result<Box<dyn LatencyModel>> {
        let model = self.model(kv_capacity_tokens)?;
        Ok(if self.noise.is_calm() { model } else { Noisy::boxed(model, &self.noise, draws) })
    }

    /// Refuses unusable values, by key.
    pub(super) fn checked(&self) -> Result<()> {
        self.check().map_err(|flaw| Error::input(Place::key(flaw.key), flaw.what, flaw.help))
    }

    fn check(&self) -> std::result::Result<(), Flaw> {
        if self.name.is_empty() {
            return Err(Flaw::new("name", "the name is empty", "name the profile after its file"));
        }
        self.noise.check()?;
        if let Some(power) = &self.power {
            quantity("power", "idle_w", power.idle_w)?;
            quantity("power", "active_w", power.active_w)?;
            if power.active_w < power.idle_w {
                let what = format!("{} W active is less than {} W idle", power.active_w, power.idle_w);
                return Err(Flaw::new("power.active_w", what, "correct one of them"));
            }
        }
        match &self.timing {
            Timing::Linear(m) => m.check(),
            Timing::Table(m) => m.check(),
            Timing::Roofline(m) => m.check(),
            Timing::Polynomial(m) => m.check(),
            Timing::Piecewise(m) => m.check(),
            Timing::StaticBatch(m) => m.check(),
        }
    }
}
