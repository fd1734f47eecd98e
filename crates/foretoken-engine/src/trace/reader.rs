//! [`Reader`]: any format as a stream of checked rows.

use super::clock::{Side, Window};
use super::input::{Hash, Input};
use super::{Columns, Format, ReadOptions, TraceRow};
use crate::error::{Error, Place, Result};
use crate::time::SimTime;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Arrivals later than this would leave a simulation no time: half of what the clock holds.
const LATEST: SimTime = SimTime(u64::MAX / 2);

/// What a source found.
pub(super) enum Found {
    /// A request.
    Row,
    /// A request that the source's own system did not answer.
    Failed,
    /// The end of the file.
    End,
}

impl Found {
    /// What `row` is: a request without output tokens was not answered.
    pub fn answered(row: &TraceRow) -> Found {
        if row.output_tokens == 0 { Found::Failed } else { Found::Row }
    }
}

/// One format's reader. It checks what only it can know; [`Reader`] checks the rest.
pub(super) trait Source: Send {
    /// Fills `row`, which is empty, with the next request; its arrival on the file's own clock.
    fn next(&mut self, row: &mut TraceRow) -> Result<Found>;

    /// Where the row given last is, down to the column of its time if it has one.
    fn place(&self) -> Place;

    /// What rows may have beside times and lengths. `id` means that the file has ids of its own.
    fn columns(&self) -> Columns {
        Columns::default()
    }

    /// Things about the whole file that a reader of numbers made from it must know.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether prompt lengths come from the file.
    fn has_prompts(&self) -> bool {
        true
    }

    /// Whether a prompt holds all that was said before in its session.
    fn has_whole_prompts(&self) -> bool {
        false
    }
}

/// What has been read so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Requests in the file so far, with the failed ones.
    pub rows: u64,
    /// Requests that the recorded system did not answer: no output tokens (BLIS also: a status other than
    /// ok; chats also: an empty prompt).
    pub failed: u64,
    /// Failed requests left out.
    pub dropped: u64,
    /// Requests before the wanted part of the trace; what comes after it is not read.
    pub outside: u64,
    /// Outputs as long as their limit (`max_tokens`, the output cap): cut off rather than finished.
    pub censored: u64,
    /// What else a reader of numbers made from this file must know, in whole sentences.
    pub remarks: Vec<String>,
}

/// A trace being read: an iterator of rows in order of arrival, in constant memory (unless told to sort).
///
/// The first error ends it.
pub struct Reader {
    checked: Checked,
    format: Format,
    hash: Option<Hash>,
    sorted: Option<std::vec::IntoIter<TraceRow>>,
    left: u64,
    hash_block_tokens: u32,
}

impl Reader {
    pub(super) fn new(input: Input, options: &ReadOptions) -> Result<Reader> {
        let format = match options.format {
            Some(format) => format,
            None => Format::detect(&input.head).ok_or_else(|| unknown_content(&input))?,
        };
        let file = Arc::clone(&input.file);
        let mut input = input;
        let hash = input.hash.take();
        let source = super::source(format, input, options)?;
        let hash_block_tokens = super::hash_block_tokens(format, options)?;
        let notes = Notes { remarks: source.remarks(), ..Notes::default() };
        let checked = Checked {
            origin: (!format.has_wall_clock()).then_some(0),
            source,
            file,
            notes,
            last: SimTime::ZERO,
            ids: Ids::default(),
            keep_failed: options.keep_failed,
            any_order: options.sort,
            window: options.window,
            first: None,
            output_cap: options.output_cap,
            kept: false,
            ended: false,
        };
        let left = options.limit.unwrap_or(u64::MAX);
        let mut reader = Reader { checked, format, hash, sorted: None, left, hash_block_tokens };
        if options.sort {
            reader.sort(options)?;
        }
        Ok(reader)
    }

    /// The format of the file.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What has been read so far; complete once the iterator is at its end.
    pub fn notes(&self) -> &Notes {
        &self.checked.notes
    }

    /// Where the row given last stands in the file (the last one, if rows were sorted).
    pub fn place(&self) -> Place {
        self.checked.source.place()
    }

    /// Whether rows carry arrival times; if not, all are at time 0.
    pub fn has_times(&self) -> bool {
        self.format.has_times()
    }

    /// Whether prompt lengths come from the file; if not, all are 1 token.
    pub fn has_prompts(&self) -> bool {
        self.checked.source.has_prompts()
    }

    /// Whether a prompt holds all that was said before in its session; if not, or if the format cannot tell
    /// (foretoken CSV, BurstGPT, BLIS), it is what the turn adds.
    pub fn has_whole_prompts(&self) -> bool {
        self.checked.source.has_whole_prompts()
    }

