//! Reading of the columns of a table, decided from all of their cells.

use super::columns::{ColumnReading, is_missing};
use super::csv_dialect::MOST;
use super::date_format::{DateEvidence, DateFinding, DateFormat, is_time_name};
use super::number_format::{NumberEvidence, NumberFinding, NumberFormat};
use crate::data::PreparedColumn;
use crate::data::spec::DataSpec;

/// Least share of other two-letter codes beside which "NA" is a code too.
const CODES: f64 = 0.95;

/// Evidence on one column.
#[derive(Clone, Debug)]
pub(crate) struct ColumnProfile {
    numbers: NumberEvidence,
    dates: DateEvidence,
    filled: usize,
    /// Cells that hold "NA".
    unavailable: usize,
    /// Cells that hold two capital letters, "NA" left out.
    two_letters: usize,
}

/// Readings of all columns, and what is to be told of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableReading {
    pub columns: Vec<ColumnReading>,
    /// Findings on marks and dates, in words; empty where all is usual.
    pub found: Vec<String>,
    /// Doubts, with the settings that decide them.
    pub notes: Vec<String>,
}

impl ColumnProfile {
    /// Builds the profile of a column without cells.
    pub fn new(options: &DataSpec) -> Self {
        Self {
            numbers: NumberEvidence::new(options.decimal, options.thousands),
            dates: DateEvidence::default(),
            filled: 0,
            unavailable: 0,
            two_letters: 0,
        }
    }

    /// Adds a cell.
    pub fn push(&mut self, cell: &str, options: &DataSpec) {
        if cell == "NA" && options.missing.is_empty() {
            self.unavailable += 1;
        }
        if is_missing(cell, &options.missing) {
            return;
        }
        self.filled += 1;
        self.two_letters += usize::from(cell.len() == 2 && cell.bytes().all(|byte| byte.is_ascii_uppercase()));
        self.numbers.push(cell);
        self.dates.push(cell);
    }

    fn holds(&self, cells: usize) -> bool {
        cells as f64 >= MOST * self.filled as f64
    }
}

/// The one value of `votes`, if all are equal and there is any.
fn agreed<T: Copy + PartialEq>(votes: impl Iterator<Item = T>) -> Option<T> {
    let mut votes = votes;
    let first = votes.next()?;
    votes.all(|vote| vote == first).then_some(first)
}

fn known<'k>(wanted: Option<&'k [PreparedColumn]>, name: &str) -> Option<&'k PreparedColumn> {
    wanted.and_then(|wanted| wanted.iter().find(|known| known.name() == name))
}

