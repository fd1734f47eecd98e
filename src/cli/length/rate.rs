//! `length rate`: theorem 3.2 in numbers.

use crate::cli::Console;
use crate::error::{Error, Result};
use crate::length::{StoppingRate, hill_exponent};
use crate::rng::Stream;
use serde_json::json;

/// Lengths at which the two are held side by side, tokens.
const LENGTHS: [f64; 7] = [1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0];

#[derive(clap::Args)]
pub struct Args {
    /// Exponent: the density of the stopping chance p goes as p^(a-1) near 0.
    #[arg(long, allow_negative_numbers = true)]
    a: f64,
    /// Second parameter of the Beta(a, b) law of p; larger means longer outputs.
    #[arg(long, allow_negative_numbers = true)]
    b: f64,
    /// Outputs drawn for Hill's estimate of the exponent from their longest 1 %.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    draws: u32,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    for (name, value) in [("a", args.a), ("b", args.b)] {
        if !(1e-3..=1e6).contains(&value) {
            return Err(Error::Usage(format!("--{name} {value}: give a number from 0.001 to 1e6")));
        }
    }
    let rate = StoppingRate { a: args.a, b: args.b };
    let mut stream = Stream::new(args.seed, 0, "length.rate", 0);
    let lengths: Vec<f64> = (0..args.draws).map(|_| rate.sample(&mut stream) as f64).collect();
    let hill = hill_exponent(&lengths, args.draws as usize / 100);
    let at = |n: f64| (n, rate.sf(n), rate.power_law(n));
    let points: Vec<(f64, f64, f64)> = LENGTHS.map(at).to_vec();
    let object = |&(n, sf, law): &(f64, f64, f64)| json!({ "n": n, "p_longer": sf, "power_law": law });
    let json = json!({
        "schema": 1, "a": args.a, "b": args.b, "hill_exponent": hill,
        "points": points.iter().map(object).collect::<Vec<_>>(),
    });
    let row = |&(n, sf, law): &(f64, f64, f64)| {
        vec![n.to_string(), format!("{sf:.6e}"), format!("{law:.6e}"), format!("{:.6}", sf / law)]
    };
    let hill = hill.map_or("none: the longest are all equal".to_string(), |h| format!("{h:.3}"));
    console.talk(&format!("exponent by Hill from the longest 1 % of {} draws: {hill}", args.draws));
    let rows: Vec<Vec<String>> = points.iter().map(row).collect();
    console.table(&["n", "p_longer", "power_law", "ratio"], &rows, &json)
}
