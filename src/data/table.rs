//! Tables: CSV and TSV, gzipped or not, read column by column into numbers, words and times.

mod stream;
mod text;

use std::collections::HashMap;
use std::path::Path;

use super::DataError;
use super::options::DataSpec;
use super::source::Labels;
use text::Text;

pub use stream::{TableChunk, TableStream, read_labels};

/// Rows that are looked at to find out what a column holds.
const LOOK_ROWS: usize = 2000;
/// A column is numbers (or times) if this share of its filled cells reads as such.
const MOST: f64 = 0.8;
/// What stands for no value.
const MISSING: [&str; 10] = ["", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "missing"];

/// A point in time: seconds since 1970, and its place in the day, the week and the year, each from 0 to below 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub seconds: f64,
    pub day: f64,
    pub week: f64,
    pub year: f64,
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// NaN where there is none.
    Numbers(Vec<f64>),
    /// Numbers into `words`, in the order of their first use.
    Words {
        codes: Vec<Option<u32>>,
        words: Vec<String>,
    },
    Times(Vec<Option<Moment>>),
}

impl Cells {
    pub fn missing(&self) -> usize {
        match self {
            Self::Numbers(values) => values.iter().filter(|value| value.is_nan()).count(),
            Self::Words { codes, .. } => codes.iter().filter(|code| code.is_none()).count(),
            Self::Times(times) => times.iter().filter(|time| time.is_none()).count(),
        }
    }

    /// What a cell says, for labels.
    pub(super) fn word(&self, row: usize) -> Option<String> {
        match self {
            Self::Numbers(values) => (!values[row].is_nan()).then(|| values[row].to_string()),
            Self::Words { codes, words } => codes[row].and_then(|code| words.get(code as usize)).cloned(),
            Self::Times(times) => times[row].map(|time| time.seconds.to_string()),
        }
    }
}

/// Columns of equal length.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub names: Vec<String>,
    pub columns: Vec<Cells>,
    pub rows: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Numbers,
    Words,
    Times,
}

impl Holds {
    fn of(column: &super::Column) -> Self {
        match column {
            super::Column::Number { .. } => Self::Numbers,
            super::Column::Category { .. } => Self::Words,
            super::Column::Time { .. } => Self::Times,
        }
    }
}

impl Table {
    /// Takes a column out.
    pub fn take(&mut self, index: usize) -> (String, Cells) {
        (self.names.remove(index), self.columns.remove(index))
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| own == name)
    }
}

fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing))
}

/// A number as people write it; a comma is a decimal comma where `comma`.
fn number(cell: &str, comma: bool) -> Option<f64> {
    match cell.parse::<f64>() {
        Ok(value) => Some(value),
        Err(_) if comma && cell.contains(',') => cell.replace('.', "").replace(',', ".").parse().ok(),
        Err(_) => None,
    }
}

/// A date, or a date with its time of day, in the forms that are not to be mistaken; those with a zone are turned to UTC.
pub(super) fn moment(cell: &str) -> Option<Moment> {
    use jiff::civil::{Date, DateTime};
    // What neither begins like a date nor is as long as one is not tried.
    if cell.len() < 8 || !cell.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let at: DateTime = if let Ok(stamp) = cell.parse::<jiff::Timestamp>() {
        jiff::tz::Offset::UTC.to_datetime(stamp)
    } else if let Ok(at) = cell.parse::<DateTime>() {
        at
    } else {
        const FORMS: [&str; 6] = [
            "%Y/%m/%d %H:%M:%S",
            "%Y/%m/%d %H:%M",
            "%Y-%m-%d %H:%M",
            "%d.%m.%Y %H:%M:%S",
            "%d.%m.%Y %H:%M",
            "%m/%d/%Y %H:%M",
        ];
        const DATES: [&str; 4] = ["%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d-%b-%Y"];
        let whole = FORMS.iter().find_map(|form| DateTime::strptime(form, cell).ok());
        whole
            .or_else(|| DATES.iter().find_map(|form| Date::strptime(form, cell).ok()).map(|date| date.at(0, 0, 0, 0)))?
    };
    moment_of(at)
}

/// The moment so many seconds after 1970 began.
#[cfg(feature = "parquet")]
pub(super) fn moment_at(seconds: f64) -> Option<Moment> {
    let stamp = jiff::Timestamp::from_millisecond((seconds * 1e3) as i64).ok()?;
    moment_of(jiff::tz::Offset::UTC.to_datetime(stamp))
}

