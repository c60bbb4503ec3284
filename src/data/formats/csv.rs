//! The text of a table, cut in records, its columns named.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use super::csv_dialect::{CsvDialect, ExtraCell, tabs_for_blanks};
use super::text::{TextHead, cell_text};
use crate::data::DataError;
use crate::data::preparation::PreparedColumn;
use crate::data::spec::DataSpec;

/// Records of a table, of any length, in their order.
pub(crate) type Records = Box<dyn Iterator<Item = csv::Result<csv::ByteRecord>> + Send>;

/// A table of which no row has been read.
pub(crate) struct CsvRows {
    pub place: String,
    pub names: Vec<String>,
    /// Dialect and encoding in words.
    pub form: String,
    /// Remarks on the dialect that the user should know.
    pub notes: Vec<String>,
    /// Records of the start of the text, which are among `records` too.
    pub look: Vec<csv::ByteRecord>,
    /// True if a comma is likelier to be a decimal comma than to group digits.
    pub comma: bool,
    /// True if a line names the columns.
    pub has_names: bool,
    /// Comments among the rows that have been read.
    pub left_out: LeftOut,
    pub records: Records,
}

/// Lines among the rows that are taken for comments, counted as they are passed.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut(Arc<Mutex<(usize, Vec<u64>)>>);

impl LeftOut {
    /// Lines that are named, at most.
    const NAMED: usize = 10;

    fn add(&self, line: u64) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.0 += 1;
        if counted.1.len() < Self::NAMED {
            counted.1.push(line);
        }
    }

    /// Returns the note on the lines so far; `None` where there are none.
    pub fn note(&self) -> Option<String> {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = counted.1.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        match counted.0 {
            0 => None,
            1 => Some(format!("line {lines} begins with # and is left out as a comment")),
            count => {
                let more = if count > Self::NAMED { " and more" } else { "" };
                Some(format!("{count} lines begin with # and are left out as comments: {lines}{more}"))
            }
        }
    }
}

/// Empties some lines of a text, so that their ends still count.
fn without_lines(head: &[u8], lines: &std::ops::Range<usize>) -> Vec<u8> {
    let end = if head.contains(&b'\n') { b'\n' } else { b'\r' };
    let mut line = 0;
    let mut is_kept = |byte: u8| {
        let kept = byte == end || !lines.contains(&line);
        line += usize::from(byte == end);
        kept
    };
    head.iter().copied().filter(|&byte| is_kept(byte)).collect()
}

/// Text whose lines end with a carriage return alone, with line feeds in their place.
struct LineFeeds<R>(R);

impl<R: Read> Read for LineFeeds<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(out)?;
        out.iter_mut().take(read).filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        Ok(read)
    }
}

/// Text whose cells stand between runs of blanks, with tabs in their place.
struct Tabbed<R> {
    inner: R,
    line: Cursor<Vec<u8>>,
}

impl<R: BufRead> Read for Tabbed<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.line.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            let mut line = Vec::new();
            if self.inner.read_until(b'\n', &mut line)? == 0 {
                return Ok(0);
            }
            let mut tabbed = tabs_for_blanks(&cell_text(&line)).into_bytes();
            tabbed.push(b'\n');
            self.line = Cursor::new(tabbed);
        }
    }
}

