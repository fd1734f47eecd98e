//! `foretoken engine plan`.

use crate::cli::{Console, Format};
use crate::error::{Error, Result};
use crate::real::vllm::{self, Scenario, Version};
use crate::real::{self, Difference};
use serde::Serialize;
use serde_json::json;
use std::path::PathBuf;

/// Whose scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    /// vLLM V1, with prefix caching and asynchronous scheduling where the scenario has them on.
    VllmV1,
}

/// Plan reference scenarios as a real engine does: one JSON line each.
#[derive(clap::Args)]
pub struct Args {
    /// Whose plans.
    #[arg(long, value_enum)]
    engine: Engine,
    /// Scenarios: .json, .jsonl or .jsonl.gz, in the form that docs/engines.md shows.
    file: PathBuf,
    /// Version of the engine, where versions differ: 0.32 or 0.33.
    #[arg(long, value_name = "VERSION", default_value = "0.32")]
    engine_version: String,
    /// Say how many plans are those that the file holds, and where the others part first; exit code 1 if any
    /// does.
    #[arg(long)]
    diff: bool,
}

/// Runs `foretoken engine plan`.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    match args.engine {
        Engine::VllmV1 => plan_vllm(args, console),
    }
}

fn plan_vllm(args: &Args, console: &Console) -> Result<()> {
    let version = Version::named(&args.engine_version)?;
    let scenarios: Vec<Scenario> = real::read(&args.file)?;
    let plans = scenarios.iter().map(|s| vllm::plan(s, version)).collect::<Result<Vec<_>>>()?;
    if !args.diff {
        let pairs = scenarios.iter().zip(&plans);
        return lines(pairs.map(|(s, plan)| json_line(&s.id, plan)), console);
    }
    let mut parted = Vec::new();
    for (scenario, plan) in scenarios.iter().zip(&plans) {
        let reference = scenario.result.as_ref().ok_or_else(|| {
            Error::Usage(format!("scenario {} holds no plan to compare with; leave --diff out", scenario.id))
        })?;
        parted.extend(plan.first_difference(reference).map(|d| (scenario.id.as_str(), d)));
    }
    report(scenarios.len(), &parted, console)
}

/// A plan in the reference's own form.
fn json_line<T: Serialize>(id: &str, plan: &T) -> Result<String> {
    #[derive(Serialize)]
    struct Line<'a, T> {
        id: &'a str,
        result: &'a T,
    }
    let text = serde_json::to_string(&Line { id, result: plan });
    text.map(|text| text + "\n").map_err(|e| Error::Usage(e.to_string()))
}

fn lines(lines: impl Iterator<Item = Result<String>>, console: &Console) -> Result<()> {
    console.data(&lines.collect::<Result<String>>()?)
}

/// Says how many of `total` plans are equal, and where the others part first.
fn report(total: usize, parted: &[(&str, Difference)], console: &Console) -> Result<()> {
    let equal = total - parted.len();
    if console.format == Format::Json {
        let differ: Vec<_> =
            parted.iter().map(|(id, difference)| json!({ "id": id, "first": difference })).collect();
        console.json(&json!({ "schema": 1, "scenarios": total, "equal": equal, "differ": differ }))?;
    } else {
        let mut text = format!("{equal} of {total} equal\n");
        let word = |side: &Option<String>| side.clone().unwrap_or("nothing".into());
        for (id, Difference { at, ours, reference }) in parted {
            text += &format!("{id}, {at}\n  ours      {}\n  reference {}\n", word(ours), word(reference));
        }
        console.data(&text)?;
    }
    match parted {
        [] => Ok(()),
        _ => Err(Error::Check(format!("{} of {total} plans differ", parted.len()))),
    }
}
