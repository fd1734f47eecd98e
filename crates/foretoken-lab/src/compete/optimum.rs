//! The exact optimum of small instances, by integer program; and the program's relaxation.
//!
//! The program is that of arXiv 2502.07115: one start per request, memory at every round. Killing never helps when
//! lengths are known (start the killed request later instead), so starts are enough.

use super::attempts::{Attempt, peak_kv_tokens};
use super::dual::{DualBound, Tariff, dual_bound};
use super::instance::{Instance, Job};
use crate::error::{Error, Result};
use good_lp::solvers::SolutionStatus;
use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, microlp, variable};
use std::collections::BTreeMap;

/// Instances with more starts (kinds of request times rounds of waiting) are not looked at.
const MOST_STARTS: u64 = 5000;
/// Integer programs with more variables are not tried.
pub const MOST_VARIABLES: usize = 60;
/// Relaxations with more variables are not tried.
pub const MOST_RELAXED: u64 = 2000;
/// What rounding may do to costs, rounds.
const SLACK: f64 = 1e-6;

/// A schedule without kills: the start of each request in input order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Rounds.
    pub starts: Vec<u64>,
}

impl Schedule {
    /// The final attempts behind completion times: whatever was killed before, they alone hold no more memory.
    pub fn of_completions(instance: &Instance, completion: &[u64]) -> Schedule {
        let start = |(job, c): (&Job, &u64)| c - u64::from(job.output);
        Schedule { starts: instance.jobs.iter().zip(completion).map(start).collect() }
    }

    /// Total latency, rounds.
    pub fn tel(&self, instance: &Instance) -> u64 {
        let each = instance.jobs.iter().zip(&self.starts);
        each.map(|(job, start)| start + u64::from(job.output) - u64::from(job.arrival)).sum()
    }

    /// Whether nobody starts before arriving and memory is kept at every integer time.
    pub fn is_feasible(&self, instance: &Instance, kv_tokens: u64) -> bool {
        let attempt = |(job, &start): (usize, &u64)| {
            let end = start + u64::from(instance.jobs[job].output);
            Attempt { job, start, end }
        };
        let attempts: Vec<Attempt> = self.starts.iter().enumerate().map(attempt).collect();
        let arrived = |a: &Attempt| a.start >= u64::from(instance.jobs[a.job].arrival);
        attempts.iter().all(arrived) && peak_kv_tokens(instance, &attempts) <= kv_tokens
    }
}

/// Alike requests: (arrival, prompt, output), and which they are.
pub(super) struct Group {
    pub arrival: u64,
    pub prompt: u64,
    pub output: u64,
    pub members: Vec<usize>,
}

pub(super) fn groups(instance: &Instance) -> Vec<Group> {
    let mut found: BTreeMap<[u64; 3], Vec<usize>> = BTreeMap::new();
    for (i, job) in instance.jobs.iter().enumerate() {
        found.entry([job.arrival, job.prompt, job.output].map(u64::from)).or_default().push(i);
    }
    let each = found.into_iter();
    each.map(|([arrival, prompt, output], members)| Group { arrival, prompt, output, members }).collect()
}

/// Starts of a group, and how many of it take each.
type Counts = Vec<(u64, f64)>;

/// The integer program, or its relaxation.
struct Program<'a> {
    groups: &'a [Group],
    variables: ProblemVariables,
    /// By group: start, and how many of it take it.
    starts: Vec<Vec<(u64, Variable)>>,
}

impl Program<'_> {
    /// The program over the starts of each group.
    fn new<'a>(groups: &'a [Group], starts: &[Vec<u64>], integer: bool) -> Program<'a> {
        let mut variables = ProblemVariables::new();
        let mut add = |group: &Group, start: u64| {
            let each = variable().min(0.0).max(group.members.len() as f64);
            (start, variables.add(if integer { each.integer() } else { each }))
        };
        let each = groups.iter().zip(starts);
        let starts = each.map(|(group, starts)| starts.iter().map(|&t| add(group, t)).collect()).collect();
        Program { groups, variables, starts }
    }

    /// How many of each group take each start, and the total latency. `None` if the solver gave up.
    fn solve(self, kv_tokens: u64) -> Option<(Vec<Counts>, f64)> {
        let mut memory: BTreeMap<u64, Expression> = BTreeMap::new();
        let mut all: Vec<Expression> = Vec::new();
        let mut objective = Expression::from(0.0);
        for (group, starts) in self.groups.iter().zip(&self.starts) {
            all.push(starts.iter().map(|(_, x)| *x).sum());
            for &(start, x) in starts {
                objective += (start + group.output - group.arrival) as f64 * x;
                for held in 1..=group.output {
                    let at = memory.entry(start + held).or_insert_with(|| Expression::from(0.0));
                    *at += (group.prompt + held) as f64 * x;
                }
            }
        }
        let mut model = self.variables.minimise(objective.clone()).using(microlp);
        for (group, sum) in self.groups.iter().zip(all) {
            model = model.with(constraint!(sum == group.members.len() as f64));
        }
        for (_, held) in memory {
            model = model.with(constraint!(held <= kv_tokens as f64));
        }
        let solution = model.solve().ok()?;
        if !matches!(solution.status(), SolutionStatus::Optimal) {
            return None;
        }
        let values = |of: &Vec<(u64, Variable)>| of.iter().map(|(t, x)| (*t, solution.value(*x))).collect();
        Some((self.starts.iter().map(values).collect(), solution.eval(&objective)))
    }
}