impl TextHead {
    /// Returns the records without the line of names. They may be of any length. `wanted` are the columns that a model
    /// was fitted on, by whose names a line of them is known.
    pub fn records(self, options: &DataSpec, wanted: Option<&[PreparedColumn]>) -> Result<CsvRows, DataError> {
        let form = CsvDialect::new(&self.head, options, wanted);
        let Self { place, head, rest, encoding, doubt } = self;
        // Comments above the table; a quote in one would go on over the rows.
        let head = without_lines(&head, &form.comment_lines);
        // Of "\r\n" the reader would count the second half to the next line, and name the wrong one; cells are trimmed of
        // the first.
        let has_returns = !head.contains(&b'\n');
        let reader = |text: Box<dyn Read + Send>| {
            let text: Box<dyn Read + Send> = if has_returns { Box::new(LineFeeds(text)) } else { text };
            let text: Box<dyn Read + Send> = match form.blanks {
                true => Box::new(Tabbed { inner: BufReader::new(text), line: Cursor::default() }),
                false => text,
            };
            csv::ReaderBuilder::new()
                .delimiter(form.delimiter)
                .terminator(csv::Terminator::Any(b'\n'))
                .has_headers(false)
                .trim(csv::Trim::All)
                .flexible(true)
                .from_reader(text)
        };
        let before_rows = form.skip_lines + usize::from(form.header) + usize::from(form.unit_line);
        let mut look: Vec<csv::ByteRecord> = reader(Box::new(Cursor::new(head.clone())))
            .into_byte_records()
            .map_while(Result::ok)
            .filter(|record| !is_empty(record))
            .skip(before_rows)
            .collect();
        // The last record may be cut.
        if look.len() > 1 || head.len() >= 1 << 16 {
            look.pop();
        }
        let mut reader = reader(Box::new(Cursor::new(head).chain(rest)));
        let mut first = csv::ByteRecord::new();
        let mut any = false;
        for _ in 0..=form.skip_lines {
            any = read_filled(&mut reader, &mut first).map_err(|error| csv_error(&place, &error))?;
        }
        let names = match &form.names {
            Some(names) => names.clone(),
            None => column_names(&first, form.header, form.extra == ExtraCell::IndexFirst),
        };
        check_names(&names, &place)?;
        let before = (any && !form.header).then_some(Ok(first));
        if form.unit_line {
            let mut units = csv::ByteRecord::new();
            read_filled(&mut reader, &mut units).map_err(|error| csv_error(&place, &error))?;
        }
        let (width, comments, left_out) = (names.len(), form.comments, LeftOut::default());
        // A row of whole width may begin with a # of its own.
        let is_comment = move |record: &csv::ByteRecord| {
            comments
                && record.get(0).is_some_and(|cell| cell.starts_with(b"#"))
                && (width == 1 || record.len() != width)
        };
        look.retain(|record| !is_comment(record));
        let counted = left_out.clone();
        let is_row = move |record: &csv::ByteRecord| {
            if is_comment(record) {
                counted.add(record.position().map_or(0, csv::Position::line));
                return false;
            }
            !is_empty(record)
        };
        let filled = reader.into_byte_records().filter(move |record| record.as_ref().map_or(true, &is_row));
        let records: Records = if form.extra == ExtraCell::EmptyLast {
            Box::new(
                before.into_iter().chain(filled).map(move |record| record.map(|record| without_last(record, width))),
            )
        } else {
            Box::new(before.into_iter().chain(filled))
        };
        let mut notes = Vec::new();
        notes.extend(note_on_titles(form.titles));
        notes.extend(doubt);
        notes.extend(note_on_heads(form.heads));
        notes.extend(form.header_is_doubtful.then(|| note_on_header(form.header, &names)));
        notes.extend(form.unit_line.then(note_on_units));
        if form.extra == ExtraCell::IndexFirst {
            notes.push(
                "the line of names has one cell less than the rows: their first column is called \"index\"".to_owned(),
            );
        }
        let (comma, has_names) = (form.delimiter != b',', form.header || form.names.is_some());
        let form = format!("{}, {}", form.words(), encoding.unwrap_or("UTF-8"));
        Ok(CsvRows { place, names, form, notes, look, comma, has_names, left_out, records })
    }
}

/// Returns whether a record is a line without a cell, but for the first half of its end.
fn is_empty(record: &csv::ByteRecord) -> bool {
    record.len() == 1 && record[0].is_empty()
}

/// Reads the next record that is no empty line; returns whether there is one.
fn read_filled<R: Read>(reader: &mut csv::Reader<R>, record: &mut csv::ByteRecord) -> csv::Result<bool> {
    loop {
        let any = reader.read_byte_record(record)?;
        if !any || !is_empty(record) {
            return Ok(any);
        }
    }
}

