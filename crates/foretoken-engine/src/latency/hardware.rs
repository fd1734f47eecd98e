//! Devices: published peak rates, memory, link, power and price.

use super::profile::{Flaw, quantity};
use super::roofline::rate;
use super::shipped;
use super::source::Source;
use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Number formats of weights and of KV entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dtype {
    /// 16-bit brain float.
    Bf16,
    /// 16-bit IEEE float.
    Fp16,
    /// 8-bit float, weights and matrix products.
    Fp8,
    /// 8-bit integer, weights and matrix products.
    Int8,
    /// 4-bit integer weights; products run in bf16.
    Int4,
    /// 4-bit float (NVFP4: a scale of 8 bits for each 16 weights), weights and matrix products.
    Fp4,
}

impl Dtype {
    /// All of them.
    pub const ALL: [Dtype; 6] = [Dtype::Bf16, Dtype::Fp16, Dtype::Fp8, Dtype::Int8, Dtype::Int4, Dtype::Fp4];

    /// Bytes of one number, with its share of scales for fp4.
    pub fn bytes(self) -> f64 {
        match self {
            Dtype::Bf16 | Dtype::Fp16 => 2.0,
            Dtype::Fp8 | Dtype::Int8 => 1.0,
            Dtype::Int4 => 0.5,
            Dtype::Fp4 => 0.5625,
        }
    }

    /// Format in which products with weights of this format run.
    pub fn compute(self) -> Dtype {
        if self == Dtype::Int4 { Dtype::Bf16 } else { self }
    }
}

impl std::fmt::Display for Dtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Dtype::Bf16 => "bf16",
            Dtype::Fp16 => "fp16",
            Dtype::Fp8 => "fp8",
            Dtype::Int8 => "int8",
            Dtype::Int4 => "int4",
            Dtype::Fp4 => "fp4",
        })
    }
}

impl std::str::FromStr for Dtype {
    type Err = Error;

    fn from_str(name: &str) -> Result<Dtype> {
        let found = Dtype::ALL.into_iter().find(|d| d.to_string() == name);
        found.ok_or_else(|| Error::unknown("number format", name, Dtype::ALL.map(|d| d.to_string())))
    }
}

/// One accelerator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// Version of this format; 1.
    pub schema: u32,
    /// Name; that of the file, without its ending.
    pub name: String,
    /// The device in words.
    pub description: String,
    /// Day the figures were looked up, YYYY-MM-DD.
    pub date: String,
    /// Where the figures come from, and which are assumptions.
    pub notes: Vec<String>,
    /// Dense peak FLOP/s (OP/s for integers) by number format.
    pub peak_flops_per_s: BTreeMap<Dtype, f64>,
    /// Memory.
    pub memory: Memory,
    /// Link to the other devices of a replica.
    pub link: Link,
    /// Power, where it is published; without it, no energy is reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<DevicePower>,
    /// Price, where somebody's is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// Memory of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Bytes that programs see.
    pub bytes: u64,
    /// Peak bandwidth, bytes/s.
    pub bytes_per_s: f64,
}

/// Link between devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// "nvlink", "pcie", "infinity-fabric", "ethernet", "ici", ...
    pub kind: String,
    /// Bytes/s in one direction.
    pub bytes_per_s: f64,
    /// Seconds of latency of one all-reduce.
    pub all_reduce_latency_s: f64,
}

/// Power of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DevicePower {
    /// Watts when nothing runs.
    pub idle_w: f64,
    /// Watts of the thermal design.
    pub tdp_w: f64,
}

/// Price of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars an hour.
    pub usd_per_hour: f64,
    /// Day of the price, YYYY-MM-DD.
    pub date: String,
    /// Whose price.
    pub source: String,
}

impl Hardware {
    /// The device in file `name`, or the shipped one of that name (as for profiles).
    pub fn load(name: &str) -> Result<Hardware> {
        if shipped::is_path(name) {
            let text = std::fs::read_to_string(name).map_err(|e| Error::io(name, e))?;
            return Hardware::parse(name, &text);
        }
        match shipped::HARDWARE.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Hardware::parse(format!("profiles/hardware/{name}.toml"), text),
            None => Err(Error::unknown("hardware", name, shipped::HARDWARE.iter().map(|(n, _)| *n))),
        }
    }

    /// The device written as TOML in `text`, which was read from `file`. Errors as of
    /// [`Profile::parse`](super::Profile::parse).
    pub fn parse(file: impl AsRef<Path>, text: &str) -> Result<Hardware> {
        let source = Source::parse(file, text)?;
        source.require_schema(super::SCHEMA)?;
        let hardware: Hardware = source.read()?;
        match hardware.check() {
            Ok(()) => Ok(hardware),
            Err(flaw) => Err(source.refuse(&flaw.key, flaw.what, flaw.help)),
        }
    }

    /// Peak FLOP/s of products in `dtype`. Refuses a format that the device lacks.
    pub fn peak(&self, dtype: Dtype) -> Result<f64> {
        self.peak_flops_per_s.get(&dtype).copied().ok_or_else(|| {
            let known = self.peak_flops_per_s.keys().map(Dtype::to_string);
            Error::unknown("number format of this hardware", dtype.to_string(), known)
        })
    }

    /// The format in which products with weights stored for `dtype` run here: 8- and 4-bit floats that the
    /// device cannot multiply are served as weights only, in 16 bits.
    pub fn runs(&self, dtype: Dtype) -> Dtype {
        match dtype {
            Dtype::Fp8 | Dtype::Fp4 if !self.peak_flops_per_s.contains_key(&dtype) => Dtype::Bf16,
            other => other,
        }
    }

    fn check(&self) -> std::result::Result<(), Flaw> {
        for (dtype, &peak) in &self.peak_flops_per_s {
            rate("peak_flops_per_s", &dtype.to_string(), peak)?;
        }
        rate("memory", "bytes_per_s", self.memory.bytes_per_s)?;
        rate("link", "bytes_per_s", self.link.bytes_per_s)?;
        quantity("link", "all_reduce_latency_s", self.link.all_reduce_latency_s)?;
        if let Some(power) = &self.power {
            quantity("power", "idle_w", power.idle_w)?;
            quantity("power", "tdp_w", power.tdp_w)?;
        }
        self.price.as_ref().map_or(Ok(()), |price| quantity("price", "usd_per_hour", price.usd_per_hour))
    }
}
