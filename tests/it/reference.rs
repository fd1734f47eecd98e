//! A deliberately naive model of the engine, to compare the real one with.
//!
//! It shares no code with the crate: plain lists, nothing kept that can be worked out again, every token
//! delivered by itself. A request is known by its index. The rules, in the order in which a step applies them:
//!
//! - Planning points: the end of a step, or the arrival that wakes an idle engine. All arrivals up to then are
//!   visible. An arrival is rejected if prompt + 1 tokens cannot fit (`Static`: if the reserve cannot, or if
//!   prompt + 1 > `max_len`).
//! - The queue is ordered by (rank, queued since, id). A preempted request goes ahead of everyone (`Front`: the
//!   one preempted last is first), counts as queued now (`Back`), or keeps its arrival (`Ranked`).
//! - blocks = ceil((computed + scheduled + lookahead) / block); lookahead is 1 in `Theory` and 0 elsewhere.
//! - Phase A: running requests in the order of admission, while budget is left. On a shortage the victim is the
//!   last of the running list or the worst (priority, arrival, id); tokens it was given in this step go back to
//!   the budget; if it is the request at hand, phase A ends.
//! - Phase B, if nothing was preempted (or `admit_in_preempt_step`): the head of the queue alone, no skipping,
//!   while budget and seats are left. The gate asks for the blocks of all known tokens (`VllmV1`) or of the first
//!   chunk (`VllmV1Of2025`, `Theory`), and for floor(watermark * (blocks + 1)) more if anything runs.
//! - A head that can never be served (its prompt and the most outputs it ever had do not fit, or chunking is off and
//!   it wants more than a step may hold) is not admitted; once nothing runs, it is rejected.
//! - A pass that preempts and schedules nothing takes no time: planning begins again. The next step lists its victims.
//! - Preemption keeps the outputs and recomputes; in `Theory` (block 1, no token budget) it voids them: a restart.
//! - Predictions come in batches, after the arrivals of the same instant. Until then a request has its early rank, or
//!   (`holds`) is not there yet; it is queued since its arrival either way. Who is rejected at arrival is not predicted,
//!   unless it was held until then. With `again`, who is preempted has its early rank until a new prediction comes,
//!   asked for once the planning is over; a prediction that is still to come counts for it.
//! - `Static`: a batch is admitted when the one before is done, each with ceil(`max_len` / block) blocks; its first
//!   step takes whole prompts; who finishes early stays as a row of one token whose context no longer grows.

mod checks;
mod scenarios;

pub use scenarios::{linear_step_ns, micro_scenario, micro_scenarios, unit_step_ns};

