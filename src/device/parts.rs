//! Where a step's time goes: each part of each layer, by shape.

use super::stage::Stage;
use super::{Bench, refused};
use crate::calibrate::{Plan, Point, Turn};
use crate::error::Result;
use foretoken_nn::{Part, PartTime};
use std::collections::BTreeMap;
use std::io::Write;

/// Times a point is timed.
const REPEATS: u32 = 3;

/// A part of a layer at one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct PartRow {
    /// The step.
    pub point: Point,
    /// Whether it is of the encoder.
    pub encoder: bool,
    /// Number of the layer in its stack.
    pub layer: usize,
    /// Its kind.
    pub part: Part,
    /// Median, seconds.
    pub seconds: f64,
}

/// Times the parts of every layer at the points of `plan` that are one chunk, or decodes of one context.
///
/// # Errors
/// The device's.
pub fn time_parts(bench: &mut Bench, plan: &Plan) -> Result<Vec<PartRow>> {
    let stage = Stage::fill(bench.runner(), plan.extent()).map_err(refused)?;
    let mut rows = Vec::new();
    for (place, point) in plan.points.iter().enumerate() {
        if point.prefill.len() + point.decode.len() > 1 {
            continue;
        }
        let mut seconds: BTreeMap<(bool, usize, Part), Vec<f64>> = BTreeMap::new();
        for round in 0..REPEATS {
            let seats = plan.seats(Turn { pass: 0, round }, place);
            let step = stage.set(bench.runner(), point, &seats).map_err(refused)?;
            let (_, times) = bench.runner().step_by_part(&step).map_err(refused)?;
            for (key, sum) in sums(&times) {
                seconds.entry(key).or_default().push(sum);
            }
        }
        for ((encoder, layer, part), mut all) in seconds {
            all.sort_unstable_by(f64::total_cmp);
            rows.push(PartRow { point: point.clone(), encoder, layer, part, seconds: all[all.len() / 2] });
        }
    }
    Ok(rows)
}

/// Seconds by part: a layer has several norms, which count as one.
fn sums(times: &[PartTime]) -> BTreeMap<(bool, usize, Part), f64> {
    let mut sums = BTreeMap::new();
    for t in times {
        *sums.entry((t.encoder, t.layer, t.part)).or_default() += t.seconds;
    }
    sums
}

/// Writes parts as CSV; `rows` are the step's tokens, `context` what the longest of its requests attends to.
///
/// # Errors
/// I/O.
pub fn write_parts(parts: &[PartRow], to: impl Write) -> std::io::Result<()> {
    let mut csv = csv::Writer::from_writer(to);
    csv.write_record(["prefill", "decode", "rows", "context", "stack", "layer", "part", "seconds"])?;
    for p in parts {
        let prefill = p.point.prefill.iter().map(|c| (c.new, c.new + c.context));
        let decode = p.point.decode.iter().map(|g| (g.rows, g.context));
        let (rows, context) = prefill.chain(decode).fold((0, 0), |(n, c), (new, of)| (n + new, c.max(of)));
        let stack = if p.encoder { "encoder" } else { "decoder" };
        let numbers = [rows.to_string(), context.to_string()];
        csv.write_record([
            &p.point.prefill_text(),
            &p.point.decode_text(),
            &numbers[0],
            &numbers[1],
            stack,
            &p.layer.to_string(),
            &p.part.to_string(),
            &p.seconds.to_string(),
        ])?;
    }
    csv.flush()
}
