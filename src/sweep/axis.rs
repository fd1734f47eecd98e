//! From what an axis says to its values.

use super::spec::{AxisSpec, Bounds, LogRange, Range};
use crate::error::{Error, Place, Result};
use crate::scenario::{self, Scenario, braced, check_path, is_integer, schedulers};
use crate::scheduler::Registry;
use toml::Value;

/// Most values of one axis.
const MOST_VALUES: usize = 1_000_000;

/// The axis whose values are schedulers.
pub(super) const SCHEDULER: &str = "scheduler";

/// An axis with its values at hand.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Dotted key.
    pub key: String,
    /// Its values in order; those of a sampled axis, by sample.
    pub values: Vec<Value>,
    /// Whether it is sampled together with the other sampled axes.
    pub sampled: bool,
    target: Target,
}

/// What a value of an axis changes.
#[derive(Clone, Debug)]
enum Target {
    /// A key of the scenario.
    Key,
    /// A parameter of all schedulers called `name`.
    Parameter { name: String, parameter: String },
}

impl Axis {
    /// The values of `spec`. Those of a sampled axis come from `draw`, which gives numbers in [0, 1).
    ///
    /// # Errors
    /// A key that no scenario has; a sweep cannot vary it; no values, the same one twice, or not one way to say
    /// them.
    pub(super) fn new(spec: &AxisSpec, registry: &Registry, draw: &[f64]) -> Result<Axis> {
        let (target, integer) = target(spec, registry)?;
        let round = |numbers: Vec<f64>| numbers.into_iter().map(|v| number(v, integer)).collect::<Vec<_>>();
        let sampled = spec.is_sampled();
        let values = match spec {
            AxisSpec { list: Some(list), .. } => list_values(spec, list)?,
            AxisSpec { range: Some(range), .. } => {
                let mut values = round(range_values(spec, range)?);
                values.dedup();
                values
            }
            AxisSpec { log_range: Some(range), .. } => {
                let mut values = round(log_range_values(spec, range)?);
                values.dedup();
                values
            }
            AxisSpec { uniform: Some(bounds), .. } => {
                round(draw.iter().map(|u| bounds.low + u * (bounds.high - bounds.low)).collect())
            }
            AxisSpec { log_uniform: Some(bounds), .. } => {
                let (low, high) = (libm::log(bounds.low), libm::log(bounds.high));
                round(draw.iter().map(|u| libm::exp(low + u * (high - low))).collect())
            }
            _ => Vec::new(),
        };
        if values.is_empty() {
            let what = "the axis has no values: the grid is empty";
            return Err(bad(spec, what, "give at least one"));
        }
        Ok(Axis { key: spec.key.clone(), values, sampled, target })
    }

    /// The part of `draft`'s table that this axis owns is set to `value`; parameters wait for
    /// [`Axis::finish`].
    pub(super) fn set(&self, draft: &mut scenario::Draft, value: &Value) -> Result<()> {
        if matches!(self.target, Target::Key) {
            let value = match (self.key.as_str(), value) {
                ("predictor", Value::String(text)) => Value::Table(braced(text)?.table("kind")),
                (_, value) => value.clone(),
            };
            draft.set(&self.key, value);
        }
        Ok(())
    }

    /// Sets a parameter of the schedulers of a resolved scenario, which keep their names.
    ///
    /// # Errors
    /// No scheduler is called so.
    pub(super) fn finish(&self, scenario: &mut Scenario, value: &Value) -> Result<()> {
        let Target::Parameter { name, parameter } = &self.target else { return Ok(()) };
        let json = serde_json::to_value(value).map_err(|e| Error::Usage(e.to_string()))?;
        let mut found = false;
        for config in &mut scenario.schedulers {
            if config.name == *name {
                let label = config.label();
                config.label = Some(label);
                config.params.insert(parameter.clone(), json.clone());
                found = true;
            }
        }
        if found {
            return Ok(());
        }
        let place = Place::key(format!("sweep.axes {}", self.key));
        Err(Error::input(
            place,
            format!("the scenario runs no scheduler `{name}`"),
            "add it, or drop the axis",
        ))
    }
}

impl AxisSpec {
    /// Whether its values are drawn.
    pub(super) fn is_sampled(&self) -> bool {
        self.uniform.is_some() || self.log_uniform.is_some()
    }

    /// Refuses an axis that says its values in no way, or in two.
    pub(super) fn check(&self) -> Result<()> {
        let ways = [
            self.list.is_some(),
            self.range.is_some(),
            self.log_range.is_some(),
            self.uniform.is_some(),
            self.log_uniform.is_some(),
        ];
        match ways.into_iter().filter(|given| *given).count() {
            1 => {
                self.uniform.map_or(Ok(()), |bounds| check_bounds(self, bounds, f64::NEG_INFINITY))?;
                self.log_uniform.map_or(Ok(()), |bounds| check_bounds(self, bounds, 0.0))
            }
            n => {
                let what = format!("{n} ways to say its values");
                Err(bad(self, what, "give one of list, range, log_range, uniform and log_uniform"))
            }
        }
    }
}

fn bad(spec: &AxisSpec, what: impl Into<String>, help: &str) -> Error {
    Error::input(Place::key(format!("sweep.axes {}", spec.key)), what, help)
}

