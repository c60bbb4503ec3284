//! Columns of a table: numbers, words and timestamps.

use serde::{Deserialize, Serialize};

use super::date_format::DateFormat;
use super::number_format::NumberFormat;
pub use super::timestamp::Timestamp;

/// Words for a missing value.
const MISSING: [&str; 10] = ["", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "missing"];

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
    /// Times.
    Times(DateFormat),
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
        return MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing));
    }
    let is_number = |code: &str| matches!((code.parse::<f64>(), cell.parse::<f64>()), (Ok(a), Ok(b)) if a == b);
    codes.iter().any(|code| cell.eq_ignore_ascii_case(code) || is_number(code))
}
