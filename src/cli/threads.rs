//! How many threads a tensor library computes with.

use crate::error::{Error, Result};
use std::process::Command;

/// Where candle and libtorch read how many threads to start: once, before anything is computed.
const VARIABLES: [&str; 2] = ["RAYON_NUM_THREADS", "OMP_NUM_THREADS"];

/// Threads of this machine.
pub fn all() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Makes sure that tensor libraries compute with `threads` threads. If the environment says otherwise, the
/// program is started again with this command line in an environment that says so, and this call does not
/// return. To be called before any work is done.
///
/// # Errors
/// The program cannot be started again.
pub fn pin(threads: usize) -> Result<()> {
    let wanted = threads.to_string();
    if VARIABLES.iter().all(|name| std::env::var(name).is_ok_and(|value| value == wanted)) {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(|e| Error::Usage(format!("this program's file: {e}")))?;
    let mut command = Command::new(&program);
    command.args(std::env::args_os().skip(1)).envs(VARIABLES.map(|name| (name, &wanted)));
    Err(Error::io(program, replace(command)))
}

/// Lets `command` take this process's place, so that signals and the exit code are its own.
#[cfg(unix)]
fn replace(mut command: Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

/// Runs `command` and ends with its exit code.
#[cfg(not(unix))]
fn replace(mut command: Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(2)),
        Err(e) => e,
    }
}
