//! The devices one can ask for, and a model opened on one.

use crate::backend::{Backend, Dtype};
use crate::candle::Candle;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::runner::{Layout, Room, Runner};
use crate::shape::ModelShape;
use crate::traced::Traced;
use crate::weights::Weights;
use std::fmt;
use std::str::FromStr;

/// A tensor library on a kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// candle on the CPU.
    CandleCpu,
    /// candle on the first NVIDIA GPU.
    CandleCuda,
    /// libtorch on the CPU.
    TchCpu,
    /// libtorch on the first NVIDIA GPU.
    TchCuda,
}

impl Device {
    /// All of them, whether this build has them or not.
    pub const ALL: [Device; 4] = [Device::CandleCpu, Device::CandleCuda, Device::TchCpu, Device::TchCuda];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Device::CandleCpu => "candle-cpu",
            Device::CandleCuda => "candle-cuda",
            Device::TchCpu => "tch-cpu",
            Device::TchCuda => "tch-cuda",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(name: &str) -> Result<Device> {
        let known = || Device::ALL.map(Device::name).join(", ");
        Device::ALL.into_iter().find(|d| d.name() == name).ok_or_else(|| Error::Unknown {
            kind: "backend",
            name: name.to_string(),
            known: known(),
        })
    }
}

/// How to open a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Element type.
    pub dtype: Dtype,
    /// Layout of KV.
    pub layout: Layout,
    /// Room for requests.
    pub room: Room,
    /// Where weights come from.
    pub weights: Weights,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            dtype: Dtype::F32,
            layout: Layout::default(),
            room: Room { slots: 8, context: 512 },
            weights: Weights::Random { seed: 0 },
        }
    }
}

/// Puts a model on a device.
///
/// # Errors
/// [`Error::Device`] where the build or the machine lacks it; [`Error::OutOfMemory`]; errors of weights.
pub fn open(shape: &ModelShape, device: Device, options: &Options) -> Result<Box<dyn Runner>> {
    match device {
        Device::CandleCpu => load(Candle::cpu(options.dtype), shape, options),
        Device::CandleCuda => load(Candle::cuda(0, options.dtype)?, shape, options),
        Device::TchCpu | Device::TchCuda => open_torch(shape, device, options, false),
    }
}

/// As [`open`], with every operation of the backend waited for and timed: see [`Runner::operations`].
///
/// # Errors
/// As [`open`].
pub fn open_traced(shape: &ModelShape, device: Device, options: &Options) -> Result<Box<dyn Runner>> {
    match device {
        Device::CandleCpu => load(Traced::new(Candle::cpu(options.dtype)), shape, options),
        Device::CandleCuda => load(Traced::new(Candle::cuda(0, options.dtype)?), shape, options),
        Device::TchCpu | Device::TchCuda => open_torch(shape, device, options, true),
    }
}

fn load<B: Backend>(backend: B, shape: &ModelShape, options: &Options) -> Result<Box<dyn Runner>> {
    let Options { layout, room, weights, .. } = options;
    Ok(Box::new(Model::load(backend, shape.clone(), weights, *layout, *room)?))
}

#[cfg(feature = "tch")]
fn open_torch(
    shape: &ModelShape,
    device: Device,
    options: &Options,
    traced: bool,
) -> Result<Box<dyn Runner>> {
    let dtype = options.dtype;
    let torch =
        if device == Device::TchCuda { crate::Torch::cuda(0, dtype)? } else { crate::Torch::cpu(dtype) };
    if traced { load(Traced::new(torch), shape, options) } else { load(torch, shape, options) }
}

#[cfg(not(feature = "tch"))]
fn open_torch(_: &ModelShape, device: Device, _: &Options, _: bool) -> Result<Box<dyn Runner>> {
    Err(Error::Device {
        device: device.to_string(),
        what: "this build has no libtorch; build with the feature `tch` (scripts/libtorch.sh prepares it), or use candle-cpu"
            .to_string(),
    })
}
