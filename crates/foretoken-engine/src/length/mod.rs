//! Output lengths: what may be believed about them, the laws they follow, scores of those, and fits.

mod belief;
mod em;
mod fit;
mod gamma;
mod histogram;
mod log_normal;
mod log_t;
mod panels;
mod rate;
mod sample;
mod student;
mod tail;

pub use belief::{Belief, LogT};
pub use fit::{Family, Fit, FitOptions, Law, SIGMA_FLOOR, fit};
pub use gamma::Gamma;
pub use histogram::Histogram;
pub use log_normal::LogNormal;
pub use rate::{StoppingRate, hill_exponent};
pub use sample::{Sample, ks_p};
pub use student::Student;
pub use tail::{Score, Tail};
