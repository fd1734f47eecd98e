//! The rounds model and its algorithms a second time, as plainly as they can be written: every round is visited, every
//! sum is taken anew. Shares no code with the engine, the schedulers or the solver.

use foretoken::compete::{Instance, Job};

/// Who decides.
#[derive(Clone, Debug)]
pub enum Policy {
    /// Ordered by a key, reserves an estimate per request: H-SF, MC-SF, A_max, SVF.
    Reserve { key: Vec<u64>, estimate: Vec<u64> },
    /// A_min.
    Min { bound: Bound, tie: Tie, projection: Projection, seed: u64 },
    /// A_ell.
    Ell,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    Stored,
    Running,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tie {
    Random,
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Projection {
    Running,
    Hold,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub completion: Vec<u64>,
    pub kills: u64,
    pub tokens_lost: u64,
    pub peak: u64,
}

impl Policy {
    pub fn hindsight(i: &Instance) -> Policy {
        Policy::reserving(i, |j| u64::from(j.output))
    }

    pub fn max(i: &Instance) -> Policy {
        Policy::reserving(i, |j| u64::from(j.upper))
    }

    pub fn min() -> Policy {
        Policy::Min { bound: Bound::Stored, tie: Tie::Random, projection: Projection::Running, seed: 0 }
    }

    pub fn reserving(i: &Instance, of: impl Fn(&Job) -> u64) -> Policy {
        let estimate: Vec<u64> = i.jobs.iter().map(of).collect();
        Policy::Reserve { key: estimate.clone(), estimate }
    }

    pub fn least_volume(i: &Instance) -> Policy {
        let volume = |j: &Job| {
            let (s, o) = (u64::from(j.prompt), u64::from(j.output));
            (1..=o).map(|k| s + k).sum()
        };
        Policy::Reserve {
            key: i.jobs.iter().map(volume).collect(),
            estimate: i.jobs.iter().map(|j| u64::from(j.output)).collect(),
        }
    }
}

struct State<'a> {
    jobs: &'a [Job],
    m: u64,
    t: u64,
    /// Start of the attempt under way.
    live: Vec<Option<u64>>,
    waiting: Vec<bool>,
    /// A_min's bounds; A_ell's estimates.
    bound: Vec<u64>,
    parked: Vec<bool>,
    run: Run,
}

impl State<'_> {
    fn prompt(&self, i: usize) -> u64 {
        self.jobs[i].prompt.into()
    }

    fn running(&self) -> Vec<usize> {
        (0..self.jobs.len()).filter(|&i| self.live[i].is_some()).collect()
    }

    /// Memory at integer time `at` of everybody who runs.
    fn usage(&self, at: u64) -> u64 {
        self.running().iter().map(|&i| self.prompt(i) + at - self.live[i].unwrap()).sum()
    }

    fn finish(&mut self) {
        for i in self.running() {
            if self.live[i].unwrap() + u64::from(self.jobs[i].output) == self.t {
                self.live[i] = None;
                self.run.completion[i] = self.t;
            }
        }
    }

    fn kill(&mut self, i: usize) {
        self.run.kills += 1;
        self.run.tokens_lost += self.t - self.live[i].unwrap();
        self.live[i] = None;
    }

    /// Whether `new` may start now beside those who run, who are projected to end at `end`.
    fn fits(&self, new: usize, estimate: u64, end: &dyn Fn(usize) -> u64) -> bool {
        let running = self.running();
        let ends = running.iter().map(|&i| end(i)).chain([self.t + estimate]);
        let last = ends.max().unwrap();
        (self.t + 1..=last).all(|at| {
            let live = running.iter().filter(|&&i| end(i) >= at);
            let held: u64 = live.map(|&i| self.prompt(i) + at - self.live[i].unwrap()).sum();
            let own = if self.t + estimate >= at { self.prompt(new) + at - self.t } else { 0 };
            held + own <= self.m
        })
    }

