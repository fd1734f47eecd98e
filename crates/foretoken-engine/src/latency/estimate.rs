//! From architecture and hardware to an analytic profile.

use super::architecture::{Architecture, Layer, Matrix, Mixer, Part};
use super::hardware::{Dtype, Hardware};
use super::profile::{Domain, Flaw, How, Kv, Noise, Power, Profile, Provenance, SCHEMA, Timing};
use super::roofline::{AllReduce, Experts, Limited, Roofline, share};
use crate::error::{Error, Place, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Length of the requests that capacity in tokens is stated for where bytes a token shrink with the length
/// (windows) or a request takes a state.
const REQUEST_TOKENS: u64 = 8_192;

/// How a model is served on the hardware.
///
/// The defaults are assumptions, not measurements of ours. Compute 0.7: what large 16-bit matrix products
/// commonly reach of the data sheet's peak on A100- and H100-class devices. Bandwidth 0.8: a little above
/// the 0.73 that BLIS's published fit over several devices gives for reading weights (coefficient 1.363).
/// Overhead 1 ms: that fit's 32 us a layer for 32 layers. Memory 0.9: vLLM's default until 2025.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Serving {
    /// Devices of a replica (tensor parallelism).
    pub tp: u64,
    /// Format of the linear layers' weights, whatever the checkpoint says (embedding, vocabulary product, norms
    /// and routers stay in 16 bits); absent: as the checkpoint stores them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<Dtype>,
    /// Format of the KV cache; absent: as the checkpoint asks, else bf16.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_dtype: Option<Dtype>,
    /// Share of the peak FLOP/s that is reached.
    pub compute_efficiency: f64,
    /// Share of the peak bandwidth that is reached.
    pub bandwidth_efficiency: f64,
    /// Share of each device's memory that is used.
    pub memory_utilization: f64,
    /// Bytes of each device kept for activations, graphs and buffers.
    pub activation_reserve_bytes: u64,
    /// Seconds of launches and host work in every step.
    pub step_overhead_s: f64,
}

impl Default for Serving {
    fn default() -> Serving {
        Serving {
            tp: 1,
            dtype: None,
            kv_dtype: None,
            compute_efficiency: 0.7,
            bandwidth_efficiency: 0.8,
            memory_utilization: 0.9,
            activation_reserve_bytes: 2 << 30,
            step_overhead_s: 0.001,
        }
    }
}

/// What an analytic profile was computed from. A record: the coefficients are what counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// How it is served.
    pub serving: Serving,
    /// The model.
    pub model: ModelRecord,
    /// The device.
    pub hardware: Hardware,
}

/// A model in words and counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// Class name in the model's configuration.
    pub architecture: String,
    /// Parameters.
    pub parameters: u64,
    /// Parameters without the routed experts that a token is not sent to.
    pub active_parameters: u64,
    /// Longest context the model takes, tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_context_tokens: Option<u64>,
    /// Layers, equal ones together.
    pub layers: Vec<String>,
    /// Formats of the matrices, with their weights.
    pub formats: Vec<String>,
    /// Defaults filled in, quantisation found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// A model, a device, and how the one is served on the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How it is served.
    pub serving: Serving,
    /// The model.
    pub model: Architecture,
    /// The device.
    pub hardware: Hardware,
}

impl Plan {
    /// The analytic profile `name`.
    ///
    /// Refuses degrees of tensor parallelism that do not divide the model, number formats that the device
    /// lacks, and what does not fit (naming the smallest degree that does).
    pub fn estimate(self, name: &str) -> Result<Profile> {
        let Plan { serving, model, hardware } = &self;
        self.check()?;
        let tp = serving.tp;
        let capacity_tokens = self.capacity_tokens(tp).ok_or_else(|| self.too_large())?;
        let description = format!(
            "{} of {:.1} B parameters in {} (KV {}) on {tp} x {}",
            model.class,
            model.parameters() as f64 / 1e9,
            self.dtype_name(),
            self.kv_dtype(),
            hardware.name
        );
        let profile = Profile {
            schema: SCHEMA,
            name: name.to_string(),
            description,
            provenance: self.provenance(),
            timing: Timing::Roofline(self.roofline()?),
            domain: Domain { max_context_sum_tokens: Some(capacity_tokens), ..Domain::default() },
            noise: Noise::default(),
            kv: Some(Kv { capacity_tokens, bytes_per_token: self.token_bytes(tp) as u64 * tp }),
            power: hardware
                .power
                .as_ref()
                .map(|power| Power { idle_w: power.idle_w * tp as f64, active_w: power.tdp_w * tp as f64 }),
            origin: Some(Origin {
                serving: serving.clone(),
                model: super::explain::record(model),
                hardware: hardware.clone(),
            }),
        };
        profile.checked()?;
        Ok(profile)
    }

