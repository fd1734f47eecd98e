//! Small worlds for engine tests: requests from a list, latency from a closure.

pub use foretoken::engine::Recording as Seen;
use foretoken::engine::{self, ClusterConfig, EngineConfig, Group, KvConfig, Preset};
use foretoken::error::Result;
use foretoken::ids::{ReplicaId, RequestId};
use foretoken::latency::{LatencyModel, Needs, StepShape};
use foretoken::predict::{LengthSample, PredictionConfig, PredictorConfig};
use foretoken::record::RunTotals;
use foretoken::scheduler::{Params, Registry, Scheduler};
use foretoken::time::{SimTime, Span};
use foretoken::workload::{Request, RequestSource, TrueLength, Visible};

/// A request: (arrival ns, prompt, output).
pub fn request(id: u32, arrival_ns: u64, prompt_tokens: u32, output_tokens: u32) -> Request {
    let arrival = SimTime(arrival_ns);
    let visible = Visible { id: RequestId(id), arrival, prompt_tokens, ..Visible::default() };
    Request { visible, truth: TrueLength::new(output_tokens), law: None, client_wait_ns: 0 }
}

/// Requests from a list in order of arrival.
pub struct Listed(pub std::vec::IntoIter<Request>, Option<Request>);

impl Listed {
    pub fn new(requests: Vec<Request>) -> Listed {
        let mut rest = requests.into_iter();
        let next = rest.next();
        Listed(rest, next)
    }
}

impl RequestSource for Listed {
    fn next_time(&mut self) -> Result<Option<SimTime>> {
        Ok(self.1.as_ref().map(|r| r.visible.arrival))
    }

    fn take(&mut self) -> Result<Request> {
        let next = self.1.take().expect("next_time said so");
        self.1 = self.0.next();
        Ok(next)
    }
}

/// A latency model from a function of the shape to nanoseconds.
#[derive(Clone)]
pub struct Fn<F>(pub F);

impl<F: FnMut(&StepShape<'_>) -> u64 + Send> LatencyModel for Fn<F> {
    fn step(&mut self, shape: &StepShape<'_>) -> Result<Span> {
        Ok(Span((self.0)(shape)))
    }

    fn needs(&self) -> Needs {
        Needs { max: true, squares: true, ..Needs::default() }
    }
}

/// A run's configuration with everything at hand.
#[derive(Clone)]
pub struct World {
    pub engine: EngineConfig,
    pub kv: KvConfig,
    pub blocks: u64,
    pub cluster: ClusterConfig,
    pub scheduler: String,
    pub params: Params,
    pub predictor: PredictorConfig,
    pub prediction: PredictionConfig,
    pub stepwise: bool,
    pub horizon: Option<SimTime>,
}

impl World {
    pub fn new(preset: Preset) -> World {
        World {
            engine: EngineConfig::preset(preset),
            kv: KvConfig::preset(preset),
            blocks: 1 << 20,
            cluster: ClusterConfig::default(),
            scheduler: "fcfs".into(),
            params: Params::new(),
            predictor: PredictorConfig::Oracle,
            prediction: PredictionConfig::default(),
            stepwise: false,
            horizon: None,
        }
    }

    /// Runs the requests with step times from `model`.
    pub fn run<F>(&self, requests: &[Request], model: F) -> Result<(RunTotals, Seen)>
    where
        F: FnMut(&StepShape<'_>) -> u64 + Send + Clone + 'static,
    {
        let registry = Registry::builtin();
        self.run_with(requests, model, &|_| registry.make(&self.scheduler, &self.params, 7))
    }

    /// The same with a scheduler of the caller's.
    pub fn run_with<F>(
        &self,
        requests: &[Request],
        model: F,
        scheduler: &dyn std::ops::Fn(ReplicaId) -> Result<Box<dyn Scheduler>>,
    ) -> Result<(RunTotals, Seen)>
    where
        F: FnMut(&StepShape<'_>) -> u64 + Send + Clone + 'static,
    {
        let model = |_| Ok(Box::new(Fn(model.clone())) as Box<dyn LatencyModel>);
        self.run_on(requests, &model, scheduler)
    }

    /// The same with latency models of the caller's.
    pub fn run_on(
        &self,
        requests: &[Request],
        model: &dyn std::ops::Fn(ReplicaId) -> Result<Box<dyn LatencyModel>>,
        scheduler: &dyn std::ops::Fn(ReplicaId) -> Result<Box<dyn Scheduler>>,
    ) -> Result<(RunTotals, Seen)> {
        let setup = engine::Setup {
            groups: &[Group {
                replicas: self.cluster.replicas,
                engine: &self.engine,
                kv: &self.kv,
                kv_blocks: self.blocks,
                profile_name: "test",
            }],
            router_name: &self.cluster.router,
            router: &|| self.cluster.router(7),
            prompts: None,
            scheduler_name: &self.scheduler,
            scheduler,
            model,
            prediction: &self.prediction,
            stepwise: self.stepwise,
            horizon: self.horizon,
        };
        let mut seen = Seen::default();
        let predictor = self.predictor.build(&LengthSample::default(), 7, 0)?;
        let mut predictor = self.prediction.wrap(predictor, 7, 0);
        let mut source = Listed::new(requests.to_vec());
        let totals = engine::run(&setup, &mut source, predictor.as_mut(), &mut seen)?;
        seen.requests.sort_by_key(|r| r.id);
        Ok((totals, seen))
    }
}
