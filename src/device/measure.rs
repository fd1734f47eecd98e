//! Timing the points of a plan.

use super::conditions::{Gauges, load};
use super::scout::too_short;
use super::stage::Stage;
use super::{Bench, refused};
use crate::calibrate::{Clock, Plan, Sample, Samples};
use crate::error::Result;
use std::time::Instant;

/// Samples of a point below which the spread of its median is not judged.
const FEWEST: usize = 5;
/// How far the least number of passes may overrun the budget, as a multiple of it.
const OVERRUN: f64 = 1.5;
/// Of the points, one in this many is run before any is timed.
const WARM_UP: usize = 8;
/// Points timed between two looks at the machine's load.
const LOAD_EVERY: usize = 16;

/// How long and how well to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureOptions {
    /// Seconds after which no further pass over the plan is made.
    pub budget_s: f64,
    /// Passes over the whole plan that are made in any case; they are compared with each other.
    pub passes: u32,
    /// A point is timed no more once the half interval of its median is this share of it.
    pub tolerance: f64,
    /// Samples of an attempt that was interrupted.
    pub before: Samples,
    /// Seconds that attempt took.
    pub spent_s: f64,
}

impl Default for MeasureOptions {
    fn default() -> MeasureOptions {
        MeasureOptions {
            budget_s: 60.0,
            passes: 2,
            tolerance: 0.02,
            before: Samples::default(),
            spent_s: 0.0,
        }
    }
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Pass over the plan, from 1.
    pub pass: u32,
    /// Steps timed in this pass.
    pub done: usize,
    /// Steps that this pass times.
    pub points: usize,
    /// Seconds so far, earlier attempts included.
    pub elapsed_s: f64,
    /// Whether heat or power held the device's clock down when last looked at.
    pub throttled: bool,
}

/// Times the points of `plan`: the slots are filled, a few points are run to warm up, then pass after pass is
/// made in an order that is shuffled afresh each time. From the third pass on, points whose median is known
/// well enough are left out; it ends when none is left, or with the budget.
///
/// `progress` hears of every sample as it is taken, and ends the measurement by an error.
///
/// # Errors
/// The device's; a budget that ends before the least number of passes is made (with the budget that it takes);
/// that of `progress`.
pub fn measure(
    bench: &mut Bench,
    plan: &Plan,
    options: &MeasureOptions,
    progress: &mut dyn FnMut(&Sample, &Progress) -> Result<()>,
) -> Result<Samples> {
    let (start, clock) = (Instant::now(), bench.clock());
    let stage = Stage::fill(bench.runner(), plan.extent()).map_err(refused)?;
    let gauges = Gauges::open(&bench.runner().backend());
    let mut watch = Watch { bench, plan, stage, gauges, load: load(), throttled: false };
    for place in plan.order(0).into_iter().step_by(WARM_UP) {
        watch.time(0, place)?;
    }
    let mut taken = Taken::new(plan, &options.before, clock);
    for pass in 1.. {
        let open: Vec<usize> = plan
            .order(pass)
            .into_iter()
            .filter(|&p| pass <= options.passes || taken.is_open(p, options.tolerance))
            .collect();
        let elapsed = || options.spent_s + start.elapsed().as_secs_f64();
        if open.is_empty() || (pass > options.passes && elapsed() > options.budget_s) {
            break;
        }
        for (done, &place) in open.iter().enumerate() {
            if taken.has(place, pass) {
                continue;
            }
            let share = (f64::from(pass - 1) + done as f64 / open.len() as f64) / f64::from(options.passes);
            if elapsed() > options.budget_s {
                if pass > options.passes {
                    return Ok(taken.samples);
                }
                if elapsed() > OVERRUN * options.budget_s {
                    return Err(too_short(options.budget_s, elapsed() / share.max(0.01)));
                }
            }
            if done % LOAD_EVERY == 0 {
                watch.look_around();
            }
            let sample = watch.time(pass, place)?;
            let (points, throttled) = (open.len(), watch.throttled);
            progress(&sample, &Progress { pass, done: done + 1, points, elapsed_s: elapsed(), throttled })?;
            taken.add(place, sample);
        }
    }
    Ok(taken.samples)
}

