//! Ranges, positions and ticks of axes. Ours, because a tick that does not fit must give way to a coarser step,
//! and log axes need labels at 1, 2 and 5 where there are few decades.

use super::spec::{Axis, Scale};

/// An axis with its range, laid along canvas positions.
#[derive(Clone, Debug)]
pub(super) struct Scaled {
    /// Value at `from`.
    pub lo: f64,
    /// Value at `to`.
    pub hi: f64,
    pub scale: Scale,
    /// Canvas position of `lo`.
    pub from: f64,
    /// Canvas position of `hi`.
    pub to: f64,
}

impl Scaled {
    /// Canvas position of `value`.
    pub fn at(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.lo) / (self.hi - self.lo),
            Scale::Log => libm::log10(value / self.lo) / libm::log10(self.hi / self.lo),
        };
        self.from + (self.to - self.from) * share
    }

    /// Value at a canvas position.
    pub fn value(&self, position: f64) -> f64 {
        let share = (position - self.from) / (self.to - self.from);
        match self.scale {
            Scale::Linear => self.lo + (self.hi - self.lo) * share,
            Scale::Log => self.lo * libm::pow(self.hi / self.lo, share),
        }
    }

    /// Whether `value` lies in the range, ends included.
    pub fn shows(&self, value: f64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }
}

/// Marks on an axis.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticks {
    /// Labelled marks: value, label.
    pub major: Vec<(f64, String)>,
    /// Short marks.
    pub minor: Vec<f64>,
    /// The labels are values over ten to this power.
    pub exponent: i32,
}

/// Range of `axis` when it shows `values`, leaving the share `pad` of it free at both ends.
pub(super) fn domain(axis: &Axis, values: impl Iterator<Item = f64>, pad: f64) -> [f64; 2] {
    if let Some(range) = axis.range {
        return range;
    }
    if !axis.categories.is_empty() {
        return [-0.5, axis.categories.len() as f64 - 0.5];
    }
    let (lo, hi) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    match axis.scale {
        Scale::Log if lo > hi => [1.0, 10.0],
        Scale::Log => log_domain(lo, hi, pad),
        Scale::Linear if lo > hi => [0.0, 1.0],
        // Counts and shares that start at zero look wrong with room below it.
        Scale::Linear if axis.from_zero || lo == 0.0 => linear_domain(lo.min(0.0), hi.max(0.0), pad, true),
        Scale::Linear => linear_domain(lo, hi, pad, false),
    }
}

/// Spans of less than this share of the values are widened: their ticks would differ in the tenth digit.
const FLAT: f64 = 1e-9;

fn linear_domain(lo: f64, hi: f64, pad: f64, from_zero: bool) -> [f64; 2] {
    let size = lo.abs().max(hi.abs());
    if hi - lo <= size * FLAT || hi - lo < 1e-100 {
        let half = if size < 1e-100 { 1.0 } else { size * 0.1 };
        return [if from_zero && lo >= 0.0 { 0.0 } else { lo - half }, hi + half];
    }
    let pad = (hi - lo) * pad;
    let keep = |end: f64| from_zero && end == 0.0;
    [if keep(lo) { lo } else { lo - pad }, if keep(hi) { hi } else { hi + pad }]
}

fn log_domain(lo: f64, hi: f64, pad: f64) -> [f64; 2] {
    if hi / lo <= 1.0 + FLAT {
        return [lo / 2.0, hi * 2.0];
    }
    let pad = libm::pow(hi / lo, pad);
    [lo / pad, hi * pad]
}

/// Ticks of `axis`, as many as fit: neighbours keep `gap` between labels of the given `extent` along the axis.
pub(super) fn ticks(axis: &Scaled, gap: f64, extent: &dyn Fn(&str) -> f64) -> Ticks {
    let fits = |ticks: &Ticks| {
        ticks.major.windows(2).all(|w| {
            let room = (axis.at(w[1].0) - axis.at(w[0].0)).abs();
            room >= (extent(&w[0].1) + extent(&w[1].1)) / 2.0 + gap
        })
    };
    match axis.scale {
        Scale::Linear => linear(axis, &fits),
        Scale::Log => log(axis, &fits),
    }
}

/// The named positions of a categorical axis, all of them.
pub(super) fn categories(axis: &Scaled, names: &[String]) -> Ticks {
    let named = names.iter().enumerate().map(|(i, name)| (i as f64, name.clone()));
    Ticks { major: named.filter(|&(v, _)| axis.shows(v)).collect(), ..Ticks::default() }
}

/// More labels than this crowd an axis even where they fit.
const MOST: f64 = 7.0;

fn linear(axis: &Scaled, fits: &dyn Fn(&Ticks) -> bool) -> Ticks {
    let span = axis.hi - axis.lo;
    let first = libm::floor(libm::log10(span / MOST)) as i32;
    let steps = (first..).flat_map(|k| [1.0, 2.0, 5.0].map(|m| (m, k)));
    let mut last = Ticks::default();
    for (m, k) in steps.filter(|&(m, k)| span / (m * pow10(k)) <= MOST) {
        let ticks = linear_step(axis, m, k);
        if ticks.major.len() < 2 && !last.major.is_empty() {
            return thinned(last, fits);
        }
        if fits(&ticks) {
            return ticks;
        }
        last = ticks;
    }
    last
}

