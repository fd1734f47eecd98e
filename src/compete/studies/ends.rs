//! Which end of an interval matters: one end wrong by a factor, the other exact.

use super::{Study, heads};
use crate::compete::{Estimate, HINDSIGHT, Instance, Intervals, Law, Match, Order, Recipe, Tick};
use crate::error::Result;
use crate::report::figure::{At, Axis, Datum, FigureSpec, Legend, Mark, Panel, Reference, Series, Width};
use crate::scenario::SchedulerConfig;
use crate::scheduler::Registry;
use rayon::prelude::*;
use std::sync::Arc;

/// Instances with one end of every interval wrong by a factor.
pub struct Ends<'a> {
    /// Where schedulers are made.
    pub registry: &'a Registry,
    /// Law of lengths.
    pub law: Arc<Law>,
    /// Number of requests.
    pub requests: u32,
    /// Prompt, tokens.
    pub prompt: u32,
    /// Memory, tokens.
    pub kv_tokens: u64,
    /// Seeds 0..seeds.
    pub seeds: u64,
}

/// Factors by which an end is off.
const FACTORS: [f64; 8] = [1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0];
/// Who is asked about errors of ends.
const READ_ENDS: [&str; 3] = ["a-max", "a-min", "a-ell"];

impl Ends<'_> {
    /// How many runs it takes.
    pub fn runs(&self) -> usize {
        2 * FACTORS.len() * READ_ENDS.len() * self.seeds as usize
    }

    /// Mean ratio to h-sf when the upper end alone is too high by a factor, and when the lower end alone is too low.
    ///
    /// # Errors
    /// Of the runs.
    pub fn study(&self, tick: &Tick<'_>) -> Result<Study> {
        let cases: Vec<(bool, f64)> =
            [true, false].into_iter().flat_map(|upper| FACTORS.map(|factor| (upper, factor))).collect();
        let columns: Vec<Vec<f64>> = cases
            .par_iter()
            .map(|&(upper, factor)| self.ratios(upper, factor, tick))
            .collect::<Result<_>>()?;
        let rows = |upper: usize, i: usize| {
            (0..FACTORS.len()).map(|k| Some(columns[upper * FACTORS.len() + k][i])).collect()
        };
        let (mut labels, mut values) = (Vec::new(), Vec::new());
        for (at, end) in ["upper end too high", "lower end too low"].iter().enumerate() {
            for (i, name) in READ_ENDS.iter().enumerate() {
                labels.push(format!("{name}, {end}"));
                values.push(rows(at, i));
            }
        }
        let study = Study {
            headers: heads("factor", &FACTORS),
            rows: values,
            labels,
            figure: None,
            notes: vec![format!(
                "mean ratio to h-sf over {} seeds; n = {}, prompt {}, M = {}; the other end is exact.",
                self.seeds, self.requests, self.prompt, self.kv_tokens
            )],
        };
        Ok(Study { figure: Some(ends_figure(&study)), ..study })
    }

    fn ratios(&self, upper: bool, factor: f64, tick: &Tick<'_>) -> Result<Vec<f64>> {
        let schedulers = READ_ENDS.map(SchedulerConfig::plain);
        let (estimate, kv_tokens) = (Estimate::True, self.kv_tokens);
        let game =
            Match { registry: self.registry, schedulers: &schedulers, estimate, kv_tokens, exact: false };
        let (below, above) = if upper { (0.0, factor - 1.0) } else { (1.0 - 1.0 / factor, 0.0) };
        let recipe = Recipe {
            law: Arc::clone(&self.law),
            requests: self.requests,
            prompt: self.prompt,
            order: Order::Random,
            intervals: Intervals::Ends { below, above },
        };
        let instance = |seed| -> Result<Instance> { recipe.instance(kv_tokens, seed) };
        let (entries, _) = game.series(&instance, self.seeds, tick)?;
        let mean = |name: &str| {
            let of = entries.iter().filter(|e| e.scheduler == name).filter_map(|e| e.ratio_hsf);
            of.sum::<f64>() / self.seeds as f64
        };
        Ok(READ_ENDS.iter().map(|name| mean(name)).collect())
    }
}

fn ends_figure(study: &Study) -> FigureSpec {
    let panel = |at: usize, label: &str, x: &str| {
        let line = |i: usize| {
            let row = &study.rows[at * READ_ENDS.len() + i];
            let points = FACTORS.iter().zip(row).filter_map(|(&f, y)| Some(Datum::new(f, (*y)?)));
            Series::new(READ_ENDS[i], Mark::Line(points.collect()))
        };
        Panel {
            label: Some(label.into()),
            x: Axis::log(x, ""),
            y: Axis::log("Mean latency over that of h-sf", ""),
            series: (0..READ_ENDS.len()).map(line).collect(),
            references: vec![Reference { at: At::Y(1.0), label: HINDSIGHT.into() }],
            ..Panel::default()
        }
    };
    FigureSpec {
        width: Width::TwoColumn,
        panels: vec![
            panel(0, "(a) lower end exact", "Upper end over true length"),
            panel(1, "(b) upper end exact", "True length over lower end"),
        ],
        share_y: true,
        legend: Legend::Outside,
        caption: "Mean latency over that of h-sf when one end of every interval is wrong.".into(),
        notes: study.notes.clone(),
        ..FigureSpec::default()
    }
}