    /// Checks settings and whether the degree of tensor parallelism divides the model.
    pub(super) fn check(&self) -> Result<()> {
        let s = &self.serving;
        let flaw = |f: Flaw| Error::input(Place::key(f.key), f.what, f.help);
        share("serving", "compute_efficiency", s.compute_efficiency).map_err(flaw)?;
        share("serving", "bandwidth_efficiency", s.bandwidth_efficiency).map_err(flaw)?;
        share("serving", "memory_utilization", s.memory_utilization).map_err(flaw)?;
        if let Some(Dtype::Int4 | Dtype::Fp4) = s.kv_dtype {
            let place = Place::key("serving.kv_dtype");
            let what = format!("a KV cache in {} is not modelled", self.kv_dtype());
            return Err(Error::input(place, what, "choose fp8 or int8"));
        }
        match self.indivisible(s.tp) {
            None => Ok(()),
            Some(what) => Err(Error::input(
                Place::key("serving.tp"),
                format!("tensor parallelism {} does not divide the model: {what}", s.tp),
                format!("choose one of {:?}", self.degrees()),
            )),
        }
    }

    /// Why `tp` devices cannot share the model evenly, if they cannot.
    fn indivisible(&self, tp: u64) -> Option<String> {
        self.model.layers.iter().find_map(|layer| indivisible(layer, tp))
    }

    /// Degrees of tensor parallelism that divide the model, up to 64.
    fn degrees(&self) -> Vec<u64> {
        (1..=64).filter(|&tp| self.indivisible(tp).is_none()).collect()
    }

    /// Bytes of weights on each of `tp` devices.
    pub fn weight_bytes(&self, tp: u64) -> f64 {
        self.model.weight_bytes(tp)
    }

    /// Format of the KV cache.
    pub fn kv_dtype(&self) -> Dtype {
        self.serving.kv_dtype.or(self.model.kv_dtype).unwrap_or(Dtype::Bf16)
    }

    fn dtype_name(&self) -> String {
        let formats = super::explain::formats(&self.model);
        formats.first().map_or_else(|| "bf16".to_string(), |(name, _)| (*name).to_string())
    }

    /// Bytes of KV and state per token on each of `tp` devices: the growth, or where there are windows and
    /// states the mean over a request of [`REQUEST_TOKENS`].
    fn token_bytes(&self, tp: u64) -> f64 {
        let dtype = self.kv_dtype();
        let request = self.model.kv_bytes(REQUEST_TOKENS, tp, dtype) + self.model.state_bytes(tp);
        let growing = self.model.growing_bytes(tp, dtype);
        if self.is_uniform() { growing } else { request / REQUEST_TOKENS as f64 }
    }

    /// Whether every token of a request takes the same memory.
    fn is_uniform(&self) -> bool {
        let grows = |l: &Layer| l.mixer.kept().limit().is_none() && l.mixer.state_bytes(1) == 0.0;
        self.model.layers.iter().all(grows)
    }

    /// Tokens of KV that fit on `tp` devices; `None` if the weights leave no room for one.
    fn capacity_tokens(&self, tp: u64) -> Option<u64> {
        let memory = self.hardware.memory.bytes as f64 * self.serving.memory_utilization;
        let free = memory - self.weight_bytes(tp) - self.serving.activation_reserve_bytes as f64;
        let tokens = free / self.token_bytes(tp);
        (tokens >= 1.0).then_some(tokens as u64)
    }

