//! Arrival processes: times in seconds, non-decreasing, without end.

use super::spec::{Arrivals, Curve, Segment};
use crate::rng::Stream;

/// Draws the arrival times of one of the random (or constant) processes of [`Arrivals`].
#[derive(Clone, Debug)]
pub(super) struct Process {
    pace: Pace,
    draw: Stream,
    now_s: f64,
}

/// How the next gap comes about.
#[derive(Clone, Debug)]
enum Pace {
    /// Independent gaps at one rate.
    Renewal { gap: Gap, rate: f64 },
    /// Independent gaps at a rate that depends on the index of the request.
    Ramp { gap: Gap, from: f64, to: f64, curve: Curve, index: u64, last: u64 },
    /// A Poisson process whose rate is piecewise constant in time.
    Modulated { schedule: Schedule, rate: f64, left_s: f64 },
}

/// A gap law with mean 1 / rate.
#[derive(Clone, Copy, Debug)]
enum Gap {
    Constant,
    Exponential,
    /// Scale 1 / (rate * shape).
    Gamma(f64),
    /// Scale 1 / (rate * unit_mean), where unit_mean = Gamma(1 + 1 / shape).
    Weibull {
        shape: f64,
        unit_mean: f64,
    },
}

/// Where the pieces of a modulated rate come from.
#[derive(Clone, Debug)]
enum Schedule {
    Cycle { segments: Vec<Segment>, next: usize },
    Switch { rates: [f64; 2], sojourns: [f64; 2], state: usize, draw: Box<Stream> },
}

impl Process {
    /// The process of `arrivals` (neither `trace` nor `closed-loop`, which draw nothing: `None`) at
    /// `rate_rps` where it has one rate; `count` requests are meant to be taken, which only ramps care about.
    /// Its streams are those of purpose "arrivals" and "modulation".
    pub(super) fn new(
        arrivals: &Arrivals,
        rate_rps: f64,
        count: u64,
        seed: u64,
        replicate: u64,
    ) -> Option<Process> {
        let renewal = |gap| Pace::Renewal { gap, rate: rate_rps };
        let modulated = |schedule| Pace::Modulated { schedule, rate: 0.0, left_s: 0.0 };
        let pace = match arrivals {
            Arrivals::Trace {} | Arrivals::ClosedLoop { .. } => return None,
            Arrivals::Constant {} => renewal(Gap::Constant),
            Arrivals::Poisson {} => renewal(Gap::Exponential),
            Arrivals::Gamma { shape } => renewal(Gap::gamma(shape.0)),
            Arrivals::Weibull { shape } => {
                renewal(Gap::Weibull { shape: *shape, unit_mean: libm::tgamma(1.0 + 1.0 / shape) })
            }
            Arrivals::Mmpp { rates_rps, sojourns_s } => {
                let mut draw = Box::new(Stream::new(seed, replicate, "modulation", 0));
                // `state` is the one to leave: start in state 1 with its share of time, leaving state 0.
                let share = sojourns_s[1] / (sojourns_s[0] + sojourns_s[1]);
                let state = usize::from(draw.uniform() >= share);
                modulated(Schedule::Switch { rates: *rates_rps, sojourns: *sojourns_s, state, draw })
            }
            Arrivals::Piecewise { segments } => {
                modulated(Schedule::Cycle { segments: segments.clone(), next: 0 })
            }
            Arrivals::Ramp { from_rps, to_rps, curve, shape } => Pace::Ramp {
                gap: Gap::gamma(shape.0),
                from: *from_rps,
                to: *to_rps,
                curve: *curve,
                index: 0,
                last: count.saturating_sub(1),
            },
        };
        Some(Process { pace, draw: Stream::new(seed, replicate, "arrivals", 0), now_s: 0.0 })
    }
}

impl Iterator for Process {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let gap_s = match &mut self.pace {
            Pace::Renewal { gap, rate } => gap.draw(*rate, &mut self.draw),
            Pace::Ramp { gap, from, to, curve, index, last } => {
                let x = if *last == 0 { 0.0 } else { (*index).min(*last) as f64 / *last as f64 };
                *index += 1;
                let rate = match curve {
                    Curve::Linear => *from + (*to - *from) * x,
                    Curve::Exponential => *from * libm::pow(*to / *from, x),
                };
                gap.draw(rate, &mut self.draw)
            }
            Pace::Modulated { schedule, rate, left_s } => {
                wait(schedule, rate, left_s, self.draw.exponential())
            }
        };
        self.now_s += gap_s;
        Some(self.now_s)
    }
}

/// Time until the integral of the rate has grown by `need`.
fn wait(schedule: &mut Schedule, rate: &mut f64, left_s: &mut f64, mut need: f64) -> f64 {
    let mut waited_s = 0.0;
    loop {
        let have = *rate * *left_s;
        if need < have {
            let gap_s = need / *rate;
            *left_s -= gap_s;
            return waited_s + gap_s;
        }
        need -= have;
        waited_s += *left_s;
        (*left_s, *rate) = schedule.advance();
    }
}

impl Schedule {
    /// Duration and rate of the next piece.
    fn advance(&mut self) -> (f64, f64) {
        match self {
            Schedule::Cycle { segments, next } => {
                let piece = segments[*next];
                *next = (*next + 1) % segments.len();
                (piece.duration_s, piece.rate_rps)
            }
            Schedule::Switch { rates, sojourns, state, draw } => {
                *state = 1 - *state;
                (sojourns[*state] * draw.exponential(), rates[*state])
            }
        }
    }
}

impl Gap {
    fn gamma(shape: f64) -> Gap {
        if shape.is_infinite() { Gap::Constant } else { Gap::Gamma(shape) }
    }

    fn draw(self, rate: f64, draw: &mut Stream) -> f64 {
        match self {
            Gap::Constant => 1.0 / rate,
            Gap::Exponential => draw.exponential() / rate,
            Gap::Gamma(shape) => draw.gamma(shape) / (rate * shape),
            Gap::Weibull { shape, unit_mean } => draw.weibull(shape) / (rate * unit_mean),
        }
    }
}
