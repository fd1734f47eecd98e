//! Instances of the rounds-and-tokens model, and their CSV.

use crate::error::{Error, Place, Result};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// Columns of an instance file, in the order in which they are written.
pub const COLUMNS: [&str; 5] = ["arrival", "prompt", "output", "lower", "upper"];

/// One request of an instance: rounds and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Job {
    /// Round at whose start it arrives.
    pub arrival: u32,
    /// Prompt, tokens (may be 0).
    pub prompt: u32,
    /// True output, tokens, at least 1.
    pub output: u32,
    /// Lower end of what is known about the output, tokens, at least 1.
    pub lower: u32,
    /// Upper end of what is known about the output, tokens.
    pub upper: u32,
}

impl Job {
    /// Memory at its completion, tokens.
    pub fn peak(&self) -> u64 {
        u64::from(self.prompt) + u64::from(self.output)
    }

    /// Memory summed over the rounds that it runs, s·o + o(o+1)/2 token rounds (arXiv 2606.22327).
    pub fn volume(&self) -> u64 {
        let (s, o) = (u64::from(self.prompt), u64::from(self.output));
        s * o + o * (o + 1) / 2
    }

    /// What is wrong with it on a replica of `kv_tokens`, if anything: column, what, what to do.
    fn flaw(&self, kv_tokens: u64) -> Option<(&'static str, String, &'static str)> {
        let Job { output, lower, upper, .. } = *self;
        if lower < 1 {
            return Some(("lower", "the lower end is 0".into(), "an answer has at least 1 token"));
        }
        if lower > upper {
            let what = format!("the lower end {lower} is over the upper end {upper}");
            return Some(("lower", what, "give lower <= output <= upper"));
        }
        if !(lower..=upper).contains(&output) {
            let what = format!("the output {output} lies outside of its interval [{lower}, {upper}]");
            return Some(("output", what, "the model takes intervals that hold; widen this one"));
        }
        (self.peak() > kv_tokens).then(|| {
            let what = format!(
                "prompt {} + output {output} is {} tokens, more than the {kv_tokens} of --kv-tokens",
                self.prompt,
                self.peak()
            );
            ("output", what, "it can never fit: remove it or give more memory")
        })
    }
}

/// Requests in input order, with where they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The requests. Arrivals need not rise.
    pub jobs: Vec<Job>,
}

impl Instance {
    /// Reads `path`: a CSV with the columns `arrival,prompt,output,lower,upper` in any order, whole rounds and tokens.
    ///
    /// # Errors
    /// By line and column: another header, what is no whole number, an interval that is empty, starts below 1 or
    /// misses the output, a request that can never fit into `kv_tokens`; no requests at all.
    pub fn read(path: &Path, kv_tokens: u64) -> Result<Instance> {
        check_memory(kv_tokens)?;
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes.as_slice());
        let header = reader.headers().map_err(|e| unreadable(path, &e))?.clone();
        let at = columns(path, &header)?;
        let mut jobs = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| unreadable(path, &e))?;
            let place = Place::file(path).line(record.position().map_or(1, csv::Position::line));
            if record.len() != header.len() {
                let what = format!("{} cells where the header has {}", record.len(), header.len());
                return Err(Error::input(place, what, "correct the line"));
            }
            let mut cells = [0; 5];
            for (cell, (&column, name)) in cells.iter_mut().zip(at.iter().zip(COLUMNS)) {
                *cell = whole(&record[column], &place, name)?;
            }
            let [arrival, prompt, output, lower, upper] = cells;
            let job = Job { arrival, prompt, output, lower, upper };
            if let Some((column, what, help)) = job.flaw(kv_tokens) {
                return Err(Error::input(place.column(column), what, help));
            }
            jobs.push(job);
        }
        if jobs.is_empty() {
            return Err(Error::input(Place::file(path), "no requests", "give one line per request"));
        }
        Ok(Instance { jobs })
    }

    /// The same CSV, columns in the usual order.
    pub fn csv(&self) -> String {
        let mut text = COLUMNS.join(",") + "\n";
        for Job { arrival, prompt, output, lower, upper } in &self.jobs {
            writeln!(text, "{arrival},{prompt},{output},{lower},{upper}").expect("text takes all");
        }
        text
    }

    /// Refuses, by its place in the list, what [`Instance::read`] refuses by line.
    ///
    /// # Errors
    /// The first such request; no memory; no requests.
    pub fn check(&self, kv_tokens: u64) -> Result<()> {
        check_memory(kv_tokens)?;
        if self.jobs.is_empty() {
            return Err(Error::Usage("an instance without requests: give --requests of at least 1".into()));
        }
        for (i, job) in self.jobs.iter().enumerate() {
            if let Some((column, what, help)) = job.flaw(kv_tokens) {
                return Err(Error::Usage(format!("request {i}, {column}: {what}; {help}")));
            }
        }
        Ok(())
    }

    /// Whether every prompt is as long as the first.
    pub fn equal_prompts(&self) -> bool {
        self.jobs.iter().all(|j| j.prompt == self.jobs[0].prompt)
    }

    /// Whether every request is there from the start.
    pub fn all_at_start(&self) -> bool {
        self.jobs.iter().all(|j| j.arrival == 0)
    }

    /// Total latency of a schedule that completes request i at `completion[i]`, rounds.
    pub fn tel(&self, completion: &[u64]) -> u64 {
        self.jobs.iter().zip(completion).map(|(job, c)| c - u64::from(job.arrival)).sum()
    }

    /// `min l / max u`, the alpha of the guarantees.
    pub fn alpha(&self) -> f64 {
        let least = self.jobs.iter().map(|j| j.lower).min().unwrap_or(1);
        let most = self.jobs.iter().map(|j| j.upper).max().unwrap_or(1);
        f64::from(least) / f64::from(most)
    }
}

