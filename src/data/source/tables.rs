//! Tables and series: distinction of the two, and separation of the labels.

use std::path::Path;

use super::Labels;
use super::raw::{RawRows, RawValues};
use crate::data::formats::columns::{ColumnReading, ColumnValues, Table};
use crate::data::formats::csv::{CsvRows, of_any_length, unequal};
use crate::data::formats::table::{self, ColumnBuilder, open_records, readings};
use crate::data::formats::text::cell_text;
use crate::data::labels::classes;
use crate::data::preparation::{Preparation, PreparedColumn};
use crate::data::spec::{DataSpec, SourceKind};
use crate::data::windows::CutPlan;
use crate::data::{DataError, WindowLayout, series_time, windows};
use crate::error::Setting;
use crate::platform::perhaps_column;

/// Names of columns that are taken for labels where the spec names none and they have few values.
const LABEL_NAMES: [&str; 5] = ["label", "labels", "class", "target", "species"];
/// Most distinct values of a column that is taken for labels by its name.
const FEW_CLASSES: usize = 64;
/// Most words of a last column that may be labels.
const FEW_WORDS: usize = 10;

/// Unreadable rows that are named, at most.
const NAMED: usize = 20;

/// Reads a table as [`read_table`](table::read_table) does, but for rows that cannot be read: all of their cells are
/// missing, and `notes` names them.
pub(in crate::data) fn read_leniently(
    path: &Path,
    options: &DataSpec,
    wanted: Option<&[PreparedColumn]>,
    notes: &mut Vec<String>,
) -> Result<Table, DataError> {
    let mut of_all = Vec::new();
    let found = table::read_table(path, options, wanted, &mut of_all);
    let is_parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    if found.is_ok() || is_parquet {
        notes.append(&mut of_all);
        return found;
    }
    let CsvRows { place, names, look, comma, records, .. } = open_records(path, options, wanted)?;
    let reading = readings(&look, &names, options, wanted.unwrap_or_default(), comma);
    let mut builders: Vec<ColumnBuilder> =
        reading.columns.iter().map(|reading| ColumnBuilder::new(reading, None)).collect();
    let (mut rows, mut broken) = (0_usize, Vec::new());
    for record in records {
        let record = of_any_length(record, &place)?;
        rows += 1;
        let mut problem = unequal(&record, &names);
        for (column, builder) in builders.iter_mut().enumerate() {
            let cell = cell_text(record.get(column).unwrap_or_default());
            // Each column gains one cell, whatever is wrong with the row.
            let pushed = if problem.is_some() { Err(String::new()) } else { builder.push(&cell, &options.missing) };
            if let Err(wrong) = pushed {
                builder.skip();
                if !options.exclude.contains(&names[column]) {
                    problem.get_or_insert_with(|| format!("column {:?}: {wrong}", names[column]));
                }
            }
        }
        if let Some(problem) = problem {
            broken.push(rows - 1);
            if broken.len() <= NAMED {
                notes.push(format!("row {rows} is taken for missing: {problem}"));
            }
        }
    }
    if broken.len() > NAMED {
        notes.push(format!("{} more rows cannot be read either", broken.len() - NAMED));
    }
    let mut columns: Vec<ColumnValues> = builders.into_iter().map(ColumnBuilder::finish).collect();
    for &row in &broken {
        for cells in &mut columns {
            match cells {
                ColumnValues::Numbers(values) => values[row] = f64::NAN,
                ColumnValues::Words { codes, .. } => codes[row] = None,
                ColumnValues::Times(times) => times[row] = None,
            }
        }
    }
    let mut table = Table { names, readings: reading.columns, columns, rows, ..Table::default() };
    for name in &options.exclude {
        if let Some(index) = table.find(name) {
            table.take(index);
        }
    }
    Ok(table)
}

