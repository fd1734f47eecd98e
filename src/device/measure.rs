//! Timing the points of a plan.

use super::conditions::{Gauges, load};
use super::scout::{FILL_SHARE, too_short};
use super::stage::Stage;
use super::{Bench, refused};
use crate::calibrate::{Clock, Plan, Sample, Samples, Turn};
use crate::error::Result;
use std::time::Instant;

/// Samples of a point below which the spread of its median is not judged.
const FEWEST: usize = 5;
/// How far the least number of passes may overrun the budget, as a multiple of it.
const OVERRUN: f64 = 1.5;
/// Of the points, one in this many is run before any is timed.
const WARM_UP: usize = 8;
/// Points timed between two looks at the machine.
const LOOK_EVERY: usize = 16;

/// How long and how well to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureOptions {
    /// Seconds it may take.
    pub budget_s: f64,
    /// Passes: calibrations in one, each with its share of the budget, that are compared with each other.
    pub passes: u32,
    /// A pass times a point no more once the half interval of its median is this share of it.
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
    /// Round of the pass, from 1.
    pub round: u32,
    /// Steps timed in this round.
    pub done: usize,
    /// Steps that this round times.
    pub points: usize,
    /// Seconds so far, earlier attempts included.
    pub elapsed_s: f64,
    /// Whether heat or power held the device's clock down when last looked at.
    pub throttled: bool,
}

/// Times the points of `plan`: the slots are filled, a few points are run to warm up, then pass after pass is
/// made. A pass times every point once, in an order that is shuffled afresh, and goes on with further such rounds
/// over those whose median is not known well enough, until none is left or its share of the budget is over.
///
/// `progress` hears of every sample as it is taken, and ends the measurement by an error.
///
/// # Errors
/// The device's; a budget that ends before every pass has timed every point (with the budget that it takes);
/// that of `progress`.
pub fn measure(
    bench: &mut Bench,
    plan: &Plan,
    options: &MeasureOptions,
    progress: &mut dyn FnMut(&Sample, &Progress) -> Result<()>,
) -> Result<Samples> {
    let start = Instant::now();
    let stage = Stage::fill(bench.runner(), plan.extent()).map_err(refused)?;
    let gauges = Gauges::open(&bench.runner().backend());
    let samples = options.before.clone();
    let mut run =
        Run { bench, plan, options, progress, start, stage, gauges, load: None, throttled: false, samples };
    let warm_up = Turn { pass: 0, round: 1 };
    for place in plan.order(warm_up).into_iter().step_by(WARM_UP) {
        run.time(warm_up, place)?;
    }
    let first = run.samples.rows.last().map_or(1, |s| s.pass);
    for pass in first..=options.passes {
        run.pass(pass)?;
    }
    Ok(run.samples)
}

/// A measurement under way.
struct Run<'a> {
    bench: &'a mut Bench,
    plan: &'a Plan,
    options: &'a MeasureOptions,
    progress: &'a mut dyn FnMut(&Sample, &Progress) -> Result<()>,
    start: Instant,
    stage: Stage,
    gauges: Gauges,
    load: Option<f64>,
    throttled: bool,
    samples: Samples,
}

