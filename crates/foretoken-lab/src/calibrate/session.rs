//! What was measured on what: the file beside the samples.

use crate::error::{Error, Place, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Version of the session file and of the samples beside it.
pub const SCHEMA: u32 = 1;

/// The clock that durations are read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Time on the wall.
    #[default]
    Wall,
    /// CPU time of the process: immune to neighbours that take the core away, on one thread only.
    Cpu,
}

impl Clock {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Clock::Wall => "wall",
            Clock::Cpu => "cpu",
        }
    }
}

/// What was measured on what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Version of this format; 1.
    pub schema: u32,
    /// The model.
    pub model: String,
    /// Backend, such as `candle-cpu`.
    pub backend: String,
    /// Element type, such as `f32`.
    pub dtype: String,
    /// Layout of KV: `ragged` or `padded`.
    pub layout: String,
    /// Threads that computed.
    pub threads: usize,
    /// The clock that counts.
    pub clock: Clock,
    /// Requests at a time.
    pub slots: usize,
    /// Tokens of context each could reach.
    pub context: usize,
    /// KV of one token as laid out, bytes; 0 where unknown.
    pub kv_bytes_per_token: u64,
    /// KV tokens that a replica holds; 0 where unknown.
    pub kv_capacity_tokens: u64,
    /// Whether a prompt must be prefilled in one piece (an encoder).
    #[serde(default)]
    pub whole_prompts: bool,
    /// Who measured.
    pub who: String,
    /// The device.
    pub device: String,
    /// Software, with versions.
    pub software: String,
    /// The day, YYYY-MM-DD.
    pub date: String,
    /// Whatever else a reader should know: load, clocks, what was stepped down.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Measured beside the steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
}

/// What was measured beside the steps; whatever could not be is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// KV laid out on the device as computed from the model's shape, bytes.
    pub kv_bytes_computed: u64,
    /// By how much memory in use grew when it was laid out, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_bytes_measured: Option<u64>,
    /// Copies to the device (on a CPU: into a tensor), bytes/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_device_bytes_per_s: Option<f64>,
    /// Copies from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_device_bytes_per_s: Option<f64>,
    /// Power drawn with the model loaded and nothing to do, watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_w: Option<f64>,
    /// Power drawn during steps, watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_w: Option<f64>,
}

impl Session {
    /// The session in file `path`.
    ///
    /// Errors name the file: not there, bad syntax, unknown keys, another schema.
    pub fn read(path: impl AsRef<Path>) -> Result<Session> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let wrong = |what: String, help: &str| Error::input(Place::file(path), what, help);
        let table: toml::Table =
            toml::from_str(&text).map_err(|e| wrong(e.message().to_string(), "correct the file"))?;
        match table.get("schema").and_then(toml::Value::as_integer) {
            Some(s) if s == i64::from(SCHEMA) => {}
            Some(s) => {
                let what = format!("schema {s}, and this build reads schema {SCHEMA}");
                return Err(wrong(what, "measure again, or use the build that wrote it"));
            }
            None => return Err(wrong("no schema".to_string(), "is it the file beside samples?")),
        }
        toml::from_str(&text).map_err(|e| wrong(e.message().to_string(), "correct the file"))
    }

    /// The session as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("strings, numbers and lists of strings")
    }
}