    fn too_large(&self) -> Error {
        let tp = self.serving.tp;
        let gb = |bytes: f64| bytes / 1e9;
        let what = format!(
            "{} with {:.1} GB of weights a device does not fit {:.1} GB x {} less {:.1} GB for activations",
            self.model.class,
            gb(self.weight_bytes(tp)),
            gb(self.hardware.memory.bytes as f64),
            self.serving.memory_utilization,
            gb(self.serving.activation_reserve_bytes as f64),
        );
        let fitting = self.degrees().into_iter().find(|&t| t > tp && self.capacity_tokens(t).is_some());
        let help = match fitting {
            Some(t) => format!("the smallest tensor parallelism that fits is {t}"),
            None => {
                "no tensor parallelism up to 64 fits; use a larger device or a smaller format".to_string()
            }
        };
        Error::input(Place::key("serving.tp"), what, help)
    }

    fn roofline(&self) -> Result<Roofline> {
        let Plan { serving, model, hardware } = self;
        let (tp, kv) = (serving.tp, self.kv_dtype());
        let routed = |m: &Matrix| m.part == Part::Routed;
        let main = self.main_format();
        let peak = hardware.peak(main)?;
        let head = model.head_weights(tp) as f64;
        let sum = |of: &dyn Fn(&Mixer) -> f64| -> f64 {
            model.layers.iter().map(|l| l.count as f64 * of(&l.mixer)).sum()
        };
        let whole = |m: &Mixer| m.attended().is_none();
        let reads = |m: &Mixer| if whole(m) { m.read_bytes(tp, kv) } else { 0.0 };
        let pairs = |m: &Mixer| if whole(m) { m.flops_per_pair(tp) } else { (0.0, 0.0) };
        Ok(Roofline {
            step_overhead_s: serving.step_overhead_s,
            matmul_flops_per_s: peak,
            attention_flops_per_s: hardware.peak(Dtype::Bf16)?,
            memory_bytes_per_s: hardware.memory.bytes_per_s,
            compute_efficiency: serving.compute_efficiency,
            bandwidth_efficiency: serving.bandwidth_efficiency,
            linear_flops_per_token: self.flops(peak, &model.multiplied(tp, |m| !routed(m)))?
                + sum(&|m| m.state_flops(tp)),
            linear_bytes: model.bytes(tp, |m| !routed(m)) + 2.0 * model.small_weights() as f64,
            head_flops_per_row: self.flops(peak, &[(model.head.compute, model.head_weights(tp))])?,
            head_bytes: model.head.bytes() * head,
            decode_flops_per_context_token: sum(&|m| pairs(m).1 + m.index_flops_per_pair()),
            prefill_flops_per_pair: sum(&|m| pairs(m).0 + m.index_flops_per_pair()),
            prefill_flops_per_context_token: sum(&|m| m.expansion_flops(tp)),
            kv_bytes_per_token: sum(&|m| reads(m) + m.index_bytes(kv)),
            state_bytes_per_row: 2.0 * model.state_bytes(tp),
            limited: self.limited(),
            experts: self.experts(peak)?,
            all_reduce: self.all_reduce(),
        })
    }

    /// The format in which most products of a token run; the profile's peak rate is that format's.
    fn main_format(&self) -> Dtype {
        let mut sums = self.model.multiplied(1, |m| m.part != Part::Router);
        sums.sort_by_key(|&(_, weights)| std::cmp::Reverse(weights));
        sums.first().map_or(Dtype::Bf16, |&(dtype, _)| self.hardware.runs(dtype))
    }

    /// FLOPs of products with so many weights by format, as many as take the same time at rate `peak`.
    fn flops(&self, peak: f64, weights: &[(Dtype, u64)]) -> Result<f64> {
        weights.iter().try_fold(0.0, |sum, &(dtype, weights)| {
            let rate = self.hardware.peak(self.hardware.runs(dtype))?;
            Ok(sum + 2.0 * weights as f64 * (peak / rate))
        })
    }

