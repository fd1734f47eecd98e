//! The command line: one file per subcommand. The only place that prints, and that reads a wall clock.
#![allow(clippy::disallowed_methods, reason = "wall clock and terminal belong here")]

mod calibrate;
mod compare;
mod compete;
mod console;
mod engine;
mod figure;
mod length;
mod misc;
mod predictor;
mod profile;
mod progress;
mod replay;
mod routers;
mod scenario;
mod schedulers;
mod sweep;
#[cfg(feature = "nn")]
mod threads;
mod trace;
mod validate;

pub use console::{Console, Format};

use crate::error::Error;
use crate::scheduler::Registry;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Which scheduler should serve these requests, on this hardware, when nobody knows how long each answer
/// will be?
#[derive(Parser)]
#[command(name = "foretoken", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What goes to standard output.
    #[arg(long, global = true, value_enum, default_value = "table", display_order = 900)]
    format: Format,
    /// Say nothing on standard error but errors.
    #[arg(long, global = true, display_order = 900)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    Replay(Box<replay::Args>),
    Sweep(sweep::Args),
    Verify(misc::VerifyArgs),
    Validate(Box<validate::Args>),
    Compare(compare::Args),
    Schedulers(schedulers::Args),
    Routers(routers::Args),
    Figure(Box<figure::Args>),
    Compete(Box<compete::Args>),
    Calibrate(Box<calibrate::Args>),
    /// Hold our policies against what real engines and routers decided.
    Engine(engine::Args),
    /// Look at traces, convert them, make them up, join two.
    Trace(trace::Args),
    /// List latency profiles, show one, build one from a model configuration.
    Profile(profile::Args),
    /// Score and fit laws of output lengths.
    Length(length::Args),
    /// Learn to predict output lengths; see how good it is; predict those of a trace.
    Predictor(Box<predictor::Args>),
    Schema(misc::SchemaArgs),
    Completions(misc::CompletionsArgs),
    /// Print the manual page (roff).
    Man,
}

/// Runs the command line `args` (program name first) with the schedulers of `registry`.
///
/// Exit codes: 0 done, 1 a requested check failed, 2 usage, input or environment, 130 interrupted.
pub fn run<I, T>(registry: Registry, args: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            let code = if e.use_stderr() { 2 } else { 0 };
            let _ = e.print();
            return ExitCode::from(code);
        }
    };
    let console = Console::new(cli.format, cli.quiet);
    match dispatch(&cli.command, &registry, &console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            console.error(&e);
            ExitCode::from(e.exit_code())
        }
    }
}

fn dispatch(command: &Command, registry: &Registry, console: &Console) -> Result<(), Error> {
    match command {
        Command::Engine(args) => engine::run(args, console),
        Command::Trace(args) => trace::run(args, console),
        Command::Profile(args) => profile::run(args, console),
        Command::Length(args) => length::run(args, console),
        Command::Predictor(args) => predictor::run(args, console),
        Command::Replay(args) => replay::run(args, registry, console),
        Command::Sweep(args) => sweep::run(args, registry, console),
        Command::Compare(args) => compare::run(args, console),
        Command::Calibrate(args) => calibrate::run(args, console),
        Command::Compete(args) => compete::run(args, registry, console),
        Command::Validate(args) => validate::run(args, registry, console),
        Command::Verify(args) => misc::verify(args, registry, console),
        Command::Schedulers(args) => schedulers::run(args, registry, console),
        Command::Routers(args) => routers::run(args, console),
        Command::Figure(args) => figure::run(args, console),
        Command::Schema(args) => misc::schema(args, console),
        Command::Completions(args) => misc::completions(args, console),
        Command::Man => misc::man(console),
    }
}
