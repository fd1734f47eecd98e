//! `foretoken compare`: what it says of stored results, and what it refuses to compare.

mod desk;
mod refusals;
mod replays;
mod statistics;
mod sweeps;