impl Run<'_> {
    fn elapsed_s(&self) -> f64 {
        self.options.spent_s + self.start.elapsed().as_secs_f64()
    }

    /// Makes a pass, or the rest of one: rounds until every median is known or its time is over.
    fn pass(&mut self, pass: u32) -> Result<()> {
        let (from, left) = (self.elapsed_s(), self.options.passes - pass + 1);
        let until = from + (self.options.budget_s - from).max(0.0) / f64::from(left);
        let mut taken = Taken::new(self.plan, self.bench.clock(), self.options.tolerance);
        for sample in self.samples.rows.iter().filter(|s| s.pass == pass) {
            taken.add(self.plan.points.iter().position(|p| *p == sample.point), sample);
        }
        let mut round = taken.rounds().max(1);
        while taken.any_open() {
            let mut places = self.plan.order(Turn { pass, round });
            places.retain(|&place| taken.is_open(place, round));
            if !self.round(Turn { pass, round }, &places, until, &mut taken)? {
                break;
            }
            round += 1;
        }
        Ok(())
    }

    /// Times the points at `places`; whether time is left. The first round of a pass is made whole.
    fn round(&mut self, turn: Turn, places: &[usize], until: f64, taken: &mut Taken) -> Result<bool> {
        let Turn { pass, round } = turn;
        for (i, &place) in places.iter().enumerate() {
            let elapsed_s = self.elapsed_s();
            if round > 1 && elapsed_s > until {
                return Ok(false);
            }
            if elapsed_s > OVERRUN * self.options.budget_s {
                let done = f64::from(pass - 1) + i as f64 / places.len() as f64;
                // Before the first step only the slots were filled.
                let share = (done / f64::from(self.options.passes)).max(FILL_SHARE);
                return Err(too_short(self.options.budget_s, elapsed_s / share));
            }
            if i % LOOK_EVERY == 0 {
                self.load = load();
                self.throttled = self.gauges.gpu().is_some_and(|gpu| gpu.throttled().is_some());
            }
            let sample = self.time(turn, place)?;
            let (elapsed_s, throttled) = (self.elapsed_s(), self.throttled);
            let points = places.len();
            (self.progress)(&sample, &Progress { pass, round, done: i + 1, points, elapsed_s, throttled })?;
            taken.add(Some(place), &sample);
            self.samples.rows.push(sample);
        }
        Ok(true)
    }

    /// Sets up the point at `place`, and times it.
    fn time(&mut self, turn: Turn, place: usize) -> Result<Sample> {
        let point = &self.plan.points[place];
        let seats = self.plan.seats(turn, place);
        let rows = self.stage.set(self.bench.runner(), point, &seats).map_err(refused)?;
        let before = self.gauges.energy_j();
        let (timed, _) = self.bench.step(&rows)?;
        let energy_j = self.gauges.energy_j().zip(before).map(|(after, before)| after - before);
        Ok(Sample {
            pass: turn.pass,
            point: point.clone(),
            wall_s: timed.wall_s,
            cpu_s: timed.cpu_s,
            energy_j,
            clock_mhz: self.gauges.clock_mhz(),
            load: self.load,
        })
    }
}

/// Durations of a pass by point, seconds.
struct Taken {
    by_point: Vec<Vec<f64>>,
    clock: Clock,
    tolerance: f64,
}

impl Taken {
    fn new(plan: &Plan, clock: Clock, tolerance: f64) -> Taken {
        Taken { by_point: vec![Vec::new(); plan.points.len()], clock, tolerance }
    }

    fn add(&mut self, place: Option<usize>, sample: &Sample) {
        if let Some(place) = place {
            self.by_point[place].push(sample.seconds(self.clock).unwrap_or(sample.wall_s));
        }
    }

    /// Rounds that were begun.
    fn rounds(&self) -> u32 {
        self.by_point.iter().map(Vec::len).max().unwrap_or(0) as u32
    }

    /// Whether the point at `place` is still to be timed in this round.
    fn is_open(&self, place: usize, round: u32) -> bool {
        self.by_point[place].len() < round as usize && !self.is_settled(place)
    }

    fn any_open(&self) -> bool {
        (0..self.by_point.len()).any(|place| !self.is_settled(place))
    }

    /// Whether the median of a point is known well enough.
    fn is_settled(&self, place: usize) -> bool {
        let mut seconds = self.by_point[place].clone();
        seconds.sort_unstable_by(f64::total_cmp);
        median_interval(&seconds).is_some_and(|[low, high]| {
            let median = seconds[seconds.len() / 2];
            (high - low) / 2.0 <= self.tolerance * median
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
