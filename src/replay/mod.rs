//! Replay: runs a scenario, and what it leaves on disk.
//!
//! Sits between [`crate::scenario`] (what to do) and [`crate::cli`] (who asks): inputs are loaded once and
//! shared, runs are independent of each other and of the number of threads.

mod figures;
mod floor;
mod folder;
mod hardware;
mod inputs;
mod job;
mod manifest;
mod measure;
mod reference;
mod remarks;
mod rounds;
mod run;
mod timing;
mod verify;
mod write;

pub use figures::Curves;
pub use folder::{Staging, hash_file, keep_torn, set_aside, write_hashed};
#[cfg(feature = "nn")]
pub use hardware::{
    check as check_device, model as device_model, open as open_device, parts as device_parts,
};
pub use inputs::{InputFile, Inputs, Trace, draw_arrivals, input_paths};
pub use job::{Finished, Job, Listeners};
pub use manifest::{Manifest, Outputs, RunEntry, SCHEMA};
pub use run::{LEVEL, Options, Progress, Replayed, RunResult, jobs, replay};
pub use timing::{MakeModel, Timing};
pub use verify::{Verdict, Verified, check_determinism, verify, verify_recorded};
