//! How far calibration can reach within a budget, and a model opened as large as memory allows.

use super::stage::Stage;
use super::{Bench, refused};
use crate::calibrate::{Clock, Extent, LEAST_CONTEXT, Point};
use crate::error::{Error, Result};
use foretoken_nn::{Device, ModelShape, Options, Room, Runner};
use std::time::Instant;

/// Most prompt tokens in one step that are ever timed.
const MOST_STEP_TOKENS: usize = 2048;
/// Prompt tokens that scouting starts with.
const FIRST_STEP_TOKENS: usize = 16;
/// Steps of the longest kind that a budget must have room for. A plan of 120 points has the work of about 25 of
/// them, so that five passes fit.
const LONGEST_STEPS: f64 = 125.0;
/// Share of a budget that may go into filling slots.
pub(super) const FILL_SHARE: f64 = 0.15;
/// Memory kept free for activations, beside weights and KV: a share of what is free.
const SPARE_SHARE: f64 = 0.15;

/// A model opened and looked at.
pub struct Scouted {
    /// The model.
    pub bench: Bench,
    /// How far its calibration can reach.
    pub extent: Extent,
    /// What was stepped down, and why.
    pub notes: Vec<String>,
}

/// What a look at a model found.
enum Reach {
    Fits(Extent),
    /// The budget is too short; seconds it would take.
    Needs(f64),
}

/// Opens `model` with as much of the room that `options` ask for as memory holds (slots are halved first, then
/// context), and finds by a few steps how long prompts and contexts can be so that calibration ends within
/// `budget_s` seconds.
///
/// # Errors
/// Those of [`Bench::open`]; weights that alone exceed memory; a budget too short for the shortest steps.
pub fn scout(
    model: &ModelShape,
    device: Device,
    options: &Options,
    clock: Clock,
    budget_s: f64,
) -> Result<Scouted> {
    let mut notes = Vec::new();
    let mut options = options.clone();
    if matches!(device, Device::CandleCpu | Device::TchCpu)
        && let Some(free) = foretoken_nn::available_bytes()
    {
        let room = room_within(free, model, &options)?;
        note_step_down(options.room, room, "memory that is free", &mut notes);
        options.room = room;
    }
    loop {
        let what = match attempt(model, device, &options, clock, budget_s)? {
            Ok((bench, Reach::Fits(extent))) => {
                if (extent.context as usize) < options.room.context {
                    let what = "longer ones would take too much of the budget to fill";
                    notes.push(format!("contexts of up to {} tokens are timed; {what}", extent.context));
                }
                return Ok(Scouted { bench, extent, notes });
            }
            Ok((_, Reach::Needs(s))) => return Err(too_short(budget_s, s)),
            Err(what) => what,
        };
        let Some(smaller) = smaller(options.room) else { return Err(refused(what)) };
        note_step_down(options.room, smaller, &what.to_string(), &mut notes);
        options.room = smaller;
    }
}

/// The error of a budget that is too short.
pub(super) fn too_short(budget_s: f64, needed_s: f64) -> Error {
    Error::Usage(format!(
        "a budget of {budget_s} s is too short to fit anything: at least {:.0} s are needed; give --budget \
         more, or --slots and --context less",
        needed_s.ceil().max(1.0)
    ))
}

type Attempt = std::result::Result<(Bench, Reach), foretoken_nn::Error>;

/// Opens and looks; the inner error is that memory ran out.
fn attempt(
    model: &ModelShape,
    device: Device,
    options: &Options,
    clock: Clock,
    budget_s: f64,
) -> Result<Attempt> {
    let tried = Bench::try_open(model, device, options, clock)?.and_then(|mut bench| {
        let reach = look(bench.runner(), budget_s)?;
        Ok((bench, reach))
    });
    match tried {
        Err(e) if !matches!(e, foretoken_nn::Error::OutOfMemory { .. }) => Err(refused(e)),
        other => Ok(other),
    }
}

