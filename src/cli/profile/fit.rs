//! `foretoken profile fit`: a profile from timed steps.

use super::{told, write};
use crate::calibrate::{Clock, Coefficient, Fit, FitOptions, Form, Residual, Samples, Session, fit};
use crate::cli::Console;
use crate::error::{Error, Place, Result};
use crate::latency::{NoiseKind, Timing};
use crate::report::figure::{self, Datum, Picture, Style, Width};
use crate::report::residuals::{Residuals, Timed, residual_figure};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Fit a profile to the timed steps in a file of samples.
///
/// The session that says what was measured on what lies beside X.samples.csv as X.session.toml. Without one, the
/// options say it, and what they leave out is `not stated` in the profile.
#[derive(clap::Args)]
pub struct Args {
    /// Timed steps.
    #[arg(value_name = "SAMPLES.csv")]
    samples: PathBuf,
    /// What was measured on what [default: the file beside the samples].
    #[arg(long, value_name = "FILE.toml")]
    session: Option<PathBuf>,
    /// Form of the step time: linear, static-batch, polynomial, piecewise, or auto, the best on held-out points.
    #[arg(long, default_value = "auto", value_parser = form)]
    form: Auto,
    /// Clock to read: wall or cpu [default: the session's].
    #[arg(long, value_parser = clock)]
    clock: Option<Clock>,
    /// Noise to put into the profile: regions, log-normal, none.
    #[arg(long, default_value = "regions", value_parser = noise)]
    noise: NoiseKind,
    /// Another calibration of the same: the profile is not trusted if their fits differ by more than 5%.
    #[arg(long, value_name = "OTHER.csv")]
    against: Option<PathBuf>,
    /// Refits behind the intervals of coefficients; 0 for none.
    #[arg(long, value_name = "N", default_value_t = FitOptions::default().bootstrap)]
    bootstrap: usize,
    /// Folds of the cross-validation.
    #[arg(long, default_value_t = FitOptions::default().folds)]
    folds: usize,
    /// Seed of folds and refits.
    #[arg(long, default_value_t = FitOptions::default().seed)]
    seed: u64,
    /// Profile to write.
    #[arg(long, value_name = "FILE.toml")]
    out: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// Directory for the residual plots.
    #[arg(long, value_name = "DIR")]
    figure: Option<PathBuf>,
    #[command(flatten)]
    facts: Facts,
}

/// What the profile says about itself, over what the session says.
#[derive(clap::Args)]
struct Facts {
    /// Name of the profile [default: that of the file, else of the model].
    #[arg(long)]
    name: Option<String>,
    /// Device that was measured.
    #[arg(long)]
    device: Option<String>,
    /// Who measured.
    #[arg(long)]
    who: Option<String>,
    /// Software that was measured, with versions.
    #[arg(long)]
    software: Option<String>,
    /// Day of the measurement, YYYY-MM-DD.
    #[arg(long)]
    date: Option<String>,
    /// KV tokens that a replica holds.
    #[arg(long, value_name = "TOKENS")]
    kv_capacity_tokens: Option<u64>,
}

/// A form, or whichever is best.
#[derive(Clone, Copy)]
pub struct Auto(pub Option<Form>);

/// Reads a form's name.
pub fn form(name: &str) -> Result<Auto> {
    match name {
        "auto" => Ok(Auto(None)),
        _ => Form::from_str(name)
            .map(|form| Auto(Some(form)))
            .map_err(|_| Error::unknown("form", name, ["auto"].into_iter().chain(Form::ALL.map(Form::name)))),
    }
}

fn clock(name: &str) -> Result<Clock> {
    let found = [Clock::Wall, Clock::Cpu].into_iter().find(|c| c.name() == name);
    found.ok_or_else(|| Error::unknown("clock", name, ["wall", "cpu"]))
}

/// Reads a kind of noise.
pub fn noise(name: &str) -> Result<NoiseKind> {
    match name {
        "regions" => Ok(NoiseKind::Regions),
        "log-normal" => Ok(NoiseKind::LogNormal),
        "none" => Ok(NoiseKind::None),
        _ => Err(Error::unknown("noise", name, ["regions", "log-normal", "none"])),
    }
}

