//! From arguments to a report.

use super::{Args, Gate, files};
use crate::cli::Console;
use crate::cli::calibrate::seconds;
use crate::cli::progress::{Bar, stop_on_interrupt};
use crate::device::refused;
use crate::error::{Error, Place, Result};
use crate::latency::Profile;
use crate::replay::{Progress, check_device};
use crate::scenario::{HardwareConfig, Layers, Scenario, resolve, schedulers};
use crate::scheduler::Registry;
use crate::validate::{Ask, Bars, Errors, Measured, Report, SeedReport, validate};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use toml::Value;

/// Prompt and decode tokens of a step: what calibration covers.
const STEP_TOKENS: u32 = 512;
/// Stages of a seed.
const STAGES: u32 = 5;
/// Arrival rate of made-up requests, as a share of what the device can do.
const LOAD: f64 = 0.65;

pub fn run(args: &Args, registry: &Registry, console: &Console) -> Result<()> {
    files::check(&args.out, args.overwrite)?;
    let (ask, bars) = (args.ask()?, args.bars()?);
    let hardware = args.hardware(&ask.scenario)?;
    check_device(hardware, &ask.scenario, registry)?;
    let config = &ask.scenario.schedulers[0];
    registry.make(&config.name, &config.params, ask.scenario.seed)?;
    if hardware.backend.is_cpu() {
        crate::cli::threads::pin(hardware.threads as usize)?;
    }
    let progress = Arc::new(Progress::default());
    progress.runs.store((args.requests.seeds * STAGES) as usize, Ordering::Relaxed);
    stop_on_interrupt(&progress)?;
    let bar = Bar::start(console, &progress);
    let seeds = (0..args.requests.seeds).map(|i| args.requests.seed + u64::from(i));
    let measured = seeds.map(|seed| validate(&ask, seed, registry, &progress)).collect::<Result<Vec<_>>>();
    drop(bar);
    let measured = measured?;
    let what = hardware.label();
    let seeds = measured.iter().map(|m| m.report.clone()).collect();
    let report = Report::new(what, ask.scenario.schedulers[0].label(), seeds, bars);
    files::write(&args.out, &report, &measured)?;
    tell(&report, &measured, console);
    show(&report, console)?;
    console.talk(&format!("{}: written", args.out.display()));
    match report.missed.as_slice() {
        [] => Ok(()),
        _ if args.bars.gate == Gate::None => Ok(()),
        missed => {
            let one = |m: &crate::validate::Missed| {
                format!("median {} over the seeds is {:.3}, the bar {:.3}", m.what, m.value, m.bar)
            };
            Err(Error::Check(missed.iter().map(one).collect::<Vec<_>>().join("; ")))
        }
    }
}

impl Args {
    fn hardware<'s>(&self, scenario: &'s Scenario) -> Result<&'s HardwareConfig> {
        scenario.hardware.as_ref().ok_or_else(|| Error::Usage("--set took [hardware] away".to_string()))
    }

    /// What is to be validated.
    fn ask(&self) -> Result<Ask> {
        let requests = &self.requests;
        for (flag, mean) in [("--prompt-mean", requests.prompt_mean), ("--output-mean", requests.output_mean)]
        {
            if !(mean.is_finite() && mean >= 1.0) {
                return Err(Error::Usage(format!("{flag} {mean}: give a mean of 1 token or more")));
            }
        }
        if let Some(load) = requests.load.filter(|load| !(load.is_finite() && *load > 0.0)) {
            return Err(Error::Usage(format!(
                "--load {load}: give a positive share of the capacity, such as 0.65"
            )));
        }
        let made_up = requests.trace.is_none();
        Ok(Ask {
            scenario: self.scenario()?,
            lengths: made_up.then_some([requests.prompt_mean, requests.output_mean]),
            requests: requests.requests,
            load: requests.load.or(made_up.then_some(LOAD)),
            budget_s: seconds(&self.budget)?,
            profile: self.profile.as_deref().map(Profile::load).transpose()?.map(Arc::new),
            date: jiff::Zoned::now().date().to_string(),
        })
    }

    fn scenario(&self) -> Result<Scenario> {
        let (device, requests) = (&self.device, &self.requests);
        let model = foretoken_nn::zoo::model(&device.model).map_err(refused)?;
        let on_cpu = device.backend.ends_with("-cpu");
        let clock =
            device.clock.as_deref().unwrap_or(if on_cpu && device.threads == 1 { "cpu" } else { "wall" });
        let mut layers = Layers::default();
        let mut set = |path: &str, value: Value| layers.set.push((path.to_string(), value));
        let text = |value: &str| Value::String(value.to_string());
        let number = |value: u32| Value::Integer(value.into());
        set("engine.preset", text(&requests.engine));
        if requests.engine != "static" {
            let whole = model.is_encoder_decoder();
            set(
                "engine.max_tokens_per_step",
                number(STEP_TOKENS.max(if whole { device.context } else { 0 })),
            );
            set("engine.chunked_prefill", Value::Boolean(!whole));
        }
        set("hardware.model", text(&device.model));
        set("hardware.backend", text(&device.backend));
        set("hardware.dtype", text(&device.dtype));
        set("hardware.layout", text(&device.layout));
        set("hardware.slots", number(device.slots));
        set("hardware.context", number(device.context));
        set("hardware.threads", number(device.threads));
        set("hardware.clock", text(clock));
        if let Some(weights) = &device.weights {
            set("hardware.weights", text(&weights.to_string_lossy()));
        }
        if let Some(trace) = &requests.trace {
            set("trace.path", text(&trace.to_string_lossy()));
            set("workload.over_long", text("clip"));
        }
        let chosen = schedulers(std::slice::from_ref(&requests.scheduler))?;
        if chosen.len() != 1 {
            return Err(Error::Usage("--scheduler: validate one at a time".to_string()));
        }
        let chosen = Value::try_from(&chosen).map_err(|e| Error::Usage(format!("--scheduler: {e}")))?;
        set("schedulers", chosen);
        for assignment in &requests.set {
            layers.set(assignment)?;
        }
        let scenario = resolve(&layers)?;
        if scenario.hardware.as_ref().is_some_and(|h| h.real_time) {
            let what = "a replay has no wall clock to be held against";
            return Err(Error::input(
                Place::key("hardware.real_time"),
                what,
                "validate with virtual arrivals",
            ));
        }
        Ok(scenario)
    }

    fn bars(&self) -> Result<Bars> {
        let b = &self.bars;
        let given = [b.bar_step_r2, b.bar_step_bias, b.bar_e2e, b.bar_floor_factor];
        if given.iter().chain(&b.bar_e2e_p99).any(|bar| !(bar.is_finite() && *bar >= 0.0))
            || b.bar_step_r2 > 1.0
        {
            let what = "bars are shares: 0 or more, and that of R2 at most 1";
            return Err(Error::Usage(format!("{what}; 0.07 stands for 7%")));
        }
        Ok(Bars {
            step_r2: b.bar_step_r2,
            step_bias: b.bar_step_bias,
            e2e: b.bar_e2e,
            floor_factor: b.bar_floor_factor,
            e2e_p99: b.bar_e2e_p99,
        })
    }
}

