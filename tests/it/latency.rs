//! Profiles and their models: parsing, formulas, and the polynomial against the simulator it comes from.

mod dynamo;
mod files;
mod formulas;
mod noise;
