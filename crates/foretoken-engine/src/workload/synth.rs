//! Made-up traces: rows drawn from a recipe, the same bytes on every machine.

use super::check::{at_least, bad, finite};
use super::process::Process;
use super::spec::{Arrivals, OrInf};
use crate::error::{Error, Place, Result};
use crate::length::LogT;
use crate::rng::Stream;
use crate::time::SimTime;
use crate::trace::{Columns, TraceRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Recipes that come with the program.
const BUILTIN: [(&str, &str); 1] = [("lmsys", include_str!("../../traces/lmsys-like.toml"))];

/// What a synthetic trace is drawn from (a TOML file).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Number of rows.
    pub requests: u32,
    /// Chooses the random streams; a longer trace of the same seed starts with the shorter one.
    pub seed: u64,
    /// Mean arrival rate, requests/s, of `constant`, `poisson`, `gamma` and `weibull` arrivals.
    pub rate_rps: Option<OrInf>,
    /// When requests arrive; neither `trace` nor `closed-loop`.
    pub arrivals: Arrivals,
    /// Prompt lengths.
    pub prompt: LengthLaw,
    /// Output lengths. Log-t laws are put into the trace beside the draw.
    pub output: LengthLaw,
}

/// A law of lengths in tokens. Draws are rounded to whole tokens and held to 1 at least.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LengthLaw {
    /// Always the same.
    Constant {
        /// Length, tokens.
        tokens: u32,
    },
    /// Each whole number of a range alike.
    Uniform {
        /// Shortest, tokens.
        min: u32,
        /// Longest, tokens.
        max: u32,
    },
    /// ln(X) normal.
    Lognormal {
        /// Mean of ln(tokens).
        mu: f64,
        /// Standard deviation of ln(tokens).
        sigma: f64,
        /// Longest, tokens; longer draws are cut.
        cap: u32,
    },
    /// ln(X) = mu + sigma T with T Student t, one law for all requests.
    LogT {
        /// Location of ln(tokens).
        mu: f64,
        /// Scale of ln(tokens).
        sigma: f64,
        /// Degrees of freedom.
        nu: f64,
        /// Longest, tokens; longer draws are cut.
        cap: u32,
    },
    /// A log-t law of its own for each request.
    LogTPerPrompt(PromptLaws),
}

/// Log-t laws that differ from prompt to prompt: mu is normal; sigma is tiny for prompts that are always
/// answered alike, and log-t about a median for the others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptLaws {
    /// Mean of mu.
    pub mu_mean: f64,
    /// Standard deviation of mu.
    pub mu_sd: f64,
    /// Median of sigma.
    pub sigma_median: f64,
    /// Scale of ln(sigma).
    pub sigma_spread: f64,
    /// Degrees of freedom of ln(sigma).
    pub sigma_nu: f64,
    /// Largest sigma.
    pub sigma_max: f64,
    /// Share of prompts with `still_sigma` instead.
    pub still_share: f64,
    /// Smallest sigma.
    pub still_sigma: f64,
    /// Correlation of the normal draws behind mu and sigma, in -1..=1; 0 if left out.
    #[serde(default)]
    pub correlation: f64,
    /// Degrees of freedom of ln(tokens).
    pub nu: f64,
    /// Longest, tokens; longer draws are cut.
    pub cap: u32,
}