    /// The longest prefix of `line` that fits.
    fn admit(
        &mut self,
        line: &[usize],
        estimate: &dyn Fn(&State<'_>, usize) -> u64,
        end: &dyn Fn(&State<'_>, usize) -> u64,
    ) {
        for &i in line {
            if !self.fits(i, estimate(self, i), &|j| end(self, j)) {
                return;
            }
            self.live[i] = Some(self.t);
            self.waiting[i] = false;
        }
    }

    fn line(&self, key: impl Fn(usize) -> u64) -> Vec<usize> {
        let mut line: Vec<usize> = (0..self.jobs.len()).filter(|&i| self.waiting[i]).collect();
        line.sort_by_key(|&i| (key(i), self.jobs[i].arrival, i));
        line
    }
}

pub fn run(instance: &Instance, m: u64, policy: &Policy) -> Run {
    let n = instance.jobs.len();
    let lower = |j: &Job| u64::from(j.lower);
    let mut state = State {
        jobs: &instance.jobs,
        m,
        t: 0,
        live: vec![None; n],
        waiting: vec![false; n],
        bound: instance.jobs.iter().map(lower).collect(),
        parked: vec![false; n],
        run: Run { completion: vec![0; n], ..Run::default() },
    };
    let mut open = false;
    while state.run.completion.contains(&0) {
        assert!(state.t < 1_000_000, "a livelock");
        for (i, job) in instance.jobs.iter().enumerate() {
            state.waiting[i] |= u64::from(job.arrival) == state.t;
        }
        state.run.peak = state.run.peak.max(state.usage(state.t));
        state.finish();
        match policy {
            Policy::Reserve { key, estimate } => reserve(&mut state, key, estimate),
            Policy::Min { bound, tie, projection, seed } => {
                evict(&mut state, *bound, *tie, *seed);
                min(&mut state, *projection);
            }
            Policy::Ell => ell(&mut state, &mut open),
        }
        state.t += 1;
    }
    state.run
}

fn reserve(state: &mut State<'_>, key: &[u64], estimate: &[u64]) {
    let line = state.line(|i| key[i]);
    state.admit(&line, &|_, i| estimate[i], &|s, j| s.live[j].unwrap() + estimate[j]);
}

fn evict(state: &mut State<'_>, bound: Bound, tie: Tie, seed: u64) {
    let t = state.t;
    let mut order = state.running();
    let progress = |s: &State<'_>, i: usize| t - s.live[i].unwrap();
    order.sort_by_key(|&i| {
        let b = match bound {
            Bound::Stored => state.bound[i],
            Bound::Running => state.bound[i].max(progress(state, i)),
        };
        let first = match tie {
            Tie::Random => {
                let sum = i as u128 * 2_654_435_761 + u128::from(t) * 40_503 + u128::from(seed) * 97_003;
                (sum % 65_521) as u64
            }
            Tie::Index => 0,
        };
        (b, first, n_minus(i))
    });
    for i in order {
        if state.usage(t + 1) <= state.m {
            return;
        }
        state.bound[i] = state.bound[i].max(progress(state, i));
        state.kill(i);
        state.waiting[i] = true;
    }
}

/// Newest first.
fn n_minus(i: usize) -> usize {
    usize::MAX - i
}

fn min(state: &mut State<'_>, projection: Projection) {
    let line = state.line(|i| state.bound[i]);
    let Some(&first) = line.first() else { return };
    let hold = state.t + state.bound[first];
    state.admit(&line, &|s, i| s.bound[i], &|s, j| {
        let (known, next) = (s.live[j].unwrap() + s.bound[j], s.t + 1);
        match projection {
            Projection::Hold if known < next => hold,
            _ => known.max(next),
        }
    });
}

fn ell(state: &mut State<'_>, open: &mut bool) {
    for i in state.running() {
        let probed = !state.parked[i] && state.jobs[i].lower < state.jobs[i].upper;
        if probed && state.t - state.live[i].unwrap() == u64::from(state.jobs[i].lower) {
            state.kill(i);
            state.parked[i] = true;
            state.bound[i] = state.jobs[i].upper.into();
            state.waiting[i] = *open;
        }
    }
    let idle = state.running().is_empty() && !state.waiting.contains(&true);
    if !*open && idle && state.parked.contains(&true) {
        *open = true;
        for i in 0..state.jobs.len() {
            state.waiting[i] |= state.parked[i];
        }
    }
    let line = state.line(|i| state.bound[i]);
    state.admit(&line, &|s, i| s.bound[i], &|s, j| s.live[j].unwrap() + s.bound[j]);
}

/// Least total latency over all start vectors, by trying all of them.
pub fn least_tel(instance: &Instance, m: u64) -> u64 {
    let hindsight = run(instance, m, &Policy::hindsight(instance));
    let best = instance.tel(&hindsight.completion);
    let mut search = Tries { instance, m, starts: Vec::new(), best };
    search.go(0);
    search.best
}

struct Tries<'a> {
    instance: &'a Instance,
    m: u64,
    starts: Vec<u64>,
    best: u64,
}

impl Tries<'_> {
    fn go(&mut self, so_far: u64) {
        let (jobs, placed) = (&self.instance.jobs, self.starts.len());
        let rest: u64 = jobs[placed..].iter().map(|j| u64::from(j.output)).sum();
        if so_far + rest >= self.best {
            return;
        }
        let Some(job) = jobs.get(placed) else {
            if self.fits() {
                self.best = so_far;
            }
            return;
        };
        let (arrival, output) = (u64::from(job.arrival), u64::from(job.output));
        for wait in 0..self.best - so_far - rest {
            self.starts.push(arrival + wait);
            self.go(so_far + wait + output);
            self.starts.pop();
        }
    }

    fn fits(&self) -> bool {
        let end = |i: usize| self.starts[i] + u64::from(self.instance.jobs[i].output);
        let last = (0..self.starts.len()).map(end).max().unwrap_or(0);
        let held = |i: usize, t: u64| match self.starts[i] < t && t <= end(i) {
            true => u64::from(self.instance.jobs[i].prompt) + t - self.starts[i],
            false => 0,
        };
        (0..=last).all(|t| (0..self.starts.len()).map(|i| held(i, t)).sum::<u64>() <= self.m)
    }
}
