//! What validation found, and whether it is good enough.

use super::score::{Gaps, StepScore};
use serde::Serialize;

/// Version of the report.
pub const SCHEMA: u32 = 1;

/// How good a prediction has to be: medians over the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bars {
    /// Least R2 of step times.
    pub step_r2: f64,
    /// Largest |bias| of step times.
    pub step_bias: f64,
    /// Largest |error| of the mean E2E latency, or ...
    pub e2e: f64,
    /// ... this many times that of a repeated run, if that is more.
    pub floor_factor: f64,
    /// Largest |error| of the 99th percentile of E2E latency; none is held to if unset.
    pub e2e_p99: Option<f64>,
}

impl Default for Bars {
    fn default() -> Bars {
        Bars { step_r2: 0.95, step_bias: 0.07, e2e: 0.10, floor_factor: 1.5, e2e_p99: None }
    }
}

/// One seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SeedReport {
    /// The seed.
    pub seed: u64,
    /// Requests that completed in all three runs.
    pub requests: usize,
    /// Arrival rate, requests/s; none where the trace's own times were kept.
    pub rate_rps: Option<f64>,
    /// Form of the fitted profile; none where a profile was given.
    pub form: Option<String>,
    /// Median difference of the two calibrations over their points; none where a profile was given.
    pub calibrations_differ: Option<f64>,
    /// Total time by the second calibration over that by the first, less 1.
    pub calibrations_bias: Option<f64>,
    /// Whether the two calibrations agree within 5%.
    pub trustworthy: bool,
    /// Share of the device's steps that lie outside the profile's domain.
    pub outside_domain: f64,
    /// Step times: the profile's against those of the first run on the device.
    pub steps: StepScore,
    /// The replay against the first run on the device.
    pub replay: Gaps,
    /// The second run on the device against the first: what a perfect predictor would show.
    pub repeat: Gaps,
}

/// A bar that was missed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missed {
    /// What was held to it.
    pub what: &'static str,
    /// Its median over the seeds.
    pub value: f64,
    /// The bar.
    pub bar: f64,
}

/// Medians over the seeds of what bars are held to; errors without their signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Medians {
    /// R2 of step times.
    pub step_r2: f64,
    /// |bias| of step times.
    pub step_bias: f64,
    /// |error| of the mean E2E latency.
    pub e2e_mean: f64,
    /// |error| of its 99th percentile.
    pub e2e_p99: f64,
    /// Mean absolute relative error of requests' E2E latency.
    pub e2e_mape: f64,
    /// |error| of the mean E2E latency of a repeated run.
    pub repeat_e2e_mean: f64,
    /// Mean absolute relative error of a repeated run.
    pub repeat_e2e_mape: f64,
}

/// What validation found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of this format; 1.
    pub schema: u32,
    /// What was validated, in words.
    pub what: String,
    /// Scheduler.
    pub scheduler: String,
    /// Each seed.
    pub seeds: Vec<SeedReport>,
    /// Medians over them.
    pub medians: Medians,
    /// The bars.
    pub bars: Bars,
    /// Bars that were missed.
    pub missed: Vec<Missed>,
    /// Whether all calibrations agree with their repetitions.
    pub trustworthy: bool,
}

impl Report {
    /// Of at least one seed.
    pub fn new(what: String, scheduler: String, seeds: Vec<SeedReport>, bars: Bars) -> Report {
        let of = |value: fn(&SeedReport) -> f64| median(seeds.iter().map(value).collect());
        let medians = Medians {
            step_r2: of(|s| s.steps.r2),
            step_bias: of(|s| s.steps.bias.abs()),
            e2e_mean: of(|s| s.replay.e2e.mean.abs()),
            e2e_p99: of(|s| s.replay.e2e.p99.abs()),
            e2e_mape: of(|s| s.replay.e2e.mape),
            repeat_e2e_mean: of(|s| s.repeat.e2e.mean.abs()),
            repeat_e2e_mape: of(|s| s.repeat.e2e.mape),
        };
        let trustworthy = seeds.iter().all(|s| s.trustworthy);
        let missed = medians.missed(&bars);
        Report { schema: SCHEMA, what, scheduler, seeds, medians, bars, missed, trustworthy }
    }
}

impl Medians {
    fn missed(&self, bars: &Bars) -> Vec<Missed> {
        let mut missed = Vec::new();
        let mut hold = |what, value: f64, bar: f64, good: bool| {
            // NaN is not good.
            if !good {
                missed.push(Missed { what, value, bar });
            }
        };
        hold("R2 of step times", self.step_r2, bars.step_r2, self.step_r2 >= bars.step_r2);
        hold("|bias| of step times", self.step_bias, bars.step_bias, self.step_bias <= bars.step_bias);
        let e2e = bars.e2e.max(bars.floor_factor * self.repeat_e2e_mean);
        hold("|error| of the mean E2E latency", self.e2e_mean, e2e, self.e2e_mean <= e2e);
        if let Some(bar) = bars.e2e_p99 {
            hold("|error| of the p99 of E2E latency", self.e2e_p99, bar, self.e2e_p99 <= bar);
        }
        missed
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => values[n / 2],
        _ => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(r2: f64, bias: f64, e2e: f64, repeat: f64) -> SeedReport {
        let mut seed = SeedReport { trustworthy: true, ..SeedReport::default() };
        (seed.steps.r2, seed.steps.bias) = (r2, bias);
        (seed.replay.e2e.mean, seed.repeat.e2e.mean) = (e2e, repeat);
        seed
    }

    fn missed(seeds: Vec<SeedReport>) -> Vec<&'static str> {
        let report = Report::new(String::new(), String::new(), seeds, Bars::default());
        report.missed.iter().map(|m| m.what).collect()
    }

    #[test]
    fn medians_are_held_to_the_bars_and_the_floor_lifts_one() {
        let good = || seed(0.98, -0.03, 0.08, 0.01);
        assert!(missed(vec![good(), seed(0.5, 0.5, 0.9, 0.0), good()]).is_empty(), "one bad seed of three");
        assert_eq!(missed(vec![seed(0.94, 0.0, 0.0, 0.0)]), ["R2 of step times"]);
        assert_eq!(missed(vec![seed(f64::NAN, 0.0, 0.0, 0.0)]), ["R2 of step times"]);
        assert_eq!(missed(vec![seed(1.0, -0.08, 0.0, 0.0)]), ["|bias| of step times"]);
        assert_eq!(missed(vec![seed(1.0, 0.0, -0.14, 0.09)]), ["|error| of the mean E2E latency"]);
        assert!(missed(vec![seed(1.0, 0.0, -0.14, -0.1)]).is_empty(), "1.5 times the floor is 15%");
        // Signs do not cancel.
        assert_eq!(missed(vec![seed(1.0, 0.08, 0.0, 0.0), seed(1.0, -0.08, 0.0, 0.0)]).len(), 1);
    }
}
