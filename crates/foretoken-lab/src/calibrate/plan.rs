//! Which steps are timed, and in which order.
//!
//! About half of a plan is a grid: prompt chunks alone, on top of context and several at a time; decodes by
//! batch and context. The other half is drawn the way a server's steps look: decodes of mixed contexts, most of
//! them beside prompt chunks. Without those, whatever is fitted is biased where it is used.

use super::point::{Group, Part, Point};
use crate::error::{Error, Result};
use crate::rng::Stream;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Least room for a request: below, there is nothing to be learnt about context.
pub const LEAST_CONTEXT: u32 = 16;
/// Least context of a timed decode, tokens.
const LEAST_DECODE: u32 = 4;
/// Shortest prompt of the grid, tokens.
const LEAST_PROMPT: u32 = 4;
/// Prompt lengths of the grid.
const PROMPTS: usize = 10;
/// Contexts by which each batch size of the grid is timed.
const CONTEXTS: usize = 5;
/// Draws for each point that is wanted, before a small room counts as exhausted.
const PATIENCE: usize = 20;

/// How far a plan reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// Requests at a time.
    pub slots: u32,
    /// Tokens that each can reach.
    pub context: u32,
    /// Most prompt tokens in one step.
    pub step_tokens: u32,
    /// Whether a prompt must be prefilled in one piece (an encoder).
    pub whole_prompts: bool,
}

/// Steps to be timed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The steps, each once; the grid first.
    pub points: Vec<Point>,
    extent: Extent,
    seed: u64,
}

impl Plan {
    /// The plan for a model with this much room: the same points for the same extent and seed.
    ///
    /// # Errors
    /// No slot, no prompt token, or context for fewer than [`LEAST_CONTEXT`] tokens.
    pub fn new(extent: &Extent, seed: u64) -> Result<Plan> {
        if extent.slots == 0 || extent.step_tokens == 0 || extent.context < LEAST_CONTEXT {
            let what = format!(
                "{} slots of {} tokens, {} prompt tokens a step: calibration needs a slot, {LEAST_CONTEXT} \
                 tokens of context and a prompt token",
                extent.slots, extent.context, extent.step_tokens
            );
            return Err(Error::Usage(what));
        }
        let mut points = Points::default();
        extent.prompts(&mut points);
        extent.decodes(&mut points);
        let wanted = points.list.len();
        let mut stream = Stream::new(seed, 0, "calibration plan", 0);
        for _ in 0..wanted * PATIENCE {
            if points.list.len() == 2 * wanted {
                break;
            }
            points.add(extent.drawn(&mut stream));
        }
        Ok(Plan { points: points.list, extent: *extent, seed })
    }

    /// How far it reaches.
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// The order of a turn through the plan: places of the points, shuffled afresh for each turn.
    pub fn order(&self, turn: Turn) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.points.len()).collect();
        shuffle(&mut order, &mut self.stream(turn, 0));
        order
    }

    /// Which of the slots the requests of the point at `place` take in a turn: any, as in a server whose
    /// requests come and go.
    pub fn seats(&self, turn: Turn, place: usize) -> Vec<usize> {
        let mut seats: Vec<usize> = (0..self.extent.slots as usize).collect();
        shuffle(&mut seats, &mut self.stream(turn, 1 + place as u64));
        seats
    }

    fn stream(&self, turn: Turn, entity: u64) -> Stream {
        let number = (u64::from(turn.pass) << 32) + u64::from(turn.round);
        Stream::new(self.seed, number, "calibration order", entity)
    }
}

/// A turn through a plan: round `round` of pass `pass`. A pass is a calibration of its own, and passes are
/// compared with each other; each round of it times points once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The pass, from 1; 0 is for warming up.
    pub pass: u32,
    /// The round in it, from 1.
    pub round: u32,
}

/// Points in the order they were thought of, each once.
#[derive(Default)]
struct Points {
    list: Vec<Point>,
    seen: BTreeSet<Point>,
}

impl Points {
    fn add(&mut self, point: Point) {
        if point.requests() > 0 && self.seen.insert(point.clone()) {
            self.list.push(point);
        }
    }
}

impl Extent {
    /// Longest prompt that fits in a step.
    fn longest(&self) -> u32 {
        self.step_tokens.min(self.context)
    }

