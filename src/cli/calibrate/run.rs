//! From arguments to files.

use super::Args;
use super::ask::Ask;
use super::files::{Files, Staged};
use crate::calibrate::{Clock, Facts, Fit, FitOptions, Plan, SCHEMA, Samples, Session, fit};
use crate::cli::Console;
use crate::cli::profile::fit::draw;
use crate::cli::profile::told;
use crate::cli::progress::{Countdown, stop_on_interrupt};
use crate::device::{
    Bench, Gauges, Head, Journal, MeasureOptions, Scouted, active_w, idle_w, load, measure, scout,
    time_overhead, time_parts, write_overhead, write_parts,
};
use crate::error::{Error, Result};
use crate::latency::Power;
use crate::replay::Progress;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A model on the bench, and what is known so far.
struct Campaign {
    bench: Bench,
    plan: Plan,
    journal: Journal,
    samples: Samples,
    spent_s: f64,
    notes: Vec<String>,
    throttled: bool,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    let ask = Ask::new(args)?;
    let files = Files::new(&args.out)?;
    files.check(args.resume, args.overwrite)?;
    ask.pin_threads()?;
    let mut campaign = Campaign::begin(args, &ask, &files)?;
    for note in &campaign.notes {
        console.talk(&format!("note: {note}"));
    }
    warn_if_busy(load(), &ask, console);
    let facts = campaign.bench.facts()?;
    let idle_w = idle_w(&mut Gauges::open(&ask.asked.backend));
    let outcome = campaign.measure(args, &ask, &files, console);
    if let Err(Error::Paused(_)) = outcome {
        return outcome;
    }
    let facts = Facts { idle_w, active_w: active_w(&campaign.samples), ..facts };
    let session = campaign.session(args, &ask, facts);
    match outcome.and_then(|()| fitted(args, &campaign.samples, &session, &files)) {
        Ok(fit) => {
            let staged = files.stage()?;
            campaign.look_inside(args, &ask, &staged)?;
            publish(staged, &campaign, &session, &fit, &files, console)
        }
        Err(error) => {
            keep(&campaign.samples, &session, &files, console)?;
            Err(error)
        }
    }
}

/// The profile of what was measured.
fn fitted(args: &Args, samples: &Samples, session: &Session, files: &Files) -> Result<Fit> {
    let options = FitOptions {
        form: args.form.0,
        name: files.name.clone(),
        noise: args.noise,
        seed: args.seed,
        ..FitOptions::default()
    };
    let mut fit = fit(samples, session, &options)?;
    if let Some(text) = &args.description {
        fit.profile.description.clone_from(text);
    }
    let watts = session.facts.as_ref().and_then(|f| f.idle_w.zip(f.active_w));
    fit.profile.power =
        watts.filter(|(idle, active)| active >= idle).map(|(idle_w, active_w)| Power { idle_w, active_w });
    Ok(fit)
}

/// Writes all files at once, and shows the fit; the journal is done with.
fn publish(
    staged: Staged<'_>,
    campaign: &Campaign,
    session: &Session,
    fit: &Fit,
    files: &Files,
    console: &Console,
) -> Result<()> {
    raw(&staged, &campaign.samples, session)?;
    draw(fit, &staged.path("residuals"))?;
    staged.write("toml", toml::to_string(&fit.profile).map_err(|e| Error::Usage(e.to_string()))?)?;
    staged.publish()?;
    let journal = files.journal();
    std::fs::remove_file(&journal).map_err(|e| Error::io(journal, e))?;
    let figures = ["svg", "png", "csv"].map(|e| files.beside(&format!("residuals.{e}")));
    told::show(&fit.report, Some(&files.profile), &figures, console)?;
    told::talk(&fit.report, Some(&files.profile), &figures, console);
    Ok(())
}

/// Writes the samples of a calibration that came to nothing, and leaves the journal if it holds any.
fn keep(samples: &Samples, session: &Session, files: &Files, console: &Console) -> Result<()> {
    if samples.rows.is_empty() {
        let journal = files.journal();
        return std::fs::remove_file(&journal).map_err(|e| Error::io(journal, e));
    }
    let staged = files.stage()?;
    raw(&staged, samples, session)?;
    staged.publish()?;
    let path = files.beside("samples.csv");
    console.talk(&format!("{}: {} samples are kept; --resume goes on", path.display(), samples.rows.len()));
    Ok(())
}

/// Writes what a fit needs.
fn raw(staged: &Staged<'_>, samples: &Samples, session: &Session) -> Result<()> {
    let mut text = Vec::new();
    samples.write(&mut text).map_err(|e| Error::io(staged.path("samples.csv"), e))?;
    staged.write("samples.csv", text)?;
    staged.write("session.toml", session.to_toml())
}