/// # Errors
/// No memory.
fn check_memory(kv_tokens: u64) -> Result<()> {
    if kv_tokens > 0 {
        return Ok(());
    }
    Err(Error::Usage("--kv-tokens is 0: nothing can run; give the memory in tokens".into()))
}

/// Where each of [`COLUMNS`] stands.
fn columns(path: &Path, header: &csv::StringRecord) -> Result<[usize; 5]> {
    let place = |name: &str| Place::file(path).line(1).column(name);
    for (i, name) in header.iter().enumerate() {
        if header.iter().take(i).any(|before| before == name) {
            return Err(Error::input(place(name), "this column is there twice", "remove one of them"));
        }
        if !COLUMNS.contains(&name) {
            let help = format!("an instance has {}", COLUMNS.join(","));
            return Err(Error::input(place(name), "unknown column", help));
        }
    }
    let mut at = [0; 5];
    for (slot, name) in at.iter_mut().zip(COLUMNS) {
        *slot = header.iter().position(|h| h == name).ok_or_else(|| {
            let help = format!("an instance has {}", COLUMNS.join(","));
            Error::input(place(name), "this column is missing", help)
        })?;
    }
    Ok(at)
}

fn whole(cell: &str, place: &Place, column: &str) -> Result<u32> {
    cell.parse().map_err(|_| {
        let what = match cell {
            "" => "nothing where a whole number should be".into(),
            _ => format!("`{cell}` is not a whole number of 0 to {}", u32::MAX),
        };
        Error::input(place.clone().column(column), what, "write whole rounds and tokens")
    })
}

fn unreadable(path: &Path, error: &csv::Error) -> Error {
    let place = Place::file(path);
    let place = match error.position() {
        Some(position) => place.line(position.line()),
        None => place,
    };
    Error::input(place, error.to_string(), "correct the line")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Instance> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("i.csv");
        std::fs::write(&path, text).unwrap();
        Instance::read(&path, 10)
    }

    #[test]
    fn what_is_written_is_read() {
        let text = "arrival,prompt,output,lower,upper\n0,3,2,1,4\n5,0,1,1,1\n";
        assert_eq!(read(text).unwrap().csv(), text);
        let turned = "upper, output,prompt,lower,arrival\n4,2,3,1,0\n\n1,1,0,1,5\n";
        assert_eq!(read(turned).unwrap().csv(), text);
    }

    #[test]
    fn what_is_wrong_is_told_by_place() {
        let head = "arrival,prompt,output,lower,upper\n0,0,1,1,1\n";
        for (row, says) in [
            ("0,0,0,0,4\n", "line 3, column lower: the lower end is 0"),
            ("0,0,2,3,2\n", "line 3, column lower: the lower end 3 is over the upper end 2"),
            ("0,0,5,1,4\n", "line 3, column output: the output 5 lies outside"),
            ("0,8,3,1,4\n", "line 3, column output: prompt 8 + output 3 is 11 tokens"),
            ("0,8,-3,1,4\n", "line 3, column output: `-3` is not a whole number"),
            ("0,8,1.5,1,4\n", "line 3, column output: `1.5` is not a whole number"),
            ("0,,1,1,4\n", "line 3, column prompt: nothing where"),
            ("0,0,1,1\n", "line 3: 4 cells where the header has 5"),
        ] {
            let said = read(&format!("{head}{row}")).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
        for (text, says) in [
            ("arrival,prompt,output,lower\n", "column upper: this column is missing"),
            ("arrival,prompt,output,lower,upper,x\n", "column x: unknown column"),
            ("arrival,prompt,output,lower,lower\n", "column lower: this column is there twice"),
            ("arrival,prompt,output,lower,upper\n", "no requests"),
            ("", "column arrival: this column is missing"),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
    }
}
