//! What a machine says about itself. Whatever it does not say is `None`.

use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use std::fs;

/// Bytes of memory that this process has touched and keeps.
pub fn resident_bytes() -> Option<u64> {
    kib_of("/proc/self/status", "VmRSS:")
}

/// Bytes of memory that a process could still take, within the machine and its control group.
pub fn available_bytes() -> Option<u64> {
    let machine = kib_of("/proc/meminfo", "MemAvailable:")?;
    let number = |file: &str| fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse().ok();
    let group = number("memory.max").zip(number("memory.current"));
    Some(group.map_or(machine, |(max, current): (u64, u64)| machine.min(max.saturating_sub(current))))
}

/// The number after `key` in a file of lines such as `VmRSS:   123 kB`, in bytes.
fn kib_of(file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix(key))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// An NVIDIA GPU as its driver's management library sees it. The library is loaded when asked for; a machine
/// without it has no such thing.
pub struct Gpu {
    nvml: Nvml,
    index: u32,
}

impl Gpu {
    /// GPU number `index`.
    pub fn open(index: u32) -> Option<Gpu> {
        let gpu = Gpu { nvml: Nvml::init().ok()?, index };
        gpu.device()?;
        Some(gpu)
    }

    fn device(&self) -> Option<nvml_wrapper::Device<'_>> {
        self.nvml.device_by_index(self.index).ok()
    }

    /// Its name and its driver's version.
    pub fn name(&self) -> Option<String> {
        let driver = self.nvml.sys_driver_version().ok()?;
        Some(format!("{}, driver {driver}", self.device()?.name().ok()?))
    }

    /// Clock of its multiprocessors, MHz.
    pub fn clock_mhz(&self) -> Option<f64> {
        self.device()?.clock_info(Clock::SM).ok().map(f64::from)
    }

    /// Temperature, degrees Celsius.
    pub fn temperature_c(&self) -> Option<f64> {
        self.device()?.temperature(TemperatureSensor::Gpu).ok().map(f64::from)
    }

    /// Energy it has drawn since its driver was loaded, joules.
    pub fn energy_j(&self) -> Option<f64> {
        self.device()?.total_energy_consumption().ok().map(|mj| mj as f64 / 1000.0)
    }

    /// Memory in use by all programs, bytes.
    pub fn memory_used(&self) -> Option<u64> {
        self.device()?.memory_info().ok().map(|m| m.used)
    }

    /// Why its clocks are held down right now, if they are: heat or power, not idleness or settings.
    pub fn throttled(&self) -> Option<String> {
        let reasons = self.device()?.current_throttle_reasons().ok()?;
        let harmless = ThrottleReasons::GPU_IDLE
            | ThrottleReasons::APPLICATIONS_CLOCKS_SETTING
            | ThrottleReasons::DISPLAY_CLOCK_SETTING;
        let names: Vec<String> =
            (reasons - harmless).iter_names().map(|(n, _)| n.to_lowercase().replace('_', " ")).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}
