//! Client-given priorities, as vLLM's `priority` policy has them.

use super::{Entry, Evict, NoParams, Rank, Requeue, Scheduler, Shortage, View, Waiting, parse};
use crate::time::SimTime;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "priority",
    summary: "smallest priority value first; the worst one loses its memory first",
    source: "vLLM V1, scheduling policy `priority`",
    reads_belief: false,
    params: || schemars::schema_for!(NoParams),
    make: |params, _| {
        parse::<NoParams>(params)?;
        Ok(Box::new(Priority))
    },
};

struct Priority;

impl Scheduler for Priority {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        Rank(f64::from(r.visible.priority))
    }

    fn chooses_victims(&self) -> bool {
        true
    }

    /// A waiting request never evicts a running one by itself; only a shortage of memory does.
    fn victims(&mut self, _: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        // Equal arrivals are told apart by id, as a clock would.
        let worst = view.running().max_by_key(|r| (r.visible.priority, r.visible.arrival, r.visible.id));
        let evict = |id| Evict { id, how: view.shortfall(), requeue: Requeue::Ranked };
        out.extend(worst.map(|r| evict(r.visible.id)));
    }
}
