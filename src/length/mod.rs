//! Output lengths: what may be believed about them, the laws they follow, and scores of those.

mod belief;
mod log_t;
mod panels;
mod student;
mod tail;

pub use belief::{Belief, LogT};
pub use student::Student;
pub use tail::{Score, Tail};
