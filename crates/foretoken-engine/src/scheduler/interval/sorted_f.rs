//! Sorted-F: batches with the least sum of outputs over the square of their number, one after the other.
//!
//! The metric is the paper's. How to search for the best batch is not settled by what we could read, and is
//! ours: of those waiting in order of output, of peak memory and of volume, the prefixes that fit when
//! started together in an empty memory; the best of them all. With equal prompts that is the order of output.

use super::mc_sf::Params;
use super::svf::volume;
use super::{Lengths, Loop, ended};
use crate::ids::RequestId;
use crate::scheduler::{Admit, Entry, Evict, Notice, Rank, Scheduler, Shortage, View, Waiting, Wake, parse};
use crate::time::SimTime;
use std::collections::BTreeMap;

/// This scheduler's entry in the list.
pub const ENTRY: Entry = Entry {
    name: "sorted-f",
    summary: "batches of least (sum of outputs) / (number of requests)^2 first; within a batch the shortest; admits only what fits to the end",
    source: "Sorted-F (arXiv 2508.06133); how the best batch is searched for is ours",
    reads_belief: true,
    params: || schemars::schema_for!(Params),
    make: |params, seed| {
        let inner = Loop::new(parse::<Params>(params)?.checked()?, seed);
        Ok(Box::new(SortedF { inner, places: BTreeMap::new(), stale: false }))
    },
};

struct SortedF {
    inner: Loop<Params>,
    /// Place of each waiting request in the list of batches.
    places: BTreeMap<RequestId, u32>,
    /// Whether somebody waits who is not in the list.
    stale: bool,
}

/// A waiting request.
#[derive(Clone, Copy)]
struct Item {
    output: u32,
    prompt: u32,
    arrival: SimTime,
    id: RequestId,
}

impl Item {
    fn peak(&self) -> u64 {
        u64::from(self.prompt) + u64::from(self.output)
    }
}

/// Whether a batch fits an empty memory when it starts together: usage peaks when somebody ends.
fn fits(batch: &mut [Item], limit: u64) -> bool {
    batch.sort_unstable_by_key(|i| std::cmp::Reverse(i.output));
    let (mut count, mut prompts) = (0, 0);
    batch.iter().all(|i| {
        (count, prompts) = (count + 1, prompts + u64::from(i.prompt));
        prompts + count * u64::from(i.output) <= limit
    })
}

/// The longest prefix of `line` that fits, and the best of its prefixes by the metric: (metric, length).
fn best_prefix(line: &[Item], limit: u64) -> (f64, usize) {
    // Prefixes of one that fits do fit: search by doubling, then by halves.
    let holds = |n: usize| fits(&mut line[..n].to_vec(), limit);
    let (mut low, mut high) = (1, 2);
    while high <= line.len() && holds(high) {
        (low, high) = (high, 2 * high);
    }
    high = high.min(line.len() + 1);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if holds(middle) { low = middle } else { high = middle }
    }
    let mut sum = 0.0;
    let metric = |(n, item): (usize, &Item)| {
        sum += f64::from(item.output);
        (sum / ((n + 1) * (n + 1)) as f64, n + 1)
    };
    let prefixes = line[..low].iter().enumerate().map(metric);
    prefixes.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a line of at least one")
}

/// The list: batch after batch, each in order of output.
fn list(mut items: Vec<Item>, limit: u64) -> Vec<RequestId> {
    let orders: [fn(&Item) -> f64; 3] =
        [|i| f64::from(i.output), |i| i.peak() as f64, |i| volume(i.prompt, i.output)];
    let alike = items.windows(2).all(|w| w[0].prompt == w[1].prompt);
    let by_output = |i: &Item| (i.output, i.arrival, i.id);
    items.sort_unstable_by_key(by_output);
    let mut found = Vec::with_capacity(items.len());
    while !alike && !items.is_empty() {
        let lines = orders.map(|key| {
            let mut line = items.clone();
            line.sort_by(|a, b| key(a).total_cmp(&key(b)));
            line
        });
        let best = lines.iter().map(|line| (best_prefix(line, limit), line));
        let ((_, n), line) = best.min_by(|a, b| a.0.0.total_cmp(&b.0.0)).expect("three lines");
        let mut batch = line[..n].to_vec();
        batch.sort_unstable_by_key(by_output);
        items.retain(|i| batch.binary_search_by_key(&by_output(i), by_output).is_err());
        found.extend(batch.iter().map(|i| i.id));
    }
    found.extend(items.iter().map(|i| i.id));
    found
}

impl Scheduler for SortedF {
    fn rank(&mut self, r: &Waiting<'_>, _: SimTime) -> Rank {
        match self.places.get(&r.visible.id) {
            Some(&place) => Rank(f64::from(place)),
            None => {
                self.stale = true;
                Rank(f64::MAX)
            }
        }
    }

    /// A newcomer makes a new list.
    fn reorders(&mut self, view: &View<'_>) -> bool {
        if !self.stale {
            return false;
        }
        let kv = view.kv();
        let item = |r: Waiting<'_>| Item {
            output: self.inner.lengths.estimate(r.belief, ended(&r)),
            prompt: r.visible.prompt_tokens,
            arrival: r.visible.arrival,
            id: r.visible.id,
        };
        let items = view.waiting().map(item).collect();
        let list = list(items, kv.usable_blocks * u64::from(kv.block_tokens));
        self.places = list.into_iter().zip(0..).collect();
        self.stale = false;
        true
    }

    fn admit(&mut self, r: &Waiting<'_>, view: &View<'_>) -> Admit {
        self.inner.admit(r, view)
    }

    fn victims(&mut self, need: Shortage, view: &View<'_>, out: &mut Vec<Evict>) {
        self.inner.victims(need, view, out);
    }

    fn chooses_victims(&self) -> bool {
        true
    }

    fn wake(&mut self, view: &View<'_>) -> Wake {
        self.inner.wake(view)
    }

    fn notice(&mut self, what: &Notice<'_>) {
        self.inner.notice(what);
        if let Notice::Admitted(r) = what {
            self.places.remove(&r.visible.id);
        }
    }

    fn refuses(&self, r: &Waiting<'_>) -> Option<&'static str> {
        self.inner.refuses(r)
    }

    fn serves_unpredicted(&self) -> bool {
        false
    }
}
