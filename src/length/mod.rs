//! Output lengths: what may be believed about them.

mod belief;
mod student;

pub use belief::{Belief, LogT};
