//! `trace synth`: a made-up trace from a recipe.

use crate::cli::Console;
use crate::error::Result;
use crate::trace;
use crate::workload::Recipe;
use serde_json::json;
use std::path::PathBuf;

/// Make up a trace from a recipe; the same recipe gives the same rows everywhere.
#[derive(clap::Args)]
pub struct Args {
    /// File to write: foretoken CSV, gzip if it ends in .gz.
    out: PathBuf,
    /// Recipe (TOML) with the keys requests, seed, rate_rps, and the tables arrivals, prompt, output.
    #[arg(long, value_name = "FILE", required_unless_present = "like", conflicts_with = "like")]
    recipe: Option<PathBuf>,
    /// Recipe that comes with the program: lmsys.
    #[arg(long, value_name = "NAME")]
    like: Option<String>,
    /// Draw with another seed than the recipe's.
    #[arg(long)]
    seed: Option<u64>,
    /// Draw another number of rows than the recipe's.
    #[arg(long)]
    requests: Option<u32>,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    let mut recipe = match (&args.recipe, &args.like) {
        (Some(path), _) => Recipe::load(path)?,
        (None, name) => Recipe::builtin(name.as_deref().unwrap_or_default())?,
    };
    recipe.seed = args.seed.unwrap_or(recipe.seed);
    recipe.requests = args.requests.unwrap_or(recipe.requests);

    let (mut prompt, mut output, mut last_s) = (0, 0, 0.0);
    let rows = recipe.rows()?.inspect(|row| {
        if let Ok(row) = row {
            prompt += u64::from(row.prompt_tokens);
            output += u64::from(row.output_tokens);
            last_s = row.arrival.as_secs();
        }
    });
    let n = trace::write(&args.out, recipe.columns(), rows)?;
    let mean = |sum: u64| sum as f64 / n as f64;
    let (prompt, output, file) = (mean(prompt), mean(output), args.out.display().to_string());
    let numbers = [n.to_string(), format!("{last_s:.1}"), format!("{prompt:.1}"), format!("{output:.1}")];
    let json = json!({
        "schema": 1, "output": file, "requests": n, "last_arrival_s": last_s, "mean_prompt_tokens": prompt,
        "mean_output_tokens": output,
    });
    let headers = ["output", "requests", "last_arrival_s", "mean_prompt_tokens", "mean_output_tokens"];
    let cells = [file].into_iter().chain(numbers).collect();
    console.table(&headers, &[cells], &json)
}