/// A bench with all that timing a point needs.
struct Watch<'a> {
    bench: &'a mut Bench,
    plan: &'a Plan,
    stage: Stage,
    gauges: Gauges,
    load: Option<f64>,
    throttled: bool,
}

impl Watch<'_> {
    fn look_around(&mut self) {
        self.load = load();
        self.throttled = self.gauges.gpu().is_some_and(|gpu| gpu.throttled().is_some());
    }

    /// Sets up the point at `place`, and times it.
    fn time(&mut self, pass: u32, place: usize) -> Result<Sample> {
        let point = &self.plan.points[place];
        let runner = self.bench.runner();
        let seats = self.plan.seats(pass, place, self.plan.extent().slots as usize);
        let rows = self.stage.set(runner, point, &seats).map_err(refused)?;
        let before = self.gauges.energy_j();
        let (timed, _) = self.bench.step(&rows)?;
        let energy_j = self.gauges.energy_j().zip(before).map(|(after, before)| after - before);
        Ok(Sample {
            pass,
            point: point.clone(),
            wall_s: timed.wall_s,
            cpu_s: timed.cpu_s,
            energy_j,
            clock_mhz: self.gauges.clock_mhz(),
            load: self.load,
        })
    }
}

/// Samples by point.
struct Taken {
    samples: Samples,
    /// For each point: in which passes it was timed, and how long it took.
    by_point: Vec<(Vec<u32>, Vec<f64>)>,
    clock: Clock,
}

impl Taken {
    fn new(plan: &Plan, before: &Samples, clock: Clock) -> Taken {
        let by_point = vec![Default::default(); plan.points.len()];
        let mut taken = Taken { samples: Samples::default(), by_point, clock };
        for sample in &before.rows {
            if let Some(place) = plan.points.iter().position(|p| *p == sample.point) {
                taken.add(place, sample.clone());
            }
        }
        taken
    }

    fn add(&mut self, place: usize, sample: Sample) {
        let (passes, seconds) = &mut self.by_point[place];
        passes.push(sample.pass);
        seconds.push(sample.seconds(self.clock).unwrap_or(sample.wall_s));
        self.samples.rows.push(sample);
    }

    fn has(&self, place: usize, pass: u32) -> bool {
        self.by_point[place].0.contains(&pass)
    }

    /// Whether more samples of this point are wanted.
    fn is_open(&self, place: usize, tolerance: f64) -> bool {
        let mut seconds = self.by_point[place].1.clone();
        seconds.sort_unstable_by(f64::total_cmp);
        median_interval(&seconds).is_none_or(|[low, high]| {
            let median = seconds[seconds.len() / 2];
            (high - low) / 2.0 > tolerance * median
        })
    }
}

/// An interval that holds the median with at least 90 %, whatever the law: order statistics of `sorted` by the
/// binomial law of how many lie below. None for fewer than [`FEWEST`] values.
fn median_interval(sorted: &[f64]) -> Option<[f64; 2]> {
    let n = sorted.len();
    if n < FEWEST {
        return None;
    }
    // Chance that at most `cut` of n values lie below the median, grown until it exceeds 5 %.
    let mut term = libm::pow(0.5, n as f64);
    let (mut below, mut cut) = (term, 0);
    while below <= 0.05 && cut < n / 2 {
        cut += 1;
        term *= (n + 1 - cut) as f64 / cut as f64;
        below += term;
    }
    let cut = cut.saturating_sub(1);
    Some([sorted[cut], sorted[n - 1 - cut]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_medians_are_those_of_the_tables() {
        let values: Vec<f64> = (1..=25).map(f64::from).collect();
        // Ranks of the two-sided 90 % sign-test interval, from tables of the binomial law.
        for (n, low) in [(5, 1.0), (6, 1.0), (8, 2.0), (11, 3.0), (20, 6.0), (25, 8.0)] {
            let [a, b] = median_interval(&values[..n]).unwrap();
            assert_eq!((a, b), (low, (n + 1) as f64 - low), "{n}");
        }
        assert_eq!(median_interval(&values[..4]), None);
    }
}
