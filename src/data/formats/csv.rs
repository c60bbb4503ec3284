//! The text of a table: unpacked, cut in records, its columns named.

use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use super::columns::{number, parse_timestamp};
use crate::data::DataError;
use crate::data::error::unreadable;
use crate::data::spec::DataSpec;
use crate::platform::files;

/// Bytes from which the form of a file is detected.
const HEAD: u64 = 1 << 16;

/// Text of which the start has been read.
pub(crate) struct TextHead {
    place: String,
    head: Vec<u8>,
    rest: Box<dyn Read + Send>,
}

/// Form of a file: its delimiter, and whether it has a line of names.
#[derive(Clone, Copy, Debug)]
struct CsvDialect {
    delimiter: u8,
    header: bool,
}

/// A table of which no row has been read.
pub(crate) struct CsvRows {
    pub place: String,
    pub names: Vec<String>,
    /// True if numbers may have decimal commas.
    pub comma: bool,
    pub records: Box<dyn Iterator<Item = csv::Result<csv::ByteRecord>> + Send>,
}

impl TextHead {
    pub fn open(path: &Path) -> Result<Self, DataError> {
        if path.is_dir() {
            return Err(DataError::malformed(path.display().to_string(), "it is a folder; give a table as CSV or TSV"));
        }
        let file = files::File::open(path).map_err(|error| unreadable(path, &error))?;
        Self::new(Box::new(file), path.display().to_string())
    }

    /// Opens the text of `source`, unpacked where it is gzipped; `place` is its name in errors.
    pub fn new(source: Box<dyn Read + Send>, place: String) -> Result<Self, DataError> {
        let damaged = |error: std::io::Error| {
            DataError::malformed(&place, format!("it ends within its rows or is damaged ({error}); fetch it again"))
        };
        let mut source = BufReader::with_capacity(1 << 16, source);
        let mut magic = Vec::new();
        source.by_ref().take(2).read_to_end(&mut magic).map_err(damaged)?;
        if magic.is_empty() {
            return Err(DataError::malformed(place, "it is empty; give a table with rows"));
        }
        let packed = magic == [0x1f, 0x8b];
        let whole = Cursor::new(magic).chain(source);
        let mut rest: Box<dyn Read + Send> =
            if packed { Box::new(flate2::read::MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        let mut head = Vec::new();
        rest.by_ref().take(HEAD).read_to_end(&mut head).map_err(damaged)?;
        if head.contains(&0) {
            let problem = "it holds bytes that no text has; give a table as CSV or TSV in UTF-8";
            return Err(DataError::malformed(place, problem));
        }
        Ok(Self { place, head, rest })
    }

    /// Returns the records without the line of names. They may be of any length.
    pub fn records(self, options: &DataSpec) -> Result<CsvRows, DataError> {
        let form = find_form(&self.head, options);
        let Self { place, head, rest } = self;
        // Of "\r\n" the reader would count the second half to the next line, and name the wrong one; cells are trimmed of
        // the first.
        let terminator = if head.contains(&b'\n') { csv::Terminator::Any(b'\n') } else { csv::Terminator::CRLF };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(form.delimiter)
            .terminator(terminator)
            .has_headers(false)
            .trim(csv::Trim::All)
            .flexible(true)
            .from_reader(Cursor::new(head).chain(rest));
        let mut first = csv::ByteRecord::new();
        let any = reader.read_byte_record(&mut first).map_err(|error| csv_error(&place, &error))?;
        let names = column_names(&first, form.header, &place)?;
        let before = (any && !form.header).then_some(Ok(first));
        // A line without a cell, but for the first half of its end.
        let is_empty = |record: &csv::ByteRecord| record.len() == 1 && record[0].is_empty();
        let filled = reader.into_byte_records().filter(move |record| !record.as_ref().is_ok_and(is_empty));
        let records = Box::new(before.into_iter().chain(filled));
        Ok(CsvRows { place, names, comma: form.delimiter == b';', records })
    }
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

fn find_form(head: &[u8], options: &DataSpec) -> CsvDialect {
    let text = String::from_utf8_lossy(head);
    let first = text.lines().next().unwrap_or_default();
    let delimiter = options.delimiter.map(|delimiter| delimiter as u8).unwrap_or_else(|| {
        let quoted = |line: &str, wanted: char| {
            let mut inside = false;
            line.chars()
                .filter(|&c| {
                    inside ^= c == '"';
                    !inside && c == wanted
                })
                .count()
        };
        let counted = [',', ';', '\t', '|'].map(|c| (quoted(first, c), c));
        counted
            .into_iter()
            .rev()
            .max_by_key(|(count, _)| *count)
            .filter(|(count, _)| *count > 0)
            .map_or(b',', |(_, c)| c as u8)
    });
    let header = match options.header {
        Some(header) => header,
        None => {
            // A line of names has no number in it.
            let mut rows =
                csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(first.as_bytes());
            let cells = rows.records().next().and_then(Result::ok).unwrap_or_default();
            cells
                .iter()
                .all(|cell| number(cell.trim(), delimiter == b';').is_none() && parse_timestamp(cell.trim()).is_none())
        }
    };
    CsvDialect { delimiter, header }
}

/// Names of the columns; those without a name are numbered.
fn column_names(record: &csv::ByteRecord, header: bool, place: &str) -> Result<Vec<String>, DataError> {
    let named = |(index, cell): (usize, &[u8])| {
        let text = String::from_utf8_lossy(cell);
        // A byte order mark is no part of the first name.
        let text = text.trim_start_matches('\u{feff}').trim();
        if header && !text.is_empty() { text.to_owned() } else { format!("column {}", index + 1) }
    };
    let names: Vec<String> = record.iter().enumerate().map(named).collect();
    let mut sorted = names.clone();
    sorted.sort();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(DataError::malformed(
            place,
            format!("two columns are named {:?}; give each a name of its own", pair[0]),
        ));
    }
    Ok(names)
}