impl Recipe {
    /// Reads a recipe from the file `path`.
    pub fn load(path: &Path) -> Result<Recipe> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        Recipe::parse(&text, Place::file(path))
    }

    /// The recipe called `name` that comes with the program.
    pub fn builtin(name: &str) -> Result<Recipe> {
        match BUILTIN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Recipe::parse(text, Place::default()),
            None => Err(Error::unknown("recipe", name, BUILTIN.map(|(known, _)| known))),
        }
    }

    fn parse(text: &str, place: Place) -> Result<Recipe> {
        let recipe: Recipe = toml::from_str(text).map_err(|e| {
            let before = e.span().map_or(0, |s| s.start.min(text.len()));
            let line = 1 + text.as_bytes()[..before].iter().filter(|&&b| b == b'\n').count() as u64;
            Error::input(place.clone().line(line), e.message(), "correct the recipe")
        })?;
        recipe.check().map_err(|e| match e {
            Error::Input { place: found, what, help } => {
                let key = found.key;
                Error::Input { place: Box::new(Place { key, ..place }), what, help }
            }
            other => other,
        })?;
        Ok(recipe)
    }

    fn check(&self) -> Result<()> {
        at_least("requests", Some(self.requests), 1)?;
        if matches!(self.arrivals, Arrivals::Trace {} | Arrivals::ClosedLoop { .. }) {
            let what = format!("{} arrivals cannot be drawn", self.arrivals.name());
            return Err(bad("arrivals.kind", what, "choose a random process, such as \"poisson\""));
        }
        self.arrivals.check("", self.rate_rps, false)?;
        self.prompt.check("prompt")?;
        self.output.check("output")
    }

    /// Columns that the rows use.
    pub fn columns(&self) -> Columns {
        let law = matches!(self.output, LengthLaw::LogT { .. } | LengthLaw::LogTPerPrompt { .. });
        Columns { law, ..Columns::default() }
    }

    /// The rows, drawn as they are asked for.
    ///
    /// # Errors
    /// A value out of range, by its key; an arrival beyond the clock, in the stream.
    pub fn rows(&self) -> Result<impl Iterator<Item = Result<TraceRow>> + Send + use<>> {
        self.check()?;
        let rate = self.rate_rps.map_or(f64::NAN, |r| r.0);
        let times = Process::new(&self.arrivals, rate, u64::from(self.requests), self.seed, 0);
        let times = times.into_iter().flatten();
        let (prompt, output) = (self.prompt, self.output);
        let mut prompts = Stream::new(self.seed, 0, "prompts", 0);
        let mut outputs = Stream::new(self.seed, 0, "outputs", 0);
        Ok((0..self.requests).zip(times).map(move |(id, time_s)| {
            let arrival = SimTime::from_secs(time_s).ok_or_else(|| {
                bad(
                    "arrivals",
                    format!("row {id} would arrive after {time_s} s, beyond the clock"),
                    "raise the rate",
                )
            })?;
            let (prompt_tokens, _) = prompt.draw(&mut prompts);
            let (output_tokens, law) = output.draw(&mut outputs);
            Ok(TraceRow { id, arrival, prompt_tokens, output_tokens, law, ..TraceRow::default() })
        }))
    }
}

impl LengthLaw {
    /// Refuses values out of range, naming the key in `section`.
    fn check(&self, section: &str) -> Result<()> {
        let key = |k: &str| format!("{section}.{k}");
        match self {
            LengthLaw::Constant { tokens } => at_least(&key("tokens"), Some(*tokens), 1),
            LengthLaw::Uniform { min, max } => {
                at_least(&key("min"), Some(*min), 1)?;
                at_least(&key("max"), Some(*max), *min)
            }
            LengthLaw::Lognormal { mu, sigma, cap } => {
                location(&key("mu"), *mu)?;
                spread(&key("sigma"), *sigma)?;
                at_least(&key("cap"), Some(*cap), 1)
            }
            LengthLaw::LogT { mu, sigma, nu, cap } => {
                location(&key("mu"), *mu)?;
                spread(&key("sigma"), *sigma)?;
                finite(&key("nu"), *nu)?;
                at_least(&key("cap"), Some(*cap), 1)
            }
            LengthLaw::LogTPerPrompt(laws) => laws.check(section),
        }
    }

