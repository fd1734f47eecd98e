//! Which runs a sweep has, and the scenario of each.

use super::axis::{Axis, SCHEDULER, cell, scheduler_values};
use super::filter::Filter;
use super::sample;
use super::spec::Spec;
use crate::error::{Error, Place, Result};
use crate::replay::{InputFile, Job, input_paths};
use crate::scenario::{Draft, Layers, Scenario};
use crate::scheduler::Registry;
use std::collections::BTreeSet;
use std::path::PathBuf;
use toml::Value;

/// Most runs before the filter.
const MOST_RUNS: u64 = 100_000_000;

/// A sweep, checked: its runs can be counted, numbered and made one by one.
pub struct Plan {
    /// What was asked for.
    pub spec: Spec,
    /// The axes with their values, in the order asked for; without the axis `scheduler`, which is the
    /// scenario's list of schedulers.
    pub axes: Vec<Axis>,
    /// Labels of the schedulers.
    pub schedulers: Vec<String>,
    /// Replicates of each.
    pub replicates: u32,
    /// Files that results depend on.
    pub inputs: Vec<InputFile>,
    /// The scenario of the first point that makes one.
    pub scenario: Scenario,
    draft: Draft,
    /// Raw numbers of the runs that the filter keeps, ascending.
    kept: Vec<u64>,
}

/// One point: a value for each axis.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its number before any filter.
    pub number: u64,
    /// Values by axis.
    pub values: Vec<Value>,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its point's number before any filter.
    pub point: u64,
    /// Index of its scheduler.
    pub scheduler: usize,
    /// Replicate.
    pub replicate: u32,
}

impl Plan {
    /// The sweep of `spec` over the scenario of `layers`; a `[sweep]` section in its file is weaker than
    /// `flags`.
    ///
    /// # Errors
    /// Anything that no run could survive: an axis over a key that does not exist, an empty grid, a value that
    /// is refused wherever it stands, an input that cannot be read.
    pub fn new(layers: &Layers, flags: Flags, registry: &Registry) -> Result<Plan> {
        let (mut draft, section) = Draft::read_beside(layers, "sweep")?;
        let mut spec = section.map(Spec::from_toml).transpose()?.unwrap_or_default();
        flags.lay_over(&mut spec);
        let all = axes(&spec, &draft, registry)?;
        if let Some(axis) = spec.axes.iter().find(|a| a.key == SCHEDULER) {
            draft.set("schedulers", scheduler_values(axis)?);
        }
        let scenario = Scenario::defaults(crate::engine::Preset::default());
        let mut plan = Plan {
            axes: all,
            spec,
            schedulers: Vec::new(),
            replicates: 0,
            inputs: Vec::new(),
            scenario,
            draft,
            kept: Vec::new(),
        };
        plan.points()?;
        plan.settle(registry)?;
        plan.keep()?;
        Ok(plan)
    }

    /// Points before the filter.
    fn points(&self) -> Result<u64> {
        let grid = self.axes.iter().filter(|a| !a.sampled).map(|a| a.values.len() as u64);
        let samples = self.samples() as u64;
        let points = grid.chain([samples]).try_fold(1u64, u64::checked_mul).filter(|n| *n <= MOST_RUNS);
        points.ok_or_else(|| {
            let what = format!("more than {MOST_RUNS} points");
            Error::input(Place::key("sweep.axes"), what, "take axes or values out")
        })
    }

    /// Samples of the sampled axes; 1 without any.
    fn samples(&self) -> usize {
        self.axes.iter().find(|a| a.sampled).map_or(1, |a| a.values.len())
    }

    /// The point with a number: samples vary fastest, then the last axis of the grid.
    pub fn point(&self, number: u64) -> Point {
        let values = self.axes.iter().zip(self.indices(number)).map(|(axis, at)| axis.values[at].clone());
        Point { number, values: values.collect() }
    }

