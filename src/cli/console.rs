//! Standard output is data, standard error is talk.
#![allow(clippy::print_stderr, reason = "this is the one place that talks")]

use crate::error::{Error, Result};
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use std::io::Write;

/// What goes to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
    /// CSV for spreadsheets.
    Csv,
}

/// Where a command writes.
pub struct Console {
    /// What goes to standard output.
    pub format: Format,
    /// No talk but errors.
    pub quiet: bool,
}

impl Console {
    /// A console.
    pub fn new(format: Format, quiet: bool) -> Console {
        Console { format, quiet }
    }

    /// Writes data to standard output.
    pub fn data(&self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| Error::io("standard output", e))
    }

    /// Says something to the user on standard error, unless quiet.
    pub fn talk(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// Says what went wrong.
    pub fn error(&self, error: &Error) {
        eprintln!("error: {error}");
    }

    /// Writes a table in the chosen format: `rows` hold one cell per header. As JSON it is `json`.
    pub fn table(&self, headers: &[&str], rows: &[Vec<String>], json: &serde_json::Value) -> Result<()> {
        match self.format {
            Format::Json => self.json(json),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                let written = writer.write_record(headers).and_then(|()| {
                    rows.iter().try_for_each(|r| writer.write_record(r))?;
                    Ok(())
                });
                written.map_err(|e| Error::Usage(e.to_string()))?;
                let bytes = writer.into_inner().map_err(|e| Error::Usage(e.to_string()))?;
                self.data(&String::from_utf8_lossy(&bytes))
            }
            Format::Table => self.data(&format!("{}\n", render(headers, rows, CellAlignment::Right))),
        }
    }

    /// As [`Console::table`], for tables of words: every column is left-aligned.
    pub fn text_table(&self, headers: &[&str], rows: &[Vec<String>], json: &serde_json::Value) -> Result<()> {
        match self.format {
            Format::Table => self.data(&format!("{}\n", render(headers, rows, CellAlignment::Left))),
            _ => self.table(headers, rows, json),
        }
    }

    /// Writes pretty JSON.
    pub fn json(&self, value: &serde_json::Value) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(|e| Error::Usage(e.to_string()))?;
        self.data(&format!("{text}\n"))
    }
}

/// A plain table: first column left, the others aligned as told.
fn render(headers: &[&str], rows: &[Vec<String>], others: CellAlignment) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headers.iter().copied()).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(others);
    }
    table.lines().map(|l| l.trim_end().to_string()).collect::<Vec<_>>().join("\n")
}
