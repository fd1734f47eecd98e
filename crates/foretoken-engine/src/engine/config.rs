//! The engine's configuration and its presets: one set of keys, no code copied.

use crate::scheduler::{How, Requeue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Named settings of a real engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// vLLM V1 of 2026: the whole known sequence must fit before admission. Asynchronous scheduling, on in the
    /// real one, is not modelled yet; prefix caching, on in the real one, is `kv.cache`.
    #[default]
    VllmV1,
    /// vLLM V1 of 2025: only the first chunk must fit. Prefix caching, on in the real one, is `kv.cache`.
    #[serde(rename = "vllm-v1-2025")]
    VllmV12025,
    /// Static batches that run to completion (FasterTransformer, Hugging Face `generate`).
    Static,
    /// Rounds and tokens, as scheduling theory has them: unit steps, free prefill, killed work starts again.
    Theory,
}

impl Preset {
    /// All presets, in listing order.
    pub const ALL: [Preset; 4] = [Preset::VllmV1, Preset::VllmV12025, Preset::Static, Preset::Theory];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Preset::VllmV1 => "vllm-v1",
            Preset::VllmV12025 => "vllm-v1-2025",
            Preset::Static => "static",
            Preset::Theory => "theory",
        }
    }

    /// What the real engine has on by default and this model lacks.
    pub fn lacks(self) -> Option<&'static str> {
        match self {
            Preset::VllmV1 => Some("asynchronous scheduling"),
            Preset::VllmV12025 | Preset::Static | Preset::Theory => None,
        }
    }

    /// Whether the real engine has prefix caching on by default.
    pub fn caches(self) -> bool {
        matches!(self, Preset::VllmV1 | Preset::VllmV12025)
    }

    /// Profile used when none is named: a real GPU, or unit steps for `theory`.
    pub fn default_profile(self) -> &'static str {
        match self {
            Preset::Theory => "unit",
            _ => "llama3-8b-h100",
        }
    }
}

/// How requests share steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Continuous batching: prefill chunks and decodes mixed in every step.
    Mixed,
    /// A batch runs to completion; early finishers keep seat and KV as padding.
    Lockstep,
}

/// Who loses its KV when memory runs out and the scheduler has no opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VictimRule {
    /// The last of the running list.
    LastAdmitted,
    /// The latest arrival.
    LatestArrival,
    /// The largest (priority, arrival).
    WorstPriority,
}

/// Memory that a waiting request must find before it is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// Its first chunk.
    Known,
    /// All its known tokens (prompt and what it generated before).
    KnownFull,
    /// `engine.max_model_len` tokens, held until it leaves.
    MaxLen,
}

/// Prefix caching: whether KV of earlier requests is found again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cache {
    /// It is not.
    #[default]
    Off,
    /// Full blocks are, by the hash of all that is in and before them; of idle ones the oldest goes first (vLLM).
    Hash,
}

/// The `[engine]` section of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Settings to start from.
    pub preset: Preset,
    /// How requests share steps.
    pub step: StepKind,
    /// Tokens scheduled in one step, prompts and decodes together.
    pub max_tokens_per_step: u64,
    /// Seats: requests running at once.
    pub max_seqs: u32,
    /// Whether a prompt may be spread over several steps.
    pub chunked_prefill: bool,
    /// Largest prefill chunk of one request, tokens; 0 = no limit of its own.
    pub long_prefill_threshold: u32,
    /// Longest prompt plus output, tokens; 0 = no limit but memory.
    pub max_model_len: u32,
    /// Whether requests may be admitted in a step that ran out of memory.
    pub admit_in_preempt_step: bool,
    /// Whether a request that loses its own KV ends the scheduling of running requests in that step (vLLM up to
    /// 0.32).
    pub self_preempt_stops: bool,
    /// What becomes of a request that loses its KV.
    pub shortfall: How,
    /// Who that is.
    pub victim: VictimRule,
    /// Where it waits.
    pub requeue: Requeue,
    /// Host time added to every step, seconds.
    pub host_overhead_s: f64,
    /// Asynchronous scheduling: not modelled yet, so only `false`.
    #[serde(rename = "async")]
    pub asynchronous: Never,
}

/// The `[kv]` section of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KvConfig {
    /// Tokens a block holds.
    pub block_tokens: u32,
    /// Usable blocks; unset = what the profile's `[kv]` capacity gives.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocks: Option<u64>,
    /// Prefix caching.
    pub cache: Cache,
    /// Memory a waiting request must find before it is admitted.
    pub gate: Gate,
    /// Share of blocks, vLLM's null block counted in, kept free at admission while something runs (not under
    /// gate `max-len`).
    pub watermark: f64,
    /// Slots a running request holds beyond its computed tokens.
    pub lookahead_tokens: u32,
}

/// A switch that can only be off: what it would turn on is not modelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(into = "bool")]
#[schemars(extend("const" = false))]
pub struct Never;

impl From<Never> for bool {
    fn from(_: Never) -> bool {
        false
    }
}

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if bool::deserialize(d)? {
            return Err(serde::de::Error::custom("not modelled yet: only `false` is accepted"));
        }
        Ok(Never)
    }
}

/// Enough tokens a step for any prompt: no compute limit.
const UNLIMITED_TOKENS: u64 = 1 << 40;

impl EngineConfig {
    /// The `[engine]` settings of `preset`.
    pub fn preset(preset: Preset) -> EngineConfig {
        let vllm = EngineConfig {
            preset,
            step: StepKind::Mixed,
            max_tokens_per_step: 8192,
            max_seqs: 256,
            chunked_prefill: true,
            long_prefill_threshold: 0,
            max_model_len: 0,
            admit_in_preempt_step: false,
            self_preempt_stops: false,
            shortfall: How::Recompute,
            victim: VictimRule::LastAdmitted,
            requeue: Requeue::Front,
            host_overhead_s: 0.0,
            asynchronous: Never,
        };
        match preset {
            Preset::VllmV1 => vllm,
            Preset::VllmV12025 => EngineConfig { self_preempt_stops: true, ..vllm },
            Preset::Static => EngineConfig {
                step: StepKind::Lockstep,
                max_tokens_per_step: UNLIMITED_TOKENS,
                max_seqs: 16,
                chunked_prefill: false,
                max_model_len: 8192,
                ..vllm
            },
            Preset::Theory => EngineConfig {
                max_tokens_per_step: UNLIMITED_TOKENS,
                max_seqs: 1 << 20,
                admit_in_preempt_step: true,
                shortfall: How::Restart,
                requeue: Requeue::Ranked,
                ..vllm
            },
        }
    }
}

impl KvConfig {
    /// The `[kv]` settings of `preset`.
    pub fn preset(preset: Preset) -> KvConfig {
        let vllm = KvConfig {
            block_tokens: 16,
            blocks: None,
            cache: Cache::Off,
            gate: Gate::KnownFull,
            watermark: 0.0,
            lookahead_tokens: 0,
        };
        match preset {
            Preset::VllmV1 => vllm,
            Preset::VllmV12025 => KvConfig { gate: Gate::Known, ..vllm },
            Preset::Static => KvConfig { gate: Gate::MaxLen, ..vllm },
            Preset::Theory => KvConfig { block_tokens: 1, lookahead_tokens: 1, ..vllm },
        }
    }
}
