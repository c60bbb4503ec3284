//! Rows of a table for a trained model, some at a time: the table may be larger than memory, or never end.

use std::io::Read;
use std::path::Path;

use super::DataError;
use super::cell_rules::CellRemark;
use super::formats::column_profile::joined_name;
use super::formats::columns::{ColumnReading, ColumnValues, Table, is_missing};
use super::formats::csv::{CsvRows, LeftOut, Records, of_any_length, unequal};
use super::formats::table::{ColumnBuilder, open_records, read_table, readings, times_to_join};
use super::formats::text::{TextHead, cell_text};
use super::preparation::{Preparation, PreparedColumn};
use super::source::{match_columns, read_leniently};
use super::spec::DataSpec;
use crate::error::Setting;

/// Consecutive rows of a table.
#[derive(Clone, Debug, Default)]
pub struct TableChunk {
    /// Number of rows, including those that could not be read.
    pub rows: usize,
    /// `[rows, features]`, prepared; zeros where a row could not be read.
    pub values: Vec<f32>,
    /// Label of each row, `None` where its cell is missing; empty where no column of labels was asked for or is there.
    pub labels: Vec<Option<String>>,
    /// Rows that could not be read, by their numbers in the chunk from 0, each with the problem.
    pub unusable: Vec<(usize, String)>,
    /// Cells that the values do not show, by rows.
    pub remarks: Vec<CellRemark>,
}

/// Place and writing of a column of the model, or a part of one, in the table.
struct StreamColumn {
    place: usize,
    reading: ColumnReading,
    /// Column of the model; `None` for days and times of day that are joined to one.
    known: Option<PreparedColumn>,
}

/// A table that is read from its start to its end.
pub struct TableStream {
    place: String,
    names: Vec<String>,
    missing: Vec<String>,
    records: Records,
    sources: Vec<StreamColumn>,
    label: Option<usize>,
    preparation: Preparation,
    read: u64,
    /// Places in the table of the days and the times of day that are one column of the model.
    joined: Option<(usize, usize)>,
    left_out: LeftOut,
    /// Notes for the user, in words, such as the names of ignored columns.
    pub notes: Vec<String>,
}

impl std::fmt::Debug for TableStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableStream").field("place", &self.place).field("read", &self.read).finish_non_exhaustive()
    }
}

impl TableStream {
    /// Opens the table at `path`. Its columns must be those that `preparation` was fitted on, in any order; `label` is
    /// no feature and may be missing.
    ///
    /// # Errors
    /// When it cannot be read or a column is missing.
    pub fn open(
        path: &Path,
        options: &DataSpec,
        preparation: &Preparation,
        label: Option<&str>,
    ) -> Result<Self, DataError> {
        Self::new(open_records(path, options, Some(&preparation.columns))?, options, preparation, label)
    }

    /// Same as [`Self::open`], for standard input or any other reader; `place` is its name in errors.
    pub fn from_reader(
        source: Box<dyn Read + Send>,
        place: &str,
        options: &DataSpec,
        preparation: &Preparation,
        label: Option<&str>,
    ) -> Result<Self, DataError> {
        let text = TextHead::new(source, place.to_owned())?;
        Self::new(text.records(options, Some(&preparation.columns))?, options, preparation, label)
    }

    fn new(
        rows: CsvRows,
        options: &DataSpec,
        preparation: &Preparation,
        label: Option<&str>,
    ) -> Result<Self, DataError> {
        let CsvRows { place, names, notes, look, comma, records, left_out, .. } = rows;
        let mut notes = notes;
        // What a model knows of a column decides where the start of the table leaves a doubt.
        let reading = readings(&look, &names, options, &preparation.columns, comma);
        let table = Table { names: names.clone(), readings: reading.columns.clone(), ..Table::default() };
        let joined = times_to_join(&table, options, Some(&preparation.columns));
        let mut own_names = names.clone();
        if let Some((date, clock)) = joined {
            own_names[date] = joined_name(&names[date], &names[clock]);
            own_names.remove(clock);
        }
        let known: Vec<String> = own_names.into_iter().filter(|name| Some(name.as_str()) != label).collect();
        match_columns(preparation, &known, &place, &mut notes)?;
        let is_part = |at: usize| joined.is_some_and(|(date, clock)| at == date || at == clock);
        let is_used = |at: usize| is_part(at) || preparation.columns.iter().any(|column| column.name() == names[at]);
        let used = |note: &String| {
            let of_column = |at: usize| note.starts_with(&format!("column {:?}:", names[at]));
            let of_clock = joined.is_some_and(|(_, clock)| of_column(clock));
            (0..names.len()).any(|at| is_used(at) && of_column(at)) && !of_clock
        };
        notes.extend(reading.notes.into_iter().filter(used));
        let find = |(place, name): (usize, &String)| {
            let known = preparation.columns.iter().find(|column| column.name() == name).cloned();
            (known.is_some() || is_part(place)).then(|| StreamColumn {
                place,
                reading: reading.columns[place].clone(),
                known,
            })
        };
        let sources = names.iter().enumerate().filter_map(find).collect();
        let label = label.and_then(|label| names.iter().position(|name| name == label));
        let (missing, preparation) = (options.missing.clone(), preparation.clone());
        Ok(Self { place, names, missing, records, sources, label, preparation, read: 0, joined, left_out, notes })
    }

