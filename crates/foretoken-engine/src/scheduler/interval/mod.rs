//! Schedulers that know an interval `[l, u]` of each output length, and their common loop: of those waiting,
//! the longest prefix by estimate that fits now and in every later round; on overflow, ordered eviction.
//! Chen, Ye, Zhou (arXiv 2508.14544); Jaillet et al. (2502.07115) for the loop without intervals.
//!
//! A round is a step: a running request produces one token in each. Where memory comes in blocks, a request
//! is charged the block that it may leave part empty; a prompt is charged whole when it is admitted, even
//! if its chunks take several steps; and a preset whose preempted requests compute their KV again keeps
//! their tokens, so a bound counts tokens of all attempts there. In `theory` all of this is exact.

pub(super) mod a_ell;
pub(super) mod a_max;
pub(super) mod a_min;
pub(super) mod gba;
pub(super) mod gba_d;
pub(super) mod gsa;
pub(super) mod gsa_spec;
pub(super) mod h_sf;
mod kill;
pub(super) mod mc_sf;
mod projection;
pub(super) mod sorted_f;
mod sps;
pub(super) mod svf;

use super::{Admit, Evict, Notice, Rank, Running, Scheduler, Shortage, View, Waiting, Wake};
use crate::length::Belief;
use crate::time::SimTime;
use crate::workload::Visible;
use kill::Tie;
use projection::{Overdue, Projection};

/// What tells the policies of the loop apart.
trait Lengths: Send {
    /// Assumed output of a request, tokens, of which attempts that ended produced `ended`.
    fn estimate(&self, belief: &Belief, ended: u32) -> u32;

    /// Place in line of a request assumed to be `estimate` tokens long.
    fn rank(&self, visible: &Visible, estimate: u32) -> f64 {
        let _ = visible;
        f64::from(estimate)
    }

    /// As [`Scheduler::is_hindsight`].
    fn is_hindsight(&self) -> bool {
        false
    }

    /// When a running request that has outlived its estimate is assumed to end.
    fn overdue(&self) -> Overdue {
        Overdue::Running
    }

    /// Share of the memory that admission leaves free.
    fn reserve(&self) -> f64 {
        0.0
    }

    /// Bound by which eviction is ordered; the smallest goes first.
    fn kill_bound(&self, r: &Running<'_>) -> u32 {
        interval(r.belief).map_or(1, |(lower, _)| lower).max(r.generated_before)
    }

    /// Who goes first of equal bounds.
    fn tie(&self) -> Tie {
        Tie::Random
    }

    /// Whether an overflow takes everybody out, not only as many as it must.
    fn clears_all(&self) -> bool {
        false
    }

    /// As [`Scheduler::refuses`].
    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        needs_interval(r)
    }
}

/// Smallest and largest length that a belief leaves possible, tokens: an interval, one length, or the support
/// of a law. `None` where nothing is known of tokens.
fn interval(belief: &Belief) -> Option<(u32, u32)> {
    match belief {
        Belief::Interval { lo, hi } => Some(((*lo).max(1), (*hi).max(1))),
        Belief::Point(v) => {
            let tokens = v.round().clamp(1.0, f64::from(u32::MAX)) as u32;
            Some((tokens, tokens))
        }
        Belief::LogT(law) => Some((1, law.cap)),
        Belief::Histogram(law) => Some(law.support()),
        Belief::Unknown | Belief::Score(_) => None,
    }
}

fn needs_interval(r: &Waiting<'_>) -> Option<&'static str> {
    interval(r.belief).is_none().then_some(
        "it needs an interval of output lengths and this request has none; choose a predictor that gives one",
    )
}

/// Most tokens that an ended attempt of a waiting request produced. Where progress survives a preemption,
/// those it has.
fn ended(r: &Waiting<'_>) -> u32 {
    r.generated.max(r.generated_before)
}

/// The loop of every policy here.
struct Loop<L> {
    lengths: L,
    projection: Projection,
    seed: u64,
}

impl<L: Lengths> Loop<L> {
    fn new(lengths: L, seed: u64) -> Loop<L> {
        Loop { lengths, projection: Projection::default(), seed }
    }
}

/// Whether the head of the queue could be admitted for all that seats and present memory tell. If not, only
/// an event changes that: until then free memory only shrinks.
fn has_room(r: &Waiting<'_>, view: &View<'_>) -> bool {
    let known = u64::from(r.visible.prompt_tokens) + u64::from(r.generated);
    let kv = view.kv();
    view.running_len() < view.max_seqs() as usize && kv.blocks_for(known) <= kv.free_blocks
}

impl<L: Lengths> Scheduler for Loop<L> {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(self.lengths.rank(r.visible, self.lengths.estimate(r.belief, ended(r))))
    }

    /// Stops at the first that does not fit: with equal prompts, so would all after it.
    fn admit(&mut self, r: &Waiting<'_>, view: &View<'_>) -> Admit {
        if !has_room(r, view) {
            return Admit::Stop;
        }
        // Alone a request needs no leave: whatever it is assumed to be, nobody is in its way.
        if view.running_len() == 0 || self.projection.admits(r, view, &self.lengths) {
            return Admit::Preset;
        }
        Admit::Stop
    }

    fn victims(&mut self, need: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        kill::choose(need.blocks, view, &self.lengths, self.seed, out);
    }

    fn chooses_victims(&self) -> bool {
        true
    }

    /// Time alone can make room in the projection: a request started later peaks later.
    fn wake(&mut self, view: &View<'_>) -> Wake {
        match view.head() {
            Some(head) if has_room(&head, view) => Wake::EVERY_STEP,
            _ => Wake::EVENTS,
        }
    }

    fn notice(&mut self, what: &Notice<'_>) {
        match what {
            Notice::Admitted(r) => self.projection.admitted(r, &self.lengths),
            Notice::Evicted(..) | Notice::Finished(_) => self.projection.forget(),
        }
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        self.lengths.refuses(r)
    }

    fn is_hindsight(&self) -> bool {
        self.lengths.is_hindsight()
    }

    fn serves_unpredicted(&self) -> bool {
        false
    }
}