/// Times prompts, each twice as long as the one before it, until one is too long for the budget.
fn look(runner: &mut dyn Runner, budget_s: f64) -> foretoken_nn::Result<Reach> {
    let room = runner.room();
    let stage = Stage::new(runner, room.context);
    let most = MOST_STEP_TOKENS.min(room.slots * room.context);
    let (mut fits, mut tokens_per_s) = (0, 0.0);
    let mut tokens = FIRST_STEP_TOKENS.min(most);
    loop {
        let seconds = prompts(runner, &stage, tokens)?;
        if seconds > budget_s / LONGEST_STEPS {
            if fits == 0 {
                return Ok(Reach::Needs(seconds * LONGEST_STEPS));
            }
            break;
        }
        (fits, tokens_per_s) = (tokens, tokens as f64 / seconds);
        if tokens == most {
            break;
        }
        tokens = (2 * tokens).min(most);
    }
    let slots = room.slots as f64;
    let filled = ((FILL_SHARE * budget_s * tokens_per_s / slots) as usize).min(room.context) as u32;
    if filled < LEAST_CONTEXT {
        return Ok(Reach::Needs(slots * f64::from(LEAST_CONTEXT) / tokens_per_s / FILL_SHARE));
    }
    let whole_prompts = runner.shape().is_encoder_decoder();
    Ok(Reach::Fits(Extent {
        slots: room.slots as u32,
        context: filled,
        step_tokens: fits as u32,
        whole_prompts,
    }))
}

/// Seconds of a step of `tokens` prompt tokens, in as few prompts as have room; the better of two.
fn prompts(runner: &mut dyn Runner, stage: &Stage, tokens: usize) -> foretoken_nn::Result<f64> {
    let room = runner.room();
    let chunks = tokens.div_ceil(room.context);
    let part = crate::calibrate::Part { new: (tokens / chunks) as u32, context: 0 };
    let point = Point { prefill: vec![part; chunks], decode: Vec::new() };
    let seats: Vec<usize> = (0..chunks).collect();
    let mut best = f64::INFINITY;
    for _ in 0..2 {
        let rows = stage.set(runner, &point, &seats)?;
        runner.synchronize()?;
        let start = Instant::now();
        runner.step(&rows)?;
        runner.synchronize()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// The room that `free` bytes hold beside the weights.
fn room_within(free: u64, model: &ModelShape, options: &Options) -> Result<Room> {
    let weights = model.parameters() * options.dtype.bytes() as u64;
    let usable = (free as f64 * (1.0 - SPARE_SHARE)) as u64;
    let mut room = options.room;
    while kv_bytes(model, options, room) > usable.saturating_sub(weights) {
        room = smaller(room).ok_or_else(|| {
            Error::Usage(format!(
                "out of memory: {} needs {} MiB for its weights, and {} MiB are free; choose a smaller model \
                 or --dtype bf16",
                model.name,
                weights >> 20,
                free >> 20
            ))
        })?;
    }
    Ok(room)
}

fn kv_bytes(model: &ModelShape, options: &Options, room: Room) -> u64 {
    let kinds = if model.is_encoder_decoder() { 2 } else { 1 };
    let tokens = (room.slots as u64).saturating_mul(room.context as u64);
    tokens.saturating_mul(kinds * model.kv_bytes_per_token(options.dtype.bytes()))
}

/// Half the slots, or half the context of a single one; none where that would be too small.
fn smaller(room: Room) -> Option<Room> {
    if room.slots > 1 {
        return Some(Room { slots: room.slots / 2, ..room });
    }
    let context = room.context / 2;
    (context >= LEAST_CONTEXT as usize).then_some(Room { context, ..room })
}

fn note_step_down(from: Room, to: Room, why: &str, notes: &mut Vec<String>) {
    if from != to {
        notes.push(format!(
            "stepped down from {} slots of {} tokens to {} of {}: {why}",
            from.slots, from.context, to.slots, to.context
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_halved_until_memory_holds_it_and_refused_when_weights_do_not_fit() {
        let model = foretoken_nn::zoo::model("tiny").unwrap();
        let options = Options { room: Room { slots: 64, context: 1024 }, ..Options::default() };
        let whole = kv_bytes(&model, &options, options.room);
        let weights = model.parameters() * 4;
        let need = |kv: u64| ((weights + kv) as f64 / (1.0 - SPARE_SHARE)) as u64 + 1024;
        assert_eq!(room_within(need(whole), &model, &options).unwrap(), options.room);
        assert_eq!(
            room_within(need(whole / 2), &model, &options).unwrap(),
            Room { slots: 32, ..options.room }
        );
        assert_eq!(
            room_within(need(whole / 128), &model, &options).unwrap(),
            Room { slots: 1, context: 512 }
        );
        let error = room_within(weights, &model, &options).unwrap_err().to_string();
        assert!(error.contains("out of memory"), "{error}");
    }
}