/// Decides between a table and a series, takes labels out, and leaves the rest to be prepared.
#[tracing::instrument(level = "debug", name = "read_columns", skip_all)]
pub(super) fn read_table(
    mut table: Table,
    path: &Path,
    kind: &mut SourceKind,
    options: &mut DataSpec,
    fitted: Option<&Preparation>,
    for_detector: bool,
    notes: &mut Vec<String>,
) -> Result<RawRows, DataError> {
    let place = path.display().to_string();
    let label_column = match options.labels.as_deref() {
        Some("none") => None,
        Some("last") => table.names.len().checked_sub(1),
        Some(name) => {
            let by_number =
                || name.parse::<usize>().ok().filter(|n| (1..=table.names.len()).contains(n)).map(|n| n - 1);
            let found = table.find(name).or_else(by_number);
            // Rows to be scored may come without the labels that a model was fitted with.
            if found.is_none() && fitted.is_none() && !Path::new(name).is_file() {
                let near = perhaps_column(name, &table.names);
                let problem = format!("{place} has no column {name:?}{near}; it has {}", table.names.join(", "));
                return Err(DataError::Setting { setting: Setting::DATA_LABELS, problem });
            }
            found
        }
        None => {
            let found = table.names.iter().position(|name| LABEL_NAMES.contains(&name.to_lowercase().as_str()));
            let found = found
                .filter(|&at| classes(&table.columns[at], &[]).is_some_and(|labels| labels.names.len() <= FEW_CLASSES));
            if found.is_none() && fitted.is_none() {
                notes.extend(perhaps_labels(&table));
            }
            if let Some(at) = found {
                notes.push(format!("column {:?} is taken for labels, not for a feature", table.names[at]));
            }
            found
        }
    };
    let known = fitted.map(|fitted| fitted.classes.clone()).unwrap_or_default();
    let mut labels = None;
    if let Some(at) = label_column {
        let (name, cells) = table.take(at);
        labels = classes(&cells, &known);
        if labels.is_none() {
            notes.push(format!("column {name:?} has too many or too few different values to be classes: not used"));
        }
        options.labels = Some(name);
    }
    if options.kind.is_none() && fitted.is_none() {
        // A window or a time column is what series have alone.
        let series = match options.window.is_some() || options.time.is_some() {
            true => Some(Ok(())),
            false => series_time::is_series(&table, options),
        };
        match series {
            Some(Ok(())) => *kind = SourceKind::Series,
            Some(Err(reason)) => notes.push(format!(
                "taken for a table, each row by itself, as {reason}; for a series: setting `data.kind=\"series\"`"
            )),
            None => notes.extend(series_time::perhaps_times(&table, options)),
        }
    }
    if *kind == SourceKind::Series {
        let omit = if fitted.is_none() { options.omit.clone() } else { Vec::new() };
        let plan = CutPlan { omit: &omit, fitted, leaves_out_far: for_detector, place: &place };
        let mut windows = windows::cut(&table, options, plan, notes)?;
        let window = windows.window;
        // A window is of the highest class in it: what is abnormal anywhere in it makes it so.
        let labels = labels.map(|Labels { of_rows, names }| {
            let mut of_steps = vec![0; windows.steps];
            for (&step, &label) in windows.step_of_row.iter().zip(&of_rows) {
                if let Some(of_step) = of_steps.get_mut(step as usize) {
                    *of_step = label.max(*of_step);
                }
            }
            let of = |&start: &u32| of_steps.iter().skip(start as usize).take(window).copied().max().unwrap_or(0);
            Labels { of_rows: windows.starts.iter().map(of).collect(), names }
        });
        options.scale.get_or_insert(options.usual_scaling());
        let places = WindowLayout {
            starts: windows.starts.to_vec(),
            window,
            columns: windows.columns,
            steps: windows.steps,
            step_of_row: std::mem::take(&mut windows.step_of_row),
            remarks: fitted.map(|fitted| fitted.broken_series_rules(&table)).unwrap_or_default(),
        };
        let has_values = |at: &usize| table.columns[*at].missing() < table.rows;
        let is_typed = |reading: &ColumnReading| matches!(reading, ColumnReading::Numbers(_) | ColumnReading::Times(_));
        let known = (0..table.names.len()).filter(has_values).filter(|&at| is_typed(&table.readings[at]));
        return Ok(RawRows {
            labels,
            readings: known.map(|at| (table.names[at].clone(), table.readings[at].clone())).collect(),
            form: Some(table.form.clone()).filter(|form| !form.is_empty()),
            windows: Some(places),
            names: Some(std::mem::take(&mut windows.names)),
            feature_names: std::mem::take(&mut windows.feature_names),
            overlap: Some(windows.overlap),
            period: Some(windows.columns),
            ..RawRows::new(windows.starts.len(), windows.features(), RawValues::Windows(windows))
        });
    }
    if table.columns.is_empty() {
        return Err(DataError::malformed(place, "it has no column beside the labels; give a table with features"));
    }
    if fitted.is_none() {
        check_settings(&table, options, &place, notes)?;
    }
    options.scale.get_or_insert(options.usual_scaling());
    let rows = table.rows;
    Ok(RawRows { labels, ..RawRows::new(rows, 0, RawValues::Table(table)) })
}

