//! Tables: CSV and its relatives, workbooks and Parquet, read column by column into numbers, words and times.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::column_profile::{ColumnProfile, TableReading, decide, joined_name, known_reading};
use super::columns::{ColumnReading, ColumnValues, MISSING, Table, Timestamp, is_missing};
use super::csv::{CsvRows, of_equal_length};
use super::date_format::DateFormat;
use super::missing_codes::{date_for_none, note_on_dates, notes_on_codes, notes_on_digits};
use super::sheets::{is_workbook, open_sheet};
use super::text::{TextHead, cell_text};
use crate::data::DataError;
use crate::data::preparation::PreparedColumn;
use crate::data::spec::DataSpec;
use crate::error::Setting;
use crate::platform::{files, perhaps_column};

/// Opens the records of a table that is stored by rows.
pub(crate) fn open_records(
    path: &Path,
    options: &DataSpec,
    wanted: Option<&[PreparedColumn]>,
) -> Result<CsvRows, DataError> {
    match is_workbook(path) {
        true => open_sheet(path, options, wanted),
        false => TextHead::open(path)?.records(options, wanted),
    }
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
    let opened = open_records(path, options, wanted)?;
    let CsvRows { names, comma, form, notes: found, mut records, has_names, left_out, .. } = opened;
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
    let profile = |name: &String| ColumnProfile::new(options, known_reading(wanted, name));
    let mut profiles: Vec<ColumnProfile> = names.iter().map(profile).collect();
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
    notes.extend(left_out.note());
    if count == 0 {
        return Err(DataError::malformed(place, "it has a line of names and no rows; give a table with rows"));
    }
    let reading = decide(&profiles, &names, options, wanted, comma);
    drop(profiles);
    let records = if again { open_records(path, options, wanted)?.records } else { Box::new(kept.into_iter().map(Ok)) };
    let builder = |(reading, name): (&ColumnReading, &String)| ColumnBuilder::new(reading, known(wanted, name));
    let mut builders: Vec<ColumnBuilder> = reading.columns.iter().zip(&names).map(builder).collect();
    for (row, record) in records.enumerate() {
        let record = of_equal_length(record, &names, &place)?;
        for (column, (builder, cell)) in builders.iter_mut().zip(record.iter()).enumerate() {
            if let Err(problem) = builder.push(&cell_text(cell), &options.missing) {
                // Columns that are not looked at may hold what they like.
                if options.exclude.contains(&names[column]) {
                    builder.skip();
                    continue;
                }
                let name = &names[column];
                let problem = format!(
                    "row {}, column {name:?}: {problem}; correct it, leave it empty, or{}",
                    row + 1,
                    way_out(&cell_text(cell), name, row == 0 && !has_names, options)
                );
                return Err(DataError::malformed(place, problem));
            }
        }
    }
    let mut date_forms = BTreeMap::new();
    let mut columns: Vec<ColumnValues> = Vec::with_capacity(builders.len());
    let mut on_dates = Vec::new();
    for (name, builder) in names.iter().zip(builders) {
        on_dates.extend(builder.dates_for_none.iter().map(|(count, cell)| note_on_dates(name, *count, cell)));
        date_forms.extend(builder.date_form().map(|form| (name.clone(), form)));
        columns.push(builder.finish());
    }
    notes.extend(reading.notes);
    notes.extend(on_dates);
    let form = [vec![form], reading.found].concat().join(", ");
    let mut table = Table { names, readings: reading.columns, form, date_forms, columns, rows: count };
    if let Some((date, clock)) = times_to_join(&table, options, wanted) {
        let name = joined_name(&table.names[date], &table.names[clock]);
        let of_day = format!("column {:?}: its cells are times of day", table.names[clock]);
        notes.retain(|note| !note.starts_with(&of_day));
        if wanted.is_none() {
            let (date, clock) = (&table.names[date], &table.names[clock]);
            notes.push(format!("columns {date:?} and {clock:?} are joined to one of times, {name:?}"));
        }
        table.join_times(date, clock, name);
    }
    take_excluded(&mut table, options);
    if wanted.is_none() {
        notes.extend(notes_on_codes(&table.names, &table.columns, &reading.codes));
        notes.extend(notes_on_digits(&table.names, &table.columns));
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
    let profile = |name: &String| ColumnProfile::new(options, known_reading(Some(wanted), name));
    let mut profiles: Vec<ColumnProfile> = names.iter().map(profile).collect();
    for record in look {
        profiles.iter_mut().zip(record.iter()).for_each(|(profile, cell)| profile.push(&cell_text(cell), options));
    }
    decide(&profiles, names, options, Some(wanted), comma)
}

fn known<'k>(wanted: Option<&'k [PreparedColumn]>, name: &str) -> Option<&'k PreparedColumn> {
    wanted?.iter().find(|known| known.name() == name)
}

