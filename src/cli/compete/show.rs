//! What `foretoken compete` prints.

use crate::cli::Console;
use crate::cli::console::Format;
use crate::compete::{Entry, Instance, Match, Reference, Worst, dual_bound, relaxation};
use crate::error::{Error, Result};
use serde_json::{Value, json};

const SUMMARY: [&str; 10] = [
    "scheduler",
    "seeds",
    "average latency",
    "peak KV",
    "kills",
    "tokens lost",
    "TEL",
    "/ h-sf",
    "/ optimum",
    "/ volume",
];

/// Columns of the CSV: the fields of an entry.
const FIELDS: [&str; 11] = [
    "scheduler",
    "seed",
    "tel",
    "average_latency",
    "peak_kv_tokens",
    "kills",
    "tokens_lost",
    "completion",
    "ratio_hsf",
    "ratio_opt",
    "ratio_volume",
];

/// Prints results, the bounds if asked for, and the instance that was found if one was looked for.
pub fn entries(
    kv_tokens: u64,
    entries: &[Entry],
    bounds: Option<Value>,
    worst: Option<&Worst>,
    console: &Console,
) -> Result<()> {
    let mut json = json!({ "schema": 1, "kv_tokens": kv_tokens, "results": entries });
    if let Some(bounds) = &bounds {
        json["bounds"] = bounds.clone();
    }
    if let Some(worst) = worst {
        json["instance"] = json!(worst.instance.jobs);
        json["search"] = json!({ "ratio_hsf": worst.ratio, "restart": worst.restart });
    }
    if console.format == Format::Csv {
        let rows: Vec<Vec<String>> = entries.iter().map(cells).collect();
        return match worst {
            Some(worst) => console.data(&worst.instance.csv()),
            None => console.table(&FIELDS, &rows, &json),
        };
    }
    let groups = entries.chunk_by(|a, b| a.scheduler == b.scheduler && a.seed < b.seed);
    let rows: Vec<Vec<String>> = groups.map(summary).collect();
    console.table(&SUMMARY, &rows, &json)?;
    if console.format != Format::Table {
        return Ok(());
    }
    for bound in bounds.iter().filter_map(Value::as_array).flatten() {
        let text = |key: &str| bound[key].as_f64().map_or("-".into(), number);
        console.talk(&format!(
            "seed {}: h-sf {}, best known {}, optimum {}; lower bounds: volume {}, relaxation {} (by prices {})",
            bound["seed"],
            text("hsf"),
            text("best_known"),
            text("optimum"),
            text("volume"),
            text("relaxation"),
            text("dual")
        ));
    }
    worst.map_or(Ok(()), |worst| {
        console.data(&format!(
            "\nThe worst that was found, {} of h-sf (--format csv or --out keeps it):\n{}",
            number(worst.ratio),
            worst.instance.csv()
        ))
    })
}

/// One scheduler's row: means over seeds, the largest peak.
fn summary(group: &[Entry]) -> Vec<String> {
    let mean = |of: &dyn Fn(&Entry) -> Option<f64>| {
        let values: Option<Vec<f64>> = group.iter().map(of).collect();
        values.map_or("-".into(), |v| number(v.iter().sum::<f64>() / v.len() as f64))
    };
    vec![
        group[0].scheduler.clone(),
        group.len().to_string(),
        mean(&|e| Some(e.average_latency)),
        group.iter().map(|e| e.peak_kv_tokens).max().unwrap_or(0).to_string(),
        mean(&|e| Some(e.kills as f64)),
        mean(&|e| Some(e.tokens_lost as f64)),
        mean(&|e| Some(e.tel as f64)),
        mean(&|e| e.ratio_hsf),
        mean(&|e| e.ratio_opt),
        mean(&|e| e.ratio_volume),
    ]
}

fn cells(e: &Entry) -> Vec<String> {
    let ratio = |r: Option<f64>| r.map_or(String::new(), |r| r.to_string());
    let completion: Vec<String> = e.completion.iter().map(u64::to_string).collect();
    vec![
        e.scheduler.clone(),
        e.seed.to_string(),
        e.tel.to_string(),
        e.average_latency.to_string(),
        e.peak_kv_tokens.to_string(),
        e.kills.to_string(),
        e.tokens_lost.to_string(),
        completion.join(";"),
        ratio(e.ratio_hsf),
        ratio(e.ratio_opt),
        ratio(e.ratio_volume),
    ]
}

/// Whole numbers as they are, others with three decimals.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// Lower bounds on the total latency of any schedule, seed by seed.
pub fn bounds(
    game: &Match<'_>,
    instance: &dyn Fn(u64) -> Result<Instance>,
    references: &[Reference],
) -> Result<Value> {
    let of = |(seed, reference): (u64, &Reference)| {
        let instance = instance(seed)?;
        let dual = dual_bound(&instance, game.kv_tokens, &reference.known);
        let relaxed = relaxation(&instance, game.kv_tokens, &reference.known);
        let best_known = reference.known.tel(&instance);
        if dual.value > best_known as f64 {
            return Err(Error::Check(format!("seed {seed}: a lower bound over a schedule that is there")));
        }
        Ok(json!({
            "seed": seed, "hsf": reference.hsf, "best_known": best_known, "optimum": reference.opt,
            "volume": reference.volume, "relaxation": relaxed, "dual": dual.value,
        }))
    };
    let all: Result<Vec<Value>> = (0u64..).zip(references).map(of).collect();
    Ok(Value::Array(all?))
}