/// What `spec` varies, and whether that is a whole number.
fn target(spec: &AxisSpec, registry: &Registry) -> Result<(Target, bool)> {
    let key = spec.key.as_str();
    if key == SCHEDULER {
        return Ok((Target::Key, false));
    }
    if let Some((name, parameter)) = key.strip_prefix("schedulers.").and_then(|rest| rest.split_once('.')) {
        let schema = (registry.get(name)?.params)().to_value();
        let known = schema.get("properties").and_then(|p| p.as_object());
        let names: Vec<&str> = known.into_iter().flatten().map(|(k, _)| k.as_str()).collect();
        let Some(property) = known.and_then(|p| p.get(parameter)) else {
            return Err(Error::unknown("scheduler parameter", parameter, names));
        };
        let target = Target::Parameter { name: name.into(), parameter: parameter.into() };
        return Ok((target, property["type"] == "integer"));
    }
    let instead = match key {
        "schedulers" => Some("use the axis `scheduler`, or `schedulers.NAME.PARAMETER`"),
        "replicates" => Some("give one number, --replicates N"),
        "load" | "load.rates_rps" => Some("use the axis `workload.rate_rps`"),
        "schema" | "name" => Some("vary something that changes a run"),
        _ => None,
    };
    if let Some(help) = instead {
        return Err(bad(spec, "a sweep cannot vary this key", help));
    }
    check_path(key)?;
    Ok((Target::Key, is_integer(key)?))
}

/// A number as a value: rounded if whole numbers are wanted, else to 12 significant digits, so that 0.1 + 0.2
/// is 0.3.
fn number(value: f64, integer: bool) -> Value {
    if integer {
        return Value::Integer(libm::round(value) as i64);
    }
    Value::Float(format!("{value:.11e}").parse().unwrap_or(value))
}

fn list_values(spec: &AxisSpec, list: &[serde_json::Value]) -> Result<Vec<Value>> {
    let value = |v: &serde_json::Value| {
        Value::try_from(v).map_err(|e| bad(spec, e.to_string(), "give values of TOML"))
    };
    let values = list.iter().map(value).collect::<Result<Vec<_>>>()?;
    let twice = values.iter().enumerate().find(|(i, v)| values[..*i].contains(v));
    match twice {
        Some((_, v)) => Err(bad(spec, format!("the value {} stands twice", cell(v)), "take one out")),
        None => Ok(values),
    }
}

fn range_values(spec: &AxisSpec, range: &Range) -> Result<Vec<f64>> {
    let Range { start, stop, step, count } = *range;
    if !(start.is_finite() && stop.is_finite() && start <= stop) {
        return Err(bad(spec, format!("{start} to {stop} is no range"), "give start <= stop"));
    }
    match (step, count) {
        (Some(step), None) if step > 0.0 && step.is_finite() => {
            // A hair more, so that rounding does not lose the last one.
            let steps = ((stop - start) / step + 1e-9).floor();
            if steps >= MOST_VALUES as f64 {
                return Err(bad(spec, format!("{steps} steps are too many"), "choose a larger step"));
            }
            Ok((0..=steps as usize).map(|i| start + i as f64 * step).collect())
        }
        (None, Some(count)) => Ok(between(spec, count, |x| start + x * (stop - start))?),
        (Some(step), None) => Err(bad(spec, format!("{step} is no step"), "give a positive number")),
        _ => Err(bad(spec, "a range needs its step or its count, not both", "give one of them")),
    }
}

fn log_range_values(spec: &AxisSpec, range: &LogRange) -> Result<Vec<f64>> {
    let LogRange { start, stop, count } = *range;
    if !(start > 0.0 && start <= stop && stop.is_finite()) {
        return Err(bad(spec, format!("{start} to {stop} has no even ratios"), "give 0 < start <= stop"));
    }
    between(spec, count, |x| start * libm::pow(stop / start, x))
}

/// `at` at `count` even places from 0 to 1.
fn between(spec: &AxisSpec, count: u32, at: impl Fn(f64) -> f64) -> Result<Vec<f64>> {
    match count {
        0 => Ok(Vec::new()),
        1 => Ok(vec![at(0.0)]),
        n if n as usize > MOST_VALUES => Err(bad(spec, format!("{n} values are too many"), "choose fewer")),
        n => Ok((0..n).map(|i| at(f64::from(i) / f64::from(n - 1))).collect()),
    }
}

fn check_bounds(spec: &AxisSpec, bounds: Bounds, above: f64) -> Result<()> {
    let Bounds { low, high } = bounds;
    if low.is_finite() && high.is_finite() && low < high && low > above {
        return Ok(());
    }
    let help = if above == 0.0 { "give 0 < low < high" } else { "give low < high" };
    Err(bad(spec, format!("nothing can be drawn between {low} and {high}"), help))
}

/// The schedulers that an axis `scheduler` lists: names with parameters in braces, or tables.
pub(super) fn scheduler_values(spec: &AxisSpec) -> Result<Value> {
    let Some(list) = &spec.list else {
        return Err(bad(spec, "schedulers have no order", "give a list of names"));
    };
    let mut configs = Vec::new();
    for value in list_values(spec, list)? {
        match value {
            Value::String(text) => {
                let parsed = schedulers(&[text])?;
                configs.push(Value::try_from(parsed).map_err(|e| bad(spec, e.to_string(), "give names"))?);
            }
            table @ Value::Table(_) => configs.push(Value::Array(vec![table])),
            other => return Err(bad(spec, format!("{} names no scheduler", cell(&other)), "give names")),
        }
    }
    let flat = configs.into_iter().flat_map(|c| c.as_array().cloned().unwrap_or_default());
    let flat: Vec<Value> = flat.collect();
    if flat.is_empty() {
        return Err(bad(spec, "the axis has no values: the grid is empty", "give at least one"));
    }
    Ok(Value::Array(flat))
}

/// A value as tables show it: text as it is, all else as TOML on one line.
pub fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(v) => v.to_string(),
        other => other.to_string(),
    }
}
