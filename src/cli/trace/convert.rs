//! `trace convert`: any format in, foretoken CSV out.

use super::Reading;
use crate::cli::Console;
use crate::error::Result;
use crate::trace::{self, Format};
use serde_json::json;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(clap::Args)]
pub struct Args {
    /// Trace to read, plain or gzip.
    input: PathBuf,
    /// foretoken CSV to write, gzip if the name ends in .gz.
    output: PathBuf,
    /// Format of IN, instead of what its content says.
    #[arg(long, value_name = "NAME", value_parser = Format::from_str)]
    trace_format: Option<Format>,
    /// Leave the text of prompts out.
    #[arg(long)]
    no_text: bool,
    #[command(flatten)]
    reading: Reading,
}

pub fn run(args: &Args, console: &Console) -> Result<()> {
    super::not_an_input(&args.output, &[&args.input])?;
    let mut reader = trace::open(&args.input, &args.reading.options(args.trace_format))?;
    let mut columns = reader.columns();
    columns.text &= !args.no_text;
    let requests = trace::write(&args.output, columns, &mut reader)?;
    let mut notes = reader.notes().clone();
    if columns.prefix_hashes && reader.hash_block_tokens() != 512 {
        notes
            .remarks
            .push(format!("Read the output with --hash-block-tokens {}.", reader.hash_block_tokens()));
    }
    if !reader.has_times() {
        notes.remarks.push("There are no arrival times: every request is at 0 s.".to_string());
    }
    super::tell(&args.input, &notes, console);
    let output = args.output.display().to_string();
    let format = reader.format().name();
    let json = json!({
        "schema": 1, "output": output, "format": format, "requests": requests, "failed": notes.failed,
        "dropped": notes.dropped, "censored": notes.censored, "columns": columns.names(), "remarks": notes.remarks,
    });
    let headers = ["output", "format", "requests", "failed", "dropped"];
    let counts = [requests, notes.failed, notes.dropped].map(|n| n.to_string());
    let cells = [output, format.to_string()].into_iter().chain(counts).collect();
    console.table(&headers, &[cells], &json)
}
