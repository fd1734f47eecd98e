//! What a [`Spec`] may say: every value in range, no two keys at odds.

use super::spec::{Arrivals, Lengths, OrInf, Scale, Segment, Sessions, Spec};
use crate::error::{Error, Place, Result};

/// Copies of a row, and clients: more are mistakes, and would fill the memory before the first step.
const MOST_COPIES: u32 = 10_000;
const MOST_CLIENTS: u32 = 10_000_000;
/// Requests of a run: each leaves a record of some hundred bytes in memory.
const MOST_REQUESTS: u32 = 100_000_000;

/// A hundred years: longer times are mistakes, and sums of them would overflow the clock.
const LONGEST_S: f64 = 3.2e9;

impl Spec {
    /// Refuses values out of range and combinations that make no sense, naming the dotted key.
    pub fn check(&self) -> Result<()> {
        self.arrivals.check("workload.", self.rate_rps, matches!(self.scale, Some(Scale::RateMatch {})))?;
        if self.normalize && !self.arrivals.is_renewal() {
            let what = format!("{} arrivals cannot be normalized", self.arrivals.name());
            return Err(bad("workload.normalize", what, "remove it"));
        }
        self.check_counts()?;
        self.check_duration()?;
        self.check_scale()?;
        self.check_sessions()
    }

    fn check_counts(&self) -> Result<()> {
        at_least("workload.requests", self.requests, 1)?;
        at_most("workload.requests", self.requests.unwrap_or(1), MOST_REQUESTS)?;
        at_least("workload.max_concurrency", self.max_concurrency, 1)?;
        at_least("workload.max_model_len", self.max_model_len, 2)?;
        if self.max_concurrency.is_some() && matches!(self.arrivals, Arrivals::ClosedLoop { .. }) {
            let help = "remove it, and set workload.arrivals.clients";
            return Err(bad("workload.max_concurrency", "a closed loop is limited by its clients", help));
        }
        if self.over_long.is_some() && self.max_model_len.is_none() {
            let help = "set workload.max_model_len, or remove it";
            return Err(bad("workload.over_long", "there is no limit to be over", help));
        }
        Ok(())
    }

    fn check_duration(&self) -> Result<()> {
        let Some(duration_s) = self.duration_s else { return Ok(()) };
        let key = "workload.duration_s";
        duration(key, duration_s)?;
        let clash = if matches!(self.arrivals, Arrivals::ClosedLoop { .. })
            || matches!(self.sessions, Sessions::Closed { .. })
        {
            "answers decide when requests arrive; set metrics.horizon_s"
        } else if self.normalize || matches!(self.arrivals, Arrivals::Ramp { .. }) {
            "these arrival times depend on how many requests there are; set workload.requests"
        } else if self.requests.is_none() && self.rate_rps == Some(OrInf(f64::INFINITY)) {
            "all requests arrive at time 0; set workload.requests"
        } else {
            return Ok(());
        };
        Err(bad(key, clash, "leave it out"))
    }

    fn check_scale(&self) -> Result<()> {
        let Some(scale) = self.scale else { return Ok(()) };
        if !matches!(self.arrivals, Arrivals::Trace {}) {
            let what = format!("{} arrivals do not use the times of the trace", self.arrivals.name());
            return Err(bad("workload.scale", what, "remove it, or set workload.arrivals.kind = \"trace\""));
        }
        match scale {
            Scale::Compress { factor } => finite("workload.scale.factor", factor),
            Scale::Thin { keep } if keep > 0.0 && keep <= 1.0 => Ok(()),
            Scale::Thin { keep } => {
                Err(bad("workload.scale.keep", format!("{keep} is no share"), "give one in (0, 1]"))
            }
            Scale::Replicate { copies, jitter_s } => {
                at_least("workload.scale.copies", Some(copies), 1)?;
                at_most("workload.scale.copies", copies, MOST_COPIES)?;
                duration("workload.scale.jitter_s", jitter_s)
            }
            Scale::RateMatch {} => Ok(()),
        }
    }

    fn check_sessions(&self) -> Result<()> {
        let key = "workload.sessions.kind";
        match self.sessions {
            Sessions::Off {} => return Ok(()),
            Sessions::Closed { think_s, .. } => duration("workload.sessions.think_s", think_s)?,
            Sessions::Open { .. } if matches!(self.arrivals, Arrivals::Trace {}) => {}
            Sessions::Open { .. } => {
                let what = format!("{} arrivals do not use the times of the trace", self.arrivals.name());
                return Err(bad(key, what, "set it to \"closed\" or \"off\""));
            }
        }
        let clash = if matches!(self.arrivals, Arrivals::ClosedLoop { .. }) {
            "a closed loop takes rows one by one"
        } else if self.lengths == Lengths::Resample {
            "resampling would tear conversations apart"
        } else if matches!(self.scale, Some(Scale::Thin { .. } | Scale::Replicate { .. })) {
            "thinning or replicating rows would tear conversations apart"
        } else {
            return Ok(());
        };
        Err(bad(key, clash, "set it to \"off\", or leave the other out"))
    }
}

