//! Progress on standard error: a bar on a terminal, a line now and then otherwise.
#![allow(clippy::print_stderr, reason = "this talks to the user")]

use super::Console;
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
    let template = "{bar:30} {pos}/{len} runs, {msg} requests, {elapsed} (left {eta})";
    let style = ProgressStyle::with_template(template).expect("the template is a constant");
    let bar = ProgressBar::new(0).with_style(style);
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
    while !stop.load(Ordering::Relaxed) {
        std::thread::park_timeout(HEARTBEAT);
        if start.elapsed() < next {
            continue;
        }
        next += HEARTBEAT;
        eprintln!(
            "{} of {} runs, {} requests, {} s",
            progress.done.load(Ordering::Relaxed),
            progress.runs.load(Ordering::Relaxed),
            progress.requests.load(Ordering::Relaxed),
            start.elapsed().as_secs()
        );
    }
}