/// Runs `profile fit`.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    if let Some(out) = args.out.as_ref().filter(|out| out.is_dir() || (out.exists() && !args.overwrite)) {
        return Err(super::exists(out));
    }
    if let Some(dir) = args.figure.as_ref().filter(|dir| dir.is_file()) {
        return Err(Error::input(Place::file(dir), "this is a file", "name a directory for the plots"));
    }
    let samples = Samples::read(&args.samples)?;
    let session = args.session(console)?;
    let against = args.against.as_ref().map(Samples::read).transpose()?;
    let name = args.facts.name.clone().or_else(|| args.out.as_deref().and_then(stem)).unwrap_or_default();
    let options = FitOptions {
        form: args.form.0,
        clock: args.clock,
        name,
        noise: args.noise,
        against,
        bootstrap: args.bootstrap,
        folds: args.folds,
        seed: args.seed,
    };
    let fit = fit(&samples, &session, &options).map_err(|e| about(e, &args.samples))?;
    let mut files = Vec::new();
    if let Some(dir) = &args.figure {
        files = draw(&fit, &dir.join("residuals"))?;
    }
    if let Some(out) = &args.out {
        let text = toml::to_string(&fit.profile).map_err(|e| Error::Usage(e.to_string()))?;
        write(out, &text, args.overwrite)?;
    }
    told::show(&fit.report, args.out.as_deref(), &files, console)?;
    told::talk(&fit.report, args.out.as_deref(), &files, console);
    Ok(())
}

impl Args {
    /// The session with what the options say over it.
    fn session(&self, console: &Console) -> Result<Session> {
        let beside = beside(&self.samples).filter(|path| path.exists());
        let mut session = match self.session.as_ref().or(beside.as_ref()) {
            Some(path) => Session::read(path)?,
            None => {
                console.talk("note: no session beside the samples; the options say what was measured");
                Session::default()
            }
        };
        let facts = &self.facts;
        for (ours, given) in [
            (&mut session.device, &facts.device),
            (&mut session.who, &facts.who),
            (&mut session.software, &facts.software),
            (&mut session.date, &facts.date),
        ] {
            if let Some(text) = given {
                ours.clone_from(text);
            }
        }
        session.kv_capacity_tokens = facts.kv_capacity_tokens.unwrap_or(session.kv_capacity_tokens);
        Ok(session)
    }
}

/// `X.session.toml` for `X.samples.csv`.
fn beside(samples: &Path) -> Option<PathBuf> {
    let name = samples.file_name()?.to_str()?.strip_suffix(".samples.csv")?;
    Some(samples.with_file_name(format!("{name}.session.toml")))
}

fn stem(path: &Path) -> Option<String> {
    path.file_stem().map(|s| s.to_string_lossy().into_owned())
}

/// The same error with the file of samples that it is about.
fn about(error: Error, samples: &Path) -> Error {
    match error {
        Error::Input { mut place, what, help } => {
            place.file.get_or_insert_with(|| samples.to_path_buf());
            Error::Input { place, what, help }
        }
        Error::Usage(what) => Error::Usage(format!("{}: {what}", samples.display())),
        other => other,
    }
}

/// Draws the residuals of a fit as `STEM.svg` and `STEM.png`, with `STEM.csv`.
pub fn draw(fit: &Fit, stem: &Path) -> Result<Vec<PathBuf>> {
    let spec = residual_figure(&residuals(fit), Width::TwoColumn);
    figure::save(stem, &spec, Style::Paper, &[Picture::Svg, Picture::Png])
}

fn residuals(fit: &Fit) -> Residuals {
    let timed = |r: &Residual| Timed {
        sort: match (r.prefill.is_empty(), r.decode.is_empty()) {
            (true, _) => "decode",
            (_, true) => "prefill",
            _ => "mixed",
        },
        rows: r.rows as f64,
        measured_s: r.measured_s,
        fitted_s: r.profile_s,
    };
    let knots: &[u64] = match &fit.profile.timing {
        Timing::Piecewise(p) => &p.rows,
        _ => &[],
    };
    let datum = |(&n, c): (&u64, &Coefficient)| Datum {
        x: n as f64,
        y: c.value,
        interval: c.interval.map(|ends| [ends.low, ends.high]),
    };
    Residuals {
        points: fit.report.residuals.iter().map(timed).collect(),
        factors: fit.report.factors.clone(),
        curve: knots.iter().zip(&fit.report.coefficients).map(datum).collect(),
    }
}
