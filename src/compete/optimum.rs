//! The exact optimum of small instances, by integer program; and the program's relaxation.
//!
//! The program is that of arXiv 2502.07115: one start per request, memory at every round. Killing never helps when
//! lengths are known (start the killed request later instead), so starts are enough.

use super::attempts::{Attempt, peak_kv_tokens};
use super::instance::{Instance, Job};
use crate::error::{Error, Result};
use good_lp::solvers::SolutionStatus;
use good_lp::{Expression, ProblemVariables, Solution, SolverModel, Variable, constraint, microlp, variable};
use std::collections::BTreeMap;

/// Integer programs with more variables are not tried.
pub const MOST_VARIABLES: usize = 400;
/// Relaxations with more variables are not tried; [`super::dual_bound`] takes over.
pub const MOST_RELAXED: usize = 4000;

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

/// The integer program, or its relaxation.
struct Program {
    groups: Vec<Group>,
    variables: ProblemVariables,
    /// By group: how many of it start at arrival, arrival + 1, ...
    starts: Vec<Vec<Variable>>,
    /// Total latency.
    objective: Expression,
}

impl Program {
    /// Starts up to `wait` rounds after arrival. No schedule that waits less in total than `wait` is lost.
    fn new(instance: &Instance, wait: u64, integer: bool) -> Program {
        let groups = groups(instance);
        let mut variables = ProblemVariables::new();
        let mut starts = Vec::new();
        let mut objective = Expression::from(0.0);
        for group in &groups {
            let count = group.members.len() as f64;
            let of_group: Vec<Variable> = (0..=wait)
                .map(|_| {
                    let each = variable().min(0.0).max(count);
                    variables.add(if integer { each.integer() } else { each })
                })
                .collect();
            for (waited, &x) in (0u64..).zip(&of_group) {
                objective += (waited + group.output) as f64 * x;
            }
            starts.push(of_group);
        }
        Program { groups, variables, starts, objective }
    }

    /// How many of each group start when, the objective's value, and whether the solver says optimal.
    fn solve(self, kv_tokens: u64) -> Option<(Vec<Vec<f64>>, f64, bool)> {
        let mut memory: BTreeMap<u64, Expression> = BTreeMap::new();
        let mut all: Vec<Expression> = Vec::new();
        for (group, starts) in self.groups.iter().zip(&self.starts) {
            all.push(starts.iter().sum());
            for (start, &x) in (group.arrival..).zip(starts) {
                for held in 1..=group.output {
                    let at = memory.entry(start + held).or_insert_with(|| Expression::from(0.0));
                    *at += (group.prompt + held) as f64 * x;
                }
            }
        }
        let objective = self.objective.clone();
        let mut model = self.variables.minimise(objective.clone()).using(microlp);
        for (group, sum) in self.groups.iter().zip(all) {
            model = model.with(constraint!(sum == group.members.len() as f64));
        }
        for (_, held) in memory {
            model = model.with(constraint!(held <= kv_tokens as f64));
        }
        let solution = model.solve().ok()?;
        let values = self.starts.iter().map(|of| of.iter().map(|&x| solution.value(x)).collect()).collect();
        let optimal = matches!(solution.status(), SolutionStatus::Optimal);
        Some((values, solution.eval(&objective), optimal))
    }
}

/// Rounds that `schedule` waits in all: no request of a better one waits longer.
fn total_wait(instance: &Instance, schedule: &Schedule) -> u64 {
    let outputs: u64 = instance.jobs.iter().map(|j| u64::from(j.output)).sum();
    schedule.tel(instance) - outputs
}

/// The best schedule, if the integer program is small enough ([`MOST_VARIABLES`]). `known` is any feasible schedule,
/// the better the smaller the program. The answer is checked by our own rules before it is given.
///
/// # Errors
/// The solver's answer is no schedule, or worse than `known`: a fault of the solver.
pub fn optimum(instance: &Instance, kv_tokens: u64, known: &Schedule) -> Result<Option<Schedule>> {
    let wait = total_wait(instance, known);
    if wait == 0 {
        return Ok(Some(known.clone()));
    }
    if (wait + 1).saturating_mul(groups(instance).len() as u64) > MOST_VARIABLES as u64 {
        return Ok(None);
    }
    let program = Program::new(instance, wait, true);
    let members: Vec<(u64, Vec<usize>)> =
        program.groups.iter().map(|g| (g.arrival, g.members.clone())).collect();
    let Some((counts, _, true)) = program.solve(kv_tokens) else { return Ok(None) };
    let mut starts = vec![0; instance.jobs.len()];
    for ((arrival, members), counts) in members.into_iter().zip(counts) {
        let times = (arrival..).zip(counts).flat_map(|(t, n)| std::iter::repeat_n(t, n.round() as usize));
        members.into_iter().zip(times).for_each(|(job, t)| starts[job] = t);
    }
    let found = Schedule { starts };
    let sound = found.is_feasible(instance, kv_tokens) && found.tel(instance) <= known.tel(instance);
    sound.then_some(Some(found)).ok_or_else(|| {
        Error::Usage("the integer program's answer breaks its own rules: a fault of the solver".into())
    })
}

/// The value of the program without integrality: no schedule has a smaller total latency. `None` beyond
/// [`MOST_RELAXED`] variables.
pub fn relaxation(instance: &Instance, kv_tokens: u64, known: &Schedule) -> Option<f64> {
    let wait = total_wait(instance, known);
    let variables = (wait + 1).saturating_mul(groups(instance).len() as u64);
    let program = || Program::new(instance, wait, false).solve(kv_tokens);
    (variables <= MOST_RELAXED as u64).then(program).flatten().map(|(_, value, _)| value)
}
