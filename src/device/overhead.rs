//! What measuring costs: the same steps with more and more stopwatches in them.

use super::stage::Stage;
use super::{Bench, refused};
use crate::calibrate::{Extent, Plan, Point, Turn};
use crate::error::Result;
use foretoken_nn::{Device, Runner};
use std::io::Write;
use std::time::Instant;

/// Steps in a row that are timed together.
const STEPS: u32 = 8;
/// Times that each level is measured, in turn.
const ROUNDS: u32 = 5;

/// How finely a step is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Not at all: a clock before the first of several steps and after the last.
    None,
    /// The device waited for before and after each step: how calibration times.
    Step,
    /// After each part of each layer.
    Part,
    /// After each operation of the backend.
    Operation,
    /// Event nodes in a captured CUDA graph.
    CudaGraph,
}

impl Level {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Step => "step",
            Level::Part => "part",
            Level::Operation => "operation",
            Level::CudaGraph => "cuda-graph",
        }
    }
}

/// What a level of timing costs at one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Overhead {
    /// The step.
    pub point: Point,
    /// How finely it is timed.
    pub level: Level,
    /// Seconds of a step, median over rounds; or why it was not tested.
    pub seconds: std::result::Result<f64, String>,
    /// Times the clock is read in a step.
    pub readings: usize,
}

/// Times some steps at every level. The operations are timed on a model that is opened a second time.
///
/// # Errors
/// The device's.
pub fn time_overhead(bench: &mut Bench, device: Device, extent: &Extent) -> Result<Vec<Overhead>> {
    let plan = Plan::new(extent, 0)?;
    let steps = shapes(extent);
    let stage = Stage::fill(bench.runner(), extent).map_err(refused)?;
    let seats = plan.seats(Turn { pass: 0, round: 0 }, 0);
    let mut out = Vec::new();
    for point in &steps {
        for level in [Level::None, Level::Step, Level::Part] {
            out.push(time(bench.runner(), &stage, point, level, &seats)?);
        }
    }
    let shape = bench.runner().shape().clone();
    let spare = foretoken_nn::available_bytes().is_none_or(|free| free > 2 * bench.runner().weight_bytes());
    let mut second = match spare {
        true => foretoken_nn::open_traced(&shape, device, bench.options()).map_err(|e| e.to_string()),
        false => Err("there is no memory for the model a second time".to_string()),
    };
    for point in &steps {
        out.push(match &mut second {
            Ok(traced) => {
                let stage = Stage::fill(traced.as_mut(), extent).map_err(refused)?;
                time(traced.as_mut(), &stage, point, Level::Operation, &seats)?
            }
            Err(why) => untested(point, Level::Operation, why),
        });
        out.push(untested(point, Level::CudaGraph, "the backend offers no graph capture"));
    }
    Ok(out)
}

fn untested(point: &Point, level: Level, why: &str) -> Overhead {
    Overhead { point: point.clone(), level, seconds: Err(format!("not tested: {why}")), readings: 0 }
}

/// Decodes of one request and of all, and a prompt.
fn shapes(extent: &Extent) -> Vec<Point> {
    let context = extent.context / 2;
    let prompt = extent.context.min(extent.step_tokens) / 2;
    let mut all = vec![Point::decode(context, 1), Point::decode(context, extent.slots)];
    all.push(Point::prefill(prompt.max(1), 0));
    all.dedup();
    all
}

/// Times `point` at a level, several steps in a row, several times.
fn time(
    runner: &mut dyn Runner,
    stage: &Stage,
    point: &Point,
    level: Level,
    seats: &[usize],
) -> Result<Overhead> {
    let mut seconds = Vec::new();
    let mut readings = 0;
    for _ in 0..=ROUNDS {
        let start = Instant::now();
        for _ in 0..STEPS {
            readings = one(runner, stage, point, level, seats).map_err(refused)?;
        }
        runner.synchronize().map_err(refused)?;
        seconds.push(start.elapsed().as_secs_f64() / f64::from(STEPS));
    }
    // The first round warms up.
    let mut timed = seconds.split_off(1);
    timed.sort_unstable_by(f64::total_cmp);
    Ok(Overhead { point: point.clone(), level, seconds: Ok(timed[timed.len() / 2]), readings })
}

/// One step; how often the clock was read in it.
fn one(
    runner: &mut dyn Runner,
    stage: &Stage,
    point: &Point,
    level: Level,
    seats: &[usize],
) -> foretoken_nn::Result<usize> {
    let rows = stage.set(runner, point, seats)?;
    match level {
        Level::Step => {
            runner.synchronize()?;
            let start = Instant::now();
            runner.step(&rows)?;
            runner.synchronize()?;
            std::hint::black_box(start.elapsed());
            Ok(2)
        }
        Level::Part => Ok(runner.step_by_part(&rows)?.1.len() + 1),
        Level::Operation => {
            runner.operations();
            runner.step(&rows)?;
            Ok(2 * runner.operations().len())
        }
        Level::None | Level::CudaGraph => {
            runner.step(&rows)?;
            Ok(0)
        }
    }
}

/// Writes costs as CSV; `over_none` is the share that a level adds to a step that is not timed.
///
/// # Errors
/// I/O.
pub fn write_overhead(rows: &[Overhead], to: impl Write) -> std::io::Result<()> {
    let mut csv = csv::Writer::from_writer(to);
    csv.write_record(["prefill", "decode", "level", "readings", "seconds", "over_none", "note"])?;
    for row in rows {
        let none = rows.iter().find(|r| r.level == Level::None && r.point == row.point);
        let bare = none.and_then(|r| r.seconds.as_ref().ok());
        let (seconds, over, note) = match &row.seconds {
            Ok(s) => (s.to_string(), bare.map_or(String::new(), |b| (s / b - 1.0).to_string()), ""),
            Err(why) => (String::new(), String::new(), why.as_str()),
        };
        let readings = row.readings.to_string();
        let (prefill, decode) = (row.point.prefill_text(), row.point.decode_text());
        csv.write_record([&prefill, &decode, row.level.name(), &readings, &seconds, &over, note])?;
    }
    csv.flush()
}