fn moment_of(at: jiff::civil::DateTime) -> Option<Moment> {
    let seconds_of_day = f64::from(at.hour()) * 3600.0
        + f64::from(at.minute()) * 60.0
        + f64::from(at.second())
        + f64::from(at.subsec_nanosecond()) * 1e-9;
    let day = seconds_of_day / 86_400.0;
    let stamp = jiff::tz::Offset::UTC.to_timestamp(at).ok()?;
    let days_in_year = f64::from(at.date().days_in_year());
    Some(Moment {
        seconds: stamp.as_second() as f64 + f64::from(at.subsec_nanosecond()) * 1e-9,
        day,
        week: (f64::from(at.date().weekday().to_monday_zero_offset()) + day) / 7.0,
        year: (f64::from(at.date().day_of_year()) - 1.0 + day) / days_in_year,
    })
}

/// Reads a table. `wanted` names the columns that a model was fitted on, with what they hold.
pub(super) fn read_table(
    path: &Path,
    options: &DataSpec,
    wanted: Option<&[super::Column]>,
) -> Result<Table, DataError> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
        return read_columns(path, options, wanted);
    }
    let place = path.display().to_string();
    let text::Open { names, comma, mut records, .. } = Text::open(path)?.records(options)?;
    let mut look: Vec<csv::ByteRecord> = Vec::new();
    for record in records.by_ref().take(LOOK_ROWS) {
        look.push(text::of_equal_length(record, &names, &place)?);
    }
    if look.is_empty() {
        return Err(DataError::malformed(place, "it has a line of names and no rows; give a table with rows"));
    }
    if let Some(unknown) = options.exclude.iter().chain(&options.categorical).find(|name| !names.contains(name)) {
        let near = super::source::nearest(unknown, &names);
        return Err(DataError::Option {
            field: "data.exclude",
            problem: format!("{place} has no column {unknown:?}{near}; it has {}", names.join(", ")),
        });
    }
    let holds: Vec<Holds> = (0..names.len())
        .map(|column| {
            let known = wanted.and_then(|wanted| wanted.iter().find(|known| known.name() == names[column]));
            match known {
                Some(known) => Holds::of(known),
                None if options.categorical.contains(&names[column]) => Holds::Words,
                None => what_it_holds(&look, column, comma),
            }
        })
        .collect();
    let mut builders: Vec<Builder> = holds.iter().map(|&holds| Builder::new(holds)).collect();
    let mut count = 0_usize;
    for record in look.into_iter().map(Ok).chain(records) {
        let record = text::of_equal_length(record, &names, &place)?;
        for (column, (builder, cell)) in builders.iter_mut().zip(record.iter()).enumerate() {
            if let Err(problem) = builder.push(&String::from_utf8_lossy(cell), comma) {
                // Columns that are not looked at may hold what they like.
                if options.exclude.contains(&names[column]) {
                    builder.skip();
                    continue;
                }
                let problem = format!(
                    "row {}, column {:?}: {problem}; correct it, leave it empty, or set data.categorical=[{:?}] if its \
                     values are names",
                    count + 1,
                    names[column],
                    names[column]
                );
                return Err(DataError::malformed(place, problem));
            }
        }
        count += 1;
    }
    let columns: Vec<Cells> = builders.into_iter().map(Builder::finish).collect();
    let mut table = Table { names, columns, rows: count };
    for name in &options.exclude {
        if let Some(index) = table.find(name) {
            table.take(index);
        }
    }
    Ok(table)
}

/// A table that is kept by columns.
#[cfg(feature = "parquet")]
fn read_columns(path: &Path, options: &DataSpec, wanted: Option<&[super::Column]>) -> Result<Table, DataError> {
    let is_category = |name: &str| {
        let known = wanted.and_then(|wanted| wanted.iter().find(|known| known.name() == name));
        matches!(known, Some(super::Column::Category { .. })) || options.categorical.iter().any(|own| own == name)
    };
    let mut table = super::parquet::read_parquet(path, is_category)?;
    for name in &options.exclude {
        if let Some(index) = table.find(name) {
            table.take(index);
        }
    }
    Ok(table)
}

#[cfg(not(feature = "parquet"))]
fn read_columns(path: &Path, _: &DataSpec, _: Option<&[super::Column]>) -> Result<Table, DataError> {
    Err(DataError::malformed(
        path.display().to_string(),
        "Parquet is read by programs built with `--features parquet`; build one, or save the table as CSV",
    ))
}

