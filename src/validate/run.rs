//! One seed of a validation: two calibrations, two runs on the device, one replay.

use super::lengths::exponential;
use super::report::SeedReport;
use super::score::{Gaps, StepScore, Times};
use crate::calibrate::{Extent, Fit, FitOptions, Plan, Samples, Session, fit};
use crate::device::{Bench, MeasureOptions, measure, scout};
use crate::error::{Error, Place, Result};
use crate::latency::{Chunk, LatencyModel, Needs, NoiseKind, Profile, StepShape};
use crate::record::Status;
use crate::replay::{Inputs, Job, Listeners, Progress, Timing, Trace, device_model, device_parts};
use crate::scenario::{HardwareConfig, Scenario, StepNoise};
use crate::scheduler::Registry;
use crate::time::Span;
use crate::workload::{Arrivals, OrInf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// The largest difference of two calibrations that are to be trusted.
const MOST_DIFFERENCE: f64 = 0.05;
/// Requests by which the capacity of the device is found.
const CAPACITY_REQUESTS: u32 = 200;

/// What is validated, and how.
pub struct Ask {
    /// What runs, with its `[hardware]`; the first of its schedulers.
    pub scenario: Scenario,
    /// Mean prompt and output lengths, tokens, of made-up requests; none where the scenario's trace is used.
    pub lengths: Option<[f64; 2]>,
    /// Requests of a run.
    pub requests: u32,
    /// Arrival rate as a share of what the device can do; none for the times of the trace.
    pub load: Option<f64>,
    /// Seconds of a calibration.
    pub budget_s: f64,
    /// A profile to be validated instead of a fresh one.
    pub profile: Option<Arc<Profile>>,
    /// The day, for a profile's provenance.
    pub date: String,
}

/// Steps of one seed, on the device and by the profile.
pub type Steps = Vec<(StepSeen, f64)>;

/// All that a seed left.
pub struct Measured {
    /// The numbers.
    pub report: SeedReport,
    /// The profile.
    pub profile: Arc<Profile>,
    /// What it was fitted to; nothing where it was given.
    pub samples: Option<(Samples, Session)>,
    /// Steps of the first run on the device, and seconds that the profile says.
    pub steps: Steps,
    /// The first run on the device.
    pub first: Times,
    /// The replay on the profile.
    pub replayed: Times,
    /// The second run on the device.
    pub second: Times,
}

/// A step as it was asked for, and what it took.
#[derive(Clone, Debug)]
pub struct StepSeen {
    /// Prefill chunks.
    pub prefill: Vec<Chunk>,
    /// Decode rows.
    pub decodes: u64,
    /// Sum of their contexts, tokens.
    pub context_sum: u64,
    context_max: u64,
    context_squares: u128,
    /// What it took.
    pub took: Span,
}

impl StepSeen {
    fn shape(&self, step: u64) -> StepShape<'_> {
        let StepSeen { prefill, decodes, context_sum, context_max, context_squares, .. } = self;
        StepShape {
            step,
            prefill,
            decodes: *decodes,
            context_sum: *context_sum,
            context_max: *context_max,
            context_squares: *context_squares,
            ..StepShape::default()
        }
    }
}

/// Validates with one seed. Stages that are done are counted in `progress`, five to a seed.
///
/// # Errors
/// A scenario without hardware; the device's, the fit's and the run's; an interruption.
pub fn validate(ask: &Ask, seed: u64, registry: &Registry, progress: &Progress) -> Result<Measured> {
    let lab = Lab::new(ask, seed, registry, progress)?;
    let before = lab.calibrate(None)?;
    let draft = match (&ask.profile, &before) {
        (Some(profile), _) => Arc::clone(profile),
        (None, Some(c)) => Arc::new(lab.fit(&c.samples, &c.session)?.profile),
        (None, None) => return Err(Error::Usage("neither a profile nor a calibration".to_string())),
    };
    let rate_rps = ask.load.map(|load| Ok::<_, Error>(load * lab.capacity_rps(&draft)?)).transpose()?;
    let (first, seen) = lab.on_device(rate_rps)?;
    let after = lab.calibrate(before.as_ref())?;
    let (fitted, samples) = match (before, after) {
        (Some(before), Some(after)) => {
            let (both, session) = (before.samples.and(after.samples), before.session);
            (Some(lab.fit(&both, &session)?), Some((both, session)))
        }
        _ => (None, None),
    };
    let profile = fitted.as_ref().map_or(draft, |fit| Arc::new(fit.profile.clone()));
    let (replayed, steps, outside) = lab.on_profile(&profile, rate_rps, seen)?;
    let (second, _) = lab.on_device(rate_rps)?;
    let pairs: Vec<(f64, f64)> = steps.iter().map(|(s, p)| (*p, s.took.as_secs())).collect();
    // The second calibration is the second pass.
    let repeat = fitted.as_ref().and_then(|fit| fit.report.passes.first());
    let (differ, bias) = (repeat.map(|r| r.median_difference), repeat.map(|r| r.bias));
    let report = SeedReport {
        seed,
        requests: first.records.iter().filter(|r| r.status == Status::Completed).count(),
        rate_rps,
        form: fitted.as_ref().map(|fit| fit.report.form.to_string()),
        calibrations_differ: differ,
        calibrations_bias: bias,
        trustworthy: [differ, bias].iter().flatten().all(|d| d.abs() <= MOST_DIFFERENCE),
        outside_domain: outside,
        steps: StepScore::of(&pairs),
        replay: Gaps::of(&replayed, &first),
        repeat: Gaps::of(&second, &first),
    };
    Ok(Measured { report, profile, samples, steps, first, replayed, second })
}