    /// Prompt chunks without decodes: one, one on top of context, several.
    fn prompts(&self, points: &mut Points) {
        let longest = self.longest();
        for new in spaced(LEAST_PROMPT, longest, PROMPTS) {
            points.add(Point::prefill(new, 0));
        }
        if !self.whole_prompts {
            for new in spaced(LEAST_PROMPT, longest / 2, 4) {
                points.add(Point::prefill(new, (self.context - new) / 2));
                points.add(Point::prefill(new, self.context - new));
            }
        }
        for chunks in [2, 4].into_iter().filter(|&n| n <= self.slots) {
            for total in spaced(chunks * LEAST_PROMPT, self.step_tokens.min(chunks * self.context), 3) {
                let part = Part { new: (total / chunks).max(1), context: 0 };
                points.add(Point { prefill: vec![part; chunks as usize], decode: Vec::new() });
            }
        }
    }

    /// Decodes of one context, by batch and context.
    fn decodes(&self, points: &mut Points) {
        for rows in batches(self.slots) {
            for context in spaced(LEAST_DECODE.max(self.context / 64), self.context, CONTEXTS) {
                points.add(Point::decode(context, rows));
            }
        }
    }

    /// A step such as a server makes: of four, one of decodes alone, two with a chunk, one with several.
    fn drawn(&self, stream: &mut Stream) -> Point {
        let chunks = match stream.below(4) {
            0 => 0,
            1 | 2 => 1,
            _ => 2 + stream.below(3) as u32,
        };
        let chunks = chunks.min(self.slots);
        let rows = stream.below(u64::from(self.slots - chunks) + 1) as u32;
        let total = log_uniform(stream, chunks, self.step_tokens.max(chunks));
        let prefill = (0..chunks).map(|_| self.part(stream, total / chunks)).collect();
        let longest = log_uniform(stream, LEAST_DECODE, self.context);
        let between =
            |stream: &mut Stream| LEAST_DECODE + stream.below(u64::from(longest - LEAST_DECODE) + 1) as u32;
        let mut contexts: Vec<u32> = (0..rows).map(|_| between(stream)).collect();
        contexts.sort_unstable();
        let decode = contexts
            .chunk_by(|a, b| a == b)
            .map(|same| Group { context: same[0], rows: same.len() as u32 })
            .collect();
        Point { prefill, decode }
    }

    /// A chunk of about `size` tokens; every other one goes on with a prompt that is partly there.
    fn part(&self, stream: &mut Stream, size: u32) -> Part {
        let new = size.clamp(1, self.context);
        let goes_on = !self.whole_prompts && stream.below(2) == 0;
        let context = if goes_on { stream.below(u64::from(self.context - new) + 1) as u32 } else { 0 };
        Part { new, context }
    }
}

/// Batch sizes 1, 2, 3, 4, 6, 8, 12, 16, 24, ... and `most` itself.
fn batches(most: u32) -> Vec<u32> {
    let powers = (0..31).map(|i| 1u32 << i);
    let mut sizes: Vec<u32> = powers.flat_map(|p| [p, p + p / 2]).take_while(|&n| n < most).collect();
    sizes.push(most);
    sizes.dedup();
    sizes
}

/// At most `n` whole numbers from `low` to `high`, both included, evenly spaced in their logarithms.
fn spaced(low: u32, high: u32, n: usize) -> Vec<u32> {
    let low = low.min(high).max(1);
    let ratio = f64::from(high.max(1)) / f64::from(low);
    let at = |i: usize| f64::from(low) * libm::pow(ratio, i as f64 / (n - 1) as f64);
    let mut values: Vec<u32> = (0..n).map(|i| at(i).round() as u32).collect();
    values.dedup();
    values
}

/// A whole number from `low` to `high`, every factor as likely; 0 where `low` is 0.
fn log_uniform(stream: &mut Stream, low: u32, high: u32) -> u32 {
    if low == 0 {
        return 0;
    }
    let ratio = f64::from(high) / f64::from(low);
    let value = f64::from(low) * libm::pow(ratio, stream.uniform());
    (value.round() as u32).clamp(low, high)
}

fn shuffle(values: &mut [usize], stream: &mut Stream) {
    for i in (1..values.len()).rev() {
        values.swap(i, stream.below(i as u64 + 1) as usize);
    }
}
