//! Average latency against the number of requests, for three ways of knowing their lengths.

use super::{Study, heads};
use crate::compete::{
    Contender, Estimate, Instance, Intervals, Law, Machine, Order, Recipe, Tick, reads_intervals,
};
use crate::error::Result;
use crate::metrics::stats;
use crate::report::figure::{
    Axis, Datum, FigureSpec, Intervals as Bands, Legend, Mark, Panel, Series, Width,
};
use crate::scenario::SchedulerConfig;
use crate::scheduler::Registry;
use rayon::prelude::*;
use std::sync::Arc;

/// Confidence level of the bands.
const LEVEL: f64 = 0.95;

/// The experiment of arXiv 2508.14544, section 6, on lengths and memory of the caller's.
pub struct Predictions<'a> {
    /// Where schedulers are made.
    pub registry: &'a Registry,
    /// Who competes.
    pub schedulers: &'a [SchedulerConfig],
    /// What those that want a number are told.
    pub estimate: Estimate,
    /// Law of lengths.
    pub law: Arc<Law>,
    /// Numbers of requests, rising.
    pub sizes: Vec<u32>,
    /// Prompt, tokens.
    pub prompt: u32,
    /// Memory, tokens.
    pub kv_tokens: u64,
    /// Seeds 0..seeds.
    pub seeds: u64,
    /// Half width of the overlapping intervals.
    pub x: f64,
    /// Times steps; `None`: rounds.
    pub machine: Option<Machine>,
}

/// What one run says: latency in rounds or seconds, and joules a request.
type Said = (f64, Option<f64>);
/// Picks latency or energy.
type Pick<'a> = dyn Fn(Said) -> Option<f64> + 'a;
/// The points of a setting and a scheduler.
type Curve<'a> = dyn Fn(usize, usize, &Pick<'_>) -> Vec<Datum> + 'a;

