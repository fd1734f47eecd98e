//! Files of lengths as samples, one per prompt.

use crate::cli::Console;
use crate::error::{Error, Place, Result};
use crate::length::LogT;
use crate::trace::{self, Format, ReadOptions, Tokenizer, TraceRow};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

/// Which lengths to read; shared by the commands that read a file.
#[derive(clap::Args)]
pub struct Source {
    /// CSV `prompt_id,length`, or a trace with several samples a prompt; plain or gzip.
    pub file: PathBuf,
    /// Only the prompt of this id.
    #[arg(long, value_name = "ID", conflicts_with = "pool")]
    prompt: Option<String>,
    /// Take all lengths of the file as one sample.
    #[arg(long)]
    pool: bool,
    /// Format of the file, instead of what its content says.
    #[arg(long, value_name = "NAME", value_parser = Format::from_str)]
    trace_format: Option<Format>,
    /// CSV `prompt_id,length`: pass over answers of 0 tokens, and say how many.
    #[arg(long)]
    skip_empty: bool,
    /// Pass over unknown columns of foretoken CSV.
    #[arg(long)]
    ignore_extra: bool,
    /// Chats: how tokens are counted (estimate, cl100k_base, o200k_base, p50k_base, r50k_base).
    #[arg(long, value_name = "NAME", default_value = "estimate", value_parser = Tokenizer::from_str)]
    tokenizer: Tokenizer,
}

/// The lengths of one prompt.
pub struct Prompt {
    /// Its id; `all` for a whole file.
    pub id: String,
    /// Output lengths, tokens, in file order.
    pub lengths: Vec<u32>,
    /// Where its first one stands.
    pub place: Place,
}

impl Source {
    /// Whether the file is to be one sample.
    pub fn pools(&self) -> bool {
        self.pool
    }

    /// The laws that a trace holds beside its lengths; `None` where it holds none.
    ///
    /// # Errors
    /// What the reader finds.
    pub fn laws(&self) -> Result<Option<Vec<LogT>>> {
        let mut reader = trace::open(&self.file, &self.options())?;
        if !reader.columns().law {
            return Ok(None);
        }
        let (mut row, mut laws) = (TraceRow::default(), Vec::new());
        while reader.read_into(&mut row)? {
            laws.extend(row.law);
        }
        Ok(Some(laws))
    }

    fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.trace_format,
            ignore_extra: self.ignore_extra,
            tokenizer: self.tokenizer,
            skip_empty: self.skip_empty,
            sort: false,
            ..ReadOptions::default()
        }
    }

    /// Reads the samples, in the order in which prompts first appear.
    ///
    /// A prompt is known by the `prompt_id` of a samples file, by its text where a trace has texts (its id is then
    /// that of its first request), else by the class.
    ///
    /// # Errors
    /// What the reader finds; a row without a prompt; no such prompt; a prompt with fewer than two lengths.
    pub fn read(&self, console: &Console) -> Result<Vec<Prompt>> {
        let mut reader = trace::open(&self.file, &self.options())?;
        if self.skip_empty && reader.format() != Format::Samples {
            let what = format!("--skip-empty is for files of samples, and this one is {}", reader.format());
            return Err(Error::Usage(what));
        }
        let (mut prompts, mut index) = (Vec::<Prompt>::new(), BTreeMap::new());
        let mut row = TraceRow::default();
        while reader.read_into(&mut row)? {
            let key = self.key(&mut row, reader.format()).ok_or_else(|| unlabelled(reader.place()))?;
            let next = prompts.len();
            let at = *index.entry(key).or_insert_with_key(|key| {
                let id = if row.text.is_some() { row.id.to_string() } else { key.to_string() };
                prompts.push(Prompt { id, lengths: Vec::new(), place: reader.place() });
                next
            });
            prompts[at].lengths.push(row.output_tokens);
        }
        if self.skip_empty {
            console.talk(&format!("{} answers of 0 tokens are left out", reader.notes().dropped));
        }
        if let Some(wanted) = &self.prompt {
            prompts.retain(|p| p.id == *wanted);
            if prompts.is_empty() {
                let what = format!("there is no prompt {wanted}");
                return Err(Error::input(Place::file(&self.file), what, "name one of the file's"));
            }
        }
        prompts.iter().try_for_each(enough)?;
        Ok(prompts)
    }

    /// What tells the prompt of `row`. Only a text that tells it is left in the row.
    fn key(&self, row: &mut TraceRow, format: Format) -> Option<Box<str>> {
        if self.pool {
            row.text = None;
            return Some("all".into());
        }
        if format == Format::Samples {
            return row.class.clone();
        }
        row.text.clone().or_else(|| row.class.clone())
    }
}

fn unlabelled(place: Place) -> Error {
    let help = "give it a class or a text, or take the file as one sample with --pool";
    Error::input(place, "nothing says which prompt this row belongs to", help)
}

fn enough(prompt: &Prompt) -> Result<()> {
    if prompt.lengths.len() >= 2 {
        return Ok(());
    }
    let what = format!("prompt {} has a single length", prompt.id);
    Err(Error::input(prompt.place.clone(), what, "a law needs two or more; --pool takes all prompts as one"))
}