/// A calibration.
struct Calibration {
    samples: Samples,
    session: Session,
    extent: Extent,
}

/// What a seed works with.
struct Lab<'a> {
    ask: &'a Ask,
    seed: u64,
    registry: &'a Registry,
    progress: &'a Progress,
    /// On the device.
    scenario: Scenario,
    hardware: HardwareConfig,
    trace: Trace,
}

impl<'a> Lab<'a> {
    fn new(ask: &'a Ask, seed: u64, registry: &'a Registry, progress: &'a Progress) -> Result<Lab<'a>> {
        let mut scenario = ask.scenario.clone();
        scenario.seed = seed;
        let Some(hardware) = scenario.hardware.clone() else {
            let help = "name a model and a backend";
            return Err(Error::input(Place::key("hardware"), "there is nothing to validate on", help));
        };
        let trace = match ask.lengths {
            Some([prompt, output]) => {
                scenario.workload.arrivals = Arrivals::Poisson {};
                Trace::of_rows(exponential(ask.requests, seed, prompt, output, hardware.context))?
            }
            None => {
                scenario.workload.requests = Some(ask.requests);
                Trace::load(&scenario.trace)?
            }
        };
        Ok(Lab { ask, seed, registry, progress, scenario, hardware, trace })
    }

    fn interrupted(&self) -> Result<()> {
        if self.progress.interrupted.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    fn done(&self) {
        self.progress.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Calibrates, with the very plan of `before` if there is one. Nothing where a profile was given.
    fn calibrate(&self, before: Option<&Calibration>) -> Result<Option<Calibration>> {
        if self.ask.profile.is_some() {
            self.done();
            return Ok(None);
        }
        let (model, device, options) = device_parts(&self.hardware)?;
        let (clock, budget_s) = (self.hardware.clock, self.ask.budget_s);
        let (mut bench, extent) = match before {
            Some(before) => (Bench::open(&model, device, &options, clock)?, before.extent),
            None => {
                let scouted = scout(&model, device, &options, clock, budget_s)?;
                (scouted.bench, scouted.extent)
            }
        };
        if bench.runner().room() != options.room {
            let what = "memory does not hold all slots of the device";
            return Err(Error::input(
                Place::key("hardware.slots"),
                what,
                "choose fewer slots or less context",
            ));
        }
        let plan = Plan::new(&extent, self.seed)?;
        let options = MeasureOptions { budget_s, passes: 1, ..MeasureOptions::default() };
        let samples = measure(&mut bench, &plan, &options, &mut |_, _| self.interrupted())?;
        let session = Session {
            who: "foretoken validate".to_string(),
            date: self.ask.date.clone(),
            ..bench.session(&extent, self.hardware.threads as usize)
        };
        self.done();
        Ok(Some(Calibration { samples, session, extent }))
    }

    fn fit(&self, samples: &Samples, session: &Session) -> Result<Fit> {
        let options =
            FitOptions { noise: NoiseKind::None, bootstrap: 0, seed: self.seed, ..FitOptions::default() };
        fit(samples, session, &options)
    }

    /// The scenario on a profile: the device's memory and limits.
    fn simulated(&self, profile: &Profile) -> Scenario {
        let mut scenario = self.scenario.clone();
        scenario.hardware = None;
        scenario.noise = StepNoise::Off;
        scenario.profile.clone_from(&profile.name);
        let blocks = self.hardware.kv_blocks(scenario.kv.block_tokens);
        scenario.kv.blocks.get_or_insert(blocks);
        // What lies outside is told, not refused.
        scenario.metrics.max_outside_domain = 1.0;
        scenario
    }

    fn run(
        &self,
        scenario: &Scenario,
        trace: &Trace,
        timing: Timing,
        rate_rps: Option<f64>,
    ) -> Result<Times> {
        let inputs = Inputs::with(scenario, trace.clone(), timing)?;
        let job = Job { scheduler: 0, replicate: 0, rate_rps };
        let mut listeners = Listeners { progress: Some(self.progress), ..Listeners::default() };
        let finished = job.run(scenario, &inputs, self.registry, false, &mut listeners)?;
        let summary = job.summarise(scenario, &inputs, self.registry, &finished)?;
        Ok(Times { records: finished.records, summary })
    }

    /// Requests/s that the profile serves when all requests are there from the start.
    fn capacity_rps(&self, profile: &Arc<Profile>) -> Result<f64> {
        let mut scenario = self.simulated(profile);
        scenario.workload.arrivals = Arrivals::Poisson {};
        scenario.workload.rate_rps = Some(OrInf(f64::INFINITY));
        let trace = match self.ask.lengths {
            Some([prompt, output]) => {
                let rows = exponential(CAPACITY_REQUESTS, !self.seed, prompt, output, self.hardware.context);
                Trace::of_rows(rows)?
            }
            None => self.trace.clone(),
        };
        let times = self.run(&scenario, &trace, Timing::Profile(Arc::clone(profile)), None)?;
        Ok(times.summary.throughput.requests_per_s)
    }

    /// Runs the trace on the device; what it came to, and its steps.
    fn on_device(&self, rate_rps: Option<f64>) -> Result<(Times, Vec<StepSeen>)> {
        self.interrupted()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (hardware, kept) = (self.hardware.clone(), Arc::clone(&seen));
        let make = move |scenario: &Scenario| -> Result<Box<dyn LatencyModel>> {
            let device = device_model(&hardware, scenario.seed)?;
            Ok(Box::new(Watched { device, seen: Arc::clone(&kept) }))
        };
        let timing = Timing::Device(self.hardware.clone(), Arc::new(make));
        let times = self.run(&self.scenario, &self.trace, timing, rate_rps)?;
        self.done();
        let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((times, seen))
    }

    /// Replays the trace on the profile, asks it about the steps of the device, and tells the share of those that
    /// lie outside its domain.
    fn on_profile(
        &self,
        profile: &Arc<Profile>,
        rate_rps: Option<f64>,
        seen: Vec<StepSeen>,
    ) -> Result<(Times, Steps, f64)> {
        let scenario = self.simulated(profile);
        let times = self.run(&scenario, &self.trace, Timing::Profile(Arc::clone(profile)), rate_rps)?;
        let capacity = scenario.kv.blocks.unwrap_or(1) * u64::from(scenario.kv.block_tokens);
        let mut model = profile.model(capacity)?;
        let (mut steps, mut outside) = (Vec::new(), 0);
        for (i, step) in seen.into_iter().enumerate() {
            let shape = step.shape(i as u64);
            outside += usize::from(!model.in_domain(&shape));
            let predicted = model.step(&shape)?.as_secs();
            steps.push((step, predicted));
        }
        self.done();
        let share = outside as f64 / steps.len().max(1) as f64;
        Ok((times, steps, share))
    }
}

/// A device whose steps are kept.
struct Watched {
    device: Box<dyn LatencyModel>,
    seen: Arc<Mutex<Vec<StepSeen>>>,
}

impl LatencyModel for Watched {
    fn step(&mut self, shape: &StepShape<'_>) -> Result<Span> {
        let took = self.device.step(shape)?;
        let step = StepSeen {
            prefill: shape.prefill.to_vec(),
            decodes: shape.decodes,
            context_sum: shape.context_sum,
            context_max: shape.context_max,
            context_squares: shape.context_squares,
            took,
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(step);
        Ok(took)
    }

    fn needs(&self) -> Needs {
        Needs { max: true, squares: true, ..self.device.needs() }
    }

    fn is_pure(&self) -> bool {
        false
    }

    fn released(&mut self, request: crate::ids::RequestId) {
        self.device.released(request);
    }
}