#[derive(Clone, Debug)]
pub struct RefRequest {
    pub arrival_ns: u64,
    pub prompt: u32,
    pub output: u32,
    /// Static rank, smaller first; 0 for all is first come, first served.
    pub rank: f64,
    /// Its rank while nothing is predicted of it.
    pub early_rank: f64,
    /// Worse when larger; matters to [`RefVictim::WorstPriority`] alone.
    pub priority: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefPreset {
    VllmV1,
    VllmV1Of2025,
    Static,
    Theory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefVictim {
    LastAdmitted,
    WorstPriority,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefRequeue {
    Front,
    Back,
    Ranked,
}

#[derive(Clone, Debug)]
pub struct RefConfig {
    pub preset: RefPreset,
    /// Ignored by `Static` and `Theory`.
    pub max_tokens_per_step: u64,
    pub max_seqs: u32,
    pub chunk: bool,
    /// 0: none.
    pub long_prefill_threshold: u32,
    pub block_tokens: u32,
    /// Usable blocks.
    pub blocks: u64,
    /// Fraction of the blocks that admission leaves free while anything runs; `Static` ignores it.
    pub watermark: f64,
    /// Tokens that `Static` reserves for each request.
    pub max_len: u32,
    pub victim: RefVictim,
    pub requeue: RefRequeue,
    pub admit_in_preempt_step: bool,
    pub predictor: Option<RefServer>,
}

/// A server that predicts in the order of arrival: a batch starts when the server is free and either `max` prompts
/// are there or the first has waited `wait_ns`.
#[derive(Clone, Copy, Debug)]
pub struct RefServer {
    pub max: usize,
    pub wait_ns: u64,
    pub batch_ns: u64,
    pub prompt_ns: u64,
    /// Whether requests join the queue only with their prediction.
    pub holds: bool,
    /// Whether a preempted request is predicted again; not with `holds`.
    pub again: bool,
}

/// One request's share of a step about to run.
#[derive(Clone, Debug)]
pub struct RefRow {
    pub tokens: u64,
    /// Tokens computed before the step.
    pub context: u64,
    pub prompt: u64,
    /// Outputs delivered before the step.
    pub emitted: u64,
}

pub struct RefStep {
    pub rows: Vec<RefRow>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefStepLog {
    pub start_ns: u64,
    pub dur_ns: u64,
    pub scheduled: Vec<(u32, u64)>,
    pub free_blocks_after_scheduling: u64,
    pub preempted: Vec<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefOutcome {
    pub steps: Vec<RefStepLog>,
    /// When each token of each request was delivered (the last attempt's).
    pub tokens: Vec<Vec<u64>>,
    /// In the order of rejection.
    pub rejected: Vec<u32>,
    /// How often each request was preempted or killed.
    pub preemptions: Vec<u32>,
}

/// Runs `requests` to the end; `step_ns` says how long a step lasts (more than 0).
pub fn run(requests: &[RefRequest], config: &RefConfig, step_ns: &dyn Fn(&RefStep) -> u64) -> RefOutcome {
    let mut engine = Naive::new(requests, config);
    loop {
        engine.take_arrivals();
        engine.serve();
        engine.plan();
        if !engine.plan.is_empty() {
            engine.step(step_ns);
        } else if engine.waiting.is_empty() && engine.running.is_empty() {
            let to_come = (0..requests.len()).filter(|&i| !engine.live[i].arrived);
            match to_come.map(|i| engine.joins[i]).min() {
                Some(next) => engine.now = next,
                None => return engine.outcome,
            }
        }
        assert!(engine.outcome.steps.len() < 1_000_000, "no end in sight: {requests:?} {config:?}");
    }
}

impl RefServer {
    /// When each of the `asking` requests is predicted.
    fn answers(&self, mut asking: Vec<(usize, u64)>) -> Vec<(usize, u64)> {
        let (mut answers, mut free_at) = (Vec::new(), 0);
        while !asking.is_empty() {
            let (_, batch, done) = self.batch(&mut asking, free_at);
            free_at = done;
            answers.extend(batch.into_iter().map(|i| (i, done)));
        }
        answers
    }

    /// When the next batch of the `asking`, in order of time, starts; who is in it; when it is done.
    fn batch(&self, asking: &mut Vec<(usize, u64)>, free_at: u64) -> (u64, Vec<usize>, u64) {
        let patience = asking[0].1 + self.wait_ns;
        let full = asking.get(self.max - 1).map_or(patience, |last| last.1.min(patience));
        let start = full.max(free_at);
        let size = asking.iter().take(self.max).filter(|(_, at)| *at <= start).count();
        let batch = asking.drain(..size).map(|(i, _)| i).collect();
        (start, batch, start + self.batch_ns + size as u64 * self.prompt_ns)
    }
}

#[derive(Clone, Default)]
struct Live {
    arrived: bool,
    computed: u64,
    emitted: u64,
    /// The most outputs that any attempt has had.
    reached: u64,
    queued_at: u64,
    /// Set while it waits ahead of everyone; the larger, the later it was preempted.
    front: Option<u64>,
}

struct Naive<'a> {
    requests: &'a [RefRequest],
    config: &'a RefConfig,
    now: u64,
    /// When each request can be seen, and whether it has its rank.
    joins: Vec<u64>,
    believed: Vec<bool>,
    /// Who has asked for a prediction and when, who is in the batch at work, and when that is done or the last was.
    asking: Vec<(usize, u64)>,
    batch: Vec<usize>,
    batch_done: u64,
    /// When the server was looked at last.
    served: Option<u64>,
    live: Vec<Live>,
    waiting: Vec<u32>,
    /// In the order of admission.
    running: Vec<u32>,
    plan: Vec<(u32, u64)>,
    preempted: Vec<u32>,
    outcome: RefOutcome,
}

impl<'a> Naive<'a> {
    fn new(requests: &'a [RefRequest], config: &'a RefConfig) -> Self {
        let n = requests.len();
        let outcome =
            RefOutcome { tokens: vec![vec![]; n], preemptions: vec![0; n], ..RefOutcome::default() };
        let live = vec![Live::default(); n];
        let arrivals: Vec<u64> = requests.iter().map(|request| request.arrival_ns).collect();
        let mut naive = Naive {
            requests,
            config,
            now: 0,
            joins: arrivals.clone(),
            believed: vec![config.predictor.is_none_or(|server| server.holds); n],
            asking: vec![],
            batch: vec![],
            batch_done: 0,
            served: None,
            live,
            waiting: vec![],
            running: vec![],
            plan: vec![],
            preempted: vec![],
            outcome,
        };
        if let Some(server) = config.predictor.filter(|server| server.holds) {
            for (i, at) in server.answers(arrivals.into_iter().enumerate().collect()) {
                naive.joins[i] = at;
            }
        }
        naive
    }

    /// Lets the server work until now; what is asked for at an instant is seen after the planning of that instant.
    fn serve(&mut self) {
        let Some(server) = self.config.predictor.filter(|_| self.served != Some(self.now)) else { return };
        self.served = Some(self.now);
        loop {
            if self.batch_done <= self.now {
                self.batch.drain(..).for_each(|i| self.believed[i] = true);
            }
            if !self.batch.is_empty() || self.asking.is_empty() {
                return;
            }
            let mut asking = self.asking.clone();
            let (start, batch, done) = server.batch(&mut asking, self.batch_done);
            if start > self.now {
                return;
            }
            (self.asking, self.batch, self.batch_done) = (asking, batch, done);
        }
    }

    fn asks_late(&self) -> bool {
        self.config.predictor.is_some_and(|server| !server.holds)
    }

    /// Rejected the moment it joins.
    fn is_hopeless(&self, id: usize) -> bool {
        let prompt = self.requests[id].prompt;
        let needs = match self.config.preset {
            RefPreset::Static if prompt + 1 > self.config.max_len => u64::MAX,
            RefPreset::Static => self.in_blocks(u64::from(self.config.max_len)),
            _ => self.in_blocks(u64::from(prompt) + 1),
        };
        needs > self.config.blocks
    }

    fn take_arrivals(&mut self) {
        for (id, request) in self.requests.iter().enumerate() {
            if self.live[id].arrived || self.joins[id] > self.now {
                continue;
            }
            self.live[id].arrived = true;
            self.live[id].queued_at = request.arrival_ns;
            match self.is_hopeless(id) {
                true => self.outcome.rejected.push(id as u32),
                false => {
                    self.waiting.push(id as u32);
                    if self.asks_late() {
                        self.asking.push((id, request.arrival_ns));
                    }
                }
            }
        }
    }

    fn plan(&mut self) {
        self.plan.clear();
        if self.config.preset == RefPreset::Static {
            return self.plan_batch();
        }
        let preempted_before = self.preempted.len();
        self.phase_a();
        if self.preempted.len() == preempted_before || self.config.admit_in_preempt_step {
            self.phase_b();
        }
    }

    fn plan_batch(&mut self) {
        if !self.running.is_empty() {
            self.plan = self.running.iter().map(|&id| (id, 1)).collect();
            return;
        }
        while let Some(id) = self.head() {
            if self.running.len() as u32 == self.config.max_seqs || self.blocks(id, 0) > self.free() {
                break;
            }
            self.admit(id, u64::from(self.requests[id as usize].prompt));
        }
    }

    fn phase_a(&mut self) {
        for id in self.running.clone() {
            if self.budget_left() == 0 {
                break;
            }
            if !self.running.contains(&id) {
                continue;
            }
            // Tokens that a victim gives back do not make this chunk longer.
            let tokens = self.want(id).min(self.budget_left());
            while self.blocks(id, tokens) - self.blocks(id, 0) > self.free() {
                let victim = self.victim();
                self.preempt(victim);
                if victim == id {
                    return;
                }
            }
            self.plan.push((id, tokens));
        }
    }

    fn phase_b(&mut self) {
        while let Some(id) = self.head() {
            if self.budget_left() == 0 || self.running.len() as u32 == self.config.max_seqs {
                break;
            }
            if self.can_never_be_served(id) {
                if !self.running.is_empty() {
                    break;
                }
                self.waiting.retain(|&other| other != id);
                self.outcome.rejected.push(id);
                continue;
            }
            let want = self.want(id);
            if !self.config.chunk && want > self.budget_left() {
                break;
            }
            let tokens = want.min(self.budget_left());
            let gate = match self.config.preset {
                RefPreset::VllmV1 => self.in_blocks(self.known(id)),
                _ => self.blocks(id, tokens),
            };
            let kept = match self.running.is_empty() {
                true => 0,
                false => (self.config.watermark * (self.config.blocks + 1) as f64).floor() as u64,
            };
            if gate + kept > self.free() {
                break;
            }
            self.admit(id, tokens);
        }
    }

    fn admit(&mut self, id: u32, tokens: u64) {
        self.waiting.retain(|&other| other != id);
        self.live[id as usize].front = None;
        self.running.push(id);
        self.plan.push((id, tokens));
    }

    fn preempt(&mut self, id: u32) {
        self.running.retain(|&other| other != id);
        self.plan.retain(|&(other, _)| other != id);
        self.waiting.push(id);
        self.preempted.push(id);
        self.outcome.preemptions[id as usize] += 1;
        if self.believed[id as usize] && self.config.predictor.is_some_and(|server| server.again) {
            self.believed[id as usize] = false;
            self.asking.push((id as usize, self.now));
        }
        let latest = self.live.iter().filter_map(|live| live.front).max().unwrap_or(0);
        let live = &mut self.live[id as usize];
        live.computed = 0;
        live.reached = live.reached.max(live.emitted);
        if self.config.preset == RefPreset::Theory {
            live.emitted = 0;
            self.outcome.tokens[id as usize].clear();
        }
        match self.config.requeue {
            RefRequeue::Front => live.front = Some(latest + 1),
            RefRequeue::Back => live.queued_at = self.now,
            RefRequeue::Ranked => {}
        }
    }

    fn step(&mut self, step_ns: &dyn Fn(&RefStep) -> u64) {
        let rows = self.plan.iter().map(|&(id, tokens)| self.row(id, tokens)).collect();
        let dur_ns = step_ns(&RefStep { rows });
        assert!(dur_ns > 0);
        self.outcome.steps.push(RefStepLog {
            start_ns: self.now,
            dur_ns,
            scheduled: self.plan.clone(),
            free_blocks_after_scheduling: self.free(),
            preempted: std::mem::take(&mut self.preempted),
        });
        self.now += dur_ns;
        for (id, tokens) in self.plan.clone() {
            let i = id as usize;
            if self.done(id) {
                continue; // a padded row
            }
            self.live[i].computed += tokens;
            if self.live[i].computed == self.known(id) {
                self.live[i].emitted += 1;
                self.outcome.tokens[i].push(self.now);
            }
        }
        let batch_done = self.running.iter().all(|&id| self.done(id));
        let keep = |id: &u32| match self.config.preset {
            RefPreset::Static => !batch_done,
            _ => !self.done(*id),
        };
        self.running = self.running.iter().copied().filter(keep).collect();
    }

    fn row(&self, id: u32, tokens: u64) -> RefRow {
        let Live { computed: context, emitted, .. } = self.live[id as usize];
        RefRow { tokens, context, prompt: u64::from(self.requests[id as usize].prompt), emitted }
    }

    fn head(&self) -> Option<u32> {
        self.waiting.iter().copied().min_by(|&a, &b| {
            let rank = |id: u32| {
                let request = &self.requests[id as usize];
                if self.believed[id as usize] { request.rank } else { request.early_rank }
            };
            let (x, y) = (&self.live[a as usize], &self.live[b as usize]);
            let latest_in_front = y.front.cmp(&x.front);
            latest_in_front.then(rank(a).total_cmp(&rank(b))).then((x.queued_at, a).cmp(&(y.queued_at, b)))
        })
    }

    fn victim(&self) -> u32 {
        let worst = |&id: &u32| {
            let request = &self.requests[id as usize];
            (request.priority, request.arrival_ns, id)
        };
        match self.config.victim {
            RefVictim::LastAdmitted => *self.running.last().unwrap(),
            RefVictim::WorstPriority => self.running.iter().copied().max_by_key(worst).unwrap(),
        }
    }

    fn known(&self, id: u32) -> u64 {
        u64::from(self.requests[id as usize].prompt) + self.live[id as usize].emitted
    }

    fn done(&self, id: u32) -> bool {
        self.live[id as usize].emitted == u64::from(self.requests[id as usize].output)
    }

    fn want(&self, id: u32) -> u64 {
        let want = self.known(id) - self.live[id as usize].computed;
        let alone = self.running.len() + self.waiting.len() == 1;
        match u64::from(self.config.long_prefill_threshold) {
            _ if alone && self.config.chunk => want,
            threshold if threshold > 0 && self.config.preset != RefPreset::Theory => want.min(threshold),
            _ => want,
        }
    }

    fn budget(&self) -> u64 {
        if self.config.preset == RefPreset::Theory { u64::MAX } else { self.config.max_tokens_per_step }
    }

    fn budget_left(&self) -> u64 {
        self.budget() - self.plan.iter().map(|&(_, tokens)| tokens).sum::<u64>()
    }

    fn can_never_be_served(&self, id: u32) -> bool {
        let reached = u64::from(self.requests[id as usize].prompt) + self.live[id as usize].reached;
        self.in_blocks(reached + self.lookahead()) > self.config.blocks
            || !self.config.chunk && self.want(id) > self.budget()
    }

    fn lookahead(&self) -> u64 {
        u64::from(self.config.preset == RefPreset::Theory)
    }

    fn in_blocks(&self, tokens: u64) -> u64 {
        tokens.div_ceil(u64::from(self.config.block_tokens))
    }

    /// Blocks that a request holds once `tokens` of it are scheduled in this step.
    fn blocks(&self, id: u32, tokens: u64) -> u64 {
        match self.config.preset {
            RefPreset::Static => self.in_blocks(u64::from(self.config.max_len)),
            _ => self.in_blocks(self.live[id as usize].computed + tokens + self.lookahead()),
        }
    }

    fn free(&self) -> u64 {
        let planned =
            |id: u32| self.plan.iter().find(|&&(other, _)| other == id).map_or(0, |&(_, tokens)| tokens);
        let held: u64 = self.running.iter().map(|&id| self.blocks(id, planned(id))).sum();
        self.config.blocks - held
    }
}
