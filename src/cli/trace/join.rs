//! `trace join`: arrivals of one trace, lengths of another, and a record of how.

use super::Reading;
use crate::cli::Console;
use crate::error::{Error, Result};
use crate::trace::{self, Format, Join, ReadOptions, Reader};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[derive(clap::Args)]
pub struct Args {
    /// Trace that says when requests come.
    #[arg(long, value_name = "FILE")]
    arrivals: PathBuf,
    /// Trace that says what they ask: lengths, class, text.
    #[arg(long, value_name = "FILE")]
    lengths: PathBuf,
    /// Seed of the draws.
    #[arg(long)]
    seed: u64,
    /// Use no row of LENGTHS twice.
    #[arg(long)]
    without_replacement: bool,
    /// foretoken CSV to write, gzip if the name ends in .gz; OUT.json beside it records how it was made.
    output: PathBuf,
    /// Format of ARRIVALS, instead of what its content says.
    #[arg(long, value_name = "NAME", value_parser = Format::from_str)]
    arrivals_format: Option<Format>,
    /// Format of LENGTHS, instead of what its content says.
    #[arg(long, value_name = "NAME", value_parser = Format::from_str)]
    lengths_format: Option<Format>,
    /// Leave the text of prompts out.
    #[arg(long)]
    no_text: bool,
    #[command(flatten)]
    reading: Reading,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    super::not_an_input(&args.output, &[&args.arrivals, &args.lengths])?;
    let options = |format| ReadOptions { hash: true, ..args.reading.options(format) };
    let arrivals = trace::open(&args.arrivals, &options(args.arrivals_format))?;
    // A limit is on what comes out: draws are from all lengths.
    let all = ReadOptions { limit: None, ..options(args.lengths_format) };
    let mut lengths = trace::open(&args.lengths, &all)?;
    let mut joined = Join::new(arrivals, &mut lengths, args.seed, !args.without_replacement)?;
    let mut columns = joined.columns();
    columns.text &= !args.no_text;
    let requests = trace::write(&args.output, columns, &mut joined)?;
    super::tell(&args.arrivals, joined.arrivals().notes(), console);
    super::tell(&args.lengths, lengths.notes(), console);
    let record = json!({
        "schema": 1,
        "made_by": concat!("foretoken ", env!("CARGO_PKG_VERSION"), " trace join"),
        "output": args.output.display().to_string(),
        "requests": requests,
        "seed": args.seed,
        "replacement": !args.without_replacement,
        "columns": columns.names(),
        "options": {
            "ignore_extra": args.reading.ignore_extra, "keep_failed": args.reading.keep_failed, "sort": args.reading.sort, "limit": args.reading.limit,
            "history": args.reading.history, "tokenizer": args.reading.tokenizer.name(),
            "hash_block_tokens": lengths.hash_block_tokens(), "output_cap": args.reading.output_cap,
        },
        "arrivals": source(&args.arrivals, joined.arrivals())?,
        "lengths": source(&args.lengths, &lengths)?,
    });
    write_record(&args.output, &record)?;
    let headers = ["output", "requests", "arrivals", "lengths", "seed"];
    let [arrivals, lengths] = [&args.arrivals, &args.lengths].map(|p| p.display().to_string());
    let output = args.output.display().to_string();
    let cells = vec![output, requests.to_string(), arrivals, lengths, args.seed.to_string()];
    console.table(&headers, &[cells], &record)
}

/// What a file was, so that it can be found again.
fn source(path: &Path, reader: &Reader) -> Result<Value> {
    let notes = reader.notes();
    Ok(json!({
        "file": path.display().to_string(),
        "sha256": reader.sha256()?,
        "format": reader.format().name(),
        "rows": notes.rows,
        "failed": notes.failed,
        "dropped": notes.dropped,
        "remarks": notes.remarks,
    }))
}

/// Puts the record beside `output`, with `.json` behind its whole name.
fn write_record(output: &Path, record: &Value) -> Result<()> {
    let beside = |end: &str| {
        let mut name = OsString::from(output);
        name.push(end);
        PathBuf::from(name)
    };
    let (path, aside) = (beside(".json"), beside(".json.tmp"));
    let text = serde_json::to_string_pretty(record).map_err(|e| Error::Usage(e.to_string()))?;
    let written = fs::write(&aside, text + "\n").and_then(|()| fs::rename(&aside, &path));
    written.map_err(|e| Error::io(&path, e))
}