/// What a reader should know before the numbers.
fn tell(report: &Report, measured: &[Measured], console: &Console) {
    for seed in report.seeds.iter().filter(|s| !s.trustworthy) {
        let differ = 100.0 * seed.calibrations_differ.unwrap_or(0.0);
        let bias = 100.0 * seed.calibrations_bias.unwrap_or(0.0);
        console.talk(&format!(
            "seed {}: not trustworthy: the two calibrations differ by {differ:.1}% (median), {bias:+.1}% in total; \
             validate on a quiet machine",
            seed.seed
        ));
    }
    let outside = report.seeds.iter().map(|s| s.outside_domain).fold(0.0, f64::max);
    if outside > 0.0 {
        console.talk(&format!("up to {:.1}% of the steps lie outside the profile's domain", 100.0 * outside));
    }
    let steps: usize = measured.iter().map(|m| m.steps.len()).sum();
    console
        .talk(&format!("{}, {}: {steps} steps; errors are of the prediction", report.what, report.scheduler));
}

fn percent(value: f64) -> String {
    if value.is_finite() { format!("{:+.1}%", 100.0 * value) } else { "-".to_string() }
}

fn share(value: f64) -> String {
    percent(value).trim_start_matches('+').to_string()
}

fn show(report: &Report, console: &Console) -> Result<()> {
    let headers = [
        "seed",
        "calibrations",
        "step R2",
        "bias",
        "E2E mean",
        "p50",
        "p90",
        "p99",
        "MAPE",
        "TTFT mean",
        "p99",
        "MAPE",
        "TPOT mean",
        "p99",
        "MAPE",
        "repeat E2E mean",
        "p99",
        "MAPE",
    ];
    let ends = |e: &Errors| [percent(e.mean), percent(e.p99), share(e.mape)];
    let row = |s: &SeedReport| -> Vec<String> {
        let e2e = &s.replay.e2e;
        let mut cells = vec![
            s.seed.to_string(),
            s.calibrations_differ.map_or("-".to_string(), share),
            format!("{:.3}", s.steps.r2),
            percent(s.steps.bias),
        ];
        cells.extend([e2e.mean, e2e.p50, e2e.p90, e2e.p99].map(percent));
        cells.push(share(e2e.mape));
        cells.extend([&s.replay.ttft, &s.replay.tpot, &s.repeat.e2e].into_iter().flat_map(ends));
        cells
    };
    let mut rows: Vec<Vec<String>> = report.seeds.iter().map(row).collect();
    let m = &report.medians;
    let mut medians = vec![String::new(); headers.len()];
    medians[0] = "median of |.|".to_string();
    medians[2] = format!("{:.3}", m.step_r2);
    for (column, value) in [
        (3, m.step_bias),
        (4, m.e2e_mean),
        (7, m.e2e_p99),
        (8, m.e2e_mape),
        (15, m.repeat_e2e_mean),
        (17, m.repeat_e2e_mape),
    ] {
        medians[column] = share(value);
    }
    rows.push(medians);
    console.table(&headers, &rows, &json!(report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_have_signs_and_shares_have_none() {
        assert_eq!(
            (percent(0.034), percent(-0.5), share(0.12)),
            ("+3.4%".into(), "-50.0%".into(), "12.0%".into())
        );
        assert_eq!(percent(f64::NAN), "-");
    }
}
