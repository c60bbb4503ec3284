//! Tables in workbooks: Excel (`.xlsx`, `.xls`) and OpenDocument (`.ods`).

use std::path::Path;

use calamine::{Data, Reader as _, Sheets, open_workbook_auto};

use super::csv::{CsvRows, check_names, column_names};
use super::csv_dialect::names_first_row;
use crate::data::DataError;
use crate::data::spec::DataSpec;
use crate::error::Setting;

/// Returns whether a path names a workbook.
pub(crate) fn is_workbook(path: &Path) -> bool {
    let ends = |ending: &str| path.extension().is_some_and(|own| own.eq_ignore_ascii_case(ending));
    ["xlsx", "xlsm", "xlsb", "xls", "ods"].iter().any(|ending| ends(ending))
}

/// Opens one sheet of a workbook: that which the options name, or the first that has rows. The others are named in the
/// notes.
pub(crate) fn open_sheet(path: &Path, options: &DataSpec) -> Result<CsvRows, DataError> {
    let place = path.display().to_string();
    let damaged = |error: &dyn std::fmt::Display| {
        DataError::malformed(&place, format!("it is no whole workbook ({error}); save it again, or as CSV"))
    };
    let mut book: Sheets<_> = open_workbook_auto(path).map_err(|error| damaged(&error))?;
    let all = book.sheet_names();
    let mut notes = Vec::new();
    let mut found = None;
    for name in &all {
        if options.sheet.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let range = book.worksheet_range(name).map_err(|error| damaged(&error))?;
        if options.sheet.is_some() || range.height() > 1 {
            found = Some((name.clone(), range));
            break;
        }
    }
    let Some((sheet, range)) = found else {
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
        notes.push(format!("of its sheets {sheet:?} is read, not {}: set data.sheet for another", others.join(", ")));
    }
    let mut records = Vec::with_capacity(range.height());
    for cells in range.rows() {
        let texts: Vec<String> = cells.iter().map(text_of).collect();
        // Titles and blank lines over a table have no place in it.
        if texts.iter().any(|text| !text.is_empty()) {
            records.push(csv::ByteRecord::from(texts));
        }
    }
    let width = records.first().map_or(0, csv::ByteRecord::len);
    let filled = |record: &csv::ByteRecord| record.iter().filter(|cell| !cell.is_empty()).count();
    let usual = records.iter().map(filled).max().unwrap_or(0);
    let titles = records.iter().take_while(|record| width > 1 && filled(record) == 1 && usual > 2).count();
    if titles > 0 {
        notes.push(format!("{titles} lines of a title stand above the table and are left out"));
        records.drain(..titles);
    }
    let header = options.header.unwrap_or_else(|| names_first_row(&records));
    let Some(first) = records.first() else {
        return Err(DataError::malformed(place, "it has no rows; give a table with rows"));
    };
    let names = column_names(first, header, false);
    check_names(&names, &place)?;
    records.drain(..usize::from(header));
    let look = records.clone();
    let rows = records.into_iter().map(Ok);
    let form = format!("sheet {sheet:?}, {}", if header { "names in the first line" } else { "no line of names" });
    Ok(CsvRows { place, names, form, notes, look, comma: false, records: Box::new(rows) })
}

/// Text of a cell as a table would have it: numbers in full, times as ISO 8601.
fn text_of(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::String(text) => text.trim().to_owned(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::Bool(value) => u8::from(*value).to_string(),
        Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::DateTime(time) if time.is_duration() => time.as_f64().to_string(),
        Data::DateTime(time) => {
            let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}")
        }
    }
}
