//! The `[hardware]` section: step times from a real model on a device of this machine.

use super::{Scenario, StepNoise};
use crate::calibrate::Clock;
use crate::error::{Error, Place, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What `profile` says when `[hardware]` gives the step times.
pub const HARDWARE: &str = "hardware";

/// A tensor library on a kind of device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// candle on the CPU.
    #[default]
    CandleCpu,
    /// candle on the first NVIDIA GPU.
    CandleCuda,
    /// libtorch on the CPU.
    TchCpu,
    /// libtorch on the first NVIDIA GPU.
    TchCuda,
}

impl Backend {
    /// Whether it computes with threads of this machine.
    pub fn is_cpu(self) -> bool {
        matches!(self, Backend::CandleCpu | Backend::TchCpu)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Backend::CandleCpu => "candle-cpu",
            Backend::CandleCuda => "candle-cuda",
            Backend::TchCpu => "tch-cpu",
            Backend::TchCuda => "tch-cuda",
        }
    }
}

/// Element type of weights, activations and KV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Element {
    /// 32-bit float.
    #[default]
    F32,
    /// 16-bit brain float.
    Bf16,
}

/// How KV lies in memory and attention reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Row by row over exactly the context there is.
    #[default]
    Ragged,
    /// All decode rows in one product, padded to the longest.
    Padded,
}

/// Steps are executed by a real model on a device of this machine, and take as long as they take. In builds with
/// feature `nn`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HardwareConfig {
    /// The model: one that comes with foretoken (tiny, llama-15m, t5-base, ...), or a `.toml` file.
    pub model: String,
    /// Tensor library and device.
    #[serde(default)]
    pub backend: Backend,
    /// Element type.
    #[serde(default)]
    pub dtype: Element,
    /// Layout of KV.
    #[serde(default)]
    pub layout: Layout,
    /// Requests that the device holds at a time; `engine.max_seqs` follows unless it is set.
    #[serde(default = "slots")]
    pub slots: u32,
    /// Tokens of context of each; `engine.max_model_len` follows unless it is set, and so does the KV memory.
    #[serde(default = "context")]
    pub context: u32,
    /// Directory of safetensors files; unset = random weights, which take the same time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub weights: Option<PathBuf>,
    /// Threads that compute on a CPU.
    #[serde(default = "threads")]
    pub threads: u32,
    /// The clock that steps are timed on.
    #[serde(default)]
    pub clock: Clock,
    /// Whether the run's clock is the one on the wall: arrivals are waited for, and the scheduler's own time counts.
    #[serde(default)]
    pub real_time: bool,
}

fn slots() -> u32 {
    8
}

fn context() -> u32 {
    512
}

fn threads() -> u32 {
    1
}

impl Default for HardwareConfig {
    fn default() -> Self {
        HardwareConfig {
            model: "tiny".into(),
            backend: Backend::default(),
            dtype: Element::default(),
            layout: Layout::default(),
            slots: slots(),
            context: context(),
            weights: None,
            threads: threads(),
            clock: Clock::default(),
            real_time: false,
        }
    }
}

impl HardwareConfig {
    /// What is timed, in words.
    pub fn label(&self) -> String {
        format!("{} on {}", self.model, self.backend.name())
    }

    /// Usable KV blocks of `block_tokens` tokens: every slot holds whole blocks.
    pub fn kv_blocks(&self, block_tokens: u32) -> u64 {
        u64::from(self.slots) * u64::from(self.context.div_ceil(block_tokens.max(1)))
    }

    /// Gives `scenario` the limits that follow from this device, where nobody set them.
    pub(super) fn limit(&self, scenario: &mut Scenario) {
        scenario.profile = HARDWARE.into();
        scenario.engine.max_seqs = self.slots;
        scenario.engine.max_model_len = self.context;
    }

    /// Refuses what this device cannot do, by key.
    pub(super) fn check(&self, s: &Scenario) -> Result<()> {
        let bad = |key: &str, what: String, help: &str| Err(Error::input(Place::key(key), what, help));
        let (slots, context) = (self.slots, self.context);
        if s.profile != HARDWARE {
            let what = format!("[hardware] gives the step times, not profile {}", s.profile);
            return bad("profile", what, "leave out one of them");
        }
        if s.noise != StepNoise::Profile {
            return bad("noise", "a device deviates as it does".into(), "leave it out");
        }
        if self.model.is_empty() {
            return bad("hardware.model", "there is no model".into(), "name one, such as tiny");
        }
        for (key, value) in
            [("hardware.slots", slots), ("hardware.context", context), ("hardware.threads", self.threads)]
        {
            if value == 0 || value > 1 << 24 {
                return bad(key, format!("{value} cannot be laid out"), "choose 1 or more, and fewer");
            }
        }
        if s.engine.max_seqs > slots {
            let what = format!("{} seats on a device with {slots} slots", s.engine.max_seqs);
            return bad("engine.max_seqs", what, "lower it, or raise hardware.slots");
        }
        if s.engine.max_model_len == 0 || s.engine.max_model_len > context {
            let what = format!("requests longer than the device's context of {context} tokens may come");
            return bad("engine.max_model_len", what, "lower it to the context, or raise hardware.context");
        }
        if s.cluster.replicas > 1 {
            let what = format!("{} replicas, and there is one device", s.cluster.replicas);
            return bad("cluster.replicas", what, "choose 1");
        }
        if self.clock == Clock::Cpu && self.threads > 1 {
            let what = format!("CPU time of {} threads is not the time of a step", self.threads);
            return bad("hardware.clock", what, "use \"wall\", or hardware.threads = 1");
        }
        if self.real_time && self.clock == Clock::Cpu {
            return bad("hardware.clock", "real time is the wall's".into(), "use \"wall\"");
        }
        if !self.backend.is_cpu() && (self.threads > 1 || self.clock == Clock::Cpu) {
            let what = format!("{} does not compute with threads of the CPU", self.backend.name());
            return bad("hardware.threads", what, "leave out threads and clock");
        }
        if self.real_time && s.engine.host_overhead_s > 0.0 {
            let what = "in real time the host takes what it takes".to_string();
            return bad("engine.host_overhead_s", what, "choose 0, or hardware.real_time = false");
        }
        Ok(())
    }
}
