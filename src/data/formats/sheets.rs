//! Tables in workbooks: Excel (`.xlsx`) and OpenDocument (`.ods`). The older binary forms are not read: their reader panics
//! on damaged files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::Path;

use calamine::{Data, DataRef, Ods, Reader as _, Xlsx};

use super::csv::{
    CsvRows, LeftOut, check_names, column_names, note_on_header, note_on_heads, note_on_titles, note_on_units,
};
use super::first_lines::FirstLines;
use crate::data::DataError;
use crate::data::error::unreadable;
use crate::data::preparation::PreparedColumn;
use crate::data::spec::DataSpec;
use crate::error::Setting;
use crate::platform::files;

/// Cells of all rows and columns that hold one, at most: a single one may stand far away.
const MOST_CELLS: usize = 200_000_000;

/// Returns whether a path names a workbook.
pub(crate) fn is_workbook(path: &Path) -> bool {
    let ends = |ending: &str| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    ["xlsx", "xlsm", "ods"].iter().any(|ending| ends(ending))
}

/// A workbook that has been opened.
enum Workbook {
    Excel(Box<Xlsx<BufReader<files::File>>>),
    OpenDocument(Box<Ods<BufReader<files::File>>>),
}

/// Texts of the filled cells of a sheet, by row and column.
type SheetCells = BTreeMap<u32, Vec<(u32, String)>>;

impl Workbook {
    fn open(path: &Path) -> Result<Self, DataError> {
        let file = BufReader::new(files::File::open(path).map_err(|error| unreadable(path, &error))?);
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ods")) {
            return Ok(Self::OpenDocument(Box::new(Ods::new(file).map_err(|error| damaged(path, &error))?)));
        }
        Ok(Self::Excel(Box::new(Xlsx::new(file).map_err(|error| damaged(path, &error))?)))
    }

    fn sheet_names(&self) -> Vec<String> {
        match self {
            Self::Excel(book) => book.sheet_names(),
            Self::OpenDocument(book) => book.sheet_names(),
        }
    }

    /// Reads the cells of a sheet one by one: a table of all places up to the last might fill the memory.
    fn cells(&mut self, sheet: &str, path: &Path) -> Result<SheetCells, DataError> {
        let mut cells = SheetCells::new();
        let mut put = |row: u32, column: u32, cell: &Data| {
            let text = text_of(cell);
            if !text.is_empty() {
                cells.entry(row).or_default().push((column, text));
            }
        };
        match self {
            Self::Excel(book) => {
                let mut reader = book.worksheet_cells_reader(sheet).map_err(|error| damaged(path, &error))?;
                while let Some(cell) = reader.next_cell().map_err(|error| damaged(path, &error))? {
                    let (row, column) = cell.get_position();
                    put(row, column, &Data::from(cell.get_value().clone()));
                }
            }
            Self::OpenDocument(book) => {
                let range = book.worksheet_range(sheet).map_err(|error| damaged(path, &error))?;
                for (row, column, cell) in range.used_cells() {
                    put(u32::try_from(row).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX), cell);
                }
            }
        }
        Ok(cells)
    }

    /// Returns the cells from row `first` on that look as if they held no value, and why: those that were merged, whose
    /// formula was never computed, or that hold an error. What cannot be read says nothing.
    fn hollow_cells(&mut self, sheet: &str, first: u32, filled: &BTreeSet<(u32, u32)>) -> HollowCells {
        let is_empty = |place: (u32, u32)| place.0 >= first && !filled.contains(&place);
        let mut found = HollowCells::default();
        match self {
            Self::Excel(book) => {
                if let Some(Ok(merged)) = book.worksheet_merge_cells(sheet) {
                    found.merged.extend(merged.into_iter().filter(|of| of.end.0 >= first).map(|of| (of.start, of.end)));
                }
                if let Ok(mut reader) = book.worksheet_cells_reader(sheet) {
                    while let Ok(Some(cell)) = reader.next_formula() {
                        let is_formula = !cell.get_value().is_empty();
                        found.uncomputed.extend(Some(cell.get_position()).filter(|at| is_formula && is_empty(*at)));
                    }
                }
                if let Ok(mut reader) = book.worksheet_cells_reader(sheet) {
                    while let Ok(Some(cell)) = reader.next_cell() {
                        if let DataRef::Error(error) = cell.get_value() {
                            found.errors.push((cell.get_position(), error.to_string()));
                        }
                    }
                }
            }
            Self::OpenDocument(book) => {
                let at = |row: usize, column: usize| {
                    (u32::try_from(row).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
                };
                if let Ok(formulas) = book.worksheet_formula(sheet) {
                    let filled = formulas.used_cells().filter(|(_, _, formula)| !formula.is_empty());
                    found.uncomputed.extend(filled.map(|(row, column, _)| at(row, column)).filter(|at| is_empty(*at)));
                }
                if let Ok(range) = book.worksheet_range(sheet) {
                    for (row, column, cell) in range.used_cells() {
                        if let Data::Error(error) = cell {
                            found.errors.push((at(row, column), error.to_string()));
                        }
                    }
                }
            }
        }
        let of_errors: BTreeSet<(u32, u32)> = found.errors.iter().map(|(at, _)| *at).collect();
        found.uncomputed.retain(|at| !of_errors.contains(at));
        found
    }
}

