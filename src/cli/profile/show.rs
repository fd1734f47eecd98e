//! `foretoken profile show`: origin, limits and step times of one profile.

use crate::cli::{Console, Format};
use crate::error::Result;
use crate::latency::{Chunk, LatencyModel, Noise, NoiseKind, Profile, Region, StepShape};
use crate::time::Span;
use serde_json::json;
use std::path::PathBuf;

/// Capacity used for the step times of a profile that names none.
const ASSUMED_KV_TOKENS: u64 = 100_000;
const BATCHES: [u64; 7] = [1, 4, 16, 32, 64, 128, 256];
const CONTEXTS: [u64; 5] = [128, 512, 1_024, 2_048, 4_096];
const PREFILLS: [u32; 7] = [16, 128, 512, 1_024, 2_048, 4_096, 8_192];

/// Standard normal quantile of 0.9.
pub(super) const Z90: f64 = 1.281_551_565_544_600_4;

#[derive(clap::Args)]
pub struct Args {
    /// Name of a shipped profile, or a file.
    profile: String,
    /// KV capacity of the replica, tokens (default: the profile's own).
    #[arg(long)]
    kv_tokens: Option<u64>,
    /// Folder for a figure of the step times (NAME.svg, .png, .pdf, .csv).
    #[arg(long, value_name = "DIR")]
    figure: Option<PathBuf>,
}

/// One step of the table.
struct Row {
    prefill_tokens: u32,
    decodes: u64,
    context_tokens: u64,
    /// What the model says; or why it has no answer.
    took: std::result::Result<Span, String>,
    in_domain: bool,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    let profile = Profile::load(&args.profile)?;
    let own = profile.kv.as_ref().map(|kv| kv.capacity_tokens);
    let kv_tokens = args.kv_tokens.or(own).unwrap_or(ASSUMED_KV_TOKENS);
    let rows = steps(&mut *profile.model(kv_tokens)?);
    if let Some(dir) = &args.figure {
        super::draw::draw(dir, &profile, kv_tokens, console)?;
    }
    match console.format {
        Format::Table => text(&profile, kv_tokens, &rows, console),
        Format::Csv | Format::Json => {
            let headers = ["prefill_tokens", "decodes", "context_tokens", "step_s", "in_domain"];
            let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
            let steps: Vec<_> = rows.iter().map(|row| entry(row, &profile.noise)).collect();
            let json =
                json!({ "schema": 1, "profile": profile, "kv_capacity_tokens": kv_tokens, "steps": steps });
            console.table(&headers, &cells, &json)
        }
    }
}

/// Step times of pure decodes over batch and context, then of single prefills.
fn steps(model: &mut dyn LatencyModel) -> Vec<Row> {
    let decodes = BATCHES.iter().flat_map(|&batch| CONTEXTS.iter().map(move |&context| (0, batch, context)));
    let prefills = PREFILLS.iter().map(|&new| (new, 0, 0));
    decodes
        .chain(prefills)
        .map(|(new, decodes, context_tokens)| {
            let chunk = [Chunk::of_prompt(0, new)];
            let prefill = if new > 0 { &chunk[..] } else { &[] };
            let context_sum = decodes * context_tokens;
            let context_max = context_tokens;
            let shape = StepShape { prefill, decodes, context_sum, context_max, ..StepShape::default() };
            let took = model.step(&shape).map_err(|e| e.to_string());
            Row { prefill_tokens: new, decodes, context_tokens, took, in_domain: model.in_domain(&shape) }
        })
        .collect()
}

fn cells(row: &Row) -> Vec<String> {
    let step_s = row.took.as_ref().map_or(String::new(), Span::to_string);
    let shape = [u64::from(row.prefill_tokens), row.decodes, row.context_tokens];
    shape.iter().map(u64::to_string).chain([step_s, row.in_domain.to_string()]).collect()
}

fn entry(row: &Row, noise: &Noise) -> serde_json::Value {
    let step_s = row.took.as_ref().ok().map(|t| t.as_secs());
    let mut entry = json!({
        "prefill_tokens": row.prefill_tokens, "decodes": row.decodes, "context_tokens": row.context_tokens,
        "step_s": step_s, "error": row.took.as_ref().err(), "in_domain": row.in_domain,
    });
    if !noise.is_calm() {
        let rows = u64::from(row.prefill_tokens) + row.decodes;
        let quantile = |normal: f64| step_s.map(|s| s * noise.factor(normal, rows));
        (entry["p10_s"], entry["p90_s"]) = (json!(quantile(-Z90)), json!(quantile(Z90)));
    }
    entry
}

