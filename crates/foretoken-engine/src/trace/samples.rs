//! Several output lengths per prompt: `prompt_id,sample,tokens`, or just `prompt_id,length`. The class of a row is its prompt, so that
//! whoever learns by class learns each prompt's law.

use super::input::Input;
use super::reader::{Found, Source};
use super::table::Table;
use super::{Columns, TraceRow};
use crate::error::{Error, Place, Result};

pub(super) struct Samples {
    table: Table,
    prompt_id: usize,
    prompt: Option<usize>,
    output: usize,
    skip_empty: bool,
}

impl Samples {
    pub fn new(input: Input, skip_empty: bool) -> Result<Samples> {
        let table = Table::new(input)?;
        // `tokens_cl100k` and the like say which tokenizer counted.
        let names_length = |h: &String| h == "tokens" || h == "length" || h.starts_with("tokens_");
        let counted = table.headers().iter().position(names_length);
        let output = counted.ok_or_else(|| {
            let place = table.place().column("tokens");
            Error::input(
                place,
                "this column is missing",
                "it holds the output length (`tokens_NAME` and `length` do too)",
            )
        })?;
        let prompt = table.find(&["prompt_tokens"]);
        Ok(Samples { prompt_id: table.require("prompt_id")?, prompt, output, skip_empty, table })
    }
}

impl Source for Samples {
    fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
        if !self.table.advance()? {
            return Ok(Found::End);
        }
        if self.table.length_or_zero(self.output)? == 0 {
            let help = "remove the row, or pass over such answers: foretoken length ... --skip-empty";
            return match self.skip_empty {
                true => Ok(Found::Failed),
                false => Err(self.table.error(self.output, "0 tokens", help)),
            };
        }
        row.class = self.table.label(Some(self.prompt_id))?;
        row.output_tokens = self.table.length(self.output)?;
        row.prompt_tokens = self.prompt.map_or(Ok(1), |column| self.table.length(column))?;
        Ok(Found::Row)
    }

    fn place(&self) -> Place {
        self.table.place()
    }

    fn columns(&self) -> Columns {
        Columns { class: true, ..Columns::default() }
    }

    fn remarks(&self) -> Vec<String> {
        let remark = "The file has no prompt lengths: every prompt counts 1 token.";
        self.prompt.is_none().then(|| remark.to_string()).into_iter().collect()
    }

    fn has_prompts(&self) -> bool {
        self.prompt.is_some()
    }
}
