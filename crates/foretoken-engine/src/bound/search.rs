//! Finds a good bound: which law of work, which sharing, which relaxation for whom.

use super::charge::{Cost, Costs, Law, Sharing};
use super::relax::{Busy, Task, busy_periods, srpt_flow_ns};
use super::{Bound, Demand, LONGEST, Limits, Method, Shares};
use crate::latency::Minorant;

/// Ways to share the constant part of a step that are tried.
const SHARES: [Shares; 4] = [
    Shares { kv: 4, seats: 0, tokens: 0 },
    Shares { kv: 0, seats: 4, tokens: 0 },
    Shares { kv: 0, seats: 0, tokens: 4 },
    Shares { kv: 2, seats: 2, tokens: 0 },
];

/// Requests that the choice among laws and sharings looks at.
const SAMPLE: usize = 512;

/// A lower bound on the sum of E2E latencies of `demands`, in order of arrival, under any schedule within
/// `limits` of a replica whose steps are never shorter than each of `minorants`.
///
/// `None` where nothing can be said: no minorant, steps of less than a nanosecond, requests of over 4 million
/// tokens, nothing to bound.
pub fn lower_bound(demands: &[Demand], limits: &Limits, minorants: &[Minorant]) -> Option<Bound> {
    let laws = minorants.iter().map(|m| Law::new(m, limits)).collect::<Option<Vec<Law>>>()?;
    let longest = demands.iter().map(Demand::tokens).max()?;
    if longest > LONGEST {
        return None;
    }
    let (minorant, shares) = heaviest(demands, limits, &laws)?;
    let sharing = Sharing { law: laws[minorant], shares };
    let costs = Costs::new(limits, &laws, sharing, longest)?;
    let costs: Vec<Cost> = demands.iter().map(|d| costs.of(d)).collect();
    let tasks: Vec<Task> = demands
        .iter()
        .zip(&costs)
        .map(|(d, c)| Task { release_ns: d.arrival_ns, work_ns: c.work_ns })
        .collect();
    let mut bound = Bound {
        sum_ns: 0,
        isolated_ns: costs.iter().map(|c| u128::from(c.isolated_ns)).sum(),
        requests: demands.len(),
        minorant,
        shares,
        groups: Vec::with_capacity(demands.len()),
    };
    let mut from = 0;
    for to in busy_periods(&tasks) {
        bound.add(&tasks[from..to], &costs[from..to]);
        from = to;
    }
    Some(bound)
}

/// The law and the sharing under which a sample of requests is the most work.
fn heaviest(demands: &[Demand], limits: &Limits, laws: &[Law]) -> Option<(usize, Shares)> {
    let sample = || demands.iter().step_by(demands.len().div_ceil(SAMPLE).max(1));
    let work = |&(law, shares): &(usize, Shares)| -> u128 {
        let sharing = Sharing { law: laws[law], shares };
        sample().map(|d| sharing.rough_ps(d, limits)).sum()
    };
    let all = (0..laws.len()).flat_map(|law| SHARES.map(|shares| (law, shares)));
    all.max_by_key(work)
}

impl Demand {
    fn tokens(&self) -> u64 {
        u64::from(self.prompt_tokens) + u64::from(self.output_tokens)
    }
}

impl Bound {
    /// Adds the requests of one busy period by the method that says most of them.
    fn add(&mut self, tasks: &[Task], costs: &[Cost]) {
        let group = self.groups.last().map_or(0, |(group, _)| group + 1);
        let alone: u128 = costs.iter().map(|c| u128::from(c.isolated_ns)).sum();
        if lone_steps_say_most(tasks, costs) {
            self.sum_ns += alone;
            self.groups.extend(costs.iter().map(|_| (group, Method::Isolated)));
            return;
        }
        let busy = Mixed::of(tasks, costs);
        // The order of mean busy times is one that SRPT betters.
        let srpt = if busy.flow_ns > busy.sum_ns.max(alone) { srpt_flow_ns(tasks) } else { 0 };
        let best = alone.max(srpt).max(busy.sum_ns);
        self.sum_ns += best;
        let methods = busy.members.iter().map(|&member| match best {
            _ if best == alone => Method::Isolated,
            _ if best == srpt => Method::Srpt,
            _ if member => Method::Busy,
            _ => Method::Isolated,
        });
        self.groups.extend(methods.map(|method| (group, method)));
    }
}

/// Whether no request of a busy period could be said more of even if it were the last to be served.
fn lone_steps_say_most(tasks: &[Task], costs: &[Cost]) -> bool {
    let Some(first) = tasks.first() else { return true };
    let end = tasks.iter().fold(first.release_ns, |end, task| end + task.work_ns);
    tasks.iter().zip(costs).all(|(task, c)| end - task.release_ns + c.tail_ns <= c.isolated_ns)
}

/// Some requests of a group by mean busy times, the others by their own steps.
struct Mixed {
    sum_ns: u128,
    members: Vec<bool>,
    /// Sum of flow times of all of the group in the order of mean busy times.
    flow_ns: u128,
}

/// Times that requests are left out.
const PASSES: usize = 3;

impl Mixed {
    /// Starts with all, and leaves out those of whom their own steps say more, as long as that helps.
    fn of(tasks: &[Task], costs: &[Cost]) -> Mixed {
        let mut best = Mixed { sum_ns: 0, members: Vec::new(), flow_ns: 0 };
        let mut members = vec![true; tasks.len()];
        for pass in 0..PASSES {
            let inside: Vec<usize> = (0..tasks.len()).filter(|&i| members[i]).collect();
            let chosen: Vec<Task> = inside.iter().map(|&i| tasks[i]).collect();
            let outside = (0..tasks.len()).filter(|&i| !members[i]);
            let mut sum_ns: u128 = outside.map(|i| u128::from(costs[i].isolated_ns)).sum();
            let before = members.clone();
            let busy = Busy::of(&chosen);
            for (&i, mean_ns) in inside.iter().zip(busy.means_ns) {
                let value = mean_ns + costs[i].tail_ns;
                sum_ns += u128::from(value);
                members[i] = value > costs[i].isolated_ns;
            }
            if pass > 0 && sum_ns <= best.sum_ns {
                break;
            }
            let flow_ns = if pass == 0 { busy.flow_ns } else { best.flow_ns };
            let settled = members == before;
            best = Mixed { sum_ns, members: before, flow_ns };
            if settled {
                break;
            }
        }
        best
    }
}
