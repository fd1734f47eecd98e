//! Small subcommands: `verify`, `schema`, `completions`, `man`.

use super::Console;
use crate::error::{Error, Result};
use crate::latency::Profile;
use crate::replay;
use crate::scenario::Scenario;
use crate::scheduler::Registry;
use crate::sweep;
use clap::{CommandFactory, ValueEnum};
use schemars::Schema;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Run the scenario of a result directory again and compare digests and files.
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// Result directory.
    dir: PathBuf,
    /// Runs on hardware: replay the step times that were recorded.
    #[arg(long)]
    recorded: bool,
}

/// Runs `foretoken verify`: exit code 1 if anything differs.
pub fn verify(args: &VerifyArgs, registry: &Registry, console: &Console) -> Result<()> {
    let verified = match args.recorded {
        true => replay::verify_recorded(&args.dir, registry)?,
        false => replay::verify(&args.dir, registry)?,
    };
    let row = |v: &replay::Verdict| {
        let digest = if v.stored == v.repeated { "ok" } else { "differs" };
        let proved = v.proved_mean_e2e_s.map(|s| format!("{s:.6}"));
        let row = vec![v.label.clone(), v.replicate.to_string(), v.stored.clone(), digest.into()];
        row.into_iter().chain(proved).collect()
    };
    let rows: Vec<Vec<String>> = verified.runs.iter().map(row).collect();
    let certified = verified.runs.iter().any(|v| v.proved_mean_e2e_s.is_some());
    let headers = ["scheduler", "replicate", "digest", "again", "proved mean E2E s"];
    let headers = &headers[..if certified { 5 } else { 4 }];
    let json = json!({ "schema": 1, "runs": verified.runs, "changed_files": verified.changed_files });
    console.text_table(headers, &rows, &json)?;
    if !verified.changed_files.is_empty() {
        let files = verified.changed_files.join(", ");
        return Err(Error::Check(format!("{}: not as written: {files}", args.dir.display())));
    }
    match verified.runs.iter().filter(|v| !v.holds()).count() {
        0 => Ok(()),
        n => Err(Error::Check(format!(
            "{}: {n} of {} runs do not hold",
            args.dir.display(),
            verified.runs.len()
        ))),
    }
}

/// Print the JSON schema of a file format.
#[derive(clap::Args)]
pub struct SchemaArgs {
    /// Which.
    #[arg(value_enum)]
    of: SchemaOf,
}

#[derive(Clone, Copy, ValueEnum)]
enum SchemaOf {
    /// Scenario files.
    Scenario,
    /// Latency profiles.
    Profile,
}

/// The keys of a scenario, and the `[sweep]` section that may stand beside them.
fn scenario_file() -> Schema {
    let (mut file, mut sweep) = (schemars::schema_for!(Scenario), schemars::schema_for!(sweep::Spec));
    sweep.remove("$schema");
    let types = sweep.remove("$defs");
    let mut put = |table: &str, entries: Vec<(String, Value)>| {
        let table = file.ensure_object().entry(table).or_insert_with(|| json!({}));
        table.as_object_mut().into_iter().for_each(|table| table.extend(entries.iter().cloned()));
    };
    put("$defs", types.as_ref().and_then(Value::as_object).into_iter().flatten().map(owned).collect());
    put("properties", vec![("sweep".to_string(), sweep.to_value())]);
    file
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// Runs `foretoken schema`.
pub fn schema(args: &SchemaArgs, console: &Console) -> Result<()> {
    let schema = match args.of {
        SchemaOf::Scenario => scenario_file(),
        SchemaOf::Profile => schemars::schema_for!(Profile),
    };
    // In the order in which a reader wants the keys, which a `Value` does not keep.
    let text = serde_json::to_string_pretty(&schema).map_err(|e| Error::Usage(e.to_string()))?;
    console.data(&format!("{text}\n"))
}

/// Print shell completions.
#[derive(clap::Args)]
pub struct CompletionsArgs {
    /// Shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Runs `foretoken completions`.
pub fn completions(args: &CompletionsArgs, console: &Console) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "foretoken", &mut text);
    console.data(&String::from_utf8_lossy(&text))
}

/// Runs `foretoken man`: the manual page, roff.
pub fn man(console: &Console) -> Result<()> {
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(super::Cli::command());
    page.render(&mut text).map_err(|e| Error::io("standard output", e))?;
    console.data(&String::from_utf8_lossy(&text))
}
