//! Random small worlds in which memory, seats and tokens are short, and which run under any scheduler.

use crate::engine::{EngineConfig, Gate, KvConfig, Preset, VictimRule};
use crate::error::Result;
use crate::ids::RequestId;
use crate::length::{Belief, Histogram, LogT};
use crate::predict::{
    AfterPreemption, Batching, LengthSample, PredictionConfig, PredictionMode, Predictor, PredictorConfig,
};
use crate::rng::Stream;
use crate::router::{Registry, Router, Site};
use crate::scheduler::Requeue;
use crate::time::{SimTime, Span};
use crate::workload::{ClassId, Ledger, Request, TrueLength, Visible};
use std::sync::Arc;

/// Kinds of belief that a scheduler may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Truth,
    Noise,
    Intervals,
    Laws,
    Histograms,
    Scores,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::Nothing,
        Kind::Truth,
        Kind::Noise,
        Kind::Intervals,
        Kind::Laws,
        Kind::Histograms,
        Kind::Scores,
    ];

    pub fn predictor(self, seed: u64) -> Result<Box<dyn Predictor>> {
        let config = match self {
            Kind::Nothing => PredictorConfig::None,
            Kind::Truth => PredictorConfig::Oracle,
            Kind::Noise => PredictorConfig::Noisy { sigma: 1.0 },
            Kind::Intervals => {
                let confusion = vec![vec![0.6, 0.3, 0.1], vec![0.2, 0.6, 0.2], vec![0.1, 0.3, 0.6]];
                PredictorConfig::Binned { edges: vec![4, 40], confusion, cap: 1024 }
            }
            Kind::Laws => PredictorConfig::Law,
            Kind::Histograms => return Ok(Box::new(Histograms { seed })),
            Kind::Scores => return Ok(Box::new(Scores { seed })),
        };
        config.build(&LengthSample::default(), seed, 0)
    }
}

/// Believes in one of three bins with random weights.
struct Histograms {
    seed: u64,
}

impl Predictor for Histograms {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        let id = u64::from(request.visible.id.0);
        let mut draw = Stream::new(self.seed, 0, "contract.histograms", id);
        let weights = [draw.uniform(), draw.uniform(), 0.1];
        Ok(Belief::Histogram(Arc::new(Histogram::new(&[0.0, 4.0, 40.0, 400.0], &weights)?)))
    }
}

/// Orders requests at random and says nothing about tokens.
struct Scores {
    seed: u64,
}

impl Predictor for Scores {
    fn predict(&mut self, request: &Request) -> Result<Belief> {
        let id = u64::from(request.visible.id.0);
        Ok(Belief::Score(Stream::new(self.seed, 0, "contract.scores", id).normal()))
    }
}

/// Makes a router.
pub(super) type MakeRouter = dyn Fn(Site) -> Result<Box<dyn Router>>;

/// Everything about a run but its scheduler.
pub(super) struct World {
    pub engine: EngineConfig,
    pub kv: KvConfig,
    pub blocks: u64,
    pub replicas: u32,
    /// What prompts say.
    pub ledger: Ledger,
    /// Makes the router.
    pub router: Box<MakeRouter>,
    pub prediction: PredictionConfig,
    pub requests: Vec<Request>,
    /// True output lengths by id.
    pub outputs: Vec<u32>,
}

/// Draws, one after the other.
struct Dice(Stream);

impl Dice {
    /// Uniform in `low..=high`.
    fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.below(high - low + 1)
    }

    fn coin(&mut self) -> bool {
        self.0.below(2) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.below(choices.len() as u64) as usize]
    }
}

