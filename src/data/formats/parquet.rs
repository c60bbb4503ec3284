//! Tables in Parquet files, behind the feature `parquet`.

use std::collections::HashMap;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

use super::columns::{ColumnValues, Table};
use super::timestamp::{Timestamp, timestamp_at};
use crate::data::DataError;
use crate::data::error::unreadable;
use crate::platform::files;

/// Column under construction, whose type is known from its first value.
#[derive(Default)]
struct ParquetColumn {
    missing_first: usize,
    cells: Option<ColumnValues>,
    known: HashMap<String, u32>,
}

enum ParquetValue {
    Missing,
    Number(f64),
    Word(String),
    Time(Timestamp),
}

fn value_of(field: &Field) -> Option<ParquetValue> {
    let time = |seconds: f64| timestamp_at(seconds).map(ParquetValue::Time);
    Some(match field {
        Field::Null => ParquetValue::Missing,
        Field::Bool(value) => ParquetValue::Number(f64::from(u8::from(*value))),
        Field::Byte(value) => ParquetValue::Number(f64::from(*value)),
        Field::Short(value) => ParquetValue::Number(f64::from(*value)),
        Field::Int(value) => ParquetValue::Number(f64::from(*value)),
        Field::Long(value) => ParquetValue::Number(*value as f64),
        Field::UByte(value) => ParquetValue::Number(f64::from(*value)),
        Field::UShort(value) => ParquetValue::Number(f64::from(*value)),
        Field::UInt(value) => ParquetValue::Number(f64::from(*value)),
        Field::ULong(value) => ParquetValue::Number(*value as f64),
        Field::Float(value) => ParquetValue::Number(f64::from(*value)),
        Field::Double(value) => ParquetValue::Number(*value),
        Field::Str(value) => ParquetValue::Word(value.clone()),
        Field::Date(days) => time(f64::from(*days) * 86_400.0)?,
        Field::TimestampMillis(at) => time(*at as f64 / 1e3)?,
        Field::TimestampMicros(at) => time(*at as f64 / 1e6)?,
        _ => return None,
    })
}

impl ParquetColumn {
    fn push(&mut self, value: ParquetValue, as_words: bool) -> Result<(), String> {
        let value = match value {
            ParquetValue::Number(number) if as_words && !number.is_nan() => ParquetValue::Word(number.to_string()),
            ParquetValue::Number(number) if number.is_infinite() => return Err("it is infinite".to_owned()),
            other => other,
        };
        let Some(cells) = &mut self.cells else {
            let before = self.missing_first;
            self.cells = match &value {
                ParquetValue::Missing => {
                    self.missing_first += 1;
                    return Ok(());
                }
                ParquetValue::Number(_) => Some(ColumnValues::Numbers(vec![f64::NAN; before])),
                ParquetValue::Word(_) => Some(ColumnValues::Words { codes: vec![None; before], words: Vec::new() }),
                ParquetValue::Time(_) => Some(ColumnValues::Times(vec![None; before])),
            };
            return self.push(value, as_words);
        };
        match (cells, value) {
            (ColumnValues::Numbers(values), ParquetValue::Number(value)) => values.push(value),
            (ColumnValues::Numbers(values), ParquetValue::Missing) => values.push(f64::NAN),
            (ColumnValues::Words { codes, words }, ParquetValue::Word(word)) => {
                let code = *self.known.entry(word.clone()).or_insert_with(|| {
                    words.push(word);
                    words.len() as u32 - 1
                });
                codes.push(Some(code));
            }
            (ColumnValues::Words { codes, .. }, ParquetValue::Missing) => codes.push(None),
            (ColumnValues::Times(times), ParquetValue::Time(time)) => times.push(Some(time)),
            (ColumnValues::Times(times), ParquetValue::Missing) => times.push(None),
            _ => return Err("it is of another kind than those before it".to_owned()),
        }
        Ok(())
    }
}

/// Reads a table; `as_words` returns whether a column holds names even if they look like numbers.
pub(crate) fn read_parquet(path: &Path, as_words: impl Fn(&str) -> bool) -> Result<Table, DataError> {
    let place = path.display().to_string();
    let damaged = |error: parquet::errors::ParquetError| {
        let words: Vec<String> = error.to_string().split_whitespace().map(str::to_owned).collect();
        DataError::malformed(&place, format!("it is no whole Parquet file ({}); fetch it again", words.join(" ")))
    };
    let file = files::File::open(path).map_err(|error| unreadable(path, &error))?;
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let schema = reader.metadata().file_metadata().schema();
    let names: Vec<String> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
    let mut columns: Vec<ParquetColumn> = names.iter().map(|_| ParquetColumn::default()).collect();
    let mut rows = 0;
    for row in reader.get_row_iter(None).map_err(damaged)? {
        let row = row.map_err(damaged)?;
        rows += 1;
        for ((name, field), column) in row.get_column_iter().zip(&mut columns) {
            let wrong = |problem: &str| {
                DataError::malformed(
                    &place,
                    format!("row {rows}, column {name:?}: {problem}; give one number, word or time"),
                )
            };
            let value = value_of(field).ok_or_else(|| wrong("it holds neither a number nor a word nor a time"))?;
            column.push(value, as_words(name)).map_err(|problem| wrong(&problem))?;
        }
    }
    if rows == 0 {
        return Err(DataError::malformed(place, "it has no rows; give a table with rows"));
    }
    // A column without any value is numbers that are missing.
    let columns =
        columns.into_iter().map(|column| column.cells.unwrap_or_else(|| ColumnValues::Numbers(vec![f64::NAN; rows])));
    let columns: Vec<ColumnValues> = columns.collect();
    let readings = columns.iter().map(ColumnValues::plain_reading).collect();
    Ok(Table { columns, names, readings, rows, ..Table::default() })
}