/// Returns the note on lines of a title above a table; `None` where there are none.
pub(super) fn note_on_titles(titles: usize) -> Option<String> {
    match titles {
        0 => None,
        1 => Some("a line of a title stands above the table and is left out".to_owned()),
        _ => Some(format!("{titles} lines of a title stand above the table and are left out")),
    }
}

/// Returns the note on lines with heads of groups of columns.
pub(super) fn note_on_heads(heads: usize) -> Option<String> {
    let lines = if heads == 1 { "a line" } else { "lines" };
    (heads > 0).then(|| {
        format!(
            "{lines} above the names, with gaps, is taken for heads of groups of columns and left out; if names are in \
             the first line: setting `data.header=true`"
        )
    })
}

/// Returns the note on a first line that may hold names or be a row.
pub(super) fn note_on_header(header: bool, names: &[String]) -> String {
    if !header {
        return "no line of names was found; if the first line is one: setting `data.header=true`".to_owned();
    }
    let names = names.iter().take(6).cloned().collect::<Vec<_>>().join(", ");
    format!("the first line is taken for names ({names}); if it is a row: setting `data.header=false`")
}

/// Returns the note on a line of units.
pub(super) fn note_on_units() -> String {
    "the line beneath the names holds units and is left out".to_owned()
}

/// A record without the empty cell behind its last delimiter.
fn without_last(mut record: csv::ByteRecord, width: usize) -> csv::ByteRecord {
    if record.len() == width + 1 && record[width].is_empty() {
        record.truncate(width);
    }
    record
}

/// Error of a table that cannot be read.
fn csv_error(place: &str, error: &csv::Error) -> DataError {
    match error.kind() {
        csv::ErrorKind::Io(error) => {
            DataError::malformed(place, format!("it ends within its rows or is damaged ({error}); fetch it again"))
        }
        _ => DataError::malformed(place, format!("{error}; give a table of cells")),
    }
}

/// Returns the problem of a record with more or fewer cells than names; `None` where there is none.
pub(crate) fn unequal(record: &csv::ByteRecord, names: &[String]) -> Option<String> {
    let (len, expected) = (record.len(), names.len());
    let line = record.position().map_or(0, csv::Position::line);
    (len != expected).then(|| {
        format!(
            "line {line} has {len} cells where those before it have {expected}; correct the line, or the quotes around \
             cells with delimiters in them"
        )
    })
}

pub(crate) fn of_equal_length(
    record: csv::Result<csv::ByteRecord>,
    names: &[String],
    place: &str,
) -> Result<csv::ByteRecord, DataError> {
    let record = record.map_err(|error| csv_error(place, &error))?;
    match unequal(&record, names) {
        Some(problem) => Err(DataError::malformed(place, problem)),
        None => Ok(record),
    }
}

/// A record of any length.
pub(crate) fn of_any_length(record: csv::Result<csv::ByteRecord>, place: &str) -> Result<csv::ByteRecord, DataError> {
    record.map_err(|error| csv_error(place, &error))
}

/// Names of the columns; those without a name are numbered.
pub(super) fn column_names(record: &csv::ByteRecord, header: bool, index_first: bool) -> Vec<String> {
    let before = usize::from(header && index_first);
    let named = |(at, cell): (usize, &[u8])| {
        let text = cell_text(cell);
        let text = text.trim_start_matches('\u{feff}').trim();
        if header && !text.is_empty() { text.to_owned() } else { format!("column {}", at + before + 1) }
    };
    let index = (before > 0).then(|| "index".to_owned());
    index.into_iter().chain(record.iter().enumerate().map(named)).collect()
}

pub(super) fn check_names(names: &[String], place: &str) -> Result<(), DataError> {
    let mut sorted = names.to_vec();
    sorted.sort();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(DataError::malformed(
            place,
            format!("two columns are named {:?}; give each a name of its own", pair[0]),
        )),
        None => Ok(()),
    }
}
