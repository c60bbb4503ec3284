//! Columns of a table: numbers, words and timestamps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::date_format::DateFormat;
use super::number_format::NumberFormat;
pub use super::timestamp::Timestamp;
use super::timestamp::timestamp_at;

/// Words for a missing value, beside the empty cell.
pub(crate) const MISSING: [&str; 9] = ["NA", "N/A", "NaN", "null", "none", "?", "-", "#N/A", "missing"];

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

    /// Returns the reading of a column whose source has types of its own.
    #[cfg(feature = "parquet")]
    pub(crate) fn plain_reading(&self) -> ColumnReading {
        match self {
            Self::Numbers(_) => ColumnReading::Numbers(NumberFormat::default()),
            Self::Words { .. } => ColumnReading::Words(false),
            Self::Times(_) => ColumnReading::Times(DateFormat::default()),
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

/// Writing of the cells of a column in its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnReading {
    /// Numbers.
    Numbers(NumberFormat),
    /// Words; where true, "NA" is one of them.
    Words(bool),
    /// Words, among which these usual codes for a missing value are words too.
    WordsBeside(Vec<String>),
    /// Times.
    Times(DateFormat),
}

impl ColumnReading {
    /// Builds the reading of words among which `codes`, usual ones for a missing value, are words too.
    pub(crate) fn of_words(codes: Vec<String>) -> Self {
        match codes.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => Self::Words(false),
            ["NA"] => Self::Words(true),
            _ => Self::WordsBeside(codes),
        }
    }

    /// Returns whether `cell`, a usual code for a missing value, is a word here.
    pub(crate) fn holds_code(&self, cell: &str) -> bool {
        match self {
            Self::Words(unavailable) => *unavailable && cell == "NA",
            Self::WordsBeside(codes) => codes.iter().any(|code| code == cell),
            _ => false,
        }
    }

    /// Returns the text by which values of a column that never varies are compared: the same for all writings of a
    /// number or a time, the cell itself where it is none.
    pub(crate) fn plain_text(&self, cell: &str) -> String {
        let read = match self {
            // Workbooks were read with 1 and 0 for truth values when some models were fitted.
            Self::Numbers(_) if cell == "true" => Some("1".to_owned()),
            Self::Numbers(_) if cell == "false" => Some("0".to_owned()),
            Self::Numbers(format) => format.parse(cell).map(|value| value.to_string()),
            Self::Times(format) => format.parse(cell).map(time_text),
            _ => None,
        };
        read.unwrap_or_else(|| cell.to_owned())
    }
}

/// Returns the text of a time that is the same in every format.
pub(crate) fn time_text(at: Timestamp) -> String {
    DateFormat::Ymd.write(at)
}

/// Columns of equal length.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Names of the columns, in their order.
    pub names: Vec<String>,
    /// Writing of each column in the source.
    pub readings: Vec<ColumnReading>,
    /// Form of the source in words; empty where it has one form alone.
    pub form: String,
    /// Forms of dates in the source, by the name of their column, in the letters of `strftime`.
    pub date_forms: BTreeMap<String, String>,
    /// Cells of each column, `rows` of them.
    pub columns: Vec<ColumnValues>,
    /// Number of rows.
    pub rows: usize,
}

impl Table {
    /// Takes a column out.
    pub fn take(&mut self, index: usize) -> (String, ColumnValues) {
        self.readings.remove(index);
        (self.names.remove(index), self.columns.remove(index))
    }

    /// Joins the days of column `date` and the times of day of column `clock` to one column of times, in the place of
    /// the first; `name` is its own.
    pub(crate) fn join_times(&mut self, date: usize, clock: usize, name: String) {
        let (Some(ColumnValues::Times(days)), Some(ColumnValues::Times(times))) =
            (self.columns.get(date), self.columns.get(clock))
        else {
            return;
        };
        let joined = days.iter().zip(times).map(|(day, time)| timestamp_at((*day)?.seconds + (*time)?.seconds));
        self.columns[date] = ColumnValues::Times(joined.collect());
        let forms = (self.date_forms.remove(&self.names[date]), self.date_forms.remove(&self.names[clock]));
        if let (Some(day), Some(time)) = forms {
            self.date_forms.insert(name.clone(), format!("{day} {time}"));
        }
        self.names[date] = name;
        self.take(clock);
    }

    /// Returns the index of the column called `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|own| own == name)
    }
}

/// Returns whether a cell holds one of `codes` for a missing value, or where there are none, one that is usual.
pub(crate) fn is_missing(cell: &str, codes: &[String]) -> bool {
    if cell.is_empty() {
        return true;
    }
    if codes.is_empty() {
        // No code is longer.
        if cell.len() > 7 {
            return false;
        }
        return MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing));
    }
    let is_number = |code: &str| matches!((code.parse::<f64>(), cell.parse::<f64>()), (Ok(a), Ok(b)) if a == b);
    codes.iter().any(|code| cell.eq_ignore_ascii_case(code) || is_number(code))
}
