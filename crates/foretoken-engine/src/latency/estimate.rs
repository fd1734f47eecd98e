//! From model shape and hardware to an analytic profile.

use super::hardware::{Dtype, Hardware};
use super::profile::{Domain, Flaw, How, Kv, Noise, Power, Profile, Provenance, SCHEMA, Timing};
use super::roofline::{AllReduce, Experts, Roofline, share};
use super::shape::{Attention, ModelShape};
use crate::error::{Error, Place, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a model is served on the hardware.
///
/// The defaults are assumptions, not measurements of ours. Compute 0.7: what large 16-bit matrix products
/// commonly reach of the data sheet's peak on A100- and H100-class devices. Bandwidth 0.8: a little above
/// the 0.73 that BLIS's published fit over several devices gives for reading weights (coefficient 1.363).
/// Overhead 1 ms: that fit's 32 us a layer for 32 layers. Memory 0.9: the default of vLLM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Serving {
    /// Devices of a replica (tensor parallelism).
    pub tp: u64,
    /// Format of the linear layers' weights; embedding, vocabulary product, norms and routers stay in 16 bits.
    pub dtype: Dtype,
    /// Format of the KV cache.
    pub kv_dtype: Dtype,
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
            dtype: Dtype::Bf16,
            kv_dtype: Dtype::Bf16,
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
    pub model: ModelShape,
    /// The device.
    pub hardware: Hardware,
}

impl Origin {
    /// The analytic profile `name`.
    ///
    /// Refuses degrees of tensor parallelism that do not divide the model, number formats that the device
    /// lacks, and what does not fit (naming the smallest degree that does).
    pub fn estimate(self, name: &str) -> Result<Profile> {
        let Origin { serving, model, hardware } = &self;
        self.check()?;
        let capacity_tokens = self.capacity_tokens(serving.tp).ok_or_else(|| self.too_large())?;
        let (dtype, kv, tp) = (serving.dtype, serving.kv_dtype, serving.tp);
        let description = format!(
            "{} of {:.1} B parameters in {dtype} (KV {kv}) on {tp} x {}",
            model.architecture,
            model.parameters() as f64 / 1e9,
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
            kv: Some(Kv { capacity_tokens, bytes_per_token: self.kv_bytes(tp) as u64 * tp }),
            power: Some(Power {
                idle_w: hardware.power.idle_w * tp as f64,
                active_w: hardware.power.tdp_w * tp as f64,
            }),
            origin: Some(self),
        };
        profile.checked()?;
        Ok(profile)
    }

