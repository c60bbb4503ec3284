//! Tables: CSV and its relatives, workbooks and Parquet, read column by column into numbers, words and times.

use std::collections::HashMap;
use std::path::Path;

use super::column_profile::{ColumnProfile, TableReading, decide};
use super::columns::{ColumnReading, ColumnValues, Table, Timestamp, is_missing};
use super::csv::{CsvRows, of_equal_length};
use super::sheets::{is_workbook, open_sheet};
use super::text::{TextHead, cell_text};
use crate::data::DataError;
use crate::data::preparation::PreparedColumn;
use crate::data::spec::DataSpec;
use crate::error::Setting;
use crate::platform::{files, perhaps_column};

/// Codes for missing values that are whole numbers.
const SENTINELS: [f64; 10] = [-1.0, -9.0, -99.0, -999.0, -9999.0, -99_999.0, 999.0, 9999.0, 99_999.0, -32_768.0];
/// Least share of a column's cells that hold such a code for it to be told.
const SENTINEL_SHARE: f64 = 0.002;

/// Opens the records of a table that is stored by rows.
pub(crate) fn open_records(path: &Path, options: &DataSpec) -> Result<CsvRows, DataError> {
    if is_workbook(path) { open_sheet(path, options) } else { TextHead::open(path)?.records(options) }
}

/// Reads a table. `wanted` are the columns that a model was fitted on. All cells are looked at before the first is read:
/// a column is read in the one way that fits all of it.
pub(crate) fn read_table(
    path: &Path,
    options: &DataSpec,
    wanted: Option<&[PreparedColumn]>,
    notes: &mut Vec<String>,
) -> Result<Table, DataError> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
        return read_columns(path, options, wanted);
    }
    let place = path.display().to_string();
    let CsvRows { names, comma, form, notes: found, mut records, .. } = open_records(path, options)?;
    notes.extend(found);
    if let Some(unknown) = options.exclude.iter().chain(&options.categorical).find(|name| !names.contains(name)) {
        let near = perhaps_column(unknown, &names);
        return Err(DataError::Setting {
            setting: Setting::spec_key("data.exclude"),
            problem: format!("{place} has no column {unknown:?}{near}; it has {}", names.join(", ")),
        });
    }
    // A file is read again; what comes through a pipe or out of a workbook is kept.
    let again = !is_workbook(path) && files::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut kept = Vec::new();
    let mut profiles = vec![ColumnProfile::new(options); names.len()];
    let mut count = 0_usize;
    for record in records.by_ref() {
        let record = of_equal_length(record, &names, &place)?;
        for (profile, cell) in profiles.iter_mut().zip(record.iter()) {
            profile.push(&cell_text(cell), options);
        }
        count += 1;
        if !again {
            kept.push(record);
        }
    }
    if count == 0 {
        return Err(DataError::malformed(place, "it has a line of names and no rows; give a table with rows"));
    }
    let reading = decide(&profiles, &names, options, wanted, comma);
    drop(profiles);
    let records = if again { open_records(path, options)?.records } else { Box::new(kept.into_iter().map(Ok)) };
    let mut builders: Vec<ColumnBuilder> = reading.columns.iter().map(ColumnBuilder::new).collect();
    for (row, record) in records.enumerate() {
        let record = of_equal_length(record, &names, &place)?;
        for (column, (builder, cell)) in builders.iter_mut().zip(record.iter()).enumerate() {
            if let Err(problem) = builder.push(&cell_text(cell), &options.missing) {
                // Columns that are not looked at may hold what they like.
                if options.exclude.contains(&names[column]) {
                    builder.skip();
                    continue;
                }
                let problem = format!(
                    "row {}, column {:?}: {problem}; correct it, leave it empty, or, if its values are \
                     names, read it as such: setting `data.categorical=[{:?}]`",
                    row + 1,
                    names[column],
                    names[column]
                );
                return Err(DataError::malformed(place, problem));
            }
        }
    }
    let columns: Vec<ColumnValues> = builders.into_iter().map(ColumnBuilder::finish).collect();
    notes.extend(reading.notes);
    let form = [vec![form], reading.found].concat().join(", ");
    let mut table = Table { names, readings: reading.columns, form, columns, rows: count };
    take_excluded(&mut table, options);
    if wanted.is_none() && options.missing.is_empty() {
        notes.extend(table.names.iter().zip(&table.columns).filter_map(|(name, cells)| sentinel(name, cells)));
    }
    Ok(table)
}

/// Decides the reading of the columns from the records at the start of a table, for a model that was fitted on `wanted`.
pub(crate) fn readings(
    look: &[csv::ByteRecord],
    names: &[String],
    options: &DataSpec,
    wanted: &[PreparedColumn],
    comma: bool,
) -> TableReading {
    let mut profiles = vec![ColumnProfile::new(options); names.len()];
    for record in look {
        profiles.iter_mut().zip(record.iter()).for_each(|(profile, cell)| profile.push(&cell_text(cell), options));
    }
    decide(&profiles, names, options, Some(wanted), comma)
}

