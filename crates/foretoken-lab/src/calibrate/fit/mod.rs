//! From timed steps to a profile: forms fitted by weighted least squares, chosen by cross-validation, with
//! intervals, noise, domain, and a word on whether measuring again gave the same.

mod bootstrap;
mod folds;
mod form;
mod knots;
mod law;
mod needs;
mod nnls;
mod noise;
mod repeats;
mod report;
mod target;

pub use form::Form;
pub use law::Score;
pub use report::{Coefficient, Ends, FitReport, Repeat, Residual, SCHEMA, Tried};

use super::{Clock, Samples, Session};
use crate::error::{Error, Result};
use crate::latency::{Domain, How, Kv, NoiseKind, Profile, Provenance};
use folds::HeldOut;
use law::Law;
use noise::Scatter;
use target::{Target, targets};

/// How samples are fitted.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// Form of the profile; `None` takes the one that cross-validation finds best.
    pub form: Option<Form>,
    /// Clock to read; `None` takes the session's.
    pub clock: Option<Clock>,
    /// Name of the profile; empty takes that of model, backend and element type.
    pub name: String,
    /// Noise to put into the profile.
    pub noise: NoiseKind,
    /// Another calibration of the same, to compare with.
    pub against: Option<Samples>,
    /// Refits behind the intervals of coefficients; below 2 there are none.
    pub bootstrap: usize,
    /// Folds of the cross-validation, at least 2.
    pub folds: usize,
    /// Seed of folds and refits.
    pub seed: u64,
}

impl Default for FitOptions {
    fn default() -> FitOptions {
        FitOptions {
            form: None,
            clock: None,
            name: String::new(),
            noise: NoiseKind::Regions,
            against: None,
            bootstrap: 200,
            folds: 5,
            seed: 0,
        }
    }
}

/// A profile and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The profile.
    pub profile: Profile,
    /// The rest.
    pub report: FitReport,
}

/// Fits a profile to `samples` that were taken as `session` says. Needs no device; the same samples and seed give
/// the same bytes.
///
/// # Errors
/// Samples with gaps (no prefill, no decode, no decode of one row), with too few points for the form (or for any),
/// without CPU times on that clock; fewer than 2 folds.
pub fn fit(samples: &Samples, session: &Session, options: &FitOptions) -> Result<Fit> {
    let clock = options.clock.unwrap_or(session.clock);
    if options.folds < 2 {
        return Err(Error::Usage(format!("{} folds hold nothing out; take 2 or more", options.folds)));
    }
    let all = targets(samples, clock)?;
    needs::refuse_gaps(&all)?;
    let capacity = session.kv_capacity_tokens;
    let (tried, left_out) = try_forms(&all, capacity, options)?;
    let Some(chosen) = folds::choose(&tried) else {
        let why: Vec<String> = left_out.iter().map(|(form, why)| format!("{form}: {why}")).collect();
        let what = format!("no form can be fitted to the samples ({})", why.join("; "));
        return Err(Error::Usage(format!("{what}; measure more points, the samples stay as they are")));
    };
    let targets = usable(&all, chosen.form);
    let law = Law::fit(chosen.form, &targets, capacity);
    let seconds = law.predict(&targets)?;
    let scatter = Scatter::new(&targets, &seconds, samples, clock);
    let mut notes = remarks(&all, &targets, chosen, session);
    let passes =
        repeats::compare(chosen.form, samples, options.against.as_ref(), clock, capacity, &mut notes)?;
    notes.extend(passes.iter().filter(|r| repeats::differs(r)).map(distrust));
    let report = FitReport {
        schema: SCHEMA,
        form: chosen.form,
        clock,
        points: targets.len(),
        samples: targets.iter().map(|t| t.seconds.len()).sum(),
        coefficients: coefficients(&law, &targets, options),
        forms: table(&tried, left_out),
        held_out: chosen.score,
        fitted: Score::of(&seconds, &targets.iter().map(|t| t.median_s).collect::<Vec<_>>()),
        noise: scatter.noise(options.noise),
        scatter: scatter.regions(),
        domain: domain(&targets),
        trustworthy: !passes.iter().any(repeats::differs),
        passes,
        residuals: residuals(&targets, &seconds, chosen),
        factors: scatter.factors().collect(),
        notes,
    };
    Ok(Fit { profile: profile(&law, &report, session, options), report })
}

/// Quantile of rising numbers, between order statistics in proportion; at least one number.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * q;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64)
}

/// The points that speak of a form: a static batch never mixes prefill with decodes.
fn usable(all: &[Target], form: Form) -> Vec<&Target> {
    all.iter().filter(|t| form != Form::StaticBatch || !t.work.is_mixed()).collect()
}

/// The forms asked for on held-out points, and those that cannot be fitted, with why.
type Trials = (Vec<HeldOut>, Vec<(Form, String)>);

fn try_forms(all: &[Target], capacity: u64, options: &FitOptions) -> Result<Trials> {
    let mixed = all.iter().filter(|t| t.work.is_mixed()).count();
    let (mut tried, mut left_out) = (Vec::new(), Vec::new());
    for form in Form::ALL.into_iter().filter(|f| options.form.is_none_or(|asked| asked == *f)) {
        let targets = usable(all, form);
        if options.form.is_none() && form == Form::StaticBatch && mixed > 0 {
            let why = format!("{mixed} points mix prefill and decode, as no static batch does");
            left_out.push((form, why));
        } else if let Some(why) = needs::lacking(form, &targets, capacity) {
            left_out.push((form, why));
        } else {
            let fold = folds::deal(&targets, options.folds.min(targets.len()), options.seed);
            tried.push(folds::held_out(form, &targets, &fold, capacity)?);
        }
    }
    Ok((tried, left_out))
}

