//! Raw LMSYS-Chat-1M as Parquet shards: the same fields, `conversation` a list of structs.

use super::chat::{Conversation, Conversations, Message};
use super::input::Input;
use crate::error::{Error, Place, Result};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

const WANTED: [&str; 3] = ["conversation_id", "model", "conversation"];

pub(super) struct LmsysParquet {
    rows: RowIter<'static>,
    file: Arc<Path>,
    /// 1-based row, which stands for a line in messages.
    row: u64,
}

impl LmsysParquet {
    pub fn new(input: &Input) -> Result<LmsysParquet> {
        let file = Arc::clone(&input.file);
        let wrong = |e: ParquetError| parquet_error(Place::file(&input.file), &e);
        let handle = File::open(&file).map_err(|e| Error::io(&file, e))?;
        let reader = SerializedFileReader::new(handle).map_err(wrong)?;
        let schema = reader.metadata().file_metadata().schema();
        let fields: Vec<_> =
            schema.get_fields().iter().filter(|f| WANTED.contains(&f.name())).cloned().collect();
        if !fields.iter().any(|f| f.name() == "conversation") {
            let place = Place::file(&file).column("conversation");
            return Err(Error::input(place, "this column is missing", "give a shard of LMSYS-Chat-1M"));
        }
        let wanted = Type::group_type_builder(schema.name()).with_fields(fields).build().map_err(wrong)?;
        let rows = RowIter::from_file_into(Box::new(reader)).project(Some(wanted)).map_err(wrong)?;
        Ok(LmsysParquet { rows, file, row: 0 })
    }

    fn conversation(&self, row: Row) -> Result<Conversation> {
        let mut conversation = Conversation::default();
        for (name, field) in row.into_columns() {
            match (name.as_str(), field) {
                ("conversation_id", Field::Str(text)) => conversation.id = Some(text.into()),
                ("model", Field::Str(text)) => conversation.class = Some(text.into()),
                ("conversation", Field::ListInternal(list)) => {
                    let messages = list.elements().iter().map(message);
                    conversation.messages = messages.collect::<Option<_>>().ok_or_else(|| self.shape())?;
                }
                (_, Field::Null) if name != "conversation" => {}
                _ => return Err(self.shape()),
            }
        }
        Ok(conversation)
    }

    fn shape(&self) -> Error {
        let what = "not a list of content and role (user, system, assistant)";
        Error::input(self.place().column("conversation"), what, "give a shard of LMSYS-Chat-1M")
    }
}

fn message(field: &Field) -> Option<Message> {
    let Field::Group(group) = field else { return None };
    let (mut assistant, mut text) = (None, String::new());
    for (name, field) in group.get_column_iter() {
        match (name.as_str(), field) {
            ("content", Field::Str(content)) => text.clone_from(content),
            ("role", Field::Str(role)) => {
                assistant = match role.as_str() {
                    "assistant" => Some(true),
                    "user" | "system" => Some(false),
                    _ => None,
                }
            }
            _ => {}
        }
    }
    Some(Message { assistant: assistant?, text })
}

fn parquet_error(place: Place, error: &ParquetError) -> Error {
    Error::input(place, format!("not readable as Parquet: {error}"), "fetch the file again")
}

impl Conversations for LmsysParquet {
    fn next(&mut self) -> Result<Option<Conversation>> {
        self.row += 1;
        match self.rows.next() {
            None => Ok(None),
            Some(Ok(row)) => self.conversation(row).map(Some),
            Some(Err(e)) => Err(parquet_error(self.place(), &e)),
        }
    }

    fn place(&self) -> Place {
        Place::file(&self.file).line(self.row)
    }
}