fn take_excluded(table: &mut Table, options: &DataSpec) {
    for name in &options.exclude {
        if let Some(index) = table.find(name) {
            table.take(index);
        }
    }
}

/// Note on a number that returns far from all others and is usually written for a missing value.
fn sentinel(name: &str, cells: &ColumnValues) -> Option<String> {
    let ColumnValues::Numbers(values) = cells else { return None };
    let filled = values.iter().filter(|value| !value.is_nan()).count();
    SENTINELS.iter().find_map(|&code| {
        let count = values.iter().filter(|&&value| value == code).count();
        if count < 2 || (count as f64) < SENTINEL_SHARE * filled as f64 || count == filled {
            return None;
        }
        let others = values.iter().copied().filter(|&value| !value.is_nan() && value != code);
        let (low, high) = others.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        // -1 and the like are codes only where nothing else is negative and they lie apart.
        let far = if code < 0.0 { low >= 0.0 && low - code > high - low } else { code - high > high - low };
        far.then(|| {
            format!(
                "column {name:?}: {code} stands in {count} of {filled} rows, far from all other values; set \
                 data.missing=[\"{code}\"] if it means a missing one"
            )
        })
    })
}

/// Reads a table that is stored by columns.
#[cfg(feature = "parquet")]
fn read_columns(path: &Path, options: &DataSpec, wanted: Option<&[PreparedColumn]>) -> Result<Table, DataError> {
    let is_category = |name: &str| {
        let known = wanted.and_then(|wanted| wanted.iter().find(|known| known.name() == name));
        matches!(known, Some(PreparedColumn::Category { .. })) || options.categorical.iter().any(|own| own == name)
    };
    let mut table = super::parquet::read_parquet(path, is_category)?;
    take_excluded(&mut table, options);
    Ok(table)
}

#[cfg(not(feature = "parquet"))]
fn read_columns(path: &Path, _: &DataSpec, _: Option<&[PreparedColumn]>) -> Result<Table, DataError> {
    Err(DataError::malformed(
        path.display().to_string(),
        "Parquet is read by programs built with `--features parquet`; build one, or save the table as CSV",
    ))
}

/// Column under construction.
pub(crate) struct ColumnBuilder {
    reading: ColumnReading,
    numbers: Vec<f64>,
    times: Vec<Option<Timestamp>>,
    codes: Vec<Option<u32>>,
    words: Vec<String>,
    known: HashMap<String, u32>,
}

impl ColumnBuilder {
    pub(crate) fn new(reading: &ColumnReading) -> Self {
        Self {
            reading: reading.clone(),
            numbers: Vec::new(),
            times: Vec::new(),
            codes: Vec::new(),
            words: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// Adds a cell; the error says why it cannot be one of the column.
    pub(crate) fn push(&mut self, cell: &str, codes: &[String]) -> Result<(), String> {
        let missing = is_missing(cell, codes);
        match &self.reading {
            ColumnReading::Numbers(format) => {
                let value = if missing { Some(f64::NAN) } else { format.parse(cell) };
                let value = value.ok_or_else(|| format!("{cell:?} is no number as the column's other cells are"))?;
                if value.is_infinite() || value.abs() > 1e30 {
                    return Err(format!("{cell:?} is infinite or too large"));
                }
                self.numbers.push(value);
            }
            ColumnReading::Words(unavailable) => {
                let is_word = !missing || *unavailable && cell == "NA";
                let code = is_word.then(|| match self.known.get(cell) {
                    Some(&code) => code,
                    None => {
                        let code = self.words.len() as u32;
                        self.words.push(cell.to_owned());
                        self.known.insert(cell.to_owned(), code);
                        code
                    }
                });
                self.codes.push(code);
            }
            ColumnReading::Times(format) => {
                let time = if missing { None } else { format.parse(cell) };
                if time.is_none() && !missing {
                    return Err(format!("{cell:?} is no date as the column's other cells are"));
                }
                self.times.push(time);
            }
        }
        Ok(())
    }

    /// Adds a missing cell.
    pub(crate) fn skip(&mut self) {
        match &self.reading {
            ColumnReading::Numbers(_) => self.numbers.push(f64::NAN),
            ColumnReading::Words(_) => self.codes.push(None),
            ColumnReading::Times(_) => self.times.push(None),
        }
    }

    pub(crate) fn finish(self) -> ColumnValues {
        match self.reading {
            ColumnReading::Numbers(_) => ColumnValues::Numbers(self.numbers),
            ColumnReading::Words(_) => ColumnValues::Words { codes: self.codes, words: self.words },
            ColumnReading::Times(_) => ColumnValues::Times(self.times),
        }
    }
}