/// Decides the reading of each column; those in `wanted`, on which a model was fitted, keep their types, and their
/// writing where the cells leave a doubt. `comma` is true if a comma is likelier to be decimal.
pub(crate) fn decide(
    profiles: &[ColumnProfile],
    names: &[String],
    options: &DataSpec,
    wanted: Option<&[PreparedColumn]>,
    comma: bool,
) -> TableReading {
    let mut out = TableReading::default();
    let used = |name: &String| !options.exclude.contains(name);
    let numbers: Vec<NumberFinding> = profiles.iter().map(|profile| profile.numbers.finding(None, comma)).collect();
    let is_number = |at: usize| profiles[at].filled > 0 && profiles[at].holds(numbers[at].cells);
    let votes = (0..profiles.len()).filter(|&at| is_number(at) && numbers[at].decides);
    let decimal = options.decimal.or_else(|| agreed(votes.map(|at| numbers[at].format.decimal)));
    let dates: Vec<Option<DateFinding>> = profiles.iter().map(|profile| profile.dates.finding(options.dates)).collect();
    let order = options.dates.or_else(|| {
        let decided = dates.iter().flatten().filter(|found| found.decides || found.by_order);
        agreed(decided.map(|found| found.format))
    });
    for (profile, name) in profiles.iter().zip(names) {
        let known = known(wanted, name);
        let own_format = match known.map(PreparedColumn::reading) {
            Some(ColumnReading::Numbers(format)) => Some(format.decimal),
            _ => None,
        };
        let own_order = match known.map(PreparedColumn::reading) {
            Some(ColumnReading::Times(format)) => Some(format),
            _ => None,
        };
        let number = profile.numbers.finding(decimal.or(own_format), comma);
        let date = profile.dates.finding(order.or(own_order));
        let epoch = profile.dates.number_finding(is_time_name(name)).filter(|_| !options.keep.contains(name));
        let is_word = known.is_none() && options.categorical.contains(name);
        let reading = match known.map(PreparedColumn::reading) {
            Some(ColumnReading::Numbers(format)) => {
                ColumnReading::Numbers(if number.cells > 0 { number.format.clone() } else { format })
            }
            Some(ColumnReading::Times(format)) => ColumnReading::Times(match (&date, epoch) {
                (Some(date), _) => date.format,
                (None, Some(epoch)) => epoch,
                (None, None) => format,
            }),
            Some(words) => words,
            None if is_word => ColumnReading::Words(false),
            // A column without any value in it is numbers that are missing.
            None if profile.holds(number.cells) => match epoch.filter(|_| profile.filled > 0) {
                Some(epoch) => ColumnReading::Times(options.dates.filter(|wanted| wanted.is_epoch()).unwrap_or(epoch)),
                None => ColumnReading::Numbers(number.format.clone()),
            },
            None if date.as_ref().is_some_and(|date| profile.holds(date.cells)) => {
                ColumnReading::Times(date.as_ref().map_or(DateFormat::Ymd, |date| date.format))
            }
            None => {
                let others = profile.filled;
                let codes =
                    profile.unavailable > 0 && others > 0 && profile.two_letters as f64 >= CODES * others as f64;
                if codes && used(name) {
                    out.notes.push(format!(
                        "column {name:?}: \"NA\" is a value as its other two-letter codes are; set \
                         data.missing=[\"NA\"] if it means a missing one"
                    ));
                }
                ColumnReading::Words(codes)
            }
        };
        if used(name) {
            tell(name, &reading, &number, date.as_ref(), &mut out);
        }
        out.columns.push(reading);
    }
    out.found.sort();
    out.found.dedup();
    out
}

/// Tells the writing of a column and what is in doubt of it.
fn tell(
    name: &str,
    reading: &ColumnReading,
    number: &NumberFinding,
    date: Option<&DateFinding>,
    out: &mut TableReading,
) {
    match reading {
        ColumnReading::Numbers(format) => {
            if format.decimal == ',' {
                out.found.push("decimal commas".to_owned());
            }
            if let Some(mark) = format.thousands {
                out.found.push(format!("{mark:?} between thousands"));
            }
            if let Some(unit) = &format.unit {
                out.found.push(format!("{name}: numbers in {unit:?}"));
            }
            if let Some(cell) = &number.doubtful {
                let other = if format.decimal == '.' { ',' } else { '.' };
                let otherwise =
                    NumberFormat { decimal: other, thousands: Some(format.decimal), unit: format.unit.clone() };
                let value =
                    |format: &NumberFormat| format.parse(cell).map_or_else(String::new, |value| value.to_string());
                out.notes.push(format!(
                    "column {name:?}: {cell} is read as {}, though it may mean {}; if it does: setting `data.decimal=\"{other}\"`",
                    value(format),
                    value(&otherwise)
                ));
            }
        }
        ColumnReading::Times(format) => {
            if *format != DateFormat::Ymd {
                out.found.push(format!("{name}: {}", format.words()));
            }
            if format.is_epoch() || *format == DateFormat::Compact {
                out.notes.push(format!(
                    "column {name:?}: its numbers are taken for times, {}; to use them as numbers: setting `data.keep=[{name:?}]`",
                    format.words()
                ));
            }
            let Some(date) = date else { return };
            if let Some(cell) = &date.doubtful {
                let other = if *format == DateFormat::Dmy { DateFormat::Mdy } else { DateFormat::Dmy };
                out.notes.push(format!(
                    "column {name:?}: {cell} is read {}, for no row decides; if it is {}: setting `data.dates={:?}`",
                    format.words(),
                    other.words(),
                    other.name()
                ));
            } else if date.by_order {
                out.notes.push(format!(
                    "column {name:?}: dates are read {}, for so the rows are in order of time",
                    format.words()
                ));
            }
            if date.two_digit_years {
                out.notes.push(format!("column {name:?}: years of two digits are those from 1969 to 2068"));
            }
        }
        ColumnReading::Words(_) => {}
    }
}