    /// Attention that reaches only so far, by how far.
    fn limited(&self) -> Vec<Limited> {
        let (tp, kv) = (self.serving.tp, self.kv_dtype());
        let mut found: Vec<Limited> = Vec::new();
        for layer in &self.model.layers {
            let Some(tokens) = layer.mixer.attended() else { continue };
            if !found.iter().any(|l| l.tokens == tokens) {
                let (decode, prefill, bytes) = (0.0, 0.0, 0.0);
                found.push(Limited {
                    tokens,
                    decode_flops_per_context_token: decode,
                    prefill_flops_per_pair: prefill,
                    kv_bytes_per_token: bytes,
                });
            }
            let (count, (prefill, decode)) = (layer.count as f64, layer.mixer.flops_per_pair(tp));
            for limited in found.iter_mut().filter(|l| l.tokens == tokens) {
                limited.decode_flops_per_context_token += count * decode;
                limited.prefill_flops_per_pair += count * prefill;
                limited.kv_bytes_per_token += count * layer.mixer.read_bytes(tp, kv);
            }
        }
        found
    }

    fn experts(&self, peak: f64) -> Result<Option<Experts>> {
        let (model, tp) = (&self.model, self.serving.tp);
        let routed = |m: &Matrix| m.part == Part::Routed;
        let Some(experts) = model.routed() else { return Ok(None) };
        Ok(Some(Experts {
            count: experts.count,
            active: experts.active,
            flops_per_token: self.flops(peak, &model.multiplied(tp, routed))?,
            bytes_per_expert: model.bytes(tp, routed) / experts.count as f64,
        }))
    }

    /// All-reduces over a ring, in 16 bits: each device sends 2(tp-1)/tp of the activations.
    fn all_reduce(&self) -> Option<AllReduce> {
        let tp = self.serving.tp as f64;
        let rounds = self.model.layers.iter().map(|l| l.count * l.reductions).sum::<u64>() as f64;
        (self.serving.tp > 1).then(|| AllReduce {
            step_latency_s: rounds * self.hardware.link.all_reduce_latency_s,
            bytes_per_token: rounds * 2.0 * (tp - 1.0) / tp * 2.0 * self.model.hidden as f64,
            link_bytes_per_s: self.hardware.link.bytes_per_s,
        })
    }

    fn provenance(&self) -> Provenance {
        let s = &self.serving;
        let mut notes = vec![format!(
            "assumptions: compute efficiency {}, bandwidth efficiency {}, {} s of overhead a step",
            s.compute_efficiency, s.bandwidth_efficiency, s.step_overhead_s
        )];
        if !self.is_uniform() {
            notes.push(format!(
                "capacity and bytes a token: for requests of {REQUEST_TOKENS} tokens, since layers keep a window or \
                 a state"
            ));
        }
        let wide = self.model.multiplied(1, |_| true).into_iter().map(|(d, _)| d);
        for dtype in wide.filter(|&d| self.hardware.runs(d) != d) {
            notes.push(format!(
                "{} has no {dtype} products: weights only, multiplied in bf16",
                self.hardware.name
            ));
        }
        Provenance {
            who: "foretoken profile roofline".into(),
            device: format!("{} x {}", s.tp, self.hardware.description),
            software: "none: computed, not measured".into(),
            date: self.hardware.date.clone(),
            how: How::Analytic,
            notes,
        }
    }
}

/// Why `tp` devices cannot share `layer` evenly, if they cannot.
fn indivisible(layer: &Layer, tp: u64) -> Option<String> {
    if let Some(heads) = layer.mixer.heads()
        && (tp == 0 || !heads.is_multiple_of(tp))
    {
        let what =
            if matches!(layer.mixer, Mixer::State { .. }) { "heads of the state" } else { "attention heads" };
        return Some(format!("{heads} {what}"));
    }
    if let Mixer::Grouped { kv_heads, .. } = layer.mixer
        && !kv_heads.is_multiple_of(tp)
        && !tp.is_multiple_of(kv_heads)
    {
        return Some(format!("{kv_heads} KV heads"));
    }
    let down = |m: &&Matrix| {
        matches!(m.part, Part::Dense | Part::Shared | Part::Routed) && m.name.ends_with("down_proj")
    };
    let widths = layer.matrices.iter().filter(down).map(|m| m.inputs);
    widths.into_iter().find(|w| tp == 0 || !w.is_multiple_of(tp)).map(|w| format!("feed-forward width {w}"))
}