impl Predictions<'_> {
    /// The three ways: (name, intervals).
    fn settings(&self) -> [(String, Intervals); 3] {
        let [lower, upper] = self.law.range;
        [
            (format!("everyone [{lower}, {upper}]"), Intervals::One { lower, upper }),
            ("classes of 100".into(), Intervals::Classes { width: 100 }),
            (format!("(1 ± {})·length", self.x), Intervals::Overlap { x: self.x }),
        ]
    }

    /// Whether what `config` does depends on the setting.
    fn depends(&self, config: &SchedulerConfig) -> bool {
        reads_intervals(&config.name, self.estimate)
    }

    /// How many runs it takes.
    pub fn runs(&self) -> usize {
        let each = self.schedulers.iter().map(|config| if self.depends(config) { 3 } else { 1 });
        each.sum::<usize>() * self.sizes.len() * self.seeds as usize
    }

    /// Runs it: a row per scheduler and setting, a column per number of requests.
    ///
    /// # Errors
    /// Of the instances and the runs.
    pub fn study(&self, tick: &Tick<'_>) -> Result<Study> {
        let cells: Vec<(u32, u64)> =
            self.sizes.iter().flat_map(|&n| (0..self.seeds).map(move |seed| (n, seed))).collect();
        let said: Vec<Vec<Vec<Said>>> =
            cells.par_iter().map(|&(n, seed)| self.cell(n, seed, tick)).collect::<Result<_>>()?;
        let per_size = |size: usize| &said[size * self.seeds as usize..(size + 1) * self.seeds as usize];
        let curve = |setting: usize, i: usize, of: &Pick<'_>| -> Vec<Datum> {
            let at = |(size, &n): (usize, &u32)| {
                let values: Option<Vec<f64>> =
                    per_size(size).iter().map(|cell| of(cell[setting][i])).collect();
                Some(estimate(f64::from(n), &values?))
            };
            self.sizes.iter().enumerate().filter_map(at).collect()
        };
        let mut study = Study {
            headers: heads("average latency at n =", &self.sizes),
            labels: Vec::new(),
            rows: Vec::new(),
            figure: None,
            notes: self.notes(),
        };
        for (setting, (name, _)) in self.settings().iter().enumerate() {
            for (i, config) in self.schedulers.iter().enumerate() {
                if setting == 0 || self.depends(config) {
                    let known = if self.depends(config) { format!(", {name}") } else { String::new() };
                    study.labels.push(format!("{}{known}", config.label()));
                    study.rows.push(curve(setting, i, &|s| Some(s.0)).iter().map(|d| Some(d.y)).collect());
                }
            }
        }
        study.figure = Some(self.figure(&curve));
        Ok(study)
    }

    fn notes(&self) -> Vec<String> {
        let unit = if self.machine.is_some() { "seconds" } else { "rounds" };
        let mut notes = vec![format!(
            "mean latency in {unit} over {} seeds; prompt {}, M = {}, all at 0 in random order.",
            self.seeds, self.prompt, self.kv_tokens
        )];
        if self.estimate == Estimate::True {
            notes.push(
                "schedulers that want one length are told the true one: mc-sf then is h-sf, up to ties in time.".into(),
            );
        }
        notes
    }

    /// All settings of one number of requests and one seed, by setting and scheduler.
    fn cell(&self, n: u32, seed: u64, tick: &Tick<'_>) -> Result<Vec<Vec<Said>>> {
        let mut by_setting: Vec<Vec<Said>> = Vec::new();
        for (setting, (_, intervals)) in self.settings().into_iter().enumerate() {
            let (law, prompt) = (Arc::clone(&self.law), self.prompt);
            let recipe = Recipe { law, requests: n, prompt, order: Order::Random, intervals };
            let instance = recipe.instance(self.kv_tokens, seed)?;
            let run = |(i, config): (usize, &SchedulerConfig)| {
                if setting > 0 && !self.depends(config) {
                    return Ok(by_setting[0][i]);
                }
                let said = self.run(&instance, config, seed)?;
                tick()?;
                Ok(said)
            };
            let said: Vec<Said> = self.schedulers.par_iter().enumerate().map(run).collect::<Result<_>>()?;
            by_setting.push(said);
        }
        Ok(by_setting)
    }

    fn run(&self, instance: &Instance, config: &SchedulerConfig, seed: u64) -> Result<Said> {
        let contender = Contender { registry: self.registry, config, estimate: self.estimate };
        let n = instance.jobs.len() as f64;
        match &self.machine {
            Some(machine) => {
                let timed = machine.timed(instance, &contender, seed)?;
                Ok((timed.mean_latency_s, timed.energy_j.map(|j| j / n)))
            }
            None => {
                let rounds = contender.rounds(instance, self.kv_tokens, seed)?;
                Ok((instance.tel(&rounds.completion) as f64 / n, None))
            }
        }
    }

    fn figure(&self, curve: &Curve<'_>) -> FigureSpec {
        let unit = if self.machine.is_some() { "s" } else { "rounds" };
        let row = |first: usize, y: Axis, of: &Pick<'_>| -> Vec<Panel> {
            let panel = |(setting, (name, _)): (usize, &(String, Intervals))| {
                let line = |(i, config): (usize, &SchedulerConfig)| {
                    Series::new(config.label(), Mark::Line(curve(setting, i, of)))
                };
                let letter = char::from(b'a' + (first + setting) as u8);
                Panel {
                    label: Some(format!("({letter}) {name}")),
                    x: Axis::linear("Requests", ""),
                    y: y.clone(),
                    series: self.schedulers.iter().enumerate().map(line).collect(),
                    ..Panel::default()
                }
            };
            self.settings().iter().enumerate().map(panel).collect()
        };
        let mut panels = row(0, Axis::log("Average latency", unit), &|s| Some(s.0));
        let energy = row(3, Axis::log("Energy per request", "J"), &|s| s.1);
        if energy.iter().all(|p| p.series.iter().all(|s| matches!(&s.mark, Mark::Line(d) if !d.is_empty()))) {
            panels.extend(energy);
        }
        FigureSpec {
            width: Width::TwoColumn,
            columns: 3,
            panels,
            legend: Legend::Outside,
            intervals: (self.seeds > 1).then(|| Bands {
                level: LEVEL,
                n: [self.seeds; 2],
                of: "seeds".into(),
            }),
            caption: "Average latency over the number of requests, for three ways of knowing their lengths."
                .into(),
            ..FigureSpec::default()
        }
    }
}

/// The mean of `values` at `x`, with its t-interval where there are several.
fn estimate(x: f64, values: &[f64]) -> Datum {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    match stats::t_interval(values, LEVEL) {
        // An interval that reaches zero has no place on a log axis.
        Some(interval) if interval.lo > 0.0 => Datum::with_interval(x, mean, interval.lo, interval.hi),
        _ => Datum::new(x, mean),
    }
}
