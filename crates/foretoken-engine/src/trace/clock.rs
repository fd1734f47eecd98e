//! What times in a trace mean: their unit, and the part of the trace that is wanted.

use super::mooncake_line::Number;
use super::setting;
use crate::error::{Error, Place, Result};
use crate::time::{SimTime, Span};
use serde::Deserialize;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The unit of the numbers in a trace's column of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

const UNITS: [(TimeUnit, &str); 4] =
    [(TimeUnit::S, "s"), (TimeUnit::Ms, "ms"), (TimeUnit::Us, "us"), (TimeUnit::Ns, "ns")];

impl TimeUnit {
    /// x where the unit is 10^x ns.
    pub(super) fn exponent(self) -> u32 {
        9 - 3 * self as u32
    }

    fn secs(self) -> f64 {
        10f64.powi(self.exponent() as i32 - 9)
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(UNITS[*self as usize].1)
    }
}

impl FromStr for TimeUnit {
    type Err = Error;

    fn from_str(name: &str) -> Result<TimeUnit> {
        let found = UNITS.iter().find(|&&(_, n)| n == name);
        found
            .map(|&(unit, _)| unit)
            .ok_or_else(|| Error::unknown("unit of time", name, UNITS.map(|(_, n)| n)))
    }
}

/// What is wrong with `value`, which is no time in `unit` that the clock can hold, and what to do.
pub(super) fn no_time(value: f64, text: &str, unit: TimeUnit) -> (String, String) {
    if !value.is_finite() || value < 0.0 {
        return (
            format!("`{text}` is not a time of 0 or later"),
            "write times as plain decimal numbers".into(),
        );
    }
    let what = format!("{text} {unit} is more than 292 years");
    // From 2001 to 2096 in seconds since 1970.
    let epoch = |unit: &&(TimeUnit, &str)| (1e9..4e9).contains(&(value * unit.0.secs()));
    let help = match UNITS.iter().find(epoch) {
        Some((_, name)) => {
            let unit = setting(&format!("trace.time_unit = \"{name}\""), &format!("--time-unit {name}"));
            format!("an epoch in {name}? {unit}")
        }
        None => "count times from the start of the trace".to_string(),
    };
    (what, help)
}

/// Requests a second above which a whole file's rate is taken for a wrong unit, and above which one of
/// times with fractions of a millisecond is.
const TOO_FAST_RPS: f64 = 1_000.0;
const TOO_FAST_FOR_FRACTIONS_RPS: f64 = 100.0;
/// A span that is taken for a wrong unit, seconds: a year.
const TOO_LONG_S: f64 = 3.2e7;

#[derive(Deserialize)]
struct Stamp {
    timestamp: Option<Number>,
}

/// How the times of JSON lines whose `usual` unit other tools do not keep are to be read, judged by the file's
/// first lines `head`, and what to tell about it.
///
/// # Errors
/// Neither seconds nor milliseconds give a rate and a span that a trace could have.
pub(super) fn unit_of_lines(file: &Path, head: &[u8], usual: TimeUnit) -> Result<(TimeUnit, Option<String>)> {
    let whole = &head[..head.iter().rposition(|&b| b == b'\n').map_or(head.len(), |end| end + 1)];
    let stamps: Vec<f64> = whole
        .split(|&b| b == b'\n')
        .filter_map(|line| serde_json::from_slice::<Stamp>(line).ok()?.timestamp)
        .map(Number::value)
        .collect();
    let least = stamps.iter().copied().fold(f64::INFINITY, f64::min);
    let span = stamps.iter().copied().fold(0.0, f64::max) - least;
    if stamps.len() < 3 || span.is_nan() || span <= 0.0 {
        return Ok((usual, None));
    }
    let fractions = stamps.iter().any(|t| t.fract() != 0.0);
    let rate_rps = |unit: TimeUnit| (stamps.len() - 1) as f64 / (span * unit.secs());
    let plausible = |unit: TimeUnit| {
        let fine = fractions && unit == TimeUnit::Ms;
        let most = if fine { TOO_FAST_FOR_FRACTIONS_RPS } else { TOO_FAST_RPS };
        rate_rps(unit) <= most && span * unit.secs() <= TOO_LONG_S
    };
    let other = if usual == TimeUnit::S { TimeUnit::Ms } else { TimeUnit::S };
    if plausible(usual) {
        return Ok((usual, None));
    }
    let reading = |unit: TimeUnit| {
        format!("{:.3} requests/s over {:.3} s read as {unit}", rate_rps(unit), span * unit.secs())
    };
    let (as_usual, as_other) = (reading(usual), reading(other));
    if plausible(other) {
        let told = setting(&format!("trace.time_unit = \"{usual}\""), &format!("--time-unit {usual}"));
        let remark = format!(
            "Times are taken to be in {other}: its first lines make {as_other}, {as_usual}. If that is wrong, {told}."
        );
        return Ok((other, Some(remark)));
    }
    Err(Error::input(
        Place::file(file).column("timestamp"),
        format!("no unit fits these times: {as_usual}, {as_other}"),
        setting("trace.time_unit = \"us\" (or s, ms, ns)", "--time-unit us"),
    ))
}

/// The part of a trace that is wanted, seconds; from inclusive, to exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Window {
    /// Not earlier than this after the first request.
    pub from_s: Option<f64>,
    /// Earlier than this after the first request.
    pub to_s: Option<f64>,
    /// Not earlier than this on the file's own clock.
    pub clock_from_s: Option<f64>,
    /// Earlier than this on the file's own clock.
    pub clock_to_s: Option<f64>,
}

/// Where a request lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Before,
    Within,
    After,
}

impl Window {
    /// Refuses bounds that are no times, or leave nothing between them.
    ///
    /// # Errors
    /// Names the key.
    pub fn check(&self) -> Result<()> {
        let Window { from_s, to_s, clock_from_s, clock_to_s } = *self;
        for (from, to, key) in [(from_s, to_s, "to_s"), (clock_from_s, clock_to_s, "clock_to_s")] {
            let key = format!("trace.{key}");
            let names = [key.replace("to_s", "from_s"), key.clone()];
            for (bound, key) in [from, to].into_iter().zip(names) {
                if bound.is_some_and(|s| Span::from_secs(s).is_none()) {
                    let what = format!("{} is no time", bound.unwrap_or_default());
                    return Err(Error::input(Place::key(key), what, "give seconds, 0 or more"));
                }
            }
            if to.is_some_and(|to| to <= from.unwrap_or(0.0)) {
                let help = "give a later end: from is in the window, to is not";
                return Err(Error::input(Place::key(key), "nothing lies before this", help));
            }
        }
        Ok(())
    }

    /// Where a request lies that arrives `after_first`, and at `clock` on the file's own clock.
    pub(super) fn side(&self, after_first: Span, clock: SimTime) -> Side {
        let over = |bound: Option<f64>, at: u64| {
            bound.is_none_or(|s| Span::from_secs(s).is_some_and(|bound| at >= bound.0))
        };
        if self.to_s.is_some() && over(self.to_s, after_first.0)
            || self.clock_to_s.is_some() && over(self.clock_to_s, clock.0)
        {
            Side::After
        } else if over(self.from_s, after_first.0) && over(self.clock_from_s, clock.0) {
            Side::Within
        } else {
            Side::Before
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        *self == Window::default()
    }
}