/// Cells of a sheet that are read as missing though somebody sees something in them.
#[derive(Default)]
struct HollowCells {
    /// First and last cell of each merged group.
    merged: Vec<((u32, u32), (u32, u32))>,
    uncomputed: Vec<(u32, u32)>,
    errors: Vec<((u32, u32), String)>,
}

impl HollowCells {
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(&(start, end)) = self.merged.first() {
            let hidden = |&((top, left), (bottom, right)): &((u32, u32), (u32, u32))| {
                (u64::from(bottom.saturating_sub(top)) + 1) * (u64::from(right.saturating_sub(left)) + 1) - 1
            };
            notes.push(format!(
                "merged cells: {}, such as {}:{}; the first of each holds the value, and the {} others count as empty; \
                 split them and fill in what each is to hold",
                self.merged.len(),
                cell_name(start),
                cell_name(end),
                self.merged.iter().map(hidden).sum::<u64>()
            ));
        }
        if let Some(&first) = self.uncomputed.first() {
            notes.push(format!(
                "formulas without a computed value: {}, such as in {}; they count as empty: open the workbook in a \
                 spreadsheet program and save it there",
                self.uncomputed.len(),
                cell_name(first)
            ));
        }
        if let Some((first, error)) = self.errors.first() {
            notes.push(format!(
                "cells that hold an error: {}, such as {error} in {}; they count as empty",
                self.errors.len(),
                cell_name(*first)
            ));
        }
        notes
    }
}

/// Returns the name of a cell, by row and column from 0, as programs show it: B3.
fn cell_name((row, column): (u32, u32)) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    format!("{}{}", letters.into_iter().rev().collect::<String>(), row + 1)
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> DataError {
    let problem = format!("it is no whole workbook ({error}); save it again, or as CSV");
    DataError::malformed(path.display().to_string(), problem)
}

/// Records of the rows and columns of a sheet that hold anything.
fn records_of(cells: SheetCells, place: &str) -> Result<Vec<csv::ByteRecord>, DataError> {
    let columns: BTreeSet<u32> = cells.values().flatten().map(|(column, _)| *column).collect();
    if columns.len().saturating_mul(cells.len()) > MOST_CELLS {
        return Err(DataError::malformed(place, "its cells stand too far apart for a table; save the table alone"));
    }
    let record = |row: Vec<(u32, String)>| {
        let row: BTreeMap<u32, String> = row.into_iter().collect();
        csv::ByteRecord::from(
            columns.iter().map(|column| row.get(column).map_or("", String::as_str)).collect::<Vec<_>>(),
        )
    };
    Ok(cells.into_values().map(record).collect())
}

/// Cells in the rows of a sheet that hold several, or all of them where no row does.
fn cells_of_table(cells: &SheetCells) -> usize {
    let in_rows: usize = cells.values().map(Vec::len).filter(|&filled| filled > 1).sum();
    if in_rows > 0 { in_rows } else { cells.len() }
}

