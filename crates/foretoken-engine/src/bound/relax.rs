//! One machine that shares all steps: shortest remaining work first, and mean busy times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Work that may be done from `release_ns` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub release_ns: u64,
    pub work_ns: u64,
}

/// Which task the machine works on; it switches whenever one is released.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The one with the least work left: no order has a smaller sum of completion times (Schrage 1968).
    Remaining,
    /// The one with the least work in all: no order has a smaller sum of mean busy times (Goemans 1997).
    Total,
}

/// Runs `tasks`, which are in order of release, and calls `did(task, from_ns, to_ns)` for every piece of work.
pub(super) fn run(tasks: &[Task], rule: Rule, mut did: impl FnMut(usize, u64, u64)) {
    // (key, task, work left)
    let mut ready: BinaryHeap<Reverse<(u64, u32, u64)>> = BinaryHeap::new();
    let (mut now, mut next) = (0, 0);
    loop {
        while let Some(task) = tasks.get(next).filter(|t| t.release_ns <= now || ready.is_empty()) {
            now = now.max(task.release_ns);
            ready.push(Reverse((task.work_ns, next as u32, task.work_ns)));
            next += 1;
        }
        let Some(Reverse((key, task, left))) = ready.pop() else { return };
        let until = tasks.get(next).map_or(u64::MAX, |t| t.release_ns);
        let done = left.min(until - now);
        did(task as usize, now, now + done);
        now += done;
        if done < left {
            let left = left - done;
            let key = if rule == Rule::Remaining { left } else { key };
            ready.push(Reverse((key, task, left)));
        }
    }
}

/// Sum of flow times under [`Rule::Remaining`], ns: no schedule of these tasks has less.
pub(super) fn srpt_flow_ns(tasks: &[Task]) -> u128 {
    let mut last = vec![0; tasks.len()];
    run(tasks, Rule::Remaining, |task, _, to| last[task] = to);
    last.iter().zip(tasks).map(|(to, task)| u128::from(to - task.release_ns)).sum()
}

/// What [`Rule::Total`] makes of tasks.
pub(super) struct Busy {
    /// Mean busy times from release on, ns: no schedule of the tasks has a smaller sum.
    pub means_ns: Vec<u64>,
    /// Sum of flow times, ns.
    pub flow_ns: u128,
}

impl Busy {
    pub fn of(tasks: &[Task]) -> Busy {
        let (mut doubled, mut last) = (vec![0u128; tasks.len()], vec![0; tasks.len()]);
        run(tasks, Rule::Total, |task, from, to| {
            let release = tasks[task].release_ns;
            let ends = u128::from(from - release) + u128::from(to - release);
            doubled[task] += u128::from(to - from) * ends;
            last[task] = to - release;
        });
        let mean =
            |(sum, task): (u128, &Task)| sum.checked_div(2 * u128::from(task.work_ns)).unwrap_or(0) as u64;
        Busy {
            means_ns: doubled.into_iter().zip(tasks).map(mean).collect(),
            flow_ns: last.into_iter().map(u128::from).sum(),
        }
    }
}

/// Ends of the stretches of `tasks` during which the machine never idles, the same under every rule.
pub(super) fn busy_periods(tasks: &[Task]) -> Vec<usize> {
    let (mut ends, mut busy_until) = (Vec::new(), 0u64);
    for (i, task) in tasks.iter().enumerate() {
        if i > 0 && task.release_ns >= busy_until {
            ends.push(i);
        }
        busy_until = busy_until.max(task.release_ns) + task.work_ns;
    }
    if !tasks.is_empty() {
        ends.push(tasks.len());
    }
    ends
}
