//! Tables of prompts: CSV `prompt,length` (a row per answer) or `prompt,logt_mu,logt_sigma` (a row per prompt).

use super::data::Prompt;
use crate::error::{Error, Place, Result};
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// First bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// More than any header line has.
const HEADER: u64 = 1 << 12;

/// A table that has been opened.
pub(super) struct Table {
    file: PathBuf,
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    content: Vec<u8>,
    headers: Vec<String>,
}

/// The bytes of `file`, decompressed.
fn unpacked(file: &Path) -> Result<Box<dyn Read>> {
    let io = |e| Error::io(file, e);
    let mut start = BufReader::new(File::open(file).map_err(io)?);
    let packed = start.fill_buf().map_err(io)?.starts_with(&GZIP);
    Ok(if packed { Box::new(MultiGzDecoder::new(start)) } else { Box::new(start) })
}

impl Table {
    /// The table `file`, if its header has a column `prompt`; other files are traces.
    ///
    /// # Errors
    /// The file cannot be read; its table has neither lengths nor laws.
    pub fn open(file: &Path) -> Result<Option<Table>> {
        if crate::trace::shipped(file).is_some() {
            return Ok(None);
        }
        let mut head = Vec::new();
        // What is wrong with a damaged file is for its reader to say.
        let _ = unpacked(file)?.take(HEADER).read_to_end(&mut head);
        let line = head.split(|&b| b == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)).into_owned();
        let headers: Vec<String> = line.split(',').map(|n| n.trim().trim_matches('"').to_string()).collect();
        // Lines of JSON and Parquet may have the word between commas too.
        if line.starts_with(['{', '[']) || line.starts_with("PAR1") || !headers.iter().any(|h| h == "prompt")
        {
            return Ok(None);
        }
        let io = |e| Error::io(file, e);
        let raw = std::fs::read(file).map_err(io)?;
        let digest = Sha256::digest(&raw).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut content = Vec::new();
        unpacked(file)?.read_to_end(&mut content).map_err(io)?;
        Ok(Some(Table { file: file.to_path_buf(), sha256: digest, content, headers }))
    }

    /// Its prompts, one per row.
    pub fn prompts(&self) -> Result<Vec<Prompt>> {
        let column = |name: &str| self.headers.iter().position(|h| h == name);
        let text = column("prompt").expect("it was opened for that column");
        let law = column("logt_mu").zip(column("logt_sigma"));
        let length = column("length");
        if law.is_none() && length.is_none() {
            let what = "there are neither lengths nor laws";
            let help = "the header is prompt,length or prompt,logt_mu,logt_sigma";
            return Err(Error::input(Place::file(&self.file).line(1), what, help));
        }
        let mut reader = csv::Reader::from_reader(&self.content[..]);
        let mut prompts = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| {
                let line = e.position().map_or(1, csv::Position::line);
                Error::input(Place::file(&self.file).line(line), e.to_string(), "correct the row")
            })?;
            let place = Place::file(&self.file).line(record.position().map_or(1, csv::Position::line));
            let cell = |i: usize| record.get(i).unwrap_or_default().trim();
            if cell(text).is_empty() {
                let what = "this row has no text";
                return Err(Error::input(
                    place.column("prompt"),
                    what,
                    "write the prompt, or remove the row",
                ));
            }
            let mut prompt = Prompt {
                text: Some(cell(text).into()),
                tokens: 1,
                lengths: Vec::new(),
                law: None,
                key: 0,
                place: place.clone(),
            };
            match (length, law) {
                (Some(i), _) => prompt.lengths.push(tokens(cell(i), &place)?),
                (None, Some((mu, sigma))) => {
                    let law = [real(cell(mu), "logt_mu", &place)?, real(cell(sigma), "logt_sigma", &place)?];
                    if law[1] < 0.0 {
                        let what = format!("sigma is {}", law[1]);
                        return Err(Error::input(place.column("logt_sigma"), what, "give 0 or more"));
                    }
                    prompt.law = Some(law);
                }
                (None, None) => {}
            }
            prompts.push(prompt);
        }
        Ok(prompts)
    }
}

fn tokens(cell: &str, place: &Place) -> Result<u32> {
    let wrong = |what: String| {
        Error::input(place.clone().column("length"), what, "give whole tokens, 1 or more, or remove the row")
    };
    match cell.parse::<i64>() {
        Ok(n) if n >= 1 => u32::try_from(n).map_err(|_| wrong(format!("{n} tokens is over 2^32"))),
        Ok(n) => Err(wrong(format!("{n} is no length"))),
        Err(_) => Err(wrong(format!("`{cell}` is no length"))),
    }
}

fn real(cell: &str, column: &str, place: &Place) -> Result<f64> {
    let value = cell.parse::<f64>().ok().filter(|v| v.is_finite());
    value.ok_or_else(|| {
        Error::input(place.clone().column(column), format!("`{cell}` is no number"), "give one")
    })
}

/// Texts by `prompt_id`, from JSON lines.
pub(super) fn texts(file: &Path) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for (i, line) in BufReader::new(unpacked(file)?).lines().enumerate() {
        let line = line.map_err(|e| Error::io(file, e))?;
        if line.trim().is_empty() {
            continue;
        }
        let object: Value = serde_json::from_str(&line).unwrap_or_default();
        let id = match &object["prompt_id"] {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => String::new(),
        };
        match object["prompt"].as_str().filter(|_| !id.is_empty()) {
            Some(text) => texts.insert(id, text.to_string()),
            None => {
                let help = "write {\"prompt_id\": 0, \"prompt\": \"...\"} on each line";
                let place = Place::file(file).line(i as u64 + 1);
                return Err(Error::input(place, "no prompt_id with a prompt here", help));
            }
        };
    }
    Ok(texts)
}