    /// Returns the lines that are left out as comments, counted as they are passed.
    pub(crate) fn left_out(&self) -> LeftOut {
        self.left_out.clone()
    }

    /// Returns whether the table has the column of labels.
    pub fn has_labels(&self) -> bool {
        self.label.is_some()
    }

    /// Reads the next rows, at most `most`; returns `None` at the end. A row that cannot be read is an error unless
    /// `keep_going`, which only marks it.
    ///
    /// # Errors
    /// When the text ends within a row or is damaged, and for rows that cannot be read unless `keep_going`.
    pub fn next(&mut self, most: usize, keep_going: bool) -> Result<Option<TableChunk>, DataError> {
        let mut chunk = TableChunk::default();
        let mut builders: Vec<ColumnBuilder> =
            self.sources.iter().map(|source| ColumnBuilder::new(&source.reading, source.known.as_ref())).collect();
        for record in self.records.by_ref().take(most) {
            let record = of_any_length(record, &self.place)?;
            let mut problem = unequal(&record, &self.names);
            for (builder, source) in builders.iter_mut().zip(&self.sources) {
                let cell = cell_text(record.get(source.place).unwrap_or_default());
                // Each column gains one cell, whatever is wrong with the row.
                let pushed = if problem.is_some() { Err(String::new()) } else { builder.push(&cell, &self.missing) };
                if let Err(wrong) = pushed {
                    builder.skip();
                    problem.get_or_insert_with(|| format!("column {:?}: {wrong}", self.names[source.place]));
                }
            }
            self.read += 1;
            if let Some(problem) = problem {
                if !keep_going {
                    let problem = format!("row {}: {problem}", self.read);
                    return Err(DataError::malformed(&self.place, problem));
                }
                chunk.unusable.push((chunk.rows, problem));
            }
            if let Some(label) = self.label {
                let cell = cell_text(record.get(label).unwrap_or_default());
                chunk.labels.push((!is_missing(&cell, &self.missing)).then(|| cell.into_owned()));
            }
            chunk.rows += 1;
        }
        if chunk.rows == 0 {
            return Ok(None);
        }
        // Columns that are not there have no source.
        let names = self.sources.iter().map(|source| self.names[source.place].clone()).collect();
        let readings = self.sources.iter().map(|source| source.reading.clone()).collect();
        let columns: Vec<ColumnValues> = builders.into_iter().map(ColumnBuilder::finish).collect();
        let mut table = Table { names, readings, columns, rows: chunk.rows, ..Table::default() };
        if let Some((date, clock)) = self.joined {
            let name = joined_name(&self.names[date], &self.names[clock]);
            let at = |place: usize| self.sources.iter().position(|source| source.place == place);
            if let (Some(date), Some(clock)) = (at(date), at(clock)) {
                table.join_times(date, clock, name);
            }
        }
        let rows: Vec<u32> = (0..chunk.rows as u32).collect();
        chunk.remarks = self.preparation.remarks(&table, &rows);
        // Cells of rows that could not be read are not missing.
        let is_unusable = |row: u32| chunk.unusable.binary_search_by_key(&(row as usize), |(row, _)| *row).is_ok();
        chunk.remarks.retain(|remark| !is_unusable(remark.row));
        chunk.values = self.preparation.table_rows(&table, &rows);
        let width = self.preparation.features.len();
        for (row, _) in &chunk.unusable {
            chunk.values[row * width..(row + 1) * width].fill(0.0);
        }
        Ok(Some(chunk))
    }
}

/// Reads the words of one column of the table at `path`, row by row; `None` where a row has none, or where `options` are
/// lenient and it cannot be read.
///
/// # Errors
/// When the table cannot be read or has no such column.
pub fn read_labels(path: &Path, options: &DataSpec, column: &str) -> Result<Vec<Option<String>>, DataError> {
    let table = match options.lenient {
        true => read_leniently(path, options, None, &mut Vec::new())?,
        false => read_table(path, options, None, &mut Vec::new())?,
    };
    let Some(at) = table.find(column) else {
        let near = crate::platform::perhaps_column(column, &table.names);
        let problem = format!("{} has no column {column:?}{near}; it has {}", path.display(), table.names.join(", "));
        return Err(DataError::Setting { setting: Setting::LABEL, problem });
    };
    // Codes for a missing value that are words among features are no labels.
    let label = |row: usize| table.columns[at].word(row).filter(|word| !is_missing(word, &options.missing));
    Ok((0..table.rows).map(label).collect())
}
