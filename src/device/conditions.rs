//! What goes on around a measurement: load, clocks, heat, energy. Whatever cannot be read is `None`.

use crate::calibrate::Samples;
use foretoken_nn::Gpu;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Gauges of the device that is measured.
pub struct Gauges {
    gpu: Option<Gpu>,
    packages: Vec<Package>,
}

/// The energy counter of one CPU package (RAPL).
struct Package {
    counter: PathBuf,
    /// The counter starts again after this many microjoules.
    range_uj: f64,
    last_uj: f64,
    turns: f64,
}

impl Gauges {
    /// Those of the GPU for a backend such as `candle-cuda`, else those of the CPU.
    pub fn open(backend: &str) -> Gauges {
        if backend.ends_with("-cuda") {
            return Gauges { gpu: Gpu::open(0), packages: Vec::new() };
        }
        Gauges { gpu: None, packages: packages(Path::new("/sys/class/powercap")) }
    }

    /// The GPU, where that is the device.
    pub fn gpu(&self) -> Option<&Gpu> {
        self.gpu.as_ref()
    }

    /// Energy drawn so far since some fixed moment, joules.
    pub fn energy_j(&mut self) -> Option<f64> {
        if let Some(gpu) = &self.gpu {
            return gpu.energy_j();
        }
        let joules = self.packages.iter_mut().map(Package::energy_j).collect::<Option<Vec<f64>>>()?;
        (!joules.is_empty()).then(|| joules.iter().sum())
    }

    /// Clock of the GPU, or of the first core, MHz.
    pub fn clock_mhz(&self) -> Option<f64> {
        match &self.gpu {
            Some(gpu) => gpu.clock_mhz(),
            None => number("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").map(|khz| khz / 1000.0),
        }
    }
}

/// Watts over a second in which this program does nothing.
pub fn idle_w(gauges: &mut Gauges) -> Option<f64> {
    let before = gauges.energy_j()?;
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs(1));
    Some((gauges.energy_j()? - before) / start.elapsed().as_secs_f64())
}

/// Watts during the steps of `samples`.
pub fn active_w(samples: &Samples) -> Option<f64> {
    let joules = samples.rows.iter().map(|s| s.energy_j).sum::<Option<f64>>()?;
    let seconds: f64 = samples.rows.iter().map(|s| s.wall_s).sum();
    (seconds > 0.0).then_some(joules / seconds)
}

impl Package {
    fn energy_j(&mut self) -> Option<f64> {
        let now = number(&self.counter)?;
        if now < self.last_uj {
            self.turns += 1.0;
        }
        self.last_uj = now;
        Some((self.turns * self.range_uj + now) * 1e-6)
    }
}

/// The packages of the power capping tree under `root` whose counters this process may read.
fn packages(root: &Path) -> Vec<Package> {
    let mut found = Vec::new();
    for zone in fs::read_dir(root).into_iter().flatten().flatten() {
        // `intel-rapl:0` is a package; `intel-rapl:0:1` a part of it.
        let name = zone.file_name().to_string_lossy().into_owned();
        if name.strip_prefix("intel-rapl:").is_none_or(|n| n.contains(':')) {
            continue;
        }
        let counter = zone.path().join("energy_uj");
        let range = number(zone.path().join("max_energy_range_uj"));
        if let Some((last_uj, range_uj)) = number(&counter).zip(range) {
            found.push(Package { counter, range_uj, last_uj, turns: 0.0 });
        }
    }
    found
}

/// Load average of the last minute: tasks that run or wait to.
pub fn load() -> Option<f64> {
    number("/proc/loadavg")
}

/// The first number in a file.
fn number(path: impl AsRef<Path>) -> Option<f64> {
    fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()
}

/// The CPU in words.
pub fn cpu_name() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("model name"))?;
    let cores = std::thread::available_parallelism().ok()?;
    Some(format!("{}, {cores} cores", line.split_once(':')?.1.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_packages_are_summed_and_start_again_without_loss() {
        let root = tempfile::tempdir().unwrap();
        let write = |zone: &str, file: &str, value: &str| {
            fs::create_dir_all(root.path().join(zone)).unwrap();
            fs::write(root.path().join(zone).join(file), value).unwrap();
        };
        for zone in ["intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"] {
            write(zone, "energy_uj", "2000000\n");
            write(zone, "max_energy_range_uj", "10000000\n");
        }
        let mut gauges = Gauges { gpu: None, packages: packages(root.path()) };
        assert_eq!(gauges.energy_j(), Some(4.0));
        write("intel-rapl:1", "energy_uj", "1000000\n");
        assert_eq!(gauges.energy_j(), Some(2.0 + 11.0));
        assert_eq!(Gauges { gpu: None, packages: Vec::new() }.energy_j(), None);
    }
}
