//! Columns of a table: numbers, words and timestamps, and how a cell is read as each.

/// Words for a missing value.
const MISSING: [&str; 10] = ["", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "missing"];

/// A point in time: seconds since 1970, and its place in the day, the week and the year, each from 0 to below 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timestamp {
    /// Seconds since the start of 1970, in UTC.
    pub seconds: f64,
    /// Phase in the day, 0 at midnight.
    pub day: f64,
    /// Phase in the week, 0 at the start of Monday.
    pub week: f64,
    /// Phase in the year, 0 at the start of January 1.
    pub year: f64,
}

/// The cells of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValues {
    /// Numbers, NaN where a cell is missing.
    Numbers(Vec<f64>),
    /// Words: `codes` are places in `words`, which are in the order of their first use.
    Words {
        /// Place of each cell's word in `words`; `None` where it is missing.
        codes: Vec<Option<u32>>,
        /// Distinct words of the column.
        words: Vec<String>,
    },
    /// Times, `None` where a cell is missing.
    Times(Vec<Option<Timestamp>>),
}

impl ColumnValues {
    /// Returns the number of missing cells.
    pub fn missing(&self) -> usize {
        match self {
            Self::Numbers(values) => values.iter().filter(|value| value.is_nan()).count(),
            Self::Words { codes, .. } => codes.iter().filter(|code| code.is_none()).count(),
            Self::Times(times) => times.iter().filter(|time| time.is_none()).count(),
        }
    }

    /// Returns the text of a cell, for labels.
    pub(crate) fn word(&self, row: usize) -> Option<String> {
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
    /// Names of the columns, in their order.
    pub names: Vec<String>,
    /// Cells of each column, `rows` of them.
    pub columns: Vec<ColumnValues>,
    /// Number of rows.
    pub rows: usize,
}

impl Table {
    /// Takes a column out.
    pub fn take(&mut self, index: usize) -> (String, ColumnValues) {
        (self.names.remove(index), self.columns.remove(index))
    }

    /// Returns the index of the column called `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| own == name)
    }
}

pub(crate) fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing))
}

/// Number in a cell; a comma is a decimal comma where `comma`.
pub(crate) fn number(cell: &str, comma: bool) -> Option<f64> {
    match cell.parse::<f64>() {
        Ok(value) => Some(value),
        Err(_) if comma && cell.contains(',') => cell.replace('.', "").replace(',', ".").parse().ok(),
        Err(_) => None,
    }
}

/// A date, or a date with its time of day, in unambiguous forms; those with a zone are converted to UTC.
pub(crate) fn parse_timestamp(cell: &str) -> Option<Timestamp> {
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
    timestamp_of(at)
}

/// Timestamp of `seconds` since the start of 1970.
#[cfg(feature = "parquet")]
pub(crate) fn timestamp_at(seconds: f64) -> Option<Timestamp> {
    let stamp = jiff::Timestamp::from_millisecond((seconds * 1e3) as i64).ok()?;
    timestamp_of(jiff::tz::Offset::UTC.to_datetime(stamp))
}

fn timestamp_of(at: jiff::civil::DateTime) -> Option<Timestamp> {
    let seconds_of_day = f64::from(at.hour()) * 3600.0
        + f64::from(at.minute()) * 60.0
        + f64::from(at.second())
        + f64::from(at.subsec_nanosecond()) * 1e-9;
    let day = seconds_of_day / 86_400.0;
    let stamp = jiff::tz::Offset::UTC.to_timestamp(at).ok()?;
    let days_in_year = f64::from(at.date().days_in_year());
    Some(Timestamp {
        seconds: stamp.as_second() as f64 + f64::from(at.subsec_nanosecond()) * 1e-9,
        day,
        week: (f64::from(at.date().weekday().to_monday_zero_offset()) + day) / 7.0,
        year: (f64::from(at.date().day_of_year()) - 1.0 + day) / days_in_year,
    })
}
