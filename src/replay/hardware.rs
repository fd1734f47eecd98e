//! Runs on a device of this machine: opening it, and refusing beforehand what it cannot do.

use crate::error::Result;
use crate::latency::LatencyModel;
use crate::scenario::{HardwareConfig, Scenario};
use crate::scheduler::Registry;

#[cfg(not(feature = "nn"))]
fn lacking<T>() -> Result<T> {
    Err(crate::error::Error::Feature { what: "[hardware]: a model on a device".into(), feature: "nn" })
}

/// # Errors
/// Always: this build has no models.
#[cfg(not(feature = "nn"))]
pub(super) fn model(_: &HardwareConfig, _: u64) -> Result<Box<dyn LatencyModel>> {
    lacking()
}

/// # Errors
/// Always: this build has no models.
#[cfg(not(feature = "nn"))]
pub(super) fn check(_: &HardwareConfig, _: &Scenario, _: &Registry) -> Result<()> {
    lacking()
}

#[cfg(feature = "nn")]
pub use with_models::{check, model, open, parts};

#[cfg(feature = "nn")]
mod with_models {
    use super::{HardwareConfig, LatencyModel, Registry, Result, Scenario};
    use crate::device::{Bench, StoppedWall, refused};
    use crate::error::{Error, Place};
    use crate::in_the_loop::{InTheLoop, Pace};
    use crate::scenario::{Backend, Element, Layout};
    use foretoken_nn::{Device, Dtype, ModelShape, Options, Room, Weights, zoo};

    /// The device with its model, ready to be timed.
    ///
    /// # Errors
    /// An unknown model; a backend that this build or machine lacks; weights that do not fit; too little memory.
    pub fn open(config: &HardwareConfig) -> Result<Bench> {
        let (shape, device, options) = parts(config)?;
        Bench::open(&shape, device, &options, config.clock)
    }

    /// Model, device and how to open it.
    ///
    /// # Errors
    /// An unknown model.
    pub fn parts(config: &HardwareConfig) -> Result<(ModelShape, Device, Options)> {
        let shape = zoo::model(&config.model).map_err(refused)?;
        let device = match config.backend {
            Backend::CandleCpu => Device::CandleCpu,
            Backend::CandleCuda => Device::CandleCuda,
            Backend::TchCpu => Device::TchCpu,
            Backend::TchCuda => Device::TchCuda,
        };
        let options = Options {
            dtype: match config.dtype {
                Element::F32 => Dtype::F32,
                Element::Bf16 => Dtype::Bf16,
            },
            layout: match config.layout {
                Layout::Ragged => foretoken_nn::Layout::Ragged,
                Layout::Padded => foretoken_nn::Layout::Padded,
            },
            room: Room { slots: config.slots as usize, context: config.context as usize },
            weights: match &config.weights {
                Some(folder) => Weights::Directory(folder.clone()),
                None => Weights::Random { seed: 0 },
            },
        };
        Ok((shape, device, options))
    }

    /// The device as a latency model.
    ///
    /// # Errors
    /// Those of [`open`].
    pub fn model(config: &HardwareConfig, seed: u64) -> Result<Box<dyn LatencyModel>> {
        let bench = open(config)?;
        let pace =
            if config.real_time { Pace::Real(Box::new(StoppedWall::default())) } else { Pace::Virtual };
        Ok(Box::new(InTheLoop::new(bench, seed, pace)))
    }

    /// Refuses what the model cannot do under one of the scenario's schedulers.
    ///
    /// # Errors
    /// An unknown model; chunked prompts or preemption for one with an encoder.
    pub fn check(config: &HardwareConfig, scenario: &Scenario, registry: &Registry) -> Result<()> {
        let shape = zoo::model(&config.model).map_err(refused)?;
        if !shape.is_encoder_decoder() {
            return Ok(());
        }
        let bad = |key: &str, what: String, help: &str| Err(Error::input(Place::key(key), what, help));
        if scenario.engine.chunked_prefill {
            let what = format!("the encoder of {} reads a prompt in one piece", config.model);
            return bad("engine.chunked_prefill", what, "set it to false");
        }
        let whole = u64::from(config.context);
        if scenario.engine.max_tokens_per_step < whole {
            let what = format!("a whole prompt may have {whole} tokens");
            return bad("engine.max_tokens_per_step", what, "raise it to hardware.context");
        }
        let blocks = scenario.kv.blocks.unwrap_or(u64::MAX);
        let needed = config.kv_blocks(scenario.kv.block_tokens);
        if blocks < needed {
            let what = format!(
                "with {blocks} blocks requests lose their memory, and {} cannot compute outputs again",
                config.model
            );
            return bad("kv.blocks", what, "leave it out: the device's own memory holds all its slots");
        }
        for one in &scenario.schedulers {
            if registry.make(&one.name, &one.params, scenario.seed)?.preempts() {
                let what =
                    format!("{} preempts, and {} cannot compute outputs again", one.name, config.model);
                return bad("schedulers", what, "choose schedulers that do not");
            }
        }
        Ok(())
    }
}