/// The two ends, or if even they do not fit the first alone.
fn thinned(mut ticks: Ticks, fits: &dyn Fn(&Ticks) -> bool) -> Ticks {
    let inner = ticks.major.len().saturating_sub(1);
    ticks.major.drain(1..inner.max(1));
    if !fits(&ticks) {
        ticks.major.truncate(1);
    }
    ticks
}

/// Ticks at the multiples of m·10^k.
fn linear_step(axis: &Scaled, m: f64, k: i32) -> Ticks {
    let step = m * pow10(k);
    let size = axis.lo.abs().max(axis.hi.abs());
    let exponent = match size {
        s if (1e-3..1e5).contains(&s) => 0,
        s => libm::floor(libm::log10(s) / 3.0) as i32 * 3,
    };
    let digits = (exponent - k).max(0) as usize;
    let (from, to) = (libm::ceil(axis.lo / step - 1e-9), libm::floor(axis.hi / step + 1e-9));
    let count = (to - from).max(-1.0) as usize + 1;
    let values = (0..count).map(|i| from + i as f64);
    let label = |i: f64| plain(i * step / pow10(exponent), digits);
    let major = values.map(|i| ((i * step).clamp(axis.lo, axis.hi), label(i))).collect();
    Ticks { major, minor: Vec::new(), exponent }
}

/// A number with a typographic minus, and without one for zero.
fn plain(value: f64, digits: usize) -> String {
    format!("{:.digits$}", value + 0.0).replace('-', "−")
}

fn log(axis: &Scaled, fits: &dyn Fn(&Ticks) -> bool) -> Ticks {
    let first = libm::floor(libm::log10(axis.lo) + 1e-9) as i32;
    let last = libm::ceil(libm::log10(axis.hi) - 1e-9) as i32;
    let decades = libm::log10(axis.hi / axis.lo);
    let all = |multiples: &[u32], every: usize| -> Vec<(u32, i32)> {
        let powers = (first..=last).filter(|k| k.rem_euclid(every as i32) == 0);
        let pairs = powers.flat_map(|k| multiples.iter().map(move |&m| (m, k)));
        pairs.filter(|&(m, k)| axis.shows(f64::from(m) * pow10(k))).collect()
    };
    let minor = if decades <= 7.0 { all(&[1, 2, 3, 4, 5, 6, 7, 8, 9], 1) } else { all(&[1], 1) };
    let few: &[&[u32]] = if decades <= 3.2 { &[&[1, 2, 5], &[1, 3]] } else { &[] };
    let sets = few.iter().map(|m| all(m, 1)).chain((1..=64).map(|every| all(&[1], every)));
    let spelt = first >= -4 && last <= 5;
    for set in sets.filter(|set| set.len() >= if decades < 1.5 { 3 } else { 2 }) {
        let major = set.iter().map(|&(m, k)| (f64::from(m) * pow10(k), log_label(m, k, spelt))).collect();
        let minor =
            minor.iter().filter(|&t| !set.contains(t)).map(|&(m, k)| f64::from(m) * pow10(k)).collect();
        let ticks = Ticks { major, minor, exponent: 0 };
        if fits(&ticks) {
            return ticks;
        }
    }
    // About a decade or less: evenly spaced round values do better.
    linear(axis, fits)
}

/// "0.02" where all labels are short, "2×10⁻⁹" elsewhere.
fn log_label(m: u32, k: i32, spelt: bool) -> String {
    match (spelt, m) {
        (true, _) => plain(f64::from(m) * pow10(k), (-k).max(0) as usize),
        (false, 1) => power_of_ten(k),
        (false, _) => format!("{m}×{}", power_of_ten(k)),
    }
}

/// "10⁻³".
pub(super) fn power_of_ten(exponent: i32) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digit = |c: char| c.to_digit(10).map_or('⁻', |d| RAISED[d as usize]);
    std::iter::once("10".to_owned()).chain([exponent.to_string().chars().map(digit).collect()]).collect()
}

/// 10^k, exact where f64 is.
fn pow10(k: i32) -> f64 {
    if k < 0 { 1.0 / libm::pow(10.0, f64::from(-k)) } else { libm::pow(10.0, f64::from(k)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(lo: f64, hi: f64, scale: Scale, length: f64) -> Vec<String> {
        let axis = Scaled { lo, hi, scale, from: 0.0, to: length };
        ticks(&axis, 30.0, &|s| 40.0 * s.chars().count() as f64).major.into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn round_steps() {
        assert_eq!(labels(0.0, 1.0, Scale::Linear, 2000.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(0.0, 1.0, Scale::Linear, 500.0), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels(-3.0, 3.0, Scale::Linear, 500.0), ["−2", "0", "2"]);
        assert_eq!(labels(0.0, 2.4e6, Scale::Linear, 1000.0), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
    }

    #[test]
    fn few_decades_get_more_labels() {
        assert_eq!(labels(0.08, 3.0, Scale::Log, 2000.0), ["0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(labels(0.01, 1000.0, Scale::Log, 2000.0), ["0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!(labels(1e-9, 1e9, Scale::Log, 900.0), ["10⁻⁸", "10⁻⁴", "10⁰", "10⁴", "10⁸"]);
        assert_eq!(labels(3.1, 4.3, Scale::Log, 1500.0), ["3.2", "3.4", "3.6", "3.8", "4.0", "4.2"]);
    }

    #[test]
    fn one_value_gets_room() {
        assert_eq!(linear_domain(0.0, 0.0, 0.1, true), [0.0, 1.0]);
        assert_eq!(log_domain(3.0, 3.0, 0.1), [1.5, 6.0]);
    }
}