/// Checks that settings of columns name those of the table, and notes settings that are of series alone.
fn check_settings(table: &Table, options: &DataSpec, place: &str, notes: &mut Vec<String>) -> Result<(), DataError> {
    for (key, names) in [("data.keep", &options.keep), ("data.columns", &options.columns)] {
        if let Some(unknown) = names.iter().find(|name| table.find(name).is_none()) {
            return Err(windows::unknown_column(Setting::spec_key(key), unknown, table, place));
        }
    }
    if !options.columns.is_empty() {
        notes.push(
            "setting `data.columns` is of series and does nothing for a table; to leave columns out: setting \
             `data.exclude`"
                .to_owned(),
        );
    }
    if options.stride.is_some() {
        notes.push(
            "setting `data.stride` is of series and does nothing for a table; for a series: setting \
             `data.kind=\"series\"`"
                .to_owned(),
        );
    }
    Ok(())
}

/// Note on a last column of few values, which may be labels.
fn perhaps_labels(table: &Table) -> Option<String> {
    let (name, cells) = table.names.iter().zip(&table.columns).next_back()?;
    let values = match cells {
        ColumnValues::Words { words, .. } if (2..=FEW_WORDS).contains(&words.len()) => words.join(", "),
        ColumnValues::Numbers(values) => {
            let mut distinct: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
            distinct.sort_by(f64::total_cmp);
            distinct.dedup();
            let [low, high] = distinct[..] else { return None };
            format!("{low}, {high}")
        }
        _ => return None,
    };
    (table.columns.len() > 1).then(|| {
        format!(
            "the last column, {name:?} ({values}), is a feature; if it holds labels: setting `data.labels={name:?}`"
        )
    })
}

/// Checks that the columns of the fitted model are there; others are ignored and named in `notes`.
pub(in crate::data) fn match_columns(
    fitted: &Preparation,
    names: &[String],
    place: &str,
    notes: &mut Vec<String>,
) -> Result<(), DataError> {
    let is_there = |column: &&PreparedColumn| names.iter().any(|own| own == column.name());
    let absent = fitted.columns.iter().filter(|column| !is_there(column));
    let (rules, missing): (Vec<&PreparedColumn>, Vec<&PreparedColumn>) =
        absent.partition(|column| matches!(column, PreparedColumn::Constant { .. }));
    let named =
        |columns: Vec<&PreparedColumn>| columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ");
    // A column that was always empty may be left out.
    let is_filled =
        |column: &&PreparedColumn| !matches!(column, PreparedColumn::Constant { value, .. } if value.is_empty());
    let rules: Vec<&PreparedColumn> = rules.into_iter().filter(is_filled).collect();
    if !rules.is_empty() {
        notes.push(format!("not checked, for the table has no such columns: {}", named(rules)));
    }
    if !missing.is_empty() {
        return Err(DataError::malformed(
            place,
            format!("it has no column {}; give a table with the columns that the model was fitted on", named(missing)),
        ));
    }
    let is_known = |name: &str| fitted.columns.iter().any(|column| column.name() == name);
    let extra: Vec<&str> = names.iter().map(String::as_str).filter(|name| !is_known(name)).collect();
    if !extra.is_empty() {
        notes.push(format!("ignored, the model does not know them: {}", extra.join(", ")));
    }
    Ok(())
}