impl Arrivals {
    /// Refuses values out of range, and a rate that is missing or has no use (`rate_used`: something else
    /// wants one). `section` comes before the names of keys.
    pub(super) fn check(&self, section: &str, rate_rps: Option<OrInf>, rate_used: bool) -> Result<()> {
        self.check_values(section)?;
        let key = format!("{section}rate_rps");
        match rate_rps {
            Some(OrInf(rate)) if rate_used || self.is_renewal() => over_zero(&key, rate),
            Some(_) => {
                let what = format!("{} arrivals have no such rate", self.name());
                let help = "remove it, or choose arrivals that do (arrivals.kind = \"poisson\"; to keep the shape \
                            of a trace, scale.kind = \"rate-match\")";
                Err(bad(key, what, help))
            }
            None if rate_used => Err(bad(key, "rate-match needs a rate", "give requests per second")),
            None if self.is_renewal() => {
                Err(bad(key, format!("{} arrivals need a rate", self.name()), "give requests per second"))
            }
            None => Ok(()),
        }
    }

    fn check_values(&self, section: &str) -> Result<()> {
        let key = |k: &str| format!("{section}arrivals.{k}");
        match self {
            Arrivals::Trace {} | Arrivals::Constant {} | Arrivals::Poisson {} => Ok(()),
            Arrivals::Gamma { shape } => over_zero(&key("shape"), shape.0),
            // Below this shape the mean of a Weibull is dominated by gaps that no run is long enough to see.
            Arrivals::Weibull { shape } if *shape < 0.05 => {
                Err(bad(key("shape"), format!("{shape} is too small"), "give at least 0.05"))
            }
            Arrivals::Weibull { shape } => finite(&key("shape"), *shape),
            Arrivals::Mmpp { rates_rps, sojourns_s } => {
                sojourns_s.iter().try_for_each(|&s| finite(&key("sojourns_s"), s))?;
                rates(&key("rates_rps"), rates_rps.iter().copied().zip(sojourns_s.iter().copied()))
            }
            Arrivals::Piecewise { segments } => {
                let length = |s: &Segment| finite(&key("segments.duration_s"), s.duration_s);
                segments.iter().try_for_each(length)?;
                rates(&key("segments.rate_rps"), segments.iter().map(|s| (s.rate_rps, s.duration_s)))
            }
            Arrivals::Ramp { from_rps, to_rps, shape, .. } => {
                finite(&key("from_rps"), *from_rps)?;
                finite(&key("to_rps"), *to_rps)?;
                over_zero(&key("shape"), shape.0)
            }
            Arrivals::ClosedLoop { clients, think_s } => {
                at_least(&key("clients"), Some(*clients), 1)?;
                at_most(&key("clients"), *clients, MOST_CLIENTS)?;
                duration(&key("think_s"), *think_s)
            }
        }
    }

    /// Whether gaps are independent draws with mean 1 / `rate_rps`.
    pub(super) fn is_renewal(&self) -> bool {
        use Arrivals::{Constant, Gamma, Poisson, Weibull};
        matches!(self, Constant {} | Poisson {} | Gamma { .. } | Weibull { .. })
    }

    /// The kind as files spell it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Arrivals::Trace {} => "trace",
            Arrivals::Constant {} => "constant",
            Arrivals::Poisson {} => "poisson",
            Arrivals::Gamma { .. } => "gamma",
            Arrivals::Weibull { .. } => "weibull",
            Arrivals::Mmpp { .. } => "mmpp",
            Arrivals::Piecewise { .. } => "piecewise",
            Arrivals::Ramp { .. } => "ramp",
            Arrivals::ClosedLoop { .. } => "closed-loop",
        }
    }
}

/// Wrong input at a dotted key.
pub(super) fn bad(key: impl Into<String>, what: impl Into<String>, help: &str) -> Error {
    Error::input(Place::key(key), what, help)
}

/// Over 0, may be infinite.
pub(super) fn over_zero(key: &str, v: f64) -> Result<()> {
    if v > 0.0 { Ok(()) } else { Err(bad(key, format!("{v} is not over 0"), "give a positive number")) }
}

/// Over 0 and finite.
pub(super) fn finite(key: &str, v: f64) -> Result<()> {
    over_zero(key, v)?;
    if v.is_finite() { Ok(()) } else { Err(bad(key, format!("{v} is not finite"), "give a finite number")) }
}

/// A time of 0 to a hundred years.
fn duration(key: &str, v: f64) -> Result<()> {
    if (0.0..=LONGEST_S).contains(&v) {
        return Ok(());
    }
    Err(bad(key, format!("{v} is no length of time"), "give seconds, 0 or more"))
}

/// Pieces (rate, duration) of a modulated process: no rate negative or infinite, and enough arrivals for the
/// next one to be found.
fn rates(key: &str, pieces: impl ExactSizeIterator<Item = (f64, f64)> + Clone) -> Result<()> {
    if let Some((v, _)) = pieces.clone().find(|(v, _)| !(v.is_finite() && *v >= 0.0)) {
        return Err(bad(key, format!("{v} is no rate"), "give finite rates, 0 or more"));
    }
    let count = pieces.len().max(1) as f64;
    let arrivals: f64 = pieces.map(|(rate, duration_s)| rate * duration_s).sum();
    if arrivals / count >= 1e-6 {
        return Ok(());
    }
    Err(bad(key, "under one arrival in a million pieces", "give higher rates, or pieces that last longer"))
}

pub(super) fn at_least(key: &str, value: Option<u32>, least: u32) -> Result<()> {
    match value {
        Some(v) if v < least => Err(bad(key, format!("{v} is too few"), &format!("give at least {least}"))),
        _ => Ok(()),
    }
}

fn at_most(key: &str, value: u32, most: u32) -> Result<()> {
    if value <= most {
        return Ok(());
    }
    Err(bad(key, format!("{value} are too many"), &format!("choose at most {most}")))
}
