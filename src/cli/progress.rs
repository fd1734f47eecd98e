//! Progress on standard error: a bar on a terminal, a line now and then otherwise.
#![allow(clippy::print_stderr, reason = "this talks to the user")]

use super::Console;
use crate::error::{Error, Result};
use crate::replay::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks at the counters.
const TICK: Duration = Duration::from_millis(100);
/// Between two lines where there is no terminal.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Follows a [`Progress`] from a thread of its own until it is dropped.
pub struct Bar {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Starts following `progress`, unless the console is quiet.
    pub fn start(console: &Console, progress: &Arc<Progress>) -> Bar {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, progress) = (Arc::clone(&stop), Arc::clone(progress));
        let follow: fn(&Progress, &AtomicBool) =
            if std::io::stderr().is_terminal() { draw } else { heartbeat };
        let thread = (!console.quiet).then(|| std::thread::spawn(move || follow(&progress, &stopped)));
        Bar { stop, thread }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn draw(progress: &Progress, stop: &AtomicBool) {
    let template = "{bar:30} {pos}/{len} runs, {per_sec}, {msg} requests, {elapsed} (left {eta})";
    let style = ProgressStyle::with_template(template).expect("the template is a constant");
    let bar = ProgressBar::new(0).with_style(style);
    // Runs of an earlier attempt say nothing about the speed of this one.
    bar.set_position(progress.done.load(Ordering::Relaxed) as u64);
    bar.reset_eta();
    while !stop.load(Ordering::Relaxed) {
        std::thread::park_timeout(TICK);
        bar.set_length(progress.runs.load(Ordering::Relaxed) as u64);
        bar.set_position(progress.done.load(Ordering::Relaxed) as u64);
        bar.set_message(progress.requests.load(Ordering::Relaxed).to_string());
    }
    bar.finish_and_clear();
}

fn heartbeat(progress: &Progress, stop: &AtomicBool) {
    let (start, mut next) = (Instant::now(), HEARTBEAT);
    let before = progress.done.load(Ordering::Relaxed);
    while !stop.load(Ordering::Relaxed) {
        std::thread::park_timeout(HEARTBEAT);
        let elapsed = start.elapsed();
        if elapsed < next {
            continue;
        }
        next += HEARTBEAT;
        let (done, runs) = (progress.done.load(Ordering::Relaxed), progress.runs.load(Ordering::Relaxed));
        let rate = done.saturating_sub(before) as f64 / elapsed.as_secs_f64();
        let left = if rate > 0.0 {
            format!("about {:.0} s left", runs.saturating_sub(done) as f64 / rate)
        } else {
            "none done yet".into()
        };
        let requests = progress.requests.load(Ordering::Relaxed);
        eprintln!(
            "{done} of {runs} runs, {rate:.2} runs/s, {requests} requests, {} s, {left}",
            elapsed.as_secs()
        );
    }
}

/// Time spent of a budget: a bar on a terminal, a line now and then otherwise.
#[cfg(feature = "nn")]
pub struct Countdown {
    bar: Option<ProgressBar>,
    talks: bool,
    budget_s: f64,
    next_s: f64,
}

#[cfg(feature = "nn")]
impl Countdown {
    /// Starts one over `budget_s` seconds, silent on a quiet console.
    pub fn start(console: &Console, budget_s: f64) -> Countdown {
        let style = ProgressStyle::with_template("{bar:30} {elapsed} of {msg}");
        let draws = !console.quiet && std::io::stderr().is_terminal();
        let bar = draws.then(|| {
            ProgressBar::new((budget_s * 1000.0) as u64)
                .with_style(style.expect("the template is a constant"))
        });
        Countdown { bar, talks: !console.quiet, budget_s, next_s: HEARTBEAT.as_secs_f64() }
    }

    /// Shows that `elapsed_s` seconds are over, and what was done in them.
    pub fn tell(&mut self, elapsed_s: f64, what: impl Fn() -> String) {
        let left = (self.budget_s - elapsed_s).max(0.0);
        let line = || format!("{:.0} s, at most {left:.0} s left; {}", self.budget_s, what());
        if let Some(bar) = &self.bar {
            bar.set_position((elapsed_s * 1000.0) as u64);
            bar.set_message(line());
        } else if self.talks && elapsed_s >= self.next_s {
            self.next_s = elapsed_s + HEARTBEAT.as_secs_f64();
            eprintln!("{elapsed_s:.0} of {}", line());
        }
    }
}

#[cfg(feature = "nn")]
impl Drop for Countdown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The first Ctrl-C asks for a stop; the second ends the process.
pub fn stop_on_interrupt(progress: &Arc<Progress>) -> Result<()> {
    let progress = Arc::clone(progress);
    let stop = move || {
        if progress.interrupted.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(stop).map_err(|e| Error::Usage(format!("Ctrl-C cannot be caught: {e}")))
}
