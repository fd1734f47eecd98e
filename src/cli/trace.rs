//! Trace subcommands.

mod convert;
mod info;
mod join;
mod synth;

use super::Console;
use crate::error::{Error, Result};
use crate::trace::{Format, Notes, ReadOptions, TimeUnit, Tokenizer, Window};
use std::path::Path;
use std::str::FromStr;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Describe traces: requests, arrivals, burstiness, lengths.
    Info(info::Args),
    /// Turn a trace of any format into foretoken CSV.
    Convert(convert::Args),
    /// Take arrivals from one trace and lengths from another.
    Join(join::Args),
    /// Make up a trace from a recipe.
    Synth(synth::Args),
}

/// Runs one trace subcommand.
pub fn run(args: &Args, console: &Console) -> Result<()> {
    match &args.command {
        Command::Info(args) => info::run(args, console),
        Command::Convert(args) => convert::run(args, console),
        Command::Join(args) => join::run(args, console),
        Command::Synth(args) => synth::run(args, console),
    }
}

/// How to read traces; shared by the subcommands.
#[derive(clap::Args)]
struct Reading {
    /// Pass over unknown columns of foretoken CSV.
    #[arg(long)]
    ignore_extra: bool,
    /// Keep requests that the recorded system failed to answer (as one output token).
    #[arg(long)]
    keep_failed: bool,
    /// Sort by arrival, in memory, instead of refusing times that run backwards.
    #[arg(long)]
    sort: bool,
    /// Unit of times that are plain numbers: s, ms, us or ns [default: the format's].
    #[arg(long, value_name = "UNIT", value_parser = TimeUnit::from_str)]
    time_unit: Option<TimeUnit>,
    /// Requests from this long after the first one.
    #[arg(long, value_name = "SECONDS")]
    from_s: Option<f64>,
    /// Requests earlier than this long after the first one.
    #[arg(long, value_name = "SECONDS")]
    to_s: Option<f64>,
    /// Requests from this time on the file's own clock.
    #[arg(long, value_name = "SECONDS")]
    clock_from_s: Option<f64>,
    /// Requests earlier than this time on the file's own clock.
    #[arg(long, value_name = "SECONDS")]
    clock_to_s: Option<f64>,
    /// Read this many requests at most.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Chats: a prompt is all that was said before, not the user's message alone.
    #[arg(long)]
    history: bool,
    /// Chats: how tokens are counted (estimate, cl100k_base, o200k_base, p50k_base, r50k_base).
    #[arg(long, value_name = "NAME", default_value = "estimate", value_parser = Tokenizer::from_str)]
    tokenizer: Tokenizer,
    /// Tokens that a prefix hash stands for [default: 512, Qwen 16].
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    hash_block_tokens: Option<u32>,
    /// Limit that the recorded system put on outputs; longer ones were cut off there.
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    output_cap: Option<u32>,
}

impl Reading {
    fn options(&self, format: Option<Format>) -> ReadOptions {
        ReadOptions {
            format,
            ignore_extra: self.ignore_extra,
            keep_failed: self.keep_failed,
            skip_empty: false,
            sort: self.sort,
            time_unit: self.time_unit,
            window: Window {
                from_s: self.from_s,
                to_s: self.to_s,
                clock_from_s: self.clock_from_s,
                clock_to_s: self.clock_to_s,
            },
            limit: self.limit,
            hash_block_tokens: self.hash_block_tokens,
            output_cap: self.output_cap,
            history: self.history,
            tokenizer: self.tokenizer,
            hash: false,
        }
    }
}

/// Refuses an output that is one of the inputs: reading it is not over when writing begins, and what a
/// conversion leaves out would be lost.
fn not_an_input(output: &Path, inputs: &[&Path]) -> Result<()> {
    let Ok(place) = output.canonicalize() else { return Ok(()) };
    match inputs.iter().any(|input| input.canonicalize().is_ok_and(|i| i == place)) {
        false => Ok(()),
        true => Err(Error::Usage(format!("{}: this is an input too; name another output", output.display()))),
    }
}

/// Says what a reader of the numbers from `file` must know.
fn tell(file: &Path, notes: &Notes, console: &Console) {
    let Notes { rows, failed, dropped, outside, censored, remarks } = notes;
    let say = |what: &str| console.talk(&format!("{}: {what}", short(file)));
    if *failed > 0 {
        let fate = if *dropped > 0 { "left out; --keep-failed keeps them" } else { "kept as 1 output token" };
        say(&format!("{failed} of {rows} requests failed when recorded: {fate}."));
    }
    if *outside > 0 {
        say(&format!("{outside} requests lie before the window (or outside of it, where rows were sorted)."));
    }
    if *censored > 0 {
        say(&format!("{censored} outputs are as long as their limit: cut off, not finished."));
    }
    remarks.iter().for_each(|remark| say(remark));
}

/// A file's name without its folders.
fn short(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        reading: Reading,
    }

    #[test]
    fn every_option_reaches_the_reader() {
        let line = "x --ignore-extra --keep-failed --sort --limit 3 --history --tokenizer cl100k_base --time-unit us \
                    --from-s 1 --to-s 2 --clock-from-s 3 --clock-to-s 4 \
                    --hash-block-tokens 16 --output-cap 2048";
        let read = Line::parse_from(line.split_whitespace()).reading.options(Some(Format::Qwen));
        let expected = ReadOptions {
            format: Some(Format::Qwen),
            ignore_extra: true,
            keep_failed: true,
            skip_empty: false,
            sort: true,
            time_unit: Some(TimeUnit::Us),
            window: Window {
                from_s: Some(1.0),
                to_s: Some(2.0),
                clock_from_s: Some(3.0),
                clock_to_s: Some(4.0),
            },
            limit: Some(3),
            hash_block_tokens: Some(16),
            output_cap: Some(2048),
            history: true,
            tokenizer: Tokenizer::Cl100kBase,
            hash: false,
        };
        assert_eq!(read, expected);
        assert_eq!(Line::parse_from(["x"]).reading.options(None), ReadOptions::default());
    }
}