    /// A length, and the log-t law that it was drawn from.
    fn draw(&self, draw: &mut Stream) -> (u32, Option<LogT>) {
        let law = match *self {
            LengthLaw::Constant { tokens } => return (tokens, None),
            LengthLaw::Uniform { min, max } => {
                let offset = draw.below(u64::from(max - min) + 1);
                return (min + offset as u32, None);
            }
            LengthLaw::Lognormal { mu, sigma, cap } => {
                return (tokens(mu + sigma * draw.normal(), cap), None);
            }
            LengthLaw::LogT { mu, sigma, nu, cap } => LogT { mu, sigma, nu, cap },
            LengthLaw::LogTPerPrompt(ref laws) => laws.draw(draw),
        };
        (output(&law, draw), Some(law))
    }
}

impl PromptLaws {
    /// Refuses values out of range, naming the key in `section`.
    ///
    /// # Errors
    /// The first such key.
    pub fn check(&self, section: &str) -> Result<()> {
        let key = |k: &str| format!("{section}.{k}");
        location(&key("mu_mean"), self.mu_mean)?;
        spread(&key("mu_sd"), self.mu_sd)?;
        finite(&key("sigma_median"), self.sigma_median)?;
        spread(&key("sigma_spread"), self.sigma_spread)?;
        finite(&key("sigma_nu"), self.sigma_nu)?;
        spread(&key("still_sigma"), self.still_sigma)?;
        finite(&key("sigma_max"), self.sigma_max)?;
        if self.sigma_max < self.still_sigma {
            return Err(bad(key("sigma_max"), "it is below still_sigma", "give a larger one"));
        }
        if !(0.0..=1.0).contains(&self.still_share) {
            let what = format!("{} is no share", self.still_share);
            return Err(bad(key("still_share"), what, "give one in [0, 1]"));
        }
        if !(-1.0..=1.0).contains(&self.correlation) {
            let what = format!("{} is no correlation", self.correlation);
            return Err(bad(key("correlation"), what, "give one in [-1, 1]"));
        }
        finite(&key("nu"), self.nu)?;
        at_least(&key("cap"), Some(self.cap), 1)
    }

    /// Gives `row` a law and an output drawn from it. The draws depend on the row's id alone: under other laws each
    /// row is as far up or down in them as before.
    pub fn redraw(&self, row: &mut TraceRow) {
        let mut draw = Stream::new(0, 0, "trace.laws", u64::from(row.id));
        let law = self.draw(&mut draw);
        (row.output_tokens, row.law) = (output(&law, &mut draw), Some(law));
    }

    /// The law of one prompt.
    fn draw(&self, draw: &mut Stream) -> LogT {
        let (place, own) = (draw.normal(), draw.normal());
        let mu = self.mu_mean + self.mu_sd * place;
        // Student t, its normal half shared with mu.
        let normal = self.correlation * place + libm::sqrt(1.0 - self.correlation * self.correlation) * own;
        let t = normal / libm::sqrt(draw.gamma(0.5 * self.sigma_nu) * 2.0 / self.sigma_nu);
        let sigma = self.sigma_median * libm::exp(self.sigma_spread * t);
        let still = draw.uniform() < self.still_share;
        let sigma = if still { self.still_sigma } else { sigma.clamp(self.still_sigma, self.sigma_max) };
        LogT { mu: four_decimals(mu), sigma: four_decimals(sigma), nu: self.nu, cap: self.cap }
    }
}

/// A length drawn from `law`.
fn output(law: &LogT, draw: &mut Stream) -> u32 {
    tokens(law.mu + law.sigma * draw.student_t(law.nu), law.cap)
}

/// Finite.
fn location(key: &str, v: f64) -> Result<()> {
    if v.is_finite() { Ok(()) } else { Err(bad(key, format!("{v} is not finite"), "give a finite number")) }
}

/// 0 or more, and finite.
fn spread(key: &str, v: f64) -> Result<()> {
    if v == 0.0 { Ok(()) } else { finite(key, v) }
}

/// As the file will say it, so that the draw is from the law in the file.
fn four_decimals(v: f64) -> f64 {
    (v * 1e4).round() / 1e4
}

/// Whole tokens in 1..=cap of a logarithm.
fn tokens(log: f64, cap: u32) -> u32 {
    libm::round(libm::exp(log)).clamp(1.0, f64::from(cap)) as u32
}