/// Returns what is to be done about a cell that its column cannot hold: the last of several ways.
fn way_out(cell: &str, name: &str, may_be_names: bool, options: &DataSpec) -> String {
    let mut ways = Vec::new();
    if may_be_names {
        ways.push("if the first line holds names: setting `data.header=true`".to_owned());
    }
    // What is set takes the place of the usual codes: they are named again.
    let is_code =
        cell.chars().count() <= 8 && (!cell.bytes().any(|byte| byte.is_ascii_digit()) || cell.starts_with('#'));
    if is_code {
        let usual: Vec<&str> = match options.missing.is_empty() {
            true => MISSING.to_vec(),
            false => options.missing.iter().map(String::as_str).collect(),
        };
        let codes: Vec<String> = [cell].into_iter().chain(usual).map(|code| format!("{code:?}")).collect();
        ways.push(format!("if it means a missing value: setting `data.missing=[{}]`", codes.join(",")));
    }
    ways.push(format!("if its values are names, read it as such: setting `data.categorical=[{name:?}]`"));
    ways.iter().map(|way| format!(", {way}")).collect::<Vec<_>>().join(", or")
}

/// Returns the places of a column of days and a column of times of day that are one time together: those that the
/// model was fitted with, or, where it is fitted, neighbors that are alone of their kinds.
pub(crate) fn times_to_join(
    table: &Table,
    options: &DataSpec,
    wanted: Option<&[PreparedColumn]>,
) -> Option<(usize, usize)> {
    let of = |wanted: bool| {
        let is_clock = move |(_, reading): &(usize, &ColumnReading)| match reading {
            ColumnReading::Times(DateFormat::TimeOfDay) => wanted,
            ColumnReading::Times(format) => !wanted && !format.is_epoch(),
            _ => false,
        };
        table.readings.iter().enumerate().filter(is_clock).map(|(at, _)| at)
    };
    if let Some(wanted) = wanted {
        let is_known = |&(date, clock): &(usize, usize)| {
            let name = joined_name(&table.names[date], &table.names[clock]);
            table.find(&name).is_none() && known(Some(wanted), &name).is_some()
        };
        return of(false).flat_map(|date| of(true).map(move |clock| (date, clock))).find(is_known);
    }
    let (mut dates, mut clocks) = (of(false), of(true));
    let (Some(date), None, Some(clock), None) = (dates.next(), dates.next(), clocks.next(), clocks.next()) else {
        return None;
    };
    let ColumnValues::Times(days) = &table.columns[date] else { return None };
    let of_options = [&options.exclude, &options.keep, &options.categorical, &options.columns];
    let is_named = |at: usize| {
        let name = &table.names[at];
        let alone = [&options.time, &options.labels].into_iter().flatten().any(|own| own == name);
        alone || of_options.iter().any(|names| names.contains(name))
    };
    let is_free = table.find(&joined_name(&table.names[date], &table.names[clock])).is_none();
    let are_days = days.iter().flatten().all(|day| day.day == 0.0);
    (date.abs_diff(clock) == 1 && are_days && is_free && !is_named(date) && !is_named(clock)).then_some((date, clock))
}

fn take_excluded(table: &mut Table, options: &DataSpec) {
    for name in &options.exclude {
        if let Some(index) = table.find(name) {
            table.take(index);
        }
    }
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
    /// True if the column never varied when a model was fitted: its cells are texts, whatever they hold.
    is_rule: bool,
    /// True if a model is known that was fitted on the column.
    is_known: bool,
    /// First time that is not midnight, or else the first date, as written.
    sample: Option<(bool, String)>,
    /// Number of the cells with a date that stands for none, and the first of them.
    dates_for_none: Option<(usize, String)>,
    numbers: Vec<f64>,
    times: Vec<Option<Timestamp>>,
    codes: Vec<Option<u32>>,
    words: Vec<String>,
    known: HashMap<String, u32>,
}

