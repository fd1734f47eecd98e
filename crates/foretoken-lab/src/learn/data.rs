//! Prompts with the lengths of their answers, from traces and from tables of prompts.

use super::Input;
use super::table::{self, Table};
use crate::error::{Error, Place, Result};
use crate::trace::{self, Format, ReadOptions, Tokenizer, TraceRow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// How files of prompts are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Their format; `None`: told by the content.
    pub format: Option<Format>,
    /// Chats without counts: how tokens are counted.
    pub tokenizer: Tokenizer,
    /// Pass over unknown columns of foretoken CSV.
    pub ignore_extra: bool,
    /// Texts for files of samples: JSON lines of `prompt_id` and `prompt`.
    pub texts: Option<PathBuf>,
}

/// A prompt, and what is known of the length of its answer: lengths, or the law that somebody fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// The text, where the file has it.
    pub text: Option<Box<str>>,
    /// Prompt length, tokens; 1 where the file has none.
    pub tokens: u32,
    /// Lengths of answers, tokens, at least 1.
    pub lengths: Vec<u32>,
    /// mu and sigma, where the file gives them instead of lengths.
    pub law: Option<[f64; 2]>,
    /// What tells it from other prompts: a hash of its text, or of its file and place.
    pub key: u64,
    /// Where it stands first.
    pub place: Place,
}

impl Prompt {
    /// What a model may see.
    pub fn input(&self) -> Input<'_> {
        Input { text: self.text.as_deref(), tokens: self.tokens }
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name as given.
    pub file: PathBuf,
    /// SHA-256 of its bytes as stored.
    pub sha256: String,
}

/// All prompts of some files. Equal texts are one prompt.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// In order of first appearance.
    pub prompts: Vec<Prompt>,
    /// The files.
    pub sources: Vec<Source>,
    index: BTreeMap<u64, usize>,
}

impl Data {
    /// Reads `files`.
    ///
    /// # Errors
    /// What a reader finds; a file without lengths; texts in some rows and none in others; lengths beside laws.
    pub fn read(files: &[PathBuf], reading: &Reading) -> Result<Data> {
        let texts = reading.texts.as_deref().map(table::texts).transpose()?;
        let mut data = Data::default();
        for file in files {
            match Table::open(file)? {
                Some(table) => data.table(file, table)?,
                None => data.trace(file, reading, texts.as_ref())?,
            }
        }
        data.check(files)?;
        Ok(data)
    }

    /// Whether prompts have texts.
    pub fn has_text(&self) -> bool {
        self.prompts.iter().all(|p| p.text.is_some())
    }

    fn trace(
        &mut self,
        file: &Path,
        reading: &Reading,
        texts: Option<&BTreeMap<String, String>>,
    ) -> Result<()> {
        let options = ReadOptions {
            format: reading.format,
            tokenizer: reading.tokenizer,
            ignore_extra: reading.ignore_extra,
            // A trace that comes with the program is no file.
            hash: trace::shipped(file).is_none(),
            ..ReadOptions::default()
        };
        let mut reader = trace::open(file, &options)?;
        let mut row = TraceRow::default();
        let mut rows = Vec::new();
        while reader.read_into(&mut row)? {
            let id = if reader.format() == Format::Samples { row.class.take() } else { None };
            let mut prompt = Prompt {
                text: row.text.take(),
                tokens: row.prompt_tokens,
                lengths: vec![row.output_tokens],
                law: None,
                key: 0,
                place: reader.place(),
            };
            if let (Some(texts), Some(id)) = (texts, &id) {
                let text = texts.get(id.as_ref()).ok_or_else(|| no_text_of(id, &prompt.place))?;
                prompt.text = Some(text.as_str().into());
            }
            rows.push((prompt, id.map_or_else(|| row.id.to_string(), String::from)));
        }
        let sha256 = reader.sha256()?.unwrap_or_default();
        for (mut prompt, id) in rows {
            prompt.key = key(&prompt, &sha256, &id);
            self.add(prompt);
        }
        self.sources.push(Source { file: file.to_path_buf(), sha256 });
        Ok(())
    }

    fn table(&mut self, file: &Path, table: Table) -> Result<()> {
        let sha256 = table.sha256.clone();
        for (i, mut prompt) in table.prompts()?.into_iter().enumerate() {
            prompt.key = key(&prompt, &sha256, &i.to_string());
            self.add(prompt);
        }
        self.sources.push(Source { file: file.to_path_buf(), sha256 });
        Ok(())
    }

    fn add(&mut self, prompt: Prompt) {
        match self.index.get(&prompt.key) {
            // Of a prompt with several laws the first one counts.
            Some(&at) => self.prompts[at].lengths.extend(prompt.lengths),
            None => {
                self.index.insert(prompt.key, self.prompts.len());
                self.prompts.push(prompt);
            }
        }
    }

    fn check(&self, files: &[PathBuf]) -> Result<()> {
        let Some(first) = self.prompts.first() else {
            let file = files.first().cloned().unwrap_or_default();
            return Err(Error::input(Place::file(file), "there are no prompts", "give a file with some"));
        };
        for prompt in &self.prompts {
            if prompt.text.is_some() != first.text.is_some() {
                let what = "some of these prompts have a text, and this one differs";
                let help = "learn from files that all have texts, or from files without";
                return Err(Error::input(prompt.place.clone(), what, help));
            }
            if prompt.law.is_some() != first.law.is_some() {
                let what = "some of these files have lengths, others laws";
                return Err(Error::input(prompt.place.clone(), what, "give files of one kind"));
            }
        }
        Ok(())
    }
}

fn no_text_of(id: &str, place: &Place) -> Error {
    Error::input(place.clone(), format!("--texts has no text for prompt {id}"), "add it there")
}

fn key(prompt: &Prompt, sha256: &str, id: &str) -> u64 {
    match &prompt.text {
        Some(text) => xxh3_64(text.as_bytes()),
        None => xxh3_64(format!("{sha256} {id}").as_bytes()),
    }
}
