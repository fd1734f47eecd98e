//! `length eval`: the score of one law.

use crate::cli::Console;
use crate::error::{Error, Result};
use crate::length::{LogT, Score, Tail};
use crate::rng::Stream;
use serde_json::json;

#[derive(clap::Args)]
pub struct Args {
    /// Location of ln(tokens).
    #[arg(long, allow_negative_numbers = true)]
    mu: f64,
    /// Scale of ln(tokens), 0 or more.
    #[arg(long, allow_negative_numbers = true)]
    sigma: f64,
    /// Degrees of freedom.
    #[arg(long, default_value_t = 3.5, allow_negative_numbers = true)]
    nu: f64,
    /// Largest output, tokens.
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true)]
    cap: f64,
    /// Cap in the mean alone [default: the cap].
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true)]
    cap_mean: Option<f64>,
    /// Level of VaR and CVaR, in [0, 1).
    #[arg(long, default_value_t = 0.9, allow_negative_numbers = true)]
    alpha: f64,
    /// Weight of CVaR in TIE.
    #[arg(long, default_value_t = 0.1, allow_negative_numbers = true)]
    beta: f64,
    /// Estimate from this many draws for the mean and as many for the rest, instead of quadrature.
    #[arg(long, value_name = "DRAWS", value_parser = clap::value_parser!(u32).range(2..))]
    monte_carlo: Option<u32>,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0, requires = "monte_carlo")]
    seed: u64,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    let Score { p_cap, var, mean, cvar, tie } = score(args)?;
    let json = json!({ "schema": 1, "p_cap": p_cap, "var": var, "mean": mean, "cvar": cvar, "tie": tie });
    let cells = [p_cap, var, mean, cvar, tie].map(|v| v.to_string()).to_vec();
    console.table(&["p_cap", "var", "mean", "cvar", "tie"], &[cells], &json)
}

fn score(args: &Args) -> Result<Score> {
    let Args { mu, sigma, nu, cap, alpha, beta, .. } = *args;
    let cap_mean = args.cap_mean.unwrap_or(cap);
    check("mu", mu, "a finite number", |_| true)?;
    check("sigma", sigma, "0 or more", |v| v >= 0.0)?;
    check("cap", cap, "more than 0 tokens", |v| v > 0.0)?;
    check("cap-mean", cap_mean, "more than 0 tokens", |v| v > 0.0)?;
    check("beta", beta, "a finite number", |_| true)?;
    let tail = Tail::new(nu, alpha)?;
    let Some(draws) = args.monte_carlo else {
        return Ok(tail.exact(mu, sigma, cap, cap_mean, beta));
    };
    check("cap", cap, "whole tokens up to 2^32 - 1", |v| v == libm::floor(v) && v <= f64::from(u32::MAX))?;
    let law = LogT { mu, sigma, nu, cap: cap as u32 };
    let mut stream = Stream::new(args.seed, 0, "length.eval", 0);
    Ok(tail.monte_carlo(&law, cap_mean, beta, draws as usize, &mut stream))
}

fn check(name: &str, value: f64, wanted: &str, holds: impl Fn(f64) -> bool) -> Result<()> {
    match value.is_finite() && holds(value) {
        true => Ok(()),
        false => Err(Error::Usage(format!("--{name} {value}: give {wanted}"))),
    }
}