impl ColumnBuilder {
    pub(crate) fn new(reading: &ColumnReading, known: Option<&PreparedColumn>) -> Self {
        Self {
            reading: reading.clone(),
            is_rule: matches!(known, Some(PreparedColumn::Constant { .. })),
            is_known: known.is_some(),
            sample: None,
            dates_for_none: None,
            numbers: Vec::new(),
            times: Vec::new(),
            codes: Vec::new(),
            words: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// Adds a cell; the error says why it cannot be one of the column.
    pub(crate) fn push(&mut self, cell: &str, codes: &[String]) -> Result<(), String> {
        let stands_for_none = !matches!(self.reading, ColumnReading::Words(_) | ColumnReading::WordsBeside(_))
            && date_for_none(cell).is_some();
        if stands_for_none {
            self.dates_for_none.get_or_insert_with(|| (0, cell.to_owned())).0 += 1;
        }
        let missing = stands_for_none || is_missing(cell, codes) && !self.reading.holds_code(cell);
        if self.is_rule {
            let text = (!missing).then(|| self.reading.plain_text(cell));
            self.push_word(text.as_deref());
            return Ok(());
        }
        match &self.reading {
            ColumnReading::Numbers(format) => {
                let value = if missing { Some(f64::NAN) } else { format.parse(cell) };
                // Workbooks were read with 1 and 0 for these when some models were fitted.
                let truth = || match cell {
                    "true" if self.is_known => Some(1.0),
                    "false" if self.is_known => Some(0.0),
                    _ => None,
                };
                let value = value.or_else(truth);
                let value = value.ok_or_else(|| format!("{cell:?} is no number as the column's other cells are"))?;
                if value.is_infinite() || value.abs() > 1e30 {
                    return Err(format!("{cell:?} is infinite or too large"));
                }
                self.numbers.push(value);
            }
            ColumnReading::Words(_) | ColumnReading::WordsBeside(_) => self.push_word((!missing).then_some(cell)),
            ColumnReading::Times(format) => {
                let time = if missing { None } else { format.parse(cell) };
                if time.is_none() && !missing {
                    return Err(format!("{cell:?} is no date as the column's other cells are"));
                }
                let has_clock = time.is_some_and(|time| time.day > 0.0);
                if time.is_some() && self.sample.as_ref().is_none_or(|(had, _)| has_clock && !had) {
                    self.sample = Some((has_clock, cell.to_owned()));
                }
                self.times.push(time);
            }
        }
        Ok(())
    }

    fn push_word(&mut self, word: Option<&str>) {
        let code = word.map(|word| match self.known.get(word) {
            Some(&code) => code,
            None => {
                let code = self.words.len() as u32;
                self.words.push(word.to_owned());
                self.known.insert(word.to_owned(), code);
                code
            }
        });
        self.codes.push(code);
    }

    /// Returns the form of the dates in the source, in the letters of `strftime`.
    pub(crate) fn date_form(&self) -> Option<String> {
        let ColumnReading::Times(format) = &self.reading else { return None };
        self.sample.as_ref().and_then(|(_, cell)| format.form_of(cell))
    }

    /// Adds a missing cell.
    pub(crate) fn skip(&mut self) {
        match &self.reading {
            _ if self.is_rule => self.codes.push(None),
            ColumnReading::Numbers(_) => self.numbers.push(f64::NAN),
            ColumnReading::Words(_) | ColumnReading::WordsBeside(_) => self.codes.push(None),
            ColumnReading::Times(_) => self.times.push(None),
        }
    }

    pub(crate) fn finish(self) -> ColumnValues {
        match self.reading {
            _ if self.is_rule => ColumnValues::Words { codes: self.codes, words: self.words },
            ColumnReading::Numbers(_) => ColumnValues::Numbers(self.numbers),
            ColumnReading::Words(_) | ColumnReading::WordsBeside(_) => {
                ColumnValues::Words { codes: self.codes, words: self.words }
            }
            ColumnReading::Times(_) => ColumnValues::Times(self.times),
        }
    }
}
