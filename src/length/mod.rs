//! Output lengths: what may be believed about them.

mod belief;

pub use belief::{Belief, LogT};