fn what_it_holds(look: &[csv::ByteRecord], column: usize, comma: bool) -> Holds {
    let (mut filled, mut numbers, mut times) = (0_usize, 0_usize, 0_usize);
    for record in look {
        let cell = String::from_utf8_lossy(record.get(column).unwrap_or_default());
        if is_missing(&cell) {
            continue;
        }
        filled += 1;
        numbers += usize::from(number(&cell, comma).is_some());
        times += usize::from(moment(&cell).is_some());
    }
    let most = |count: usize| count as f64 >= MOST * filled as f64;
    // A column without any value in it is numbers that are missing.
    if most(numbers) {
        Holds::Numbers
    } else if most(times) {
        Holds::Times
    } else {
        Holds::Words
    }
}

enum Builder {
    Numbers(Vec<f64>),
    Words { codes: Vec<Option<u32>>, words: Vec<String>, known: HashMap<String, u32> },
    Times(Vec<Option<Moment>>),
}

impl Builder {
    fn new(holds: Holds) -> Self {
        match holds {
            Holds::Numbers => Self::Numbers(Vec::new()),
            Holds::Words => Self::Words { codes: Vec::new(), words: Vec::new(), known: HashMap::new() },
            Holds::Times => Self::Times(Vec::new()),
        }
    }

    fn push(&mut self, cell: &str, comma: bool) -> Result<(), String> {
        let missing = is_missing(cell);
        match self {
            Self::Numbers(values) => {
                let value = if missing { Some(f64::NAN) } else { number(cell, comma) };
                let value = value.ok_or_else(|| format!("{cell:?} is no number as the column's other cells are"))?;
                if value.is_infinite() || value.abs() > 1e30 {
                    return Err(format!("{cell:?} is infinite or too large"));
                }
                values.push(value);
            }
            Self::Words { codes, words, known } => {
                let code = (!missing).then(|| match known.get(cell) {
                    Some(&code) => code,
                    None => {
                        let code = words.len() as u32;
                        words.push(cell.to_owned());
                        known.insert(cell.to_owned(), code);
                        code
                    }
                });
                codes.push(code);
            }
            Self::Times(times) => {
                let time = if missing { None } else { moment(cell) };
                if time.is_none() && !missing {
                    return Err(format!("{cell:?} is no date as the column's other cells are"));
                }
                times.push(time);
            }
        }
        Ok(())
    }

    fn skip(&mut self) {
        match self {
            Self::Numbers(values) => values.push(f64::NAN),
            Self::Words { codes, .. } => codes.push(None),
            Self::Times(times) => times.push(None),
        }
    }

    fn finish(self) -> Cells {
        match self {
            Self::Numbers(values) => Cells::Numbers(values),
            Self::Words { codes, words, .. } => Cells::Words { codes, words },
            Self::Times(times) => Cells::Times(times),
        }
    }
}

/// Classes of a column and their names, in the order of numbers or of words; `None` where there are more than a byte
/// counts or fewer than two. Rows without a label have the last class, named "unknown".
pub(super) fn classes(cells: &Cells, known: &[String]) -> Option<Labels> {
    let rows = match cells {
        Cells::Numbers(values) => values.len(),
        Cells::Words { codes, .. } => codes.len(),
        Cells::Times(times) => times.len(),
    };
    let words: Vec<Option<String>> = (0..rows).map(|row| cells.word(row)).collect();
    let mut names = known.to_vec();
    if known.is_empty() {
        names = words.iter().flatten().cloned().collect();
        sort_names(&mut names);
    }
    if words.iter().any(Option::is_none) && !names.iter().any(|name| name == "unknown") {
        names.push("unknown".to_owned());
    }
    if !(2..=256).contains(&names.len()) {
        return None;
    }
    let of: HashMap<&str, u8> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u8)).collect();
    let of_rows = words
        .iter()
        .map(|word| of.get(word.as_deref().unwrap_or("unknown")).copied().unwrap_or(names.len() as u8 - 1))
        .collect();
    Some(Labels { of_rows, names })
}

/// Distinct names, numbers by their size and before words.
pub(super) fn sort_names(names: &mut Vec<String>) {
    names.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        (Ok(_), Err(_)) => std::cmp::Ordering::Less,
        (Err(_), Ok(_)) => std::cmp::Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    });
    names.dedup();
}
