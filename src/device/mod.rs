//! A model on a device of this machine, with a stopwatch: what calibration times and what runs in the loop.
//! Present in builds with feature `nn`.

#![allow(clippy::disallowed_methods, reason = "a stopwatch reads clocks")]

mod conditions;
mod executor;
mod journal;
mod measure;
mod overhead;
mod parts;
mod scout;
mod stage;

pub use conditions::{Gauges, active_w, cpu_name, idle_w, load};
pub use executor::StoppedWall;
pub use journal::{Asked, Head, Journal, Left};
pub use measure::{MeasureOptions, Progress, measure};
pub use overhead::{Level, Overhead, time_overhead, write_overhead};
pub use parts::{PartRow, time_parts, write_parts};
pub use scout::{Scouted, scout};

use crate::calibrate::{Clock, Extent, Facts, SCHEMA, Session};
use crate::error::{Error, Result};
use foretoken_nn::{Device, Layout, ModelShape, Options, Row, Runner};
use std::time::Instant;

/// Bytes copied to find how fast copies are: far more than a cache holds.
const COPIED_BYTES: usize = 128 << 20;

/// A model opened on a device.
pub struct Bench {
    runner: Box<dyn Runner>,
    clock: Clock,
    options: Options,
}

/// How long one step took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timed {
    /// Seconds on the wall, device synchronised at both ends.
    pub wall_s: f64,
    /// CPU time of the process, seconds; none where the platform has no such clock.
    pub cpu_s: Option<f64>,
}

impl Timed {
    /// Seconds on `clock`; the wall's where the other was not read.
    pub fn seconds(&self, clock: Clock) -> f64 {
        match (clock, self.cpu_s) {
            (Clock::Cpu, Some(s)) => s,
            _ => self.wall_s,
        }
    }
}

impl Bench {
    /// Opens `model` on `device`.
    ///
    /// # Errors
    /// A backend that this build or machine lacks, weights that do not fit, memory that ran out; a CPU clock
    /// where this platform has none.
    pub fn open(model: &ModelShape, device: Device, options: &Options, clock: Clock) -> Result<Bench> {
        Bench::try_open(model, device, options, clock)?.map_err(refused)
    }

    /// The same; the inner error is the device's own.
    fn try_open(
        model: &ModelShape,
        device: Device,
        options: &Options,
        clock: Clock,
    ) -> Result<foretoken_nn::Result<Bench>> {
        if clock == Clock::Cpu && cpu_time::ProcessTime::try_now().is_err() {
            return Err(Error::Usage("this platform counts no CPU time; use clock = \"wall\"".to_string()));
        }
        let runner = foretoken_nn::open(model, device, options);
        Ok(runner.map(|runner| Bench { runner, clock, options: options.clone() }))
    }

    /// The clock that counts.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// How the model was opened.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The model on the device.
    pub fn runner(&mut self) -> &mut dyn Runner {
        self.runner.as_mut()
    }

    /// What is measured on what, as far as the bench knows: who and when are left empty.
    pub fn session(&self, extent: &Extent, threads: usize) -> Session {
        let (model, backend) = (self.runner.shape(), self.runner.backend());
        let kv_bytes_per_token = model.kv_bytes_per_token(self.options.dtype.bytes());
        let gpu = Gauges::open(&backend).gpu().and_then(foretoken_nn::Gpu::name);
        let room = self.runner.room();
        Session {
            schema: SCHEMA,
            model: model.name.clone(),
            dtype: format!("{:?}", self.options.dtype).to_lowercase(),
            layout: match self.options.layout {
                Layout::Ragged => "ragged".to_string(),
                Layout::Padded => "padded".to_string(),
            },
            threads,
            clock: self.clock,
            slots: room.slots,
            context: extent.context as usize,
            kv_bytes_per_token,
            kv_capacity_tokens: self.runner.kv_bytes() / kv_bytes_per_token,
            whole_prompts: extent.whole_prompts,
            device: gpu.or_else(cpu_name).unwrap_or_else(|| "unknown".to_string()),
            software: format!("foretoken {}, {}", env!("CARGO_PKG_VERSION"), self.runner.software()),
            backend,
            ..Session::default()
        }
    }

    /// KV as laid out, and how fast memory is copied; of power nothing.
    ///
    /// # Errors
    /// The device's.
    pub fn facts(&self) -> Result<Facts> {
        let copies = || self.runner.transfer(COPIED_BYTES).map_err(refused);
        let (first, second) = (copies()?, copies()?);
        let rate = |i: usize| Some(COPIED_BYTES as f64 / f64::min(first[i], second[i]));
        Ok(Facts {
            kv_bytes_computed: self.runner.kv_bytes(),
            kv_bytes_measured: self.runner.kv_bytes_measured(),
            to_device_bytes_per_s: rate(0),
            from_device_bytes_per_s: rate(1),
            ..Facts::default()
        })
    }

    /// Executes one step and times it; the tokens are those of [`Runner::step`].
    ///
    /// # Errors
    /// The runner's.
    pub fn step(&mut self, rows: &[Row<'_>]) -> Result<(Timed, Vec<Option<u32>>)> {
        self.runner.synchronize().map_err(refused)?;
        let cpu = cpu_time::ProcessTime::try_now().ok();
        let wall = Instant::now();
        let tokens = self.runner.step(rows).map_err(refused)?;
        self.runner.synchronize().map_err(refused)?;
        let wall_s = wall.elapsed().as_secs_f64();
        let cpu_s = cpu.and_then(|c| c.try_elapsed().ok()).map(|d| d.as_secs_f64());
        Ok((Timed { wall_s, cpu_s }, tokens))
    }
}

/// A device's error in the words of this crate.
pub fn refused(error: foretoken_nn::Error) -> Error {
    match error {
        foretoken_nn::Error::Unknown { kind, name, known } => {
            Error::unknown(kind, name, known.split(", ").map(String::from))
        }
        other => Error::Usage(other.to_string()),
    }
}
