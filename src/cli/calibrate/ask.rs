//! What the arguments ask for, checked.

use super::Args;
use crate::calibrate::{Clock, LEAST_CONTEXT};
use crate::cli::threads;
use crate::device::{Asked, refused};
use crate::error::{Error, Place, Result};
use foretoken_nn::{Device, Dtype, Layout, Options, Room, Weights, zoo};

/// Context of a model that has as many positions.
const CONTEXT: usize = 1024;

/// A request to calibrate.
pub struct Ask {
    pub device: Device,
    pub asked: Asked,
    pub budget_s: f64,
}

impl Ask {
    /// What `args` ask for.
    ///
    /// # Errors
    /// A name that there is not, a number that makes no sense, a clock or threads that the backend has not.
    pub fn new(args: &Args) -> Result<Ask> {
        let model = zoo::model(&args.model).map_err(refused)?;
        let device: Device = args.backend.parse().map_err(refused)?;
        let on_cpu = matches!(device, Device::CandleCpu | Device::TchCpu);
        let clock = choose("clock", &args.clock, &[("wall", Clock::Wall), ("cpu", Clock::Cpu)])?;
        let context = args.context.map_or(CONTEXT.min(model.max_positions), |c| c as usize);
        if context < LEAST_CONTEXT as usize || context > model.max_positions {
            let what = format!("--context {context}: {} takes", model.name);
            return Err(Error::Usage(format!("{what} {LEAST_CONTEXT} to {}", model.max_positions)));
        }
        let asked = Asked {
            model,
            backend: device.to_string(),
            dtype: choose("dtype", &args.dtype, &[("f32", Dtype::F32), ("bf16", Dtype::Bf16)])?,
            layout: choose(
                "layout",
                &args.layout,
                &[("ragged", Layout::Ragged), ("padded", Layout::Padded)],
            )?,
            threads: threads_for(args.threads, clock, on_cpu)?,
            clock,
            slots: args.slots as usize,
            context,
            weights: args.weights.clone(),
            seed: args.seed,
        };
        if let Some(dir) = asked.weights.as_ref().filter(|dir| !dir.is_dir()) {
            return Err(Error::input(Place::file(dir), "no such folder of weights", "check --weights"));
        }
        Ok(Ask { device, asked, budget_s: seconds(&args.budget)? })
    }

    /// How to open the model with room for `slots` requests of `context` tokens.
    pub fn options(&self, slots: usize, context: usize) -> Options {
        let weights = match &self.asked.weights {
            Some(dir) => Weights::Directory(dir.clone()),
            None => Weights::Random { seed: self.asked.seed },
        };
        let Asked { dtype, layout, .. } = self.asked;
        Options { dtype, layout, room: Room { slots, context }, weights }
    }

    /// Makes sure that the backend computes with the threads asked for; see [`threads::pin`].
    ///
    /// # Errors
    /// This program cannot be started again.
    pub fn pin_threads(&self) -> Result<()> {
        match self.device {
            Device::CandleCpu | Device::TchCpu => threads::pin(self.asked.threads),
            Device::CandleCuda | Device::TchCuda => Ok(()),
        }
    }
}

fn threads_for(given: Option<u32>, clock: Clock, on_cpu: bool) -> Result<usize> {
    let refuse = |what: &str| Err(Error::Usage(what.to_string()));
    match (given, clock) {
        (Some(_), _) if !on_cpu => refuse("--threads is for CPU backends; leave it out"),
        (_, Clock::Cpu) if !on_cpu => refuse("--clock cpu is for CPU backends; use --clock wall"),
        (Some(2..), Clock::Cpu) => refuse(
            "--clock cpu adds up the time of all threads: use it with --threads 1, or use --clock wall",
        ),
        (Some(n), _) => Ok(n as usize),
        (None, Clock::Wall) if on_cpu => Ok(threads::all()),
        (None, _) => Ok(1),
    }
}

fn choose<T: Copy>(kind: &'static str, name: &str, known: &[(&str, T)]) -> Result<T> {
    let found = known.iter().find(|(k, _)| *k == name).map(|(_, value)| *value);
    found.ok_or_else(|| Error::unknown(kind, name, known.iter().map(|(k, _)| *k)))
}

/// Seconds in a text such as `90s`, `5m`, `1.5h`, `500ms`; a bare number is seconds.
pub fn seconds(text: &str) -> Result<f64> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("", 1.0)];
    let value = units.iter().find_map(|(unit, factor)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        (number.is_finite() && number > 0.0).then_some(number * factor)
    });
    value.ok_or_else(|| Error::Usage(format!("--budget {text}: give a time such as 60s, 5m or 1h")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_with_their_units() {
        for (text, wanted) in [("60s", 60.0), ("5m", 300.0), ("1.5h", 5400.0), ("250ms", 0.25), ("7", 7.0)] {
            assert_eq!(seconds(text).unwrap(), wanted, "{text}");
        }
        for text in ["", "s", "-1s", "0", "5x", "nan", "inf"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn threads_follow_clock_and_device() {
        assert_eq!(threads_for(None, Clock::Cpu, true).unwrap(), 1);
        assert_eq!(threads_for(None, Clock::Wall, true).unwrap(), threads::all());
        assert_eq!(threads_for(Some(3), Clock::Wall, true).unwrap(), 3);
        assert_eq!(threads_for(None, Clock::Wall, false).unwrap(), 1);
        for (given, clock, on_cpu) in
            [(Some(2), Clock::Cpu, true), (Some(1), Clock::Wall, false), (None, Clock::Cpu, false)]
        {
            assert!(threads_for(given, clock, on_cpu).is_err());
        }
    }
}