/// Rounds that `schedule` waits in all: no request of a better one waits longer.
fn total_wait(instance: &Instance, schedule: &Schedule) -> u64 {
    let outputs: u64 = instance.jobs.iter().map(|j| u64::from(j.output)).sum();
    schedule.tel(instance) - outputs
}

/// The starts of each group that a schedule no worse than `known` can have, by the prices of `dual`: the bound, raised
/// by what the start costs over the cheapest, must not lie above.
fn promising(groups: &[Group], instance: &Instance, known: &Schedule, dual: &DualBound) -> Vec<Vec<u64>> {
    let tariff = Tariff::new(&dual.prices);
    let gap = known.tel(instance) as f64 - dual.value;
    let wait = total_wait(instance, known);
    let starts = |group: &Group| {
        let (least, _) = tariff.cheapest(group);
        let within = |start: &u64| tariff.cost(group, *start) - least <= gap + SLACK;
        (group.arrival..=group.arrival + wait).filter(within).collect()
    };
    groups.iter().map(starts).collect()
}

/// The best schedule, if that can be told: `known`, any feasible schedule, is the best where the bound by prices says
/// so; else an integer program over the starts that the bound leaves decides, unless it is too large
/// ([`MOST_VARIABLES`]). The solver's answer is checked by our own rules before it is given.
///
/// # Errors
/// The solver's answer is no schedule, or worse than `known`: a fault of the solver.
pub fn optimum(instance: &Instance, kv_tokens: u64, known: &Schedule) -> Result<Option<Schedule>> {
    let groups = groups(instance);
    if total_wait(instance, known).saturating_mul(groups.len() as u64) > MOST_STARTS {
        return Ok(None);
    }
    let dual = dual_bound(instance, kv_tokens, known);
    if dual.value > known.tel(instance) as f64 - 1.0 + SLACK {
        return Ok(Some(known.clone()));
    }
    let starts = promising(&groups, instance, known, &dual);
    if starts.iter().map(Vec::len).sum::<usize>() > MOST_VARIABLES {
        return Ok(None);
    }
    let Some((counts, _)) = Program::new(&groups, &starts, true).solve(kv_tokens) else { return Ok(None) };
    let mut found = Schedule { starts: vec![0; instance.jobs.len()] };
    for (group, counts) in groups.iter().zip(counts) {
        let times = counts.into_iter().flat_map(|(t, n)| std::iter::repeat_n(t, n.round() as usize));
        group.members.iter().zip(times).for_each(|(&job, t)| found.starts[job] = t);
    }
    let sound = found.is_feasible(instance, kv_tokens) && found.tel(instance) <= known.tel(instance);
    sound.then_some(Some(found)).ok_or_else(|| {
        Error::Usage("the integer program's answer breaks its own rules: a fault of the solver".into())
    })
}

/// The value of the program without integrality: no schedule has a smaller total latency. `None` beyond
/// [`MOST_RELAXED`] variables, where [`dual_bound`] comes close to it.
pub fn relaxation(instance: &Instance, kv_tokens: u64, known: &Schedule) -> Option<f64> {
    let wait = total_wait(instance, known);
    let groups = groups(instance);
    if (wait + 1).saturating_mul(groups.len() as u64) > MOST_RELAXED {
        return None;
    }
    let starts: Vec<Vec<u64>> = groups.iter().map(|g| (g.arrival..=g.arrival + wait).collect()).collect();
    Program::new(&groups, &starts, false).solve(kv_tokens).map(|(_, value)| value)
}