    fn check(&self) -> Result<()> {
        let s = &self.serving;
        let flaw = |f: Flaw| Error::input(Place::key(f.key), f.what, f.help);
        share("serving", "compute_efficiency", s.compute_efficiency).map_err(flaw)?;
        share("serving", "bandwidth_efficiency", s.bandwidth_efficiency).map_err(flaw)?;
        share("serving", "memory_utilization", s.memory_utilization).map_err(flaw)?;
        if s.kv_dtype == Dtype::Int4 {
            let place = Place::key("serving.kv_dtype");
            return Err(Error::input(place, "a KV cache in int4 is not modelled", "choose fp8 or int8"));
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
        let m = &self.model;
        if tp == 0 || !m.attention.heads().is_multiple_of(tp) {
            return Some(format!("{} attention heads", m.attention.heads()));
        }
        if let Attention::Grouped(a) = &m.attention
            && !a.kv_heads.is_multiple_of(tp)
            && !tp.is_multiple_of(a.kv_heads)
        {
            return Some(format!("{} KV heads", a.kv_heads));
        }
        let experts = m.moe.as_ref().map(|e| [e.intermediate, e.shared_intermediate]);
        let widths = [m.dense_intermediate].into_iter().chain(experts.into_iter().flatten());
        widths.into_iter().find(|w| !w.is_multiple_of(tp)).map(|w| format!("feed-forward width {w}"))
    }

    /// Degrees of tensor parallelism that divide the model, up to 64.
    fn degrees(&self) -> Vec<u64> {
        (1..=64).filter(|&tp| self.indivisible(tp).is_none()).collect()
    }

    /// Bytes of weights on each of `tp` devices.
    pub fn weight_bytes(&self, tp: u64) -> f64 {
        let m = &self.model;
        let tables = if m.tied_embeddings { 1 } else { 2 };
        let linear = (m.linear_weights(tp) + m.expert_weights(tp)) as f64 * self.serving.dtype.bytes();
        linear + 2.0 * (tables * m.head_weights(tp) + m.small_weights()) as f64
    }

    /// Bytes of KV per token on each of `tp` devices.
    fn kv_bytes(&self, tp: u64) -> f64 {
        (self.model.layers * self.model.attention.cached_per_device(tp)) as f64
            * self.serving.kv_dtype.bytes()
    }

    /// Tokens of KV that fit on `tp` devices; `None` if the weights leave no room for one.
    fn capacity_tokens(&self, tp: u64) -> Option<u64> {
        let memory = self.hardware.memory.bytes as f64 * self.serving.memory_utilization;
        let free = memory - self.weight_bytes(tp) - self.serving.activation_reserve_bytes as f64;
        let tokens = free / self.kv_bytes(tp);
        (tokens >= 1.0).then_some(tokens as u64)
    }

    fn too_large(&self) -> Error {
        let tp = self.serving.tp;
        let gb = |bytes: f64| bytes / 1e9;
        let what = format!(
            "{} with {:.1} GB of weights a device does not fit {:.1} GB x {} less {:.1} GB for activations",
            self.model.architecture,
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
        let Origin { serving, model, hardware } = self;
        let tp = serving.tp;
        let linear = model.linear_weights(tp) as f64;
        let router = model.moe.as_ref().map_or(0, |m| m.router(model.hidden)) as f64;
        let layers = model.layers as f64;
        let (prefill_pair, decode_pair) = model.attention.flops_per_pair(tp);
        let head = model.head_weights(tp) as f64;
        Ok(Roofline {
            step_overhead_s: serving.step_overhead_s,
            matmul_flops_per_s: hardware.peak(serving.dtype.compute())?,
            attention_flops_per_s: hardware.peak(Dtype::Bf16)?,
            memory_bytes_per_s: hardware.memory.bytes_per_s,
            compute_efficiency: serving.compute_efficiency,
            bandwidth_efficiency: serving.bandwidth_efficiency,
            linear_flops_per_token: 2.0 * (linear + router),
            linear_bytes: linear * serving.dtype.bytes() + 2.0 * model.small_weights() as f64,
            head_flops_per_row: 2.0 * head,
            head_bytes: 2.0 * head,
            decode_flops_per_context_token: layers * decode_pair,
            prefill_flops_per_pair: layers * prefill_pair,
            prefill_flops_per_context_token: layers * model.attention.expansion_flops(tp),
            kv_bytes_per_token: self.kv_bytes(tp),
            experts: self.experts(),
            all_reduce: self.all_reduce(),
        })
    }

    fn experts(&self) -> Option<Experts> {
        let model = &self.model;
        model.moe.as_ref().map(|m| {
            let weights = (m.expert_weights(model.hidden) / self.serving.tp) as f64;
            Experts {
                count: m.experts,
                active: m.active,
                flops_per_token: 2.0 * m.active as f64 * weights,
                bytes_per_expert: weights * self.serving.dtype.bytes(),
            }
        })
    }

    /// Two all-reduces a layer over a ring, in 16 bits: each device sends 2(tp-1)/tp of the activations.
    fn all_reduce(&self) -> Option<AllReduce> {
        let tp = self.serving.tp as f64;
        let rounds = 2.0 * self.model.layers as f64;
        (self.serving.tp > 1).then(|| AllReduce {
            step_latency_s: rounds * self.hardware.link.all_reduce_latency_s,
            bytes_per_token: rounds * 2.0 * (tp - 1.0) / tp * 2.0 * self.model.hidden as f64,
            link_bytes_per_s: self.hardware.link.bytes_per_s,
        })
    }

    fn provenance(&self) -> Provenance {
        let s = &self.serving;
        Provenance {
            who: "foretoken profile roofline".into(),
            device: format!("{} x {}", s.tp, self.hardware.description),
            software: "none: computed, not measured".into(),
            date: self.hardware.date.clone(),
            how: How::Analytic,
            notes: vec![format!(
                "assumptions: compute efficiency {}, bandwidth efficiency {}, {} s of overhead a step",
                s.compute_efficiency, s.bandwidth_efficiency, s.step_overhead_s
            )],
        }
    }
}
