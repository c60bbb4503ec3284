//! Tables: CSV and TSV, gzipped or not, read column by column into numbers, words and times.

use std::collections::HashMap;
use std::path::Path;

use super::columns::{ColumnValues, Table, Timestamp, is_missing, number, parse_timestamp};
use super::csv::{CsvRows, TextHead, of_equal_length};
use crate::data::DataError;
use crate::data::spec::DataSpec;
use crate::error::Setting;

/// Rows from which the type of a column is detected.
const LOOK_ROWS: usize = 2000;
/// Least share of the filled cells of a column that must read as numbers (or times) for it to be of that type.
const MOST: f64 = 0.8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Numbers,
    Words,
    Times,
}

impl ColumnType {
    pub(crate) fn from_prepared(column: &crate::data::PreparedColumn) -> Self {
        match column {
            crate::data::PreparedColumn::Number { .. } => Self::Numbers,
            crate::data::PreparedColumn::Category { .. } => Self::Words,
            crate::data::PreparedColumn::Time { .. } => Self::Times,
        }
    }
}

/// Reads a table. `wanted` names the columns that a model was fitted on, with what they hold.
pub(crate) fn read_table(
    path: &Path,
    options: &DataSpec,
    wanted: Option<&[crate::data::PreparedColumn]>,
) -> Result<Table, DataError> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
        return read_columns(path, options, wanted);
    }
    let place = path.display().to_string();
    let CsvRows { names, comma, mut records, .. } = TextHead::open(path)?.records(options)?;
    let mut look: Vec<csv::ByteRecord> = Vec::new();
    for record in records.by_ref().take(LOOK_ROWS) {
        look.push(of_equal_length(record, &names, &place)?);
    }
    if look.is_empty() {
        return Err(DataError::malformed(place, "it has a line of names and no rows; give a table with rows"));
    }
    if let Some(unknown) = options.exclude.iter().chain(&options.categorical).find(|name| !names.contains(name)) {
        let near = crate::platform::perhaps_column(unknown, &names);
        return Err(DataError::Setting {
            setting: Setting::spec_key("data.exclude"),
            problem: format!("{place} has no column {unknown:?}{near}; it has {}", names.join(", ")),
        });
    }
    let holds: Vec<ColumnType> = (0..names.len())
        .map(|column| {
            let known = wanted.and_then(|wanted| wanted.iter().find(|known| known.name() == names[column]));
            match known {
                Some(known) => ColumnType::from_prepared(known),
                None if options.categorical.contains(&names[column]) => ColumnType::Words,
                None => what_it_holds(&look, column, comma),
            }
        })
        .collect();
    let mut builders: Vec<ColumnBuilder> = holds.iter().map(|&holds| ColumnBuilder::new(holds)).collect();
    let mut count = 0_usize;
    for record in look.into_iter().map(Ok).chain(records) {
        let record = of_equal_length(record, &names, &place)?;
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
    let columns: Vec<ColumnValues> = builders.into_iter().map(ColumnBuilder::finish).collect();
    let mut table = Table { names, columns, rows: count };
    for name in &options.exclude {
        if let Some(index) = table.find(name) {
            table.take(index);
        }
    }
    Ok(table)
}

/// Reads a table that is stored by columns.
#[cfg(feature = "parquet")]
fn read_columns(
    path: &Path,
    options: &DataSpec,
    wanted: Option<&[crate::data::PreparedColumn]>,
) -> Result<Table, DataError> {
    let is_category = |name: &str| {
        let known = wanted.and_then(|wanted| wanted.iter().find(|known| known.name() == name));
        matches!(known, Some(crate::data::PreparedColumn::Category { .. }))
            || options.categorical.iter().any(|own| own == name)
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
fn read_columns(path: &Path, _: &DataSpec, _: Option<&[crate::data::PreparedColumn]>) -> Result<Table, DataError> {
    Err(DataError::malformed(
        path.display().to_string(),
        "Parquet is read by programs built with `--features parquet`; build one, or save the table as CSV",
    ))
}

fn what_it_holds(look: &[csv::ByteRecord], column: usize, comma: bool) -> ColumnType {
    let (mut filled, mut numbers, mut times) = (0_usize, 0_usize, 0_usize);
    for record in look {
        let cell = String::from_utf8_lossy(record.get(column).unwrap_or_default());
        if is_missing(&cell) {
            continue;
        }
        filled += 1;
        numbers += usize::from(number(&cell, comma).is_some());
        times += usize::from(parse_timestamp(&cell).is_some());
    }
    let most = |count: usize| count as f64 >= MOST * filled as f64;
    // A column without any value in it is numbers that are missing.
    if most(numbers) {
        ColumnType::Numbers
    } else if most(times) {
        ColumnType::Times
    } else {
        ColumnType::Words
    }
}

pub(crate) enum ColumnBuilder {
    Numbers(Vec<f64>),
    Words { codes: Vec<Option<u32>>, words: Vec<String>, known: HashMap<String, u32> },
    Times(Vec<Option<Timestamp>>),
}

impl ColumnBuilder {
    pub(crate) fn new(holds: ColumnType) -> Self {
        match holds {
            ColumnType::Numbers => Self::Numbers(Vec::new()),
            ColumnType::Words => Self::Words { codes: Vec::new(), words: Vec::new(), known: HashMap::new() },
            ColumnType::Times => Self::Times(Vec::new()),
        }
    }

    pub(crate) fn push(&mut self, cell: &str, comma: bool) -> Result<(), String> {
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
                let time = if missing { None } else { parse_timestamp(cell) };
                if time.is_none() && !missing {
                    return Err(format!("{cell:?} is no date as the column's other cells are"));
                }
                times.push(time);
            }
        }
        Ok(())
    }

    pub(crate) fn skip(&mut self) {
        match self {
            Self::Numbers(values) => values.push(f64::NAN),
            Self::Words { codes, .. } => codes.push(None),
            Self::Times(times) => times.push(None),
        }
    }

    pub(crate) fn finish(self) -> ColumnValues {
        match self {
            Self::Numbers(values) => ColumnValues::Numbers(values),
            Self::Words { codes, words, .. } => ColumnValues::Words { codes, words },
            Self::Times(times) => ColumnValues::Times(times),
        }
    }
}
