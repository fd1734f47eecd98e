//! Memory in every later round if each request ends when it is assumed to: the admission test, exact.
//!
//! Usage rises by one token per live request and round and falls only after an end, so the rounds at which
//! somebody ends are the only ones to look at (interval.md 1, "Feasibility test"; P2).

use super::{Lengths, ended};
use crate::scheduler::{KvView, Running, View, Waiting};
use crate::time::SimTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a running request that has outlived its estimate is assumed to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Overdue {
    /// After the next round: it certainly needs one more token.
    #[default]
    Running,
    /// Together with the first candidate.
    Hold,
    /// It has ended already, so it counts for nothing but the memory it holds now.
    Literal,
}

/// Requests that end in the same round.
#[derive(Clone, Copy, Debug)]
struct End {
    /// Rounds from now.
    after: i64,
    count: i64,
    /// Sum of what they would hold now, tokens.
    base: i64,
}

/// Projected memory of the live requests as of one planning point.
#[derive(Default)]
pub(super) struct Projection {
    /// The planning point, if it is up to date.
    built: Option<(SimTime, u64)>,
    /// Tokens that may be held.
    limit: i64,
    /// Tokens charged to a request beyond those it has.
    slack: i64,
    /// Latest first.
    ends: Vec<End>,
}

/// Tokens charged beyond prompt and output: the part of a block that may stay empty. After k more rounds a
/// request holds (prompt + output + k - 1 + lookahead) tokens rounded up to blocks; none in `theory`.
pub(super) fn slack(kv: &KvView) -> i64 {
    i64::from(kv.block_tokens) - 1 + i64::from(kv.lookahead_tokens) - 1
}

impl Projection {
    /// Whether `r` can start now and nobody runs out of memory in any round to come.
    pub fn admits(&mut self, r: &Waiting<'_>, view: &View<'_>, lengths: &dyn Lengths) -> bool {
        let estimate = lengths.estimate(r.belief, ended(r));
        if self.built != Some((view.now, view.steps)) {
            self.build(view, lengths, i64::from(estimate) - i64::from(r.generated));
        }
        let base = i64::from(r.visible.prompt_tokens) + i64::from(r.generated) + self.slack;
        self.fits(base, self.rounds(base, i64::from(estimate) - i64::from(r.generated)))
    }

    /// A request got a seat.
    pub fn admitted(&mut self, r: &Running<'_>, lengths: &dyn Lengths) {
        if self.built.is_none() {
            return;
        }
        let left = i64::from(lengths.estimate(r.belief, r.generated_before)) - i64::from(r.generated);
        let base = i64::from(r.visible.prompt_tokens) + i64::from(r.generated) + self.slack;
        let after = self.rounds(base, left);
        let at = self.ends.partition_point(|e| e.after > after);
        match self.ends.get_mut(at) {
            Some(end) if end.after == after => (end.count, end.base) = (end.count + 1, end.base + base),
            _ => self.ends.insert(at, End { after, count: 1, base }),
        }
    }

    /// Somebody left: build anew when asked next.
    pub fn forget(&mut self) {
        self.built = None;
    }

    /// `left` rounds as they can be at most: nobody outgrows the memory.
    fn rounds(&self, base: i64, left: i64) -> i64 {
        left.min(self.limit - base).max(1)
    }

    fn build(&mut self, view: &View<'_>, lengths: &dyn Lengths, first: i64) {
        let kv = view.kv();
        let tokens = (kv.usable_blocks * u64::from(kv.block_tokens)) as i64;
        self.limit = tokens - libm::ceil(tokens as f64 * lengths.reserve()) as i64;
        self.slack = slack(&kv);
        self.built = Some((view.now, view.steps));
        self.ends.clear();
        for r in view.running() {
            let base = i64::from(r.visible.prompt_tokens) + i64::from(r.generated) + self.slack;
            let left = i64::from(lengths.estimate(r.belief, r.generated_before)) - i64::from(r.generated);
            let left = match lengths.overdue() {
                Overdue::Literal if left <= 0 => continue,
                Overdue::Hold if left <= 0 => first,
                _ => left,
            };
            self.ends.push(End { after: self.rounds(base, left), count: 1, base });
        }
        self.ends.sort_unstable_by_key(|e| std::cmp::Reverse(e.after));
        self.ends.dedup_by(|next, kept| {
            let same = next.after == kept.after;
            if same {
                (kept.count, kept.base) = (kept.count + next.count, kept.base + next.base);
            }
            same
        });
    }

    /// Whether a request of `base` tokens now that ends after `rounds` fits in every round until then.
    fn fits(&self, base: i64, rounds: i64) -> bool {
        let (mut count, mut held) = (1, base);
        let later = self.ends.partition_point(|e| e.after >= rounds);
        for end in &self.ends[..later] {
            (count, held) = (count + end.count, held + end.base);
        }
        if held + count * rounds > self.limit {
            return false;
        }
        self.ends[later..].iter().all(|end| {
            (count, held) = (count + end.count, held + end.base);
            held + count * end.after <= self.limit
        })
    }
}
