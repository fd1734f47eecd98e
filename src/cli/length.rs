//! `foretoken length`: laws of output lengths.

mod compare;
mod eval;
mod fit;
mod ranks;
mod rate;
mod samples;

use super::Console;
use crate::error::Result;
use crate::length::{Family, Fit, FitOptions, SIGMA_FLOOR, Sample};
use indicatif::{ProgressBar, ProgressDrawTarget};
use rayon::prelude::*;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Score a log-t law cut at a cap: P(X > cap), VaR, mean, CVaR, TIE.
    Eval(eval::Args),
    /// Fit a law to the lengths of every prompt in a file.
    Fit(fit::Args),
    /// Hold families of laws side by side on one file.
    Compare(compare::Args),
    /// Say how far E + beta CVaR orders a file's prompts as E alone does.
    Ranks(ranks::Args),
    /// Show the power law that outputs follow whose chance of stopping differs (TIE, theorem 3.2).
    Rate(rate::Args),
}

/// Runs one length subcommand.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    match &args.command {
        Command::Eval(args) => eval::run(args, console),
        Command::Fit(args) => fit::run(args, console),
        Command::Compare(args) => compare::run(args, console),
        Command::Ranks(args) => ranks::run(args, console),
        Command::Rate(args) => rate::run(args, console),
    }
}

/// How lengths are made into samples and fitted; shared by the commands that read a file.
#[derive(clap::Args)]
struct Fitting {
    /// Lengths of this many tokens or more were cut there: right-censored.
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(2..))]
    cap: Option<u32>,
    /// Least sigma of a fit.
    #[arg(long, value_name = "SIGMA", default_value_t = SIGMA_FLOOR, allow_negative_numbers = true)]
    sigma_floor: f64,
    /// Give degenerate samples a log-t or log-normal law all the same, around their most frequent length.
    #[arg(long)]
    repair: bool,
}

impl Fitting {
    /// Fits `family` to each of `samples`, on all threads, in their order.
    fn fits(&self, samples: &[Sample], family: Family, console: &Console) -> Vec<Fit> {
        let target = if console.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(samples.len() as u64), target);
        let one = |sample: &Sample| {
            let fit = self.fit(sample, family);
            bar.inc(1);
            fit
        };
        let fits = samples.par_iter().map(one).collect();
        bar.finish_and_clear();
        fits
    }

    fn fit(&self, sample: &Sample, family: Family) -> Fit {
        let options = FitOptions { sigma_floor: self.sigma_floor, repair: self.repair };
        crate::length::fit(sample, family, &options)
    }

    fn check(&self) -> Result<()> {
        if self.sigma_floor >= 0.0 && self.sigma_floor.is_finite() {
            return Ok(());
        }
        let what = format!("--sigma-floor {}: give 0 or more", self.sigma_floor);
        Err(crate::error::Error::Usage(what))
    }
}
