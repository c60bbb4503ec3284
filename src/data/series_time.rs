//! Times of a table: whether it is a series, and by which column.

use std::ops::Range;

use super::formats::columns::{ColumnReading, ColumnValues, Table};
use super::formats::date_evidence::is_time_name;
use super::formats::date_format::DateFormat;
use super::spec::{DataSpec, SourceKind};
use super::time_order::TimeOrder;

/// Missing steps or values in a row that are filled in between their neighbors, at most; of a short window an eighth.
pub(super) const MOST_FILLED: usize = 3;
/// Rows that are a series without being called one, at least.
pub(super) const LEAST_STEPS: usize = 30;
/// Share of rows that may repeat the time of another, or have none, in what is taken for a series.
const FEW: f64 = 0.1;
/// Names of columns of numbers that are taken for times in a series, in lowercase.
const TIME_NAMES: [&str; 7] = ["time", "timestamp", "date", "datetime", "epoch", "ts", "t"];

/// Returns whether a table with times is a series (one column of times, going on in steps that are mostly alike, and
/// columns of numbers), or the reason that it is not; `None` without times.
pub(super) fn is_series(table: &Table, options: &DataSpec) -> Option<Result<(), String>> {
    let named =
        |(name, cells): (&String, &ColumnValues)| matches!(cells, ColumnValues::Times(_)).then(|| format!("{name:?}"));
    let found: Vec<String> = table.names.iter().zip(&table.columns).filter_map(named).collect();
    if found.len() > 1 && options.time.is_none() {
        return Some(Err(format!("it has {} columns of times ({})", found.len(), found.join(", "))));
    }
    let (at, times) = time_column(table, options, SourceKind::Table).ok()??;
    let worded = table.names.iter().zip(&table.columns).find(
        |(_, cells)| matches!(cells, ColumnValues::Words { codes, words } if words.len() > 1 && !codes.is_empty()),
    );
    let line = TimeOrder::of_times(&times, MOST_FILLED, None);
    let name = &table.names[at];
    let reason = if table.readings.get(at) == Some(&ColumnReading::Times(DateFormat::TimeOfDay)) {
        format!("column {name:?} holds times of day without dates")
    } else if let Some((name, _)) = worded {
        format!("column {name:?} holds words")
    } else if !table
        .columns
        .iter()
        .enumerate()
        .any(|(own, cells)| own != at && matches!(cells, ColumnValues::Numbers(_)))
    {
        "it has no column of numbers beside the times".to_owned()
    } else if table.rows < LEAST_STEPS {
        format!("its {} rows are fewer than {LEAST_STEPS}", table.rows)
    } else if line.untimed() > FEW {
        format!("{:.0}% of its rows have no time in {name:?}", 100.0 * line.untimed())
    } else if line.repeated() > FEW {
        format!("{:.0}% of its rows repeat the time of another in {name:?}", 100.0 * line.repeated())
    } else if !line.pace.is_some_and(|pace| pace.is_regular) {
        format!("its rows follow each other at no regular pace in {name:?}")
    } else {
        return Some(Ok(()));
    };
    Some(Err(reason))
}

/// Column of the times, and the seconds since 1970 of each row.
pub(super) type TimeColumn = (usize, Vec<Option<f64>>);

/// Returns the time column that the spec names, or the first with times, or else one of rising or falling numbers that
/// is named as times are and counts seconds since 1970; in what is called a series, any numbers.
pub(super) fn time_column(table: &Table, options: &DataSpec, kind: SourceKind) -> Result<Option<TimeColumn>, String> {
    let seconds = |at: usize| match table.columns.get(at)? {
        ColumnValues::Times(times) => Some(times.iter().map(|time| time.map(|time| time.seconds)).collect()),
        ColumnValues::Numbers(values) => Some(seconds_of(values)),
        ColumnValues::Words { .. } => None,
    };
    if let Some(name) = &options.time {
        let at = table.find(name).ok_or_else(|| {
            format!("there is no column {name:?}{}", crate::platform::perhaps_column(name, &table.names))
        })?;
        let times = seconds(at).ok_or_else(|| {
            format!(
                "{name:?} holds words; name a column of times such as 2024-01-31 12:00:00, or of seconds since 1970"
            )
        })?;
        return Ok(Some((at, times)));
    }
    let of_times = table.columns.iter().position(|cells| matches!(cells, ColumnValues::Times(_)));
    let by_name = || {
        let is_named = |(name, cells): (&String, &ColumnValues)| {
            let ColumnValues::Numbers(values) = cells else { return false };
            let goes_on = values.is_sorted() || values.iter().rev().is_sorted();
            let is_called_one = kind == SourceKind::Series;
            // Kept as numbers, they are no times unless they are named as such.
            let is_kept = options.keep.contains(name);
            let is_named = goes_on && TIME_NAMES.contains(&name.to_lowercase().as_str());
            // Whatever it is called: seconds since 1970 of rows that begin with the newest.
            let falls = values.len() >= LEAST_STEPS && values.windows(2).all(|pair| pair[1] < pair[0]);
            !is_kept && (is_named && is_called_one || (is_named || falls) && are_stamps(values))
        };
        table.names.iter().zip(&table.columns).position(is_named)
    };
    let at = of_times.or_else(by_name);
    Ok(at.and_then(|at| Some((at, seconds(at)?))))
}