impl Campaign {
    /// Opens the model, and a new journal or the one that is gone on with.
    fn begin(args: &Args, ask: &Ask, files: &Files) -> Result<Campaign> {
        let path = files.journal();
        let asked = &ask.asked;
        if args.resume {
            let (journal, left) = Journal::resume(&path, asked)?;
            let Head { extent, room, notes, .. } = left.head;
            let options = ask.options(extent.slots as usize, room);
            let bench = Bench::open(&asked.model, ask.device, &options, asked.clock)?;
            let plan = Plan::new(&extent, asked.seed)?;
            let (samples, spent_s) = (left.samples, left.spent_s);
            return Ok(Campaign { bench, plan, journal, samples, spent_s, notes, throttled: false });
        }
        let options = ask.options(asked.slots, asked.context);
        let Scouted { mut bench, extent, notes } =
            scout(&asked.model, ask.device, &options, asked.clock, ask.budget_s)?;
        let plan = Plan::new(&extent, asked.seed)?;
        files.make_folder()?;
        let room = bench.runner().room().context;
        let head = Head { schema: SCHEMA, asked: asked.clone(), extent, room, notes: notes.clone() };
        let journal = Journal::create(&path, &head)?;
        let (samples, spent_s) = (Samples::default(), 0.0);
        Ok(Campaign { bench, plan, journal, samples, spent_s, notes, throttled: false })
    }

    /// Times the plan; whatever happens, `self.samples` has all that was taken.
    fn measure(&mut self, args: &Args, ask: &Ask, files: &Files, console: &Console) -> Result<()> {
        let stop = Arc::new(Progress::default());
        stop_on_interrupt(&stop)?;
        let mut countdown = Countdown::start(console, ask.budget_s);
        let options = MeasureOptions {
            budget_s: ask.budget_s,
            passes: args.passes,
            before: self.samples.clone(),
            spent_s: self.spent_s,
            ..MeasureOptions::default()
        };
        let Campaign { bench, plan, journal, samples, spent_s, throttled, .. } = self;
        let done = measure(bench, plan, &options, &mut |sample, progress| {
            journal.keep(sample, progress.elapsed_s)?;
            samples.rows.push(sample.clone());
            *spent_s = progress.elapsed_s;
            *throttled |= progress.throttled;
            countdown.tell(progress.elapsed_s, || {
                let (done, points) = (progress.done, progress.points);
                format!("pass {}, round {}, {done} of {points} steps", progress.pass, progress.round)
            });
            if stop.interrupted.load(Ordering::Relaxed) {
                let kept = files.journal();
                return Err(Error::Paused(format!(
                    "interrupted; {} samples are kept in {}: go on with --resume",
                    samples.rows.len(),
                    kept.display()
                )));
            }
            Ok(())
        });
        done.map(|_| ())
    }

    /// Times what is inside of steps, where that was asked for.
    fn look_inside(&mut self, args: &Args, ask: &Ask, staged: &Staged<'_>) -> Result<()> {
        let io = |e| Error::io(staged.path("layers.csv"), e);
        let mut text = Vec::new();
        if args.per_layer {
            let parts = time_parts(&mut self.bench, &self.plan)?;
            write_parts(&parts, &mut text).map_err(io)?;
            staged.write("layers.csv", &text)?;
        }
        if args.instrumentation {
            let costs = time_overhead(&mut self.bench, ask.device, self.plan.extent())?;
            text.clear();
            write_overhead(&costs, &mut text).map_err(io)?;
            staged.write("instrumentation.csv", &text)?;
        }
        Ok(())
    }

    /// What was measured on what, by whom and when.
    fn session(&self, args: &Args, ask: &Ask, facts: Facts) -> Session {
        let mut notes = self.notes.clone();
        let loads = self.samples.rows.iter().filter_map(|s| s.load);
        let (least, most) = loads.fold((f64::INFINITY, 0.0), |(a, b), l| (f64::min(a, l), f64::max(b, l)));
        if least <= most {
            let busy = if most > busy_from(ask.asked.threads) { ": the machine was not quiet" } else { "" };
            notes.push(format!("load average {least:.1} to {most:.1}{busy}"));
        }
        if self.throttled {
            notes.push("heat or power held the device's clock down at times".to_string());
        }
        if let Some(celsius) =
            Gauges::open(&ask.asked.backend).gpu().and_then(foretoken_nn::Gpu::temperature_c)
        {
            notes.push(format!("{celsius:.0} degrees Celsius at the end"));
        }
        Session {
            who: args.who.clone(),
            date: jiff::Zoned::now().date().to_string(),
            notes,
            facts: Some(facts),
            ..self.bench.session(self.plan.extent(), ask.asked.threads)
        }
    }
}

/// Load average from which on others disturb a measurement on `threads` threads.
fn busy_from(threads: usize) -> f64 {
    threads as f64 + 1.0
}

fn warn_if_busy(load: Option<f64>, ask: &Ask, console: &Console) {
    let threads = ask.asked.threads;
    if let Some(load) = load.filter(|l| *l > busy_from(threads)) {
        let remedy = match ask.asked.clock {
            Clock::Cpu => "",
            Clock::Wall => ", or use --threads 1 --clock cpu",
        };
        console.talk(&format!(
            "warning: the load average is {load:.1}, and what is timed uses {threads}: others disturb the measurement; wait \
             for a quiet machine{remedy}"
        ));
    }
}
