//! What foretoken computes beside replays: fits of latency profiles to timed steps, predictors that learn from prompts
//! and lengths, and competitive ratios against hindsight. Arithmetic on the engine's types; it draws nothing and
//! prints nothing. The package `foretoken` offers these modules under the same names.

pub mod calibrate;
pub mod compete;
pub mod learn;

use foretoken_engine::{
    engine, error, ids, latency, length, predict, record, rng, scheduler, time, trace, workload,
};