fn text(profile: &Profile, kv_tokens: u64, rows: &[Row], console: &Console) -> Result<()> {
    console.data(&head(profile, kv_tokens))?;
    let contexts: Vec<String> = CONTEXTS.iter().map(|c| format!("ctx {c}")).collect();
    let headers: Vec<&str> = std::iter::once("decodes").chain(contexts.iter().map(String::as_str)).collect();
    let (decodes, prefills) = rows.split_at(BATCHES.len() * CONTEXTS.len());
    let lines: Vec<Vec<String>> = decodes
        .chunks(CONTEXTS.len())
        .map(|line| std::iter::once(line[0].decodes.to_string()).chain(line.iter().map(ms)).collect())
        .collect();
    console.data("decode step, ms, by batch and context of each request\n")?;
    console.table(&headers, &lines, &json!(null))?;
    console.data("\nprefill step, ms, one prompt alone\n")?;
    let lines: Vec<Vec<String>> =
        prefills.iter().map(|r| vec![r.prefill_tokens.to_string(), ms(r)]).collect();
    console.table(&["tokens", "ms"], &lines, &json!(null))?;
    if rows.iter().any(|r| !r.in_domain) {
        console.data("\n* outside of the profile's domain\n")?;
    }
    Ok(())
}

fn ms(row: &Row) -> String {
    let mark = if row.in_domain { "" } else { "*" };
    row.took.as_ref().map_or("none*".to_string(), |t| format!("{:.3}{mark}", t.as_secs() * 1e3))
}

fn head(profile: &Profile, kv_tokens: u64) -> String {
    let from = &profile.provenance;
    let mut lines = vec![
        format!("{} ({}, {})", profile.name, profile.timing.kind(), from.how),
        profile.description.clone(),
        format!("by {}, {}; device: {}; software: {}", from.who, from.date, from.device, from.software),
    ];
    lines.extend(from.notes.iter().cloned());
    lines.push(match &profile.kv {
        Some(kv) => format!("KV: {} tokens of {} bytes", kv.capacity_tokens, kv.bytes_per_token),
        None => "KV: not in the profile; the run says how much there is".to_string(),
    });
    if profile.kv.as_ref().map(|kv| kv.capacity_tokens) != Some(kv_tokens) {
        lines.push(format!("step times below: with {kv_tokens} tokens of KV capacity"));
    }
    if let Some(power) = &profile.power {
        lines.push(format!("power: {} W idle, {} W active", power.idle_w, power.active_w));
    }
    lines.extend(noise(&profile.noise));
    let domain = &profile.domain;
    let limits = [
        ("prefill tokens", domain.max_prefill_tokens),
        ("decodes", domain.max_decodes),
        ("tokens of context in all", domain.max_context_sum_tokens),
    ];
    let limits: Vec<String> =
        limits.iter().filter_map(|(what, max)| max.map(|m| format!("up to {m} {what}"))).collect();
    lines.push(match limits.is_empty() {
        true => "domain: not limited".to_string(),
        false => format!("domain: {}", limits.join(", ")),
    });
    lines.join("\n") + "\n\n"
}

/// What is said of the noise, a line for each size of step.
fn noise(noise: &Noise) -> Vec<String> {
    let lines = match (noise.kind, noise.sigma) {
        (NoiseKind::None, _) => return Vec::new(),
        (NoiseKind::LogNormal, sigma) => {
            vec![format!("noise: log-normal factor of median 1, sigma {}", sigma.unwrap_or(0.0))]
        }
        (NoiseKind::Regions, _) => {
            let rows =
                |most: Option<u64>| most.map_or("all larger".to_string(), |m| format!("up to {m} rows"));
            let line = |r: &Region| {
                let Region { max_rows, min, p10, median, p90, max } = r;
                format!(
                    "noise, {}: factor {min} to {max}; 10% {p10}, median {median}, 90% {p90}",
                    rows(*max_rows)
                )
            };
            noise.regions.iter().map(line).collect()
        }
    };
    let correlation = format!("noise: correlation {} from step to step", noise.autocorrelation);
    lines.into_iter().chain([correlation]).collect()
}