    /// The columns that foretoken CSV needs to keep all that these rows may say.
    pub fn columns(&self) -> Columns {
        let mut columns = self.checked.source.columns();
        columns.max_tokens |= self.checked.output_cap.is_some();
        // Where rows may be left out or move, they keep the number they had.
        columns.id |= self.checked.any_order || (self.format.may_fail() && !self.checked.keep_failed);
        columns
    }

    /// Tokens that a prefix hash stands for.
    pub fn hash_block_tokens(&self) -> u32 {
        self.hash_block_tokens
    }

    /// SHA-256 of the raw file (64 hexadecimal digits), if [`ReadOptions::hash`] asked for it.
    pub fn sha256(&self) -> Result<Option<String>> {
        let hex = self.hash.as_ref().map(Hash::hex).transpose();
        hex.map_err(|e| Error::io(&self.checked.file, e))
    }

    /// Reads the next row into `row`, whose buffers are used again; false at the end.
    pub fn read_into(&mut self, row: &mut TraceRow) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        match &mut self.sorted {
            None => self.checked.next(row),
            Some(rows) => Ok(rows.next().map(|next| *row = next).is_some()),
        }
    }

    fn sort(&mut self, options: &ReadOptions) -> Result<()> {
        let mut rows = Vec::new();
        loop {
            let mut row = TraceRow::default();
            if !self.checked.next(&mut row)? {
                break;
            }
            rows.push(row);
        }
        rows.sort_by_key(|row| row.arrival);
        let first = rows[0].arrival;
        let within =
            |row: &TraceRow| options.window.side(row.arrival.since(first), row.arrival) == Side::Within;
        let all = rows.len();
        rows.retain(within);
        self.checked.notes.outside = (all - rows.len()) as u64;
        if rows.is_empty() {
            return Err(self.checked.nothing_within());
        }
        if self.format.has_wall_clock() {
            rows.iter_mut().for_each(|row| row.arrival = SimTime(row.arrival.since(first).0));
        }
        self.left = options.limit.unwrap_or(u64::MAX);
        self.sorted = Some(rows.into_iter());
        Ok(())
    }
}

impl Iterator for Reader {
    type Item = Result<TraceRow>;

    fn next(&mut self) -> Option<Result<TraceRow>> {
        let mut row = TraceRow::default();
        match self.read_into(&mut row) {
            Ok(true) => Some(Ok(row)),
            Ok(false) => None,
            Err(e) => Some(Err(e)),
        }
    }
}

/// A source with the checks that are the same for every format.
struct Checked {
    source: Box<dyn Source>,
    file: Arc<Path>,
    notes: Notes,
    /// Time 0 on the file's clock; not known before the first row where that is a wall clock.
    origin: Option<u64>,
    last: SimTime,
    ids: Ids,
    keep_failed: bool,
    any_order: bool,
    window: Window,
    /// Arrival of the first request, on the trace's clock.
    first: Option<SimTime>,
    output_cap: Option<u32>,
    /// Whether a row was given.
    kept: bool,
    ended: bool,
}

impl Checked {
    fn next(&mut self, row: &mut TraceRow) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let found = self.find(row);
        self.ended = !matches!(found, Ok(true));
        found
    }

    fn find(&mut self, row: &mut TraceRow) -> Result<bool> {
        loop {
            clear(row);
            match self.source.next(row)? {
                Found::End => return self.end(),
                Found::Failed if !self.keep_failed => {
                    self.count()?;
                    self.notes.failed += 1;
                    self.notes.dropped += 1;
                }
                found => {
                    let position = self.count()?;
                    self.accept(row, position)?;
                    match self.side(row) {
                        Side::After => return self.end(),
                        Side::Before => self.notes.outside += 1,
                        Side::Within => {
                            self.notes.failed += u64::from(matches!(found, Found::Failed));
                            let cut = row.max_tokens.is_some_and(|max| row.output_tokens >= max);
                            self.notes.censored += u64::from(cut);
                            self.kept = true;
                            return Ok(true);
                        }
                    }
                }
            }
        }
    }

    fn count(&mut self) -> Result<u32> {
        let position = u32::try_from(self.notes.rows).ok().filter(|&p| p < u32::MAX);
        self.notes.rows += 1;
        position.ok_or_else(|| {
            Error::input(
                self.source.place(),
                "more than 2^32-1 requests",
                "split the trace, or read part of it",
            )
        })
    }

    fn accept(&mut self, row: &mut TraceRow, position: u32) -> Result<()> {
        if self.source.columns().id {
            if !self.ids.insert(row.id) {
                let what = format!("id {} was given before", row.id);
                return Err(Error::input(self.file_place("id"), what, "give every request its own id"));
            }
        } else {
            row.id = position;
        }
        // A failed request that is kept costs its prompt and one token.
        row.prompt_tokens = row.prompt_tokens.max(1);
        row.output_tokens = row.output_tokens.max(1);
        row.max_tokens = row.max_tokens.or(self.output_cap);
        if row.arrival > LATEST {
            let what = format!("{} s is more than 292 years", row.arrival);
            return Err(Error::input(self.source.place(), what, "count times from the start of the trace"));
        }
        if !self.any_order {
            self.order(row)?;
        }
        Ok(())
    }

    /// Puts the arrival on the trace's clock, which must not run backwards.
    fn order(&mut self, row: &mut TraceRow) -> Result<()> {
        let origin = *self.origin.get_or_insert(row.arrival.0);
        match row.arrival.0.checked_sub(origin).map(SimTime) {
            Some(at) if at >= self.last => {
                self.last = at;
                row.arrival = at;
                Ok(())
            }
            _ => Err(Error::input(
                self.source.place(),
                "arrives before the request above it",
                "sort the trace: `foretoken trace convert --sort IN OUT`",
            )),
        }
    }

    /// Where `row` lies; rows in any order are all within until they are sorted.
    fn side(&mut self, row: &TraceRow) -> Side {
        if self.any_order || self.window.is_whole() {
            return Side::Within;
        }
        let first = *self.first.get_or_insert(row.arrival);
        let clock = SimTime(row.arrival.0 + self.origin.unwrap_or_default());
        self.window.side(row.arrival.since(first), clock)
    }

    fn file_place(&self, column: &str) -> Place {
        self.source.place().column(column)
    }

    fn end(&self) -> Result<bool> {
        let Notes { rows, dropped, .. } = self.notes;
        let what = match rows {
            _ if self.kept => return Ok(false),
            0 => "no requests".to_string(),
            _ if rows == dropped => format!("all {rows} requests failed"),
            _ => return Err(self.nothing_within()),
        };
        Err(Error::input(Place::file(&self.file), what, "give a trace with at least one request"))
    }
}