/// Opens one sheet of a workbook: that which the options name, or the one with most cells in rows. The others are named
/// in the notes. `wanted` are the columns that a model was fitted on.
pub(crate) fn open_sheet(
    path: &Path,
    options: &DataSpec,
    wanted: Option<&[PreparedColumn]>,
) -> Result<CsvRows, DataError> {
    let place = path.display().to_string();
    let mut book = Workbook::open(path)?;
    let all = book.sheet_names();
    let mut notes = Vec::new();
    let mut found: Option<(String, SheetCells)> = None;
    let mut unread = None;
    for name in &all {
        if options.sheet.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let cells = match book.cells(name, path) {
            Ok(cells) => cells,
            // Sheets of charts have no cells, and stand beside the table.
            Err(error) if options.sheet.is_none() && all.len() > 1 => {
                unread.get_or_insert(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let most = found.as_ref().map_or(0, |(_, cells)| cells_of_table(cells));
        if options.sheet.is_some() || cells.len() > 1 && cells_of_table(&cells) > most {
            found = Some((name.clone(), cells));
        }
    }
    let Some((sheet, cells)) = found else {
        if let Some(error) = unread {
            return Err(error);
        }
        return Err(match &options.sheet {
            Some(wanted) => DataError::Setting {
                setting: Setting::spec_key("data.sheet"),
                problem: format!("{place} has no sheet {wanted:?}; it has {}", all.join(", ")),
            },
            None => DataError::malformed(place, "none of its sheets has rows; give a table with rows"),
        });
    };
    if all.len() > 1 {
        let others: Vec<&str> = all.iter().map(String::as_str).filter(|name| *name != sheet).collect();
        notes.push(format!(
            "of its sheets {sheet:?} is read, not {}; for another: setting `data.sheet`",
            others.join(", ")
        ));
    }
    let rows: Vec<u32> = cells.keys().copied().collect();
    let filled_cells: BTreeSet<(u32, u32)> =
        cells.iter().flat_map(|(&row, cells)| cells.iter().map(move |(column, _)| (row, *column))).collect();
    let mut records = records_of(cells, &place)?;
    let width = records.first().map_or(0, csv::ByteRecord::len);
    let filled = |record: &csv::ByteRecord| record.iter().filter(|cell| !cell.is_empty()).count();
    let usual = records.iter().map(filled).max().unwrap_or(0);
    let titles = records.iter().take_while(|record| width > 1 && filled(record) == 1 && usual > 2).count();
    notes.extend(note_on_titles(titles));
    records.drain(..titles);
    let FirstLines { heads, header, is_doubtful, unit_line } = FirstLines::new(&records, options.header, wanted);
    notes.extend(note_on_heads(heads));
    records.drain(..heads);
    let Some(first) = records.first() else {
        return Err(DataError::malformed(place, "it has no rows; give a table with rows"));
    };
    let names = column_names(first, header, false);
    check_names(&names, &place)?;
    notes.extend(is_doubtful.then(|| note_on_header(header, &names)));
    notes.extend(unit_line.then(note_on_units));
    records.drain(..usize::from(header) + usize::from(unit_line));
    if let Some(first) = rows.get(rows.len() - records.len()) {
        notes.extend(book.hollow_cells(&sheet, *first, &filled_cells).notes());
    }
    drop(filled_cells);
    let look = records.clone();
    let rows = records.into_iter().map(Ok);
    let form = format!("sheet {sheet:?}, {}", if header { "names in the first line" } else { "no line of names" });
    let (has_names, left_out) = (header, LeftOut::default());
    Ok(CsvRows { place, names, form, notes, look, comma: false, has_names, left_out, records: Box::new(rows) })
}

/// Text of a cell as a table would have it: numbers in full, times as ISO 8601, truth values as words.
fn text_of(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::String(text) => text.trim().to_owned(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::Bool(value) => value.to_string(),
        Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::DateTime(time) if time.is_duration() => time.as_f64().to_string(),
        Data::DateTime(time) => {
            let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}")
        }
    }
}
