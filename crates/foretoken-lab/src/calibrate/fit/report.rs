//! What a fit has to say beside its profile.

use super::form::Form;
use super::law::Score;
use crate::calibrate::Clock;
use crate::latency::{Domain, Noise, Region};
use serde::Serialize;

/// Version of the report as JSON.
pub const SCHEMA: u32 = 1;

/// What a fit has to say beside its profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FitReport {
    /// Version of this report as JSON; 1.
    pub schema: u32,
    /// The form of the profile.
    pub form: Form,
    /// The clock that durations were read from.
    pub clock: Clock,
    /// Distinct points that the form was fitted to.
    pub points: usize,
    /// Timed steps at them.
    pub samples: usize,
    /// Coefficients of the profile, in the units that their names end in.
    pub coefficients: Vec<Coefficient>,
    /// Every form, on points that it was not fitted to.
    pub forms: Vec<Tried>,
    /// The chosen form on points that it was not fitted to.
    pub held_out: Score,
    /// The profile on the points that it was fitted to.
    pub fitted: Score,
    /// The noise in the profile.
    pub noise: Noise,
    /// Scatter of single steps around the profile by packed rows, whatever the kind of noise.
    pub scatter: Vec<Region>,
    /// Largest steps that were measured.
    pub domain: Domain,
    /// Comparisons of fits to earlier and later passes over the plan, and to another file.
    pub passes: Vec<Repeat>,
    /// No comparison is off by more than 5%. True without any.
    pub trustworthy: bool,
    /// Each point with its times.
    pub residuals: Vec<Residual>,
    /// Factors of single steps on the profile's time, point by point.
    #[serde(skip)]
    pub factors: Vec<f64>,
    /// What the reader must know.
    pub notes: Vec<String>,
}

/// A coefficient of the profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    /// Its key in the profile.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Ends of its 95% interval by the bootstrap; none without one.
    #[serde(flatten)]
    pub interval: Option<Ends>,
}

/// Ends of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ends {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A form that was tried, or why it was not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// The form.
    pub form: Form,
    /// On points that it was not fitted to; none where it was left out.
    #[serde(flatten)]
    pub score: Option<Score>,
    /// Why it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// Two fits of the same form to different measurements of the same plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Repeat {
    /// What was compared, as in "later passes against earlier passes".
    pub what: String,
    /// Points at which the fits were compared.
    pub points: usize,
    /// Median of |second / first - 1| over the points.
    pub median_difference: f64,
    /// Total time by the second over that by the first, less 1.
    pub bias: f64,
}

/// A point with its times.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Residual {
    /// Prefill chunks in the notation of points.
    pub prefill: String,
    /// Decodes in the notation of points.
    pub decode: String,
    /// Packed rows.
    pub rows: u64,
    /// Times it was measured.
    pub repeats: usize,
    /// Median, seconds.
    pub measured_s: f64,
    /// By the profile, seconds.
    pub profile_s: f64,
    /// By the law that was fitted without its fold, seconds.
    pub held_out_s: f64,
    /// Measured over the profile's.
    pub ratio: f64,
}
