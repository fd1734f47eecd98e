//! Files of recorded router runs.

use crate::error::{Error, Place, Result};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// One recorded run.
#[derive(Debug, Deserialize)]
pub struct Run {
    /// Its number in the file it came from, if it has one.
    #[serde(default)]
    run: Option<Value>,
    /// Which router: `sglang` or `vllm`.
    pub router: String,
    /// Its policy, as its command line has it.
    pub policy: String,
    /// Its other options.
    #[serde(default)]
    pub options: BTreeMap<String, Value>,
    /// Workers behind it.
    pub workers: usize,
    /// The order in which it goes through equal workers, where it is known.
    #[serde(default)]
    pub order: Option<Vec<usize>>,
    /// Whether workers tokenise for it.
    #[serde(default)]
    pub tokenize: bool,
    events: Vec<Vec<Value>>,
    /// The same events, read.
    #[serde(skip)]
    pub told: Vec<Event>,
    /// Line of the file.
    #[serde(skip)]
    pub place: Place,
}

/// What happened next.
#[derive(Debug)]
pub enum Event {
    /// A request came and went to a worker.
    Send {
        id: String,
        prompt: String,
        /// Value of its header that names a session or a key.
        key: Option<String>,
        worker: usize,
    },
    /// Its answer is back.
    Finish { id: String },
}

impl Run {
    /// What it is called.
    pub fn name(&self) -> String {
        let number = self.place.line.map(|line| line.to_string()).unwrap_or_default();
        self.run.as_ref().map_or(number, Value::to_string)
    }

    /// An error about this run.
    pub fn wrong(&self, what: impl Into<String>, help: &str) -> Error {
        Error::input(self.place.clone(), what, help)
    }

    fn understand(&mut self) -> Result<()> {
        if self.workers == 0 || self.workers > 1 << 16 {
            return Err(self.wrong(format!("{} workers", self.workers), "a run has 1 to 65536 of them"));
        }
        let mut told = Vec::with_capacity(self.events.len());
        for (i, event) in self.events.iter().enumerate() {
            let read = read_event(event)
                .filter(|e| !matches!(e, Event::Send { worker, .. } if *worker >= self.workers));
            let help = "write [\"send\", id, prompt, headers, worker], the worker counted from 0, or [\"finish\", id]";
            told.push(read.ok_or_else(|| self.wrong(format!("event {i} is no event"), help))?);
        }
        self.told = told;
        Ok(())
    }
}

fn read_event(event: &[Value]) -> Option<Event> {
    let text = |value: &Value| value.as_str().map(str::to_string);
    match event {
        [kind, id, prompt, headers, worker] if kind == "send" => Some(Event::Send {
            id: text(id)?,
            prompt: text(prompt)?,
            key: headers.as_object()?.values().find_map(text),
            worker: usize::try_from(worker.as_u64()?).ok()?,
        }),
        [kind, id] if kind == "finish" => Some(Event::Finish { id: text(id)? }),
        _ => None,
    }
}

/// All runs of `path`.
///
/// # Errors
/// It cannot be read; a line is no run.
pub fn read(path: &Path) -> Result<Vec<Run>> {
    let io = |e| Error::io(path, e);
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let packed = file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    let content: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut runs = Vec::new();
    for (i, line) in BufReader::new(content).lines().enumerate() {
        let line = line.map_err(io)?;
        if line.trim().is_empty() {
            continue;
        }
        let place = Place::file(path).line(i as u64 + 1);
        let run: serde_json::Result<Run> = serde_json::from_str(&line);
        let mut run = run.map_err(|e| {
            Error::input(
                place.clone(),
                format!("no run of a router: {e}"),
                "see `foretoken engine route --help`",
            )
        })?;
        run.place = place;
        run.understand()?;
        runs.push(run);
    }
    if runs.is_empty() {
        return Err(Error::input(Place::file(path), "there is no run in it", "give one run a line"));
    }
    Ok(runs)
}