fn table(tried: &[HeldOut], left_out: Vec<(Form, String)>) -> Vec<Tried> {
    let tried = tried.iter().map(|h| Tried { form: h.form, score: Some(h.score), left_out: None });
    let left_out = left_out.into_iter().map(|(form, why)| Tried { form, score: None, left_out: Some(why) });
    let mut table: Vec<Tried> = tried.chain(left_out).collect();
    table.sort_by_key(|t| t.form);
    table
}

fn coefficients(law: &Law, targets: &[&Target], options: &FitOptions) -> Vec<Coefficient> {
    let intervals = bootstrap::intervals(law, targets, options.bootstrap, options.seed);
    let stated = law.basis.stated(&law.coefficients);
    let coefficient = |(i, (name, value)): (usize, (String, f64))| Coefficient {
        name,
        value,
        interval: intervals.as_ref().map(|all| Ends { low: all[i][0], high: all[i][1] }),
    };
    law.basis.names().into_iter().zip(stated).enumerate().map(coefficient).collect()
}

fn domain(targets: &[&Target]) -> Domain {
    let most = |of: &dyn Fn(&Target) -> f64| targets.iter().map(|t| of(t)).fold(0.0, f64::max) as u64;
    Domain {
        max_prefill_tokens: Some(most(&|t| t.work.prefill_tokens)),
        max_decodes: Some(most(&|t| t.work.decodes)),
        max_context_sum_tokens: Some(most(&|t| t.work.context_sum)),
    }
}

fn residuals(targets: &[&Target], seconds: &[f64], chosen: &HeldOut) -> Vec<Residual> {
    let residual = |(i, (t, &profile_s)): (usize, (&&Target, &f64))| Residual {
        prefill: t.point.prefill_text(),
        decode: t.point.decode_text(),
        rows: t.work.rows,
        repeats: t.seconds.len(),
        measured_s: t.median_s,
        profile_s,
        held_out_s: chosen.predicted[i],
        ratio: t.median_s / profile_s,
    };
    targets.iter().zip(seconds).enumerate().map(residual).collect()
}

/// Share of the variance of step times on held-out points that a profile for simulation should explain.
const LEAST_R2: f64 = 0.95;

fn remarks(all: &[Target], used: &[&Target], chosen: &HeldOut, session: &Session) -> Vec<String> {
    let (form, r2) = (chosen.form, chosen.score.r2);
    let mut notes = Vec::new();
    if r2 < LEAST_R2 {
        let what = "single steps will be off: try another form, or measure again on a quieter machine";
        notes.push(format!("R2 is {r2:.2} on held-out points, below {LEAST_R2}; {what}"));
    }
    if used.len() < all.len() {
        let mixed = all.len() - used.len();
        notes.push(format!(
            "{mixed} points mix prefill and decode and were not used: {form} has no such steps"
        ));
    }
    if form == Form::StaticBatch {
        notes.push(
            "for engine.preset = \"static\"; a step that mixes prefill and decode was not measured".into(),
        );
    }
    if session.whole_prompts {
        notes.push("prompts were prefilled whole: set engine.chunked_prefill = false".to_string());
    }
    notes
}

fn distrust(repeat: &Repeat) -> String {
    format!(
        "not trustworthy: {} differs by {:.1}% (median over {} points), {:+.1}% in total time; measure again on a \
         quiet machine",
        repeat.what,
        100.0 * repeat.median_difference,
        repeat.points,
        100.0 * repeat.bias
    )
}

fn profile(law: &Law, report: &FitReport, session: &Session, options: &FitOptions) -> Profile {
    let stated = |text: &str| if text.is_empty() { "not stated".to_string() } else { text.to_string() };
    let parts = [&session.model, &session.backend, &session.dtype].map(String::as_str);
    let parts: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    let name = if parts.is_empty() { "fitted".to_string() } else { parts.join("-") };
    let held = report.held_out;
    let how = format!(
        "{} fitted to the medians of {} points ({} steps, clock {}); on held-out points R2 {:.4}, bias {:+.2}%, \
         median error {:.1}%",
        report.form,
        report.points,
        report.samples,
        report.clock.name(),
        held.r2,
        100.0 * held.bias,
        100.0 * held.error_median
    );
    Profile {
        name: if options.name.is_empty() { name } else { options.name.clone() },
        description: description(session),
        provenance: Provenance {
            who: stated(&session.who),
            device: stated(&session.device),
            software: stated(&session.software),
            date: stated(&session.date),
            how: How::Measured,
            notes: std::iter::once(how).chain(report.notes.clone()).chain(session.notes.clone()).collect(),
        },
        domain: report.domain.clone(),
        noise: report.noise.clone(),
        kv: (session.kv_capacity_tokens > 0).then_some(Kv {
            capacity_tokens: session.kv_capacity_tokens,
            bytes_per_token: session.kv_bytes_per_token,
        }),
        ..law::bare(law.timing())
    }
}

fn description(session: &Session) -> String {
    if session.model.is_empty() {
        return "fitted to timed steps of a model that is not stated".to_string();
    }
    let threads = match session.threads {
        0 => String::new(),
        1 => ", 1 thread".to_string(),
        n => format!(", {n} threads"),
    };
    let Session { model, dtype, backend, layout, .. } = session;
    format!("{model} in {dtype} on {backend}{threads}, {layout} KV")
}
