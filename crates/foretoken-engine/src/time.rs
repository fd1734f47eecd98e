//! Integer time: nanoseconds since the start of a run.
//!
//! Every clock in the simulator is a [`SimTime`]; every length of time is a [`Span`].
//! Floats enter time at one place, [`Span::from_secs`], and are rounded there once.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

const NS_PER_S: u64 = 1_000_000_000;

/// A point in simulated time, in nanoseconds since run start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimTime(pub u64);

/// A length of simulated time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl SimTime {
    /// Run start.
    pub const ZERO: SimTime = SimTime(0);
    /// Later than any event of a run.
    pub const MAX: SimTime = SimTime(u64::MAX);

    /// The point `secs` seconds after run start, rounded to the nearest nanosecond.
    /// `None` for NaN, negative values and overflow.
    pub fn from_secs(secs: f64) -> Option<SimTime> {
        Span::from_secs(secs).map(|s| SimTime(s.0))
    }

    /// Seconds since run start.
    pub fn as_secs(self) -> f64 {
        Span(self.0).as_secs()
    }

    /// `self + span`, or `None` on overflow.
    pub fn checked_add(self, span: Span) -> Option<SimTime> {
        self.0.checked_add(span.0).map(SimTime)
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: SimTime) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// `secs` seconds rounded to the nearest nanosecond (half up).
    /// `None` for NaN, negative values and overflow (about 584 years).
    pub fn from_secs(secs: f64) -> Option<Span> {
        Span::from_ns(secs * NS_PER_S as f64)
    }

    /// `ns` nanoseconds rounded to a whole number (half up), under the same rules as [`Span::from_secs`].
    #[inline]
    pub fn from_ns(ns: f64) -> Option<Span> {
        // 2^63 ns, well under the largest u64; NaN fails both comparisons.
        if (0.0..9.223_372_036_854_775e18).contains(&ns) {
            // From 2^52 on the value is whole already and adding a half would round it again.
            let half = if ns < 4_503_599_627_370_496.0 { 0.5 } else { 0.0 };
            Some(Span((ns + half) as u64))
        } else {
            None
        }
    }

    /// Length in seconds.
    pub fn as_secs(self) -> f64 {
        // Whole and fractional seconds apart: exact to the last bit for spans over 2^53 ns.
        (self.0 / NS_PER_S) as f64 + (self.0 % NS_PER_S) as f64 / NS_PER_S as f64
    }
}

/// A point in time that may not have come: eight bytes where `Option<SimTime>` takes sixteen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MaybeTime(u64);

impl MaybeTime {
    /// Not yet, or never.
    pub const NONE: MaybeTime = MaybeTime(u64::MAX);

    /// The time, if it has come.
    #[inline]
    pub fn get(self) -> Option<SimTime> {
        (self.0 != u64::MAX).then_some(SimTime(self.0))
    }

    /// Whether it has come.
    #[inline]
    pub fn is_some(self) -> bool {
        self.0 != u64::MAX
    }
}

impl Default for MaybeTime {
    fn default() -> Self {
        MaybeTime::NONE
    }
}

impl From<SimTime> for MaybeTime {
    fn from(t: SimTime) -> MaybeTime {
        MaybeTime(t.0)
    }
}

impl From<Option<SimTime>> for MaybeTime {
    fn from(t: Option<SimTime>) -> MaybeTime {
        t.map_or(MaybeTime::NONE, MaybeTime::from)
    }
}

impl fmt::Debug for MaybeTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl Add<Span> for SimTime {
    type Output = SimTime;
    fn add(self, span: Span) -> SimTime {
        SimTime(self.0.checked_add(span.0).expect("simulated time overflows 584 years"))
    }
}

impl AddAssign<Span> for SimTime {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.checked_add(other.0).expect("span overflows 584 years"))
    }
}

impl Sub for SimTime {
    type Output = Span;
    fn sub(self, earlier: SimTime) -> Span {
        Span(self.0.checked_sub(earlier.0).expect("time ran backwards"))
    }
}

impl fmt::Display for SimTime {
    /// Seconds with nine digits, printed from the integer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.0 / NS_PER_S, self.0 % NS_PER_S)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimTime(self.0).fmt(f)
    }
}