impl Checked {
    fn nothing_within(&self) -> Error {
        let file = self.file.display();
        let last = self.last;
        let what = match self.first {
            Some(first) if first < last => {
                format!("no request of {file} is in the window; read were those from {first} to {last} s")
            }
            _ => format!("no request of {file} is in the window"),
        };
        let help = "`foretoken trace info` shows its span; trace.from_s and trace.to_s count from its first \
                    request, trace.clock_from_s and trace.clock_to_s on its own clock";
        Error::input(Place::key("trace.from_s"), what, help)
    }
}

/// Empties `row` but keeps its buffer of hashes.
fn clear(row: &mut TraceRow) {
    let mut prefix_hashes = std::mem::take(&mut row.prefix_hashes);
    prefix_hashes.clear();
    *row = TraceRow { prefix_hashes, ..TraceRow::default() };
}

fn unknown_content(input: &Input) -> Error {
    let place = Place::file(&input.file).line(1);
    if input.head.iter().all(u8::is_ascii_whitespace) {
        return Error::input(
            place,
            "no requests: the file is empty",
            "give a trace with at least one request",
        );
    }
    let names: Vec<&str> = Format::all().map(Format::name).collect();
    let name = super::setting("trace.format", "--trace-format");
    let help = format!("{name}, to one of {}", names.join(", "));
    Error::input(place, "the content is of no known trace format", help)
}

/// The ids seen so far, 64 to a word.
#[derive(Default)]
struct Ids(BTreeMap<u32, u64>);

impl Ids {
    /// False if `id` was there before.
    fn insert(&mut self, id: u32) -> bool {
        let word = self.0.entry(id >> 6).or_default();
        let bit = 1 << (id & 63);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests without end.
    struct Endless;

    impl Source for Endless {
        fn next(&mut self, row: &mut TraceRow) -> Result<Found> {
            (row.prompt_tokens, row.output_tokens) = (1, 1);
            Ok(Found::Row)
        }

        fn place(&self) -> Place {
            Place::file("endless").line(7)
        }
    }

    #[test]
    fn requests_run_out_of_numbers() {
        let mut checked = Checked {
            source: Box::new(Endless),
            file: Path::new("endless").into(),
            notes: Notes { rows: u64::from(u32::MAX) - 1, ..Notes::default() },
            origin: Some(0),
            last: SimTime::ZERO,
            ids: Ids::default(),
            keep_failed: false,
            any_order: false,
            window: Window::default(),
            first: None,
            output_cap: None,
            kept: false,
            ended: false,
        };
        let mut row = TraceRow::default();
        assert!(checked.next(&mut row).unwrap());
        assert_eq!(row.id, u32::MAX - 1);
        let message = checked.next(&mut row).unwrap_err().to_string();
        assert!(message.contains("endless, line 7: more than 2^32-1 requests"), "{message}");
        assert!(!checked.next(&mut row).unwrap(), "an error is the end");
    }

    #[test]
    fn ids_are_seen_once() {
        let mut ids = Ids::default();
        let fresh = [0, 63, 64, u32::MAX - 1, 63, 0, 65].map(|id| ids.insert(id));
        assert_eq!(fresh, [true, true, true, true, false, false, true]);
    }
}