    /// By axis, which of its values the point with a number has.
    fn indices(&self, number: u64) -> Vec<usize> {
        let samples = self.samples() as u64;
        let (mut rest, sample) = (number / samples, (number % samples) as usize);
        let mut indices: Vec<usize> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            if axis.sampled {
                indices.push(sample);
                continue;
            }
            let n = axis.values.len() as u64;
            indices.push((rest % n) as usize);
            rest /= n;
        }
        indices.reverse();
        indices
    }

    /// The scenario of a point, all schedulers and replicates in it.
    ///
    /// # Errors
    /// The scenario refuses a value.
    pub fn scenario(&self, point: &Point) -> Result<Scenario> {
        let mut draft = self.draft.clone();
        for (axis, value) in self.axes.iter().zip(&point.values) {
            axis.set(&mut draft, value)?;
        }
        let mut scenario = draft.resolve()?;
        for (axis, value) in self.axes.iter().zip(&point.values) {
            axis.finish(&mut scenario, value)?;
        }
        scenario.workload.check()?;
        Ok(scenario)
    }

    /// Makes the scenario of every point once: refuses what is wrong everywhere, and finds the inputs.
    fn settle(&mut self, registry: &Registry) -> Result<()> {
        let mut first: Option<Scenario> = None;
        // By axis and value, the reason for which no point has been made of it yet.
        let mut doubts: Vec<Vec<Option<Doubt>>> = self
            .axes
            .iter()
            .map(|axis| vec![Some(Doubt::Unseen); if axis.sampled { 1 } else { axis.values.len() }])
            .collect();
        let mut paths = BTreeSet::new();
        for number in 0..self.points()? {
            let point = self.point(number);
            let made = self.scenario(&point).and_then(|s| checked(s, registry));
            for ((slots, axis), at) in doubts.iter_mut().zip(&self.axes).zip(self.indices(number)) {
                match (&made, &mut slots[if axis.sampled { 0 } else { at }]) {
                    (Ok(_), doubt) => *doubt = None,
                    (Err(e), Some(doubt @ Doubt::Unseen)) => *doubt = Doubt::Because(e.to_string()),
                    _ => {}
                }
            }
            match made {
                Ok(scenario) => {
                    paths.extend(input_paths(&scenario)?.into_iter().map(PathBuf::from));
                    first.get_or_insert(scenario);
                }
                // Without axes there is nothing else to blame.
                Err(e) if self.axes.is_empty() => return Err(e),
                Err(_) => {}
            }
        }
        self.refuse(&doubts)?;
        self.scenario = first.expect("every axis has a value that makes a scenario");
        self.inputs = paths.iter().map(|p| InputFile::read(p)).collect::<Result<_>>()?;
        self.schedulers = self.scenario.schedulers.iter().map(|s| s.label()).collect();
        self.replicates = self.scenario.replicates;
        Ok(())
    }

    /// The first value that no point could use.
    fn refuse(&self, doubts: &[Vec<Option<Doubt>>]) -> Result<()> {
        for (axis, doubts) in self.axes.iter().zip(doubts) {
            for (value, doubt) in axis.values.iter().zip(doubts) {
                if let Some(Doubt::Because(reason)) = doubt {
                    let value = if axis.sampled { "every sample".into() } else { cell(value) };
                    let place = Place::key(format!("sweep.axes {}", axis.key));
                    return Err(Error::input(
                        place,
                        format!("{value} is refused at every point: {reason}"),
                        "change it",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Numbers the runs that the filter keeps.
    fn keep(&mut self) -> Result<()> {
        let per_point = self.schedulers.len() as u64 * u64::from(self.replicates);
        let raw = self.points()?.checked_mul(per_point).filter(|n| *n <= MOST_RUNS);
        let Some(raw) = raw else {
            let what = format!("more than {MOST_RUNS} runs");
            return Err(Error::input(Place::key("sweep.axes"), what, "take axes or values out"));
        };
        let mut known: Vec<&str> = self.axes.iter().map(|a| a.key.as_str()).collect();
        known.extend(["scheduler", "replicate", "point"]);
        let filters: Vec<Filter> =
            self.spec.filter.iter().map(|text| Filter::parse(text, &known)).collect::<Result<_>>()?;
        let mut kept = Vec::new();
        for number in 0..raw {
            let run = self.raw(number);
            let point = if filters.is_empty() { None } else { Some(self.point(run.point)) };
            let value = |key: &str| match (key, &point) {
                ("scheduler", _) => Value::String(self.schedulers[run.scheduler].clone()),
                ("replicate", _) => Value::Integer(run.replicate.into()),
                ("point", _) => Value::Integer(run.point as i64),
                (key, Some(point)) => {
                    let at = self.axes.iter().position(|a| a.key == key).expect("the parser knows the keys");
                    point.values[at].clone()
                }
                (_, None) => unreachable!("there are no filters"),
            };
            let holds = filters.iter().map(|f| f.holds(&value)).collect::<Result<Vec<_>>>()?;
            if holds.iter().all(|h| *h) {
                kept.push(number);
            }
        }
        if kept.is_empty() {
            let what = "the filter keeps no run";
            return Err(Error::input(
                Place::key("sweep.filter"),
                what,
                "loosen it; `foretoken sweep plan` shows the points",
            ));
        }
        self.kept = kept;
        Ok(())
    }

    fn raw(&self, number: u64) -> Run {
        let replicates = u64::from(self.replicates);
        let (rest, replicate) = (number / replicates, (number % replicates) as u32);
        let schedulers = self.schedulers.len() as u64;
        Run { point: rest / schedulers, scheduler: (rest % schedulers) as usize, replicate }
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there are none, which [`Plan::new`] refuses.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The run with an index below [`Plan::len`].
    pub fn run(&self, index: usize) -> Run {
        self.raw(self.kept[index])
    }

    /// The seed of a point's scenario.
    pub fn seed(&self, point: &Point) -> String {
        let axis = self.axes.iter().position(|a| a.key == "seed");
        axis.map_or(self.scenario.seed.to_string(), |at| cell(&point.values[at]))
    }

    /// Everything the user gave, the `[sweep]` section included: a file that describes this very sweep.
    ///
    /// # Errors
    /// A value that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        let usage = |e: toml::ser::Error| Error::Usage(e.to_string());
        let mut table = self.draft.given().clone();
        table.insert("sweep".into(), Value::try_from(&self.spec).map_err(usage)?);
        toml::to_string(&table).map_err(usage)
    }
}

impl Run {
    /// What the run is to `replay`.
    pub fn job(&self) -> Job {
        Job { scheduler: self.scheduler, replicate: self.replicate, rate_rps: None }
    }
}

#[derive(Clone)]
enum Doubt {
    Unseen,
    Because(String),
}

/// What a command line adds to the section of the file.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Axes, which replace those of the same key.
    pub axes: Vec<super::AxisSpec>,
    /// Samples.
    pub samples: Option<u32>,
    /// Sampling.
    pub sampling: Option<super::Sampling>,
    /// More conditions.
    pub filter: Vec<String>,
}

impl Flags {
    fn lay_over(self, spec: &mut Spec) {
        self.axes.into_iter().for_each(|axis| spec.put(axis));
        spec.samples = self.samples.or(spec.samples);
        spec.sampling = self.sampling.or(spec.sampling);
        spec.filter.extend(self.filter);
    }
}

/// The axes of `spec` but for `scheduler`, checked.
fn axes(spec: &Spec, draft: &Draft, registry: &Registry) -> Result<Vec<Axis>> {
    for (i, axis) in spec.axes.iter().enumerate() {
        axis.check()?;
        if spec.axes[..i].iter().any(|a| a.key == axis.key) {
            let place = Place::key(format!("sweep.axes {}", axis.key));
            return Err(Error::input(place, "two axes vary the same key", "take one out"));
        }
    }
    let seed = draft.given().get("seed").and_then(Value::as_integer).unwrap_or(0);
    let mut draws = sample::draws(spec, seed as u64)?.into_iter();
    let mut made = Vec::new();
    for axis in spec.axes.iter().filter(|a| a.key != SCHEDULER) {
        let drawn = if axis.is_sampled() { draws.next() } else { None };
        made.push(Axis::new(axis, registry, &drawn.unwrap_or_default())?);
    }
    Ok(made)
}

/// Refuses what no run of a point could survive.
fn checked(scenario: Scenario, registry: &Registry) -> Result<Scenario> {
    for config in &scenario.schedulers {
        registry.make(&config.name, &config.params, scenario.seed)?;
    }
    input_paths(&scenario)?;
    if !scenario.load.rates_rps.is_empty() {
        let what = "a sweep has no list of loads beside its axes";
        let help = "use --axis workload.rate_rps=..., and --set load.rates_rps=[]";
        return Err(Error::input(Place::key("load.rates_rps"), what, help));
    }
    if scenario.hardware.is_some() {
        let what = "a sweep runs many at once, and there is one device";
        return Err(Error::input(Place::key("hardware"), what, "replay point by point, or sweep a profile"));
    }
    if !std::path::Path::new(&scenario.profile).is_file() {
        crate::latency::Profile::load(&scenario.profile)?;
    }
    Ok(scenario)
}
