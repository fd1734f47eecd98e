//! SPS: requests of one length started at a regular spacing, so that their peaks do not coincide.
//!
//! P3 (arXiv 2601.22996) builds GSA and GBA on it. Its closed form for the spacing was not at hand; ours
//! tries every spacing (interval.md 2.6).

use super::projection::slack;
use crate::scheduler::{View, Waiting};

/// Spacing in rounds and starts at each, the most starts per round that memory bears: with spacing d,
/// ceil(length / d) generations live at once. Of equals the smallest spacing. `peak` caps what one request holds.
fn spacing(prompt: u64, length: u64, limit: u64) -> (u64, u64) {
    let starts = |d: u64| {
        let generations = (0..length.div_ceil(d)).map(|x| (prompt + length - d * x).min(limit));
        let mut held = 0;
        for tokens in generations {
            held += tokens;
            if held > limit {
                return 0;
            }
        }
        limit / held
    };
    // A spacing that bears one start bears more only by sharing a peak: compare c/d exactly.
    let mut best = (length, starts(length));
    for d in (1..length).rev() {
        let c = starts(d);
        if u128::from(c) * u128::from(best.0) >= u128::from(best.1) * u128::from(d) {
            best = (d, c);
        }
    }
    best
}

/// The smallest of first, first growth, first growth^2, ... (each rounded down) that is at least `tokens`.
pub(super) fn class(first: u32, growth: f64, tokens: u32) -> u64 {
    let mut edge = f64::from(first);
    while libm::floor(edge) < f64::from(tokens) {
        edge *= growth;
    }
    libm::floor(edge) as u64
}

/// Classes start with one token at least, and `growth` must be finite and large enough to end soon.
pub(super) fn check_classes(first: u32, growth: f64) -> Result<(), serde_json::Error> {
    if first == 0 {
        return Err(serde::de::Error::custom("first must be at least 1 token"));
    }
    if growth.is_finite() && growth >= 1.01 {
        return Ok(());
    }
    Err(serde::de::Error::custom(format!("growth must be a number of at least 1.01, not {growth}")))
}

/// When requests of the class that is being served may start.
#[derive(Default)]
pub(super) struct Slots {
    /// Output tokens that attempts of this class may have, its name.
    class: Option<u64>,
    /// Rounds from one slot to the next.
    spacing: u64,
    /// Starts in one.
    starts: u64,
    /// Step at which the present slot opened.
    opened: u64,
    /// Starts it has seen.
    used: u64,
}

impl Slots {
    /// Whether `r`, of `class`, may start now, while `running` attempts of the plan run. A class begins when the
    /// one before has ended; who arrives while its class is served joins it. Where nothing runs there is no
    /// peak to keep clear of, so the next slot opens at once.
    pub fn opens(
        &mut self,
        r: &Waiting<'_>,
        class: u64,
        view: &View<'_>,
        running: usize,
        of: &dyn Fn(&Waiting<'_>) -> u64,
    ) -> bool {
        if self.class != Some(class) {
            if running > 0 {
                return false;
            }
            self.begin(r, class, view, of);
        } else if view.steps >= self.opened + self.spacing || (running == 0 && self.used > 0) {
            (self.opened, self.used) = (view.steps, 0);
        }
        self.used < self.starts
    }

    fn begin(&mut self, r: &Waiting<'_>, class: u64, view: &View<'_>, of: &dyn Fn(&Waiting<'_>) -> u64) {
        let kv = view.kv();
        let limit = kv.usable_blocks * u64::from(kv.block_tokens);
        let slack = slack(&kv).max(0) as u64;
        let prompt = |r: Waiting<'_>| u64::from(r.visible.prompt_tokens) + slack;
        let members = || view.waiting().filter(|w| of(w) == class).chain([*r]).map(prompt);
        let (least, most) = (members().min().unwrap_or(0), members().max().unwrap_or(0));
        // Nobody outgrows the memory, whatever the class.
        let length = class.min(limit.saturating_sub(least)).max(1);
        let (spacing, starts) = spacing(most, length, limit);
        *self = Slots { class: Some(class), spacing, starts: starts.max(1), opened: view.steps, used: 0 };
    }

    /// An attempt of the plan started.
    pub fn started(&mut self) {
        self.used += 1;
    }

    /// Whether the present slot has starts left.
    pub fn is_open(&self) -> bool {
        self.used < self.starts
    }

    /// Steps to the next slot.
    pub fn next(&self, steps: u64) -> u64 {
        (self.opened + self.spacing).saturating_sub(steps).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Usage of the plan for ever after, round by round.
    fn peak(prompt: u64, length: u64, (d, c): (u64, u64)) -> u64 {
        let ages = |round: u64| (1..=length).filter(move |age| (round + d - age % d).is_multiple_of(d));
        (0..d).map(|round| ages(round).map(|age| c * (prompt + age)).sum()).max().unwrap()
    }

    #[test]
    fn a_spacing_fits_and_no_other_starts_more() {
        for (prompt, length, limit) in
            [(0, 1, 1), (0, 10, 55), (3, 8, 40), (96, 2, 256), (96, 32, 256), (5, 20, 500)]
        {
            let best = spacing(prompt, length, limit);
            assert!(best.1 > 0 && peak(prompt, length, best) <= limit, "{prompt} {length} {limit}: {best:?}");
            for d in 1..=length {
                let c = best.1 * d / best.0 + 1;
                assert!(
                    peak(prompt, length, (d, c)) > limit,
                    "{prompt} {length} {limit}: {d} {c} beats {best:?}"
                );
            }
        }
    }

    #[test]
    fn classes_grow_geometrically() {
        let classes: Vec<u64> = [1, 2, 3, 4, 5, 6, 8, 12].iter().map(|&o| class(1, 1.5, o)).collect();
        assert_eq!(classes, [1, 2, 3, 5, 5, 7, 11, 17]);
        assert_eq!([1, 64, 65, 129].map(|o| class(64, 2.0, o)), [64, 64, 128, 256]);
        assert!(
            check_classes(1, 1.0).is_err()
                && check_classes(1, f64::NAN).is_err()
                && check_classes(1, 1.5).is_ok()
        );
        assert!(check_classes(0, 1.5).is_err());
    }
}