impl World {
    /// The `seed`-th world, of an engine among `presets`. Each source of trouble is switched on or off for
    /// the world as a whole, so that some worlds have one kind alone.
    pub fn random(seed: u64, presets: &[Preset]) -> World {
        let mut dice = Dice(Stream::new(seed, 0, "contract.world", 0));
        let preset = dice.of(presets);
        let (mut engine, mut kv) = (EngineConfig::preset(preset), KvConfig::preset(preset));
        if preset != Preset::Theory {
            kv.block_tokens = dice.range(1, 5) as u32;
            engine.requeue = dice.of(&[Requeue::Front, Requeue::Back, Requeue::Ranked]);
            engine.admit_in_preempt_step = dice.coin();
        }
        if !matches!(preset, Preset::Theory | Preset::Static) {
            engine.max_tokens_per_step = if dice.coin() { dice.range(1, 32) } else { 512 };
            engine.long_prefill_threshold = dice.of(&[0, 0, 1, 3]);
        }
        engine.max_seqs = if dice.coin() { dice.range(1, 4) } else { 16 } as u32;
        engine.victim =
            dice.of(&[VictimRule::LastAdmitted, VictimRule::LatestArrival, VictimRule::WorstPriority]);
        engine.host_overhead_s = dice.of(&[0.0, 1e-7]);
        engine.max_model_len = if preset == Preset::Static || dice.range(0, 7) == 0 { 64 } else { 0 };
        if engine.max_model_len > 0 && dice.coin() {
            kv.gate = Gate::MaxLen;
        }
        kv.watermark = dice.of(&[0.0, 0.1, 0.3]);
        let replicas = dice.of(&[1, 1, 2]);
        let router = dice.of(&["round-robin", "least-outstanding"]);
        let requests = requests(&mut dice, engine.max_model_len);
        let prediction = prediction(&mut Dice(Stream::new(seed, 0, "contract.prediction", 0)));
        let outputs: Vec<u32> = requests.iter().map(|(_, output)| *output).collect();
        let requests: Vec<Request> = requests.into_iter().map(|(request, _)| request).collect();
        let router: Box<MakeRouter> = Box::new(move |site| Registry::builtin().written(router, site));
        let mut world = World {
            engine,
            kv,
            blocks: 0,
            replicas,
            ledger: Ledger::default(),
            router,
            prediction,
            requests,
            outputs,
        };
        let largest = (0..world.requests.len()).map(|i| world.blocks_of(i)).max().unwrap_or(1);
        world.blocks = match dice.range(0, 3) {
            0 => dice.range(1, largest),
            1 => largest * 16,
            _ => dice.range(largest, 2 * largest),
        };
        world
    }

    /// Most blocks that request `i` ever holds.
    fn blocks_of(&self, i: usize) -> u64 {
        let lookahead = u64::from(self.kv.lookahead_tokens);
        let prompt = u64::from(self.requests[i].visible.prompt_tokens);
        let most = prompt + u64::from(self.outputs[i]) - 1 + lookahead;
        let slots = match self.kv.gate {
            Gate::MaxLen => u64::from(self.engine.max_model_len) + lookahead,
            _ => most.max(prompt + 1),
        };
        slots.div_ceil(u64::from(self.kv.block_tokens))
    }

    /// Whether an otherwise empty replica can serve request `i` to its end.
    pub fn admissible(&self, i: usize) -> bool {
        self.blocks_of(i) <= self.blocks
    }
}

/// A third of the worlds predict at once; the others on a server, some so slow enough that requests are served without.
fn prediction(dice: &mut Dice) -> PredictionConfig {
    let mode = dice.of(&[PredictionMode::Instant, PredictionMode::Asynchronous, PredictionMode::Synchronous]);
    let (batch_max, batch_s) = (dice.range(1, 4) as u32, dice.of(&[0.0, 2e-6, 2e-5]));
    let after = dice.of(&[AfterPreemption::Keep, AfterPreemption::Again]);
    let batching = dice.of(&[Batching::Window, Batching::ReleasedCode]);
    let plain = PredictionConfig { mode, ..PredictionConfig::default() };
    match mode {
        PredictionMode::Instant => plain,
        PredictionMode::Synchronous => PredictionConfig { batch_max, batch_s, batching, ..plain },
        PredictionMode::Asynchronous => {
            PredictionConfig { batch_max, batch_s, batching, after_preemption: after, ..plain }
        }
    }
}

/// Requests and their true output lengths. All in one burst or far apart, short or with a heavy tail.
fn requests(dice: &mut Dice, max_model_len: u32) -> Vec<(Request, u32)> {
    let (gap_ns, long, alike) = (dice.of(&[0, 300, 9000, 100_000]), dice.coin(), dice.coin());
    let count = dice.range(1, 12);
    let mut at = 0;
    let one = |id| {
        at += if gap_ns == 0 || dice.coin() { 0 } else { dice.range(0, gap_ns) };
        let mut prompt = dice.range(1, 12) as u32;
        let mut output =
            if long && dice.range(0, 3) == 0 { dice.range(50, 300) } else { dice.range(1, 11) } as u32;
        if max_model_len > 0 {
            prompt = prompt.min(max_model_len - 1);
            output = output.min(max_model_len - prompt);
        }
        let arrival = SimTime(at);
        let visible = Visible {
            id: RequestId(id as u32),
            arrival,
            prompt_tokens: prompt,
            class: ClassId(dice.range(0, 1) as u16),
            priority: if alike { 0 } else { dice.range(0, 4) as i32 - 2 },
            deadline: Some(arrival + Span(dice.range(1, 50_000))),
            ..Visible::default()
        };
        let law = LogT { mu: libm::log(f64::from(output)), sigma: 0.5, nu: 3.0, cap: 1024 };
        let truth = TrueLength::new(output);
        (Request { visible, truth, law: Some(law), client_wait_ns: 0 }, output)
    };
    (0..count).map(one).collect()
}
