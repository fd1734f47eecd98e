//! The `[sweep]` section of a scenario file, and axes written on the command line.

use crate::error::{Error, Place, Result};
use crate::scenario::{braced, scalar, split_outside_brackets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a sweep varies. Axes that list their values make a grid; sampled axes are drawn jointly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// The axes; the first one varies slowest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub axes: Vec<AxisSpec>,
    /// How many points to draw over all sampled axes jointly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    /// How they are drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// Runs to keep: each a condition such as `workload.rate_rps <= 5 and scheduler == 'sjf'`; all must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<String>,
}

/// How sampled axes are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// A Sobol sequence with Owen scrambling (Burley 2020): evenly spread, at most 65,536 points.
    #[default]
    Sobol,
    /// Independent draws.
    Random,
}

impl Sampling {
    /// Its name, as in files.
    pub fn name(self) -> &'static str {
        match self {
            Sampling::Sobol => "sobol",
            Sampling::Random => "random",
        }
    }
}

/// One axis: a key, and exactly one way to say which values it takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AxisSpec {
    /// Dotted key of the scenario; or `scheduler`; or `schedulers.NAME.PARAMETER`.
    pub key: String,
    /// These values.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub list: Option<Vec<Value>>,
    /// Evenly spaced numbers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub range: Option<Range>,
    /// Numbers with even ratios.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log_range: Option<LogRange>,
    /// Drawn evenly between two numbers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uniform: Option<Bounds>,
    /// Drawn between two numbers, the logarithm evenly.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub log_uniform: Option<Bounds>,
}

/// Evenly spaced numbers: give `step` or `count`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first.
    pub start: f64,
    /// The last, if the step leads to it.
    pub stop: f64,
    /// From one to the next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<f64>,
    /// How many, both ends included.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub count: Option<u32>,
}

/// Numbers with even ratios, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogRange {
    /// The first, positive.
    pub start: f64,
    /// The last.
    pub stop: f64,
    /// How many.
    pub count: u32,
}

/// Where samples lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Smallest.
    pub low: f64,
    /// Largest.
    pub high: f64,
}

impl Spec {
    /// The section as a scenario file has it.
    ///
    /// # Errors
    /// An unknown key or a value of the wrong type, by key.
    pub fn from_toml(section: toml::Value) -> Result<Spec> {
        serde_path_to_error::deserialize(section).map_err(|e| {
            let key = format!("sweep.{}", e.path());
            let message = e.into_inner().message().to_string();
            Error::input(Place::key(key), message, "see docs/sweeps.md")
        })
    }

    /// Adds another axis, or says other values for one that is there.
    pub fn put(&mut self, axis: AxisSpec) {
        match self.axes.iter_mut().find(|a| a.key == axis.key) {
            Some(there) => *there = axis,
            None => self.axes.push(axis),
        }
    }
}

impl AxisSpec {
    /// An axis as `--axis` has it: `KEY=a,b,c`, or `KEY=range{start=1,stop=9,step=2}`, `log-range`, `uniform`,
    /// `log-uniform` likewise.
    ///
    /// # Errors
    /// No `=`, or braces that do not hold what the kind needs.
    pub fn parse(text: &str) -> Result<AxisSpec> {
        let Some((key, values)) = text.split_once('=') else {
            let what = format!("--axis {text}: write KEY=a,b,c or KEY=range{{start=1,stop=9,step=2}}");
            return Err(Error::Usage(what));
        };
        let mut axis = AxisSpec { key: key.trim().into(), ..AxisSpec::default() };
        let kind = values.split_once('{').map_or("", |(name, _)| name.trim());
        match kind {
            "range" => axis.range = Some(table(text, values)?),
            "log-range" => axis.log_range = Some(table(text, values)?),
            "uniform" => axis.uniform = Some(table(text, values)?),
            "log-uniform" => axis.log_uniform = Some(table(text, values)?),
            _ => {
                let parts = split_outside_brackets(values).into_iter().map(str::trim);
                let parts = parts.filter(|part| !part.is_empty()).map(|part| json(&scalar(part)));
                axis.list = Some(parts.collect());
            }
        }
        Ok(axis)
    }
}

/// What stands in braces after the kind of an axis.
fn table<T: serde::de::DeserializeOwned>(text: &str, values: &str) -> Result<T> {
    let inside = braced(values)?.values;
    toml::Value::Table(inside).try_into().map_err(|e: toml::de::Error| {
        Error::Usage(format!("--axis {text}: {}; see docs/sweeps.md", e.message()))
    })
}

/// A TOML value as JSON; infinite numbers, which JSON lacks, as text that scenarios read.
fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Float(v) if v.is_infinite() && *v > 0.0 => Value::String("inf".into()),
        other => serde_json::to_value(other).unwrap_or(Value::Null),
    }
}