/// Returns whether all numbers are years followed by two digits that may be those of a month or a week, 202401.
fn are_months_or_weeks(values: &[f64]) -> bool {
    let is_one = |&value: &f64| {
        value.fract() == 0.0 && (1900.0..2101.0).contains(&(value / 100.0)) && (1.0..=53.0).contains(&(value % 100.0))
    };
    !values.is_empty() && values.iter().all(is_one)
}

/// Returns a note on a column that may hold the times of a series, and is not read as such.
pub(super) fn perhaps_times(table: &Table, options: &DataSpec) -> Option<String> {
    /// Least and most days since 1900 of the dates that a workbook counts so: the years 1954 to 2119.
    const DAYS: Range<f64> = 20_000.0..80_200.0;
    if table.rows < LEAST_STEPS || !table.columns.iter().any(|cells| matches!(cells, ColumnValues::Numbers(_))) {
        return None;
    }
    let as_series = |name: &String, what: &str| {
        Some(format!(
            "taken for a table, each row by itself; if column {name:?}, {what}, is the time of a series: setting \
             `data.time={name}`"
        ))
    };
    let of = |(name, cells): (&String, &ColumnValues)| match cells {
        _ if options.keep.contains(name) => None,
        ColumnValues::Numbers(values) => {
            let is_named = is_time_name(name) || TIME_NAMES.contains(&name.to_lowercase().as_str());
            let goes_on = |low_to_high: bool| {
                values.windows(2).all(|pair| if low_to_high { pair[1] > pair[0] } else { pair[1] < pair[0] })
            };
            let are_different = || {
                let mut sorted = values.clone();
                sorted.sort_by(f64::total_cmp);
                sorted.windows(2).all(|pair| pair[1] > pair[0])
            };
            if are_stamps(values) && (is_named || name.to_lowercase().contains("unix")) && are_different() {
                as_series(name, "which may hold seconds since 1970")
            } else if is_named && values.iter().all(|value| DAYS.contains(value)) && are_different() {
                as_series(name, "which may hold days since 1900 as workbooks count them")
            } else if is_named && (goes_on(true) || goes_on(false)) && are_months_or_weeks(values) {
                Some(format!(
                    "taken for a table, each row by itself; if the numbers of column {name:?} are years with months or \
                     weeks, write them so: 2024-01, or 2024-W01"
                ))
            } else if is_named && (goes_on(true) || goes_on(false)) {
                as_series(name, "whose numbers go one way")
            } else {
                None
            }
        }
        ColumnValues::Words { .. } | ColumnValues::Times(_) => None,
    };
    table.names.iter().zip(&table.columns).find_map(of)
}

/// Returns whether all numbers are seconds, or parts of them, since 1970 in the years 1990 to 2100.
pub(super) fn are_stamps(values: &[f64]) -> bool {
    const YEARS: Range<f64> = 631_152_000.0..4_102_444_800.0;
    !values.is_empty() && seconds_of(values).iter().all(|seconds| seconds.is_some_and(|at| YEARS.contains(&at)))
}

/// Returns numbers as seconds: those that would lie beyond the year 5000 are milliseconds, microseconds or nanoseconds
/// since 1970.
fn seconds_of(values: &[f64]) -> Vec<Option<f64>> {
    const YEAR_5000: f64 = 1e11;
    let most = values.iter().filter(|value| value.is_finite()).fold(0.0_f64, |most, value| most.max(value.abs()));
    let unit = [1.0, 1e3, 1e6, 1e9].into_iter().find(|unit| most / unit < YEAR_5000).unwrap_or(1.0);
    values.iter().map(|value| value.is_finite().then_some(value / unit)).collect()
}
