//! Samples kept while they are taken: a line of JSON each, after one line that says of what. A process that
//! dies at any moment loses the line that it was writing and no other.

use crate::calibrate::{Clock, Extent, Point, Sample, Samples};
use crate::error::{Error, Place, Result};
use foretoken_nn::{Dtype, Layout, ModelShape};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the user asked to measure; another attempt may go on only where it is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The model.
    pub model: ModelShape,
    /// The backend.
    pub backend: String,
    /// Element type.
    pub dtype: Dtype,
    /// Layout of KV.
    pub layout: Layout,
    /// Threads that compute.
    pub threads: usize,
    /// The clock that counts.
    pub clock: Clock,
    /// Requests at a time.
    pub slots: usize,
    /// Tokens of context each may reach.
    pub context: usize,
    /// Where weights come from; random ones without.
    pub weights: Option<PathBuf>,
    /// Seed of the plan.
    pub seed: u64,
}

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Version of this format; that of the samples.
    pub schema: u32,
    /// What was asked for.
    pub asked: Asked,
    /// How far the plan reaches.
    pub extent: Extent,
    /// Tokens of context for which there was room.
    pub room: usize,
    /// What was stepped down.
    pub notes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    pass: u32,
    prefill: String,
    decode: String,
    wall_s: f64,
    cpu_s: Option<f64>,
    energy_j: Option<f64>,
    clock_mhz: Option<f64>,
    load: Option<f64>,
    /// Seconds since the measurement began.
    elapsed_s: f64,
}

/// What an interrupted attempt left.
#[derive(Debug)]
pub struct Left {
    /// Its first line.
    pub head: Head,
    /// Its samples.
    pub samples: Samples,
    /// Seconds it took.
    pub spent_s: f64,
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Starts a journal, in place of any other.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, head: &Head) -> Result<Journal> {
        let file = File::create(path).map_err(|e| Error::io(path, e))?;
        let mut journal = Journal { path: path.to_path_buf(), file };
        journal.write(head)?;
        Ok(journal)
    }

    /// Opens what an interrupted attempt left, to go on with it. A last line that is not whole is cut off.
    ///
    /// # Errors
    /// The file cannot be read or written, or is no journal of `asked`.
    pub fn resume(path: &Path, asked: &Asked) -> Result<(Journal, Left)> {
        let io = |e| Error::io(path, e);
        let text = fs::read(path).map_err(io)?;
        let wrong = |what: &str| {
            let help = "calibrate as before, or start over with --overwrite";
            Error::input(Place::file(path).line(1), what, help)
        };
        let mut lines = text.split_inclusive(|&b| b == b'\n').filter(|l| l.ends_with(b"\n"));
        let first = lines.next().ok_or_else(|| wrong("this journal is empty"))?;
        let head: Head = serde_json::from_slice(first)
            .map_err(|e| wrong(&format!("this is no journal of samples: {e}")))?;
        if head.asked != *asked || head.schema != crate::calibrate::SCHEMA {
            return Err(wrong("these samples are of another model, backend, room, clock or seed"));
        }
        let mut left = Left { head, samples: Samples::default(), spent_s: 0.0 };
        let mut whole = first.len();
        for line in lines {
            let Some((sample, elapsed_s)) = parse(line) else { break };
            left.samples.rows.push(sample);
            left.spent_s = elapsed_s;
            whole += line.len();
        }
        let file = OpenOptions::new().append(true).open(path).map_err(io)?;
        file.set_len(whole as u64).map_err(io)?;
        Ok((Journal { path: path.to_path_buf(), file }, left))
    }

    /// Keeps a sample that was taken `elapsed_s` seconds after the measurement began.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&mut self, sample: &Sample, elapsed_s: f64) -> Result<()> {
        self.write(&Line {
            pass: sample.pass,
            prefill: sample.point.prefill_text(),
            decode: sample.point.decode_text(),
            wall_s: sample.wall_s,
            cpu_s: sample.cpu_s,
            energy_j: sample.energy_j,
            clock_mhz: sample.clock_mhz,
            load: sample.load,
            elapsed_s,
        })
    }

    /// One line by one write.
    fn write(&mut self, value: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(value).map_err(|e| Error::Usage(e.to_string()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|e| Error::io(&self.path, e))
    }
}

fn parse(line: &[u8]) -> Option<(Sample, f64)> {
    let Line { pass, prefill, decode, wall_s, cpu_s, energy_j, clock_mhz, load, elapsed_s } =
        serde_json::from_slice(line).ok()?;
    let point = Point::parse(&prefill, &decode).ok()?;
    Some((Sample { pass, point, wall_s, cpu_s, energy_j, clock_mhz, load }, elapsed_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_comes_back_but_for_a_torn_line_and_only_to_the_same_question() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let asked = Asked {
            model: foretoken_nn::zoo::model("tiny").unwrap(),
            backend: "candle-cpu".into(),
            dtype: Dtype::F32,
            layout: Layout::Ragged,
            threads: 1,
            clock: Clock::Cpu,
            slots: 2,
            context: 64,
            weights: None,
            seed: 0,
        };
        let extent = Extent { slots: 2, context: 64, step_tokens: 64, whole_prompts: false };
        let head = Head { schema: 1, asked: asked.clone(), extent, room: 64, notes: vec!["n".into()] };
        let sample = Sample {
            pass: 1,
            point: Point::prefill(5, 3),
            wall_s: 0.25,
            cpu_s: None,
            energy_j: None,
            clock_mhz: Some(1.0),
            load: None,
        };
        let mut journal = Journal::create(&path, &head).unwrap();
        journal.keep(&sample, 1.5).unwrap();
        journal.file.write_all(b"{\"pass\":2,\"pre").unwrap();
        let (mut journal, left) = Journal::resume(&path, &asked).unwrap();
        assert_eq!((left.head, left.samples.rows.len(), left.spent_s), (head, 1, 1.5));
        journal.keep(&sample, 2.5).unwrap();
        let (_, left) = Journal::resume(&path, &asked).unwrap();
        assert_eq!((left.samples.rows, left.spent_s), (vec![sample.clone(), sample], 2.5));
        let other = Asked { seed: 1, ..asked };
        assert!(Journal::resume(&path, &other).unwrap_err().to_string().contains("--overwrite"));
    }
}
